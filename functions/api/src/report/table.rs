//! The report as CSV: one table, so that any spreadsheet can sort and filter it.

use std::io;

use ghl_sync_model::Part;

use super::ReportDocument;
use super::facts::{becomes, counts, facts, part_words, standing, why};

const HEADER: [&str; 11] = [
    "part",
    "kind",
    "source_id",
    "source_name",
    "target_id",
    "target_name",
    "result",
    "field",
    "expected",
    "found",
    "note",
];

/// A row; unset columns are empty.
#[derive(Default)]
struct CsvRow<'a> {
    part: &'a str,
    kind: &'a str,
    source: (&'a str, &'a str),
    target: (&'a str, &'a str),
    result: &'a str,
    field: &'a str,
    expected: &'a str,
    found: &'a str,
    note: &'a str,
}

/// Writes the report as CSV in UTF-8. An apostrophe goes before anything that a spreadsheet would take for a formula:
/// at the start of a cell, and wherever a cell starts for a spreadsheet that splits at other separators than commas.
///
/// # Errors
/// If writing to `to` fails.
pub fn csv(document: &ReportDocument<'_>, to: impl io::Write) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(HEADER)?;
    write_summary(document, &mut writer)?;
    write_structure(document, &mut writer)?;
    for finding in document.findings {
        let target = finding.target_id.as_ref().map(ToString::to_string).unwrap_or_default();
        for fact in facts(finding) {
            let row = CsvRow {
                part: "record",
                kind: finding.kind.as_str(),
                source: (finding.source_id.as_str(), ""),
                target: (&target, ""),
                result: fact.result,
                field: &fact.field,
                expected: &fact.expected,
                found: &fact.found,
                note: &fact.note,
            };
            row.write(&mut writer)?;
        }
    }
    writer.flush()?;
    Ok(())
}

fn write_summary<W: io::Write>(document: &ReportDocument<'_>, writer: &mut csv::Writer<W>) -> Result<(), csv::Error> {
    let report = document.report;
    let row = CsvRow {
        part: "migration",
        source: (report.source.as_str(), ""),
        target: (report.target.as_str(), ""),
        result: report.status.as_str(),
        note: &standing(report),
        ..CsvRow::default()
    };
    row.write(writer)?;
    for count in counts(report) {
        let (source, arrived) = (count.source.to_string(), count.arrived.to_string());
        let row = CsvRow {
            part: "count",
            kind: count.what,
            expected: &source,
            found: &arrived,
            note: &count.note,
            ..CsvRow::default()
        };
        row.write(writer)?;
    }
    Ok(())
}

fn write_structure<W: io::Write>(document: &ReportDocument<'_>, writer: &mut csv::Writer<W>) -> Result<(), csv::Error> {
    let Some(mapping) = document.mapping else {
        return Ok(());
    };
    for part in Part::ALL {
        for mapped in mapping.of(part) {
            let (id, name, result) = becomes(mapped);
            let row = CsvRow {
                part: "structure",
                kind: part_words(part),
                source: (mapped.source_id.as_str(), &mapped.source_name),
                target: (id, name),
                result,
                note: &why(mapped),
                ..CsvRow::default()
            };
            row.write(writer)?;
        }
    }
    for conflict in &mapping.type_conflicts {
        let row = CsvRow {
            part: "type conflict",
            kind: part_words(Part::CustomFields),
            source: (conflict.source_id.as_str(), &conflict.source_name),
            target: (conflict.target_id.as_str(), &conflict.target_name),
            field: "type",
            expected: conflict.source_type.as_str(),
            found: conflict.target_type.as_str(),
            note: &conflict.resolution,
            ..CsvRow::default()
        };
        row.write(writer)?;
    }
    for warning in &mapping.warnings {
        CsvRow { part: "warning", note: warning, ..CsvRow::default() }.write(writer)?;
    }
    Ok(())
}

impl CsvRow<'_> {
    fn write<W: io::Write>(&self, writer: &mut csv::Writer<W>) -> Result<(), csv::Error> {
        let CsvRow { part, kind, source, target, result, field, expected, found, note } = *self;
        let cells =
            [part, kind, source.0, source.1, target.0, target.1, result, field, expected, found, note].map(harmless);
        writer.write_record(cells)
    }
}

/// A customer's text can start like a formula, and must not run where the table is opened. An apostrophe goes before
/// each such start: at the start of the cell, and after anything that a spreadsheet may split at, whatever this file's
/// separator is.
fn harmless(cell: &str) -> String {
    let mut harmless = String::with_capacity(cell.len());
    let mut begins = begins_formula(cell, &CONTROLS);
    for (at, c) in cell.char_indices() {
        if begins {
            harmless.push('\'');
        }
        harmless.push(c);
        let rest = &cell[at + c.len_utf8()..];
        begins = match c {
            ',' | ';' | '|' | '\t' => begins_formula(rest, &CONTROLS),
            // A line break within a cell ends the row for readers that ignore quotes.
            '\r' | '\n' => begins_formula(rest, &['\t']),
            _ => false,
        };
    }
    harmless
}

/// Some spreadsheets drop these at the start of a cell, and evaluate the rest.
const CONTROLS: [char; 3] = ['\t', '\r', '\n'];

/// Whether a spreadsheet would run a cell that starts like this. It may drop quotes and spaces before the formula.
fn begins_formula(cell: &str, controls: &[char]) -> bool {
    let signs = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let first = cell.trim_start_matches(['"', ' ']).chars().next();
    first.is_some_and(|c| signs.contains(&c) || controls.contains(&c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

    #[test]
    fn a_formula_is_made_text_wherever_a_spreadsheet_may_see_it() {
        let cases = [
            ("", ""),
            ("Ann Lee", "Ann Lee"),
            ("a-b, c=d; 1|2", "a-b, c=d; 1|2"),
            ("=1+1", "'=1+1"),
            ("a;=cmd|'/c calc'!A1", "a;'=cmd|'/c calc'!A1"),
            ("a\t=1", "a\t'=1"),
            ("a|@x", "a|'@x"),
            ("a,+1,-2", "a,'+1,'-2"),
            ("a; =1", "a;' =1"),
            ("a;\"=1", "a;'\"=1"),
            ("a;\t=1", "a;'\t'=1"),
            ("two\r\nlines", "two\r\nlines"),
            ("two\n=1", "two\n'=1"),
            ("a;＝1", "a;'＝1"),
        ];
        for (cell, expected) in cases {
            assert_eq!(harmless(cell), expected, "{cell:?}");
        }
    }

    proptest! {
        /// Splits as plain text, and as CSV with any separator.
        #[test]
        fn wherever_a_table_is_split_no_cell_begins_as_a_formula(
            cells in prop::collection::vec("[-a=+@,;|\"' \t\r\n＝]{0,9}", 11),
        ) {
            let formula = |cell: &str| begins_formula(cell, &CONTROLS);
            for separator in SEPARATORS {
                for cell in &cells {
                    let harmless = harmless(cell);
                    prop_assert!(!harmless.split(separator).any(formula), "{harmless:?}");
                }
                let [part, kind, id, name, target, target_name, result, field, expected, found, note] = &cells[..] else {
                    unreachable!();
                };
                let mut table = Vec::new();
                let mut writer = csv::Writer::from_writer(&mut table);
                let (source, target) = ((id.as_str(), name.as_str()), (target.as_str(), target_name.as_str()));
                CsvRow { part, kind, source, target, result, field, expected, found, note }.write(&mut writer).unwrap();
                drop(writer);
                let mut reader = csv::ReaderBuilder::new();
                reader.delimiter(separator as u8).has_headers(false).flexible(true);
                for row in reader.from_reader(&table[..]).records() {
                    let row = row.unwrap();
                    let is_formula = |cell: &str| begins_formula(cell.trim_start_matches(['"', ' ', '\t', '\r', '\n']), &[]);
                    prop_assert!(!row.iter().any(is_formula), "{row:?}");
                }
            }
        }
    }
}
