//! Detects the delimiter and the header row.

use super::cells::{Delimiter, Dialect, split};
use super::{Fault, Row, TextRecords};
use crate::FileImportError;
use crate::bytes::{Encoding, Lines};
use crate::consent;
use crate::mapping::{self, Mapping};
use crate::values::looks_like_contact_data;

/// Number of rows to search for the header.
const ROWS_SEARCHED: usize = 50;
/// Most column names to report for a list without known ones.
const MAX_COLUMNS_TOLD: usize = 300;

/// A header and its position.
pub(super) struct FoundHeader {
    pub(super) row: u64,
    pub(super) columns: Vec<String>,
    /// Rows above it that may be people.
    pub(super) above: Vec<Row>,
    /// A row above it that forbids contacting the people below.
    pub(super) refused_by: Option<u64>,
}

/// The delimiter and the header of a text with these first lines.
pub(super) fn of_text(sample: &[String], mapping: &Mapping) -> Result<(Delimiter, FoundHeader), FileImportError> {
    let told = sample.first().and_then(|line| separator_line(line));
    let candidates: Vec<Delimiter> = match told {
        Some(delimiter) => vec![delimiter],
        None => {
            Delimiter::CANDIDATES.into_iter().filter(|sign| sample.iter().any(|line| line.contains(sign.0))).collect()
        }
    };
    let candidates = if candidates.is_empty() { vec![Delimiter::COMMA] } else { candidates };
    let skipped = usize::from(told.is_some());

    let mut best: Option<(Fit, Delimiter, usize, Vec<Row>)> = None;
    for delimiter in candidates {
        let rows = rows(sample, delimiter);
        let Some((at, known)) = header_row(&rows, skipped, mapping) else { continue };
        let fit = Fit::of(&rows, at, known);
        // On a tie the first wins, which is more common.
        if best.as_ref().is_none_or(|(known, ..)| fit.is_better(known)) {
            best = Some((fit, delimiter, at, rows));
        }
    }
    match best {
        Some((_, delimiter, at, rows)) => Ok((delimiter, found(rows, at, skipped))),
        None => Err(no_header(sample)),
    }
}

/// The header among rows already read.
pub(super) fn of_rows(rows: &[Row], mapping: &Mapping) -> Option<FoundHeader> {
    let (at, _) = header_row(rows, 0, mapping)?;
    Some(found(rows.to_vec(), at, 0))
}

/// How well a delimiter explains the sample.
struct Fit {
    /// Columns with known names.
    known: usize,
    /// Per thousand rows below the header, those with as many cells as it has.
    regular: usize,
    width: usize,
}

impl Fit {
    fn of(rows: &[Row], at: usize, known: usize) -> Fit {
        let width = rows.get(at).map_or(0, |row| row.cells.len());
        let below: Vec<&Row> = rows.iter().skip(at + 1).filter(|row| !row.is_blank()).collect();
        let regular = below.iter().filter(|row| row.cells.len() == width).count();
        let regular = if below.is_empty() { 1000 } else { regular * 1000 / below.len() };
        Fit { known, regular, width }
    }

    fn is_better(&self, other: &Fit) -> bool {
        let rank = |fit: &Fit| (fit.known, fit.regular, fit.width);
        rank(self) > rank(other)
    }
}

fn rows(sample: &[String], delimiter: Delimiter) -> Vec<Row> {
    let text = sample.join("\n");
    let Some(encoding) = Encoding::of_label("utf-8") else { return Vec::new() };
    let mut records =
        TextRecords::new(Lines::new(Box::new(std::io::Cursor::new(text.into_bytes())), encoding), delimiter);
    let mut rows = Vec::new();
    while let Ok(Some(row)) = records.next() {
        rows.push(row);
    }
    rows
}

/// The row with the most known names, the first on a tie, and their number.
fn header_row(rows: &[Row], skipped: usize, mapping: &Mapping) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    for (at, row) in rows.iter().enumerate().take(ROWS_SEARCHED).skip(skipped) {
        // The header of a reject list. Its rows mention column names.
        if row.cells.iter().filter(|cell| crate::report::is_own_name(cell)).count() > 2 {
            let known = row.cells.iter().filter(|cell| mapping::is_known(cell, mapping)).count();
            return Some((at, known));
        }
        if row.cells.iter().any(|cell| looks_like_contact_data(cell) || cell.len() > 1000) {
            continue;
        }
        let known = row.cells.iter().filter(|cell| mapping::is_known(cell, mapping)).count();
        if known > best.map_or(0, |(_, known)| known) {
            best = Some((at, known));
        }
    }
    best
}

fn found(rows: Vec<Row>, at: usize, skipped: usize) -> FoundHeader {
    let group = at.checked_sub(1).filter(|above| *above >= skipped).and_then(|above| rows.get(above).cloned());
    let grouped = group.as_ref().zip(rows.get(at)).and_then(|(group, header)| under_groups(group, &header.cells));
    // A group heading refuses only for people marked below it.
    let titles_end = at - usize::from(grouped.is_some());
    let titles = rows.get(skipped..titles_end).unwrap_or_default().iter();
    let refused_by = titles.filter(|row| row.cells.iter().any(|cell| consent::title_refuses(cell)));
    let refused_by = refused_by.map(|row| row.number).next();
    let mut rows = rows.into_iter().enumerate();
    let above = rows
        .by_ref()
        .take(at)
        .filter(|(index, row)| *index >= skipped && row.cells.iter().any(|cell| looks_like_contact_data(cell)))
        .map(|(_, row)| Row { fault: Some(Fault::AboveHeader), ..row })
        .collect();
    let header = rows.next().map(|(_, row)| row);
    let (row, columns) = header.map_or((0, Vec::new()), |header| (header.number, header.cells));
    let columns = grouped.unwrap_or(columns);
    FoundHeader { row, columns: trimmed(columns), above, refused_by }
}

/// Column names prefixed with the group heading above: `Do not contact by` above `Email` and `SMS` makes two opt-out
/// columns. `None` if no heading is about consent.
fn under_groups(group: &Row, names: &[String]) -> Option<Vec<String>> {
    let mut columns = names.to_vec();
    let mut is_grouped = false;
    let mut above: Option<&str> = None;
    for (at, name) in columns.iter_mut().enumerate().skip(1) {
        if let Some(cell) = group.cells.get(at).map(|cell| cell.trim()).filter(|cell| !cell.is_empty()) {
            let is_of_consent =
                || matches!(consent::of_column(cell), Some(Some(_))) || consent::is_about_contacting(cell);
            above = Some(cell).filter(|cell| mapping::alias(cell).is_none() && is_of_consent());
        }
        let is_channel =
            consent::channel(name).is_some() || ["mobile", "post", "letter"].contains(&crate::name::key(name).as_str());
        above = above.filter(|_| is_channel);
        if let Some(above) = above {
            *name = format!("{above} {name}");
            is_grouped = true;
        }
    }
    is_grouped.then_some(columns)
}

/// Drops the empty names that spreadsheets add at the end. (A cell below one is then surplus, and reported.)
fn trimmed(mut columns: Vec<String>) -> Vec<String> {
    while columns.len() > 1 && columns.last().is_some_and(|name| name.trim().is_empty()) {
        columns.pop();
    }
    columns
}

/// The delimiter in a line like `sep=;`, which Excel reads but does not show.
fn separator_line(line: &str) -> Option<Delimiter> {
    let line = line.trim_matches(|c| c == '"' || c == '\u{feff}');
    let sign = line.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).and_then(|_| line.get(4..))?;
    if sign == "\\t" {
        return Some(Delimiter('\t'));
    }
    let mut signs = sign.chars();
    let first = signs.next()?;
    // `sep=,,,` comes from a spreadsheet that saved the line as a row.
    signs.all(|sign| sign == first || ",;\t\" ".contains(sign)).then_some(Delimiter(first))
}

fn no_header(sample: &[String]) -> FileImportError {
    let first = sample.iter().find(|line| !line.trim().is_empty()).map(String::as_str).unwrap_or_default();
    let best = Delimiter::CANDIDATES.into_iter().max_by_key(|sign| (first.matches(sign.0).count(), sign.0 == ','));
    let columns = split(first, best.unwrap_or(Delimiter::COMMA), Dialect::Standard).cells;
    if columns.iter().any(|cell| looks_like_contact_data(cell) || cell.len() > 200) {
        return FileImportError::NoHeader { columns: Vec::new() };
    }
    let shown = |name: &String| name.chars().filter(|c| !c.is_control()).collect::<String>();
    FileImportError::NoUsableColumn { columns: columns.iter().take(MAX_COLUMNS_TOLD).map(shown).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (String, u64, Vec<String>) {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let (delimiter, found) = of_text(&lines, &Mapping::default()).unwrap();
        (delimiter.to_string(), found.row, found.columns)
    }

    #[test]
    fn the_delimiter_is_the_one_that_makes_known_names_and_regular_rows() {
        let cases = [
            ("First Name,Email\na,b@c.de", "comma", 1),
            ("First Name|Last Name|Email|Phone\nIda|Moe|a@b.co|1", "pipe", 1),
            ("First Name:Email:City\nIda:a@b.co:Rome", "colon", 1),
            ("Name;Email;Address (street, city, zip)\nIda;a@b.co;1 Elm St, Salem, 97301", "semicolon", 1),
            ("Email;Interests (a, b, c, d), City\na@b.co;x", "semicolon", 1),
            ("sep=;\r\nFirst Name;Email\nIda;a@b.co", "semicolon", 2),
            ("\"sep=,\"\nFirst Name,Email\nIda,a@b.co", "comma", 2),
            ("Notes:\n\"When exporting, you may notice\"\n\nFirst Name,Email Address\nIda,a@b.co", "comma", 4),
            ("Customer list,,\n,,\nFirst Name,Email,City\nIda,a@b.co,Rome", "comma", 3),
            ("Email\na@b.co", "comma", 1),
            ("Vorname;Nachname;E-Mail-Adresse\nIda;Moe;a@b.co", "semicolon", 1),
        ];
        for (text, delimiter, row) in cases {
            let (found_delimiter, found_row, _) = found(text);
            assert_eq!((found_delimiter.as_str(), found_row), (delimiter, row), "{text}");
        }
    }

    #[test]
    fn a_list_without_a_header_is_refused_and_its_first_person_not_shown() {
        let lines = ["Ida,ida@example.com,Mobile".to_owned()];
        let error = of_text(&lines, &Mapping::default()).err().unwrap().to_string();
        assert!(error.contains("header") && !error.contains("ida"), "{error}");
        let lines = ["Foo;Bar".to_owned()];
        assert!(of_text(&lines, &Mapping::default()).err().unwrap().to_string().contains("Foo, Bar"));
    }
}
