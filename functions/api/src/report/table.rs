//! The report as CSV: one table, so that any spreadsheet can sort and filter it.

use std::io;

use ghl_sync_engine::domain::Part;

use super::Document;
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

/// A row; what it does not name is empty.
#[derive(Default)]
struct Row<'a> {
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

/// Writes the report as CSV in UTF-8. A cell that a spreadsheet would take for a formula begins with an apostrophe.
///
/// # Errors
/// When `to` cannot be written.
pub fn csv(document: &Document<'_>, to: impl io::Write) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(HEADER)?;
    write_summary(document, &mut writer)?;
    write_structure(document, &mut writer)?;
    for finding in document.findings {
        let target = finding.target_id.as_ref().map(ToString::to_string).unwrap_or_default();
        for fact in facts(finding) {
            let row = Row {
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

fn write_summary<W: io::Write>(document: &Document<'_>, writer: &mut csv::Writer<W>) -> Result<(), csv::Error> {
    let report = document.report;
    let row = Row {
        part: "migration",
        source: (report.source.as_str(), ""),
        target: (report.target.as_str(), ""),
        result: report.status.as_str(),
        note: &standing(report),
        ..Row::default()
    };
    row.write(writer)?;
    for count in counts(report) {
        let (source, arrived) = (count.source.to_string(), count.arrived.to_string());
        let row = Row {
            part: "count",
            kind: count.what,
            expected: &source,
            found: &arrived,
            note: &count.note,
            ..Row::default()
        };
        row.write(writer)?;
    }
    Ok(())
}

fn write_structure<W: io::Write>(document: &Document<'_>, writer: &mut csv::Writer<W>) -> Result<(), csv::Error> {
    let Some(mapping) = document.mapping else {
        return Ok(());
    };
    for part in Part::ALL {
        for mapped in mapping.of(part) {
            let (id, name, result) = becomes(mapped);
            let row = Row {
                part: "structure",
                kind: part_words(part),
                source: (mapped.source_id.as_str(), &mapped.source_name),
                target: (id, name),
                result,
                note: &why(mapped),
                ..Row::default()
            };
            row.write(writer)?;
        }
    }
    for conflict in &mapping.type_conflicts {
        let row = Row {
            part: "type conflict",
            kind: part_words(Part::CustomFields),
            source: (conflict.source_id.as_str(), &conflict.source_name),
            target: (conflict.target_id.as_str(), &conflict.target_name),
            field: "type",
            expected: conflict.source_type.as_str(),
            found: conflict.target_type.as_str(),
            note: &conflict.resolution,
            ..Row::default()
        };
        row.write(writer)?;
    }
    for warning in &mapping.warnings {
        Row { part: "warning", note: warning, ..Row::default() }.write(writer)?;
    }
    Ok(())
}

impl Row<'_> {
    fn write<W: io::Write>(&self, writer: &mut csv::Writer<W>) -> Result<(), csv::Error> {
        let Row { part, kind, source, target, result, field, expected, found, note } = *self;
        let cells =
            [part, kind, source.0, source.1, target.0, target.1, result, field, expected, found, note].map(harmless);
        writer.write_record(cells)
    }
}

/// What a customer has written may begin as formulas do, and must not be run where the table is opened.
fn harmless(cell: &str) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => format!("'{cell}"),
        _ => cell.to_owned(),
    }
}
