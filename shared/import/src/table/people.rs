//! Rows that are not people: totals, page numbers, rulers, repeated headers.

use super::Row;

/// Kind of a row that is not a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAPerson {
    /// A repeated header.
    Header,
    /// A total, a count of rows, a page number.
    Footer,
    /// Only characters that form a line.
    Ruler,
    /// A hidden row, if hidden rows are to be left out.
    Hidden,
}

impl NotAPerson {
    pub(crate) fn message(self) -> &'static str {
        match self {
            NotAPerson::Header => "is the header again, not a person",
            NotAPerson::Footer => "is a total or a footer, not a person",
            NotAPerson::Ruler => "is a line of signs, not a person",
            NotAPerson::Hidden => "is hidden in its sheet, and left out as you said",
        }
    }
}

/// Words that a footer begins with, in lower case.
const FOOTERS: &[&str] = &[
    "total",
    "grand total",
    "sub total",
    "subtotal",
    "totals",
    "sum",
    "count",
    "records",
    "rows",
    "page",
    "gesamt",
    "summe",
    "gesamtsumme",
    "anzahl",
    "seite",
    "total général",
    "nombre",
    "totale",
    "suma",
    "razem",
    "totaal",
    "итого",
    "всего",
    "合計",
    "总计",
    "end of report",
    "end of file",
    "end of list",
    "end of export",
    "generated",
    "exported",
    "report generated",
    "report run",
    "report by",
    "run by",
    "prepared by",
    "created by",
    "exportiert",
    "erstellt am",
    "erstellt von",
    "confidential",
    "copyright",
    "©",
    "printed",
    "source:",
    "filtered by",
    "applied filters",
];

/// The kind of row, if it is not a person.
pub(super) fn not_a_person(row: &Row, columns: &[String]) -> Option<NotAPerson> {
    if is_header(row, columns) {
        return Some(NotAPerson::Header);
    }
    let cells = || row.cells.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
    if cells().next().is_some() && cells().all(is_ruler) {
        return Some(NotAPerson::Ruler);
    }
    let filled: Vec<&str> = cells().take(4).collect();
    if filled.len() > 3 {
        return None;
    }
    // A footer has one cell of text, and one or two numbers at most.
    let texts = filled.iter().filter(|cell| cell.chars().any(char::is_alphabetic)).count();
    // `Report run by sam@example.com` is a line of text.
    let is_line = filled.len() == 1 && filled.iter().all(|cell| cell.split_whitespace().count() >= 3);
    let has_contact = !is_line
        && filled.iter().any(|cell| {
            cell.contains('@')
                || cell.bytes().filter(u8::is_ascii_digit).count() >= 9
                || crate::values::looks_like_contact_data(cell)
        });
    let is_footer = || filled.first().is_some_and(|cell| is_footer(cell, filled.len()));
    (texts <= 1 && !has_contact && is_footer()).then_some(NotAPerson::Footer)
}

/// The text of a row that is a single line across the table, such as a section heading. It may repeat in each cell,
/// follow a row number, or be beside a dash.
pub(crate) fn heading(cells: &[String]) -> Option<&str> {
    let mut text: Option<&str> = None;
    for cell in cells.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()) {
        let has_letters = cell.chars().any(char::is_alphabetic);
        match text {
            None if has_letters => text = Some(cell),
            Some(text) if cell == text || cell.eq_ignore_ascii_case(text) => {}
            // A number before the text, or punctuation anywhere.
            _ if !has_letters && cell.len() <= 6 && (text.is_none() || !cell.contains(|c: char| c.is_numeric())) => {}
            _ => return None,
        }
    }
    text.filter(|text| !text.contains('@') && !crate::values::looks_like_contact_data(text))
}

/// Whether the row repeats the header: at least two filled cells, and all equal the column names.
pub(super) fn is_header(row: &Row, columns: &[String]) -> bool {
    let key = |name: &str| crate::name::key(name);
    let same = row.cells.iter().zip(columns).filter(|(cell, _)| !cell.trim().is_empty());
    let mut equal = 0;
    let start = |name: &str| name.chars().find(|c| c.is_alphanumeric()).and_then(|c| c.to_lowercase().next());
    for (cell, column) in same {
        if start(cell) != start(column) {
            return false;
        }
        let (cell, column) = (key(cell), key(column));
        // `Phone Number` matches `Phone Number (mobile)`.
        if !cell.is_empty() && (cell == column || (column.starts_with(&cell) && cell.len() >= 4)) {
            equal += 1;
        } else {
            return false;
        }
    }
    equal >= 2 || (equal == 1 && columns.len() == 1)
}

fn is_ruler(cell: &str) -> bool {
    cell.chars().all(|c| "-=+_*#~|:.—–─".contains(c)) && cell.chars().count() >= 3 && cell != "..."
}

fn is_footer(cell: &str, filled: usize) -> bool {
    let lower = cell.to_lowercase();
    let lower = lower.trim_matches(|c: char| "-=*_. ()[]".contains(c));
    let is_count = || {
        let words: Vec<&str> = lower.split_whitespace().collect();
        let units = [
            "rows", "row", "records", "record", "contacts", "contact", "entries", "items", "selected", "total",
            "people",
        ];
        matches!(words.as_slice(), [number, unit, ..] if number.bytes().all(|b| b.is_ascii_digit()) && units.contains(unit))
    };
    let begins = |word: &&&str| {
        lower.strip_prefix(**word).is_some_and(|rest| {
            let rest = rest.trim_start();
            // `Total: 2`, `Total 2`, `Total` beside a number; not `Total Fitness Ltd`.
            match **word {
                "total" | "totals" | "sum" | "suma" | "count" | "records" | "rows" | "page" | "anzahl" | "seite"
                | "nombre" | "summe" => {
                    (rest.is_empty() && filled > 1)
                        || rest.starts_with(':')
                        || rest.starts_with('=')
                        || rest.starts_with(|c: char| c.is_ascii_digit())
                        || ["records", "rows", "contacts", "count", "number", "of ", "members", "people", "général"]
                            .iter()
                            .any(|word| rest.starts_with(word))
                }
                _ => !rest.starts_with(char::is_alphabetic) || lower[..lower.len() - rest.len()].ends_with(' '),
            }
        })
    };
    is_count() || FOOTERS.iter().any(|word| begins(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(cells: &[&str]) -> Option<NotAPerson> {
        let columns = ["First Name", "Phone Number\n(mobile)", "Email", "Company"].map(str::to_owned);
        not_a_person(&Row::of(cells.iter().map(|cell| (*cell).to_owned()).collect()), &columns)
    }

    #[test]
    fn totals_rulers_and_repeated_headers_are_no_people() {
        for footer in
            ["Total: 2", "TOTAL", "Grand Total", "(2 rows)", "2 records", "Page 1 of 3", "Summe: 7", "Итого: 2"]
        {
            let told = if footer == "TOTAL" { what(&[footer, "2"]) } else { what(&[footer, "", "", ""]) };
            assert_eq!(told, Some(NotAPerson::Footer), "{footer}");
        }
        assert_eq!(what(&["----", "-----", "---", ""]), Some(NotAPerson::Ruler));
        assert_eq!(what(&["First Name", "Phone Number", "Email", ""]), Some(NotAPerson::Header));
    }

    #[test]
    fn people_and_companies_with_such_names_are_people() {
        for cells in [
            ["Total Fitness Ltd", "", "", ""],
            ["", "", "total@example.com", "Total"],
            ["Page", "", "page@example.com", ""],
            ["Sum", "2025550143", "", ""],
            ["Ann", "", "", ""],
            ["Page", "", "", "Acme"],
        ] {
            assert_eq!(what(&cells), None, "{cells:?}");
        }
    }
}
