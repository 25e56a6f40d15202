//! The sheets of an Excel workbook.

use std::io::Cursor;
use std::rc::Rc;

use calamine::{DataRef, Reader, Xlsx};

use super::header::{self, Found};
use super::{Layout, Row};
use crate::{ImportError, ImportOptions, NotAList, Question};

/// The layout of the sheet that holds people.
pub(super) fn layout(bytes: Vec<u8>, options: &ImportOptions) -> Result<Layout, ImportError> {
    if !is_workbook(&bytes) {
        return Err(ImportError::NotAList(NotAList::Archive));
    }
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes))
        .map_err(|error: calamine::XlsxError| ImportError::Workbook(error.to_string()))?;
    let names = book.sheet_names();
    if let Some(name) = options.sheet.as_ref().filter(|name| !names.contains(name)) {
        return Err(ImportError::NoSuchSheet { name: name.clone(), sheets: names });
    }
    let wanted = names.iter().filter(|name| options.sheet.as_ref().is_none_or(|sheet| sheet == *name));
    let mut usable: Vec<(String, Found, Vec<Row>)> = Vec::new();
    let mut first_row = Vec::new();
    let mut is_empty = true;
    for name in wanted {
        let rows = rows(&mut book, name)?;
        is_empty &= rows.is_empty();
        if first_row.is_empty() {
            first_row = rows.first().map(|row| row.cells.clone()).unwrap_or_default();
        }
        if let Some(found) = header::of_rows(rows.get(..rows.len().min(200)).unwrap_or_default(), &options.mapping) {
            let has_rows = rows.iter().any(|row| row.number > found.row && !row.is_blank());
            if has_rows || usable.is_empty() {
                usable.push((name.clone(), found, rows));
            }
        }
    }
    if usable.len() > 1 {
        usable.retain(|(_, found, rows)| rows.iter().any(|row| row.number > found.row && !row.is_blank()));
    }
    if usable.len() > 1 {
        let sheets = usable.into_iter().map(|(name, ..)| name).collect();
        return Err(ImportError::Open { questions: vec![Question::Sheet { sheets }] });
    }
    match usable.pop() {
        Some((name, found, rows)) => Ok(Layout {
            encoding: "xlsx".to_owned(),
            sheet: Some(name),
            sheet_rows: Some(Rc::new(rows)),
            ..Layout::of(found)
        }),
        None if is_empty => Err(ImportError::Empty),
        None if first_row.iter().any(|cell| crate::values::looks_like_contact_data(cell)) => {
            Err(ImportError::NoHeader { columns: Vec::new() })
        }
        None => Err(ImportError::NoUsableColumn { columns: first_row }),
    }
}

/// Whether the archive's directory names a workbook. (It stands at the end; the names are not compressed.)
fn is_workbook(bytes: &[u8]) -> bool {
    let name = b"xl/workbook";
    bytes.windows(name.len()).any(|window| window == name)
}

fn rows<R: std::io::Read + std::io::Seek>(book: &mut Xlsx<R>, name: &str) -> Result<Vec<Row>, ImportError> {
    let failed = |error: calamine::XlsxError| ImportError::Workbook(error.to_string());
    let Ok(mut cells) = book.worksheet_cells_reader(name) else {
        // A sheet of charts has no cells.
        return Ok(Vec::new());
    };
    let mut rows: Vec<Row> = Vec::new();
    while let Some(cell) = cells.next_cell().map_err(failed)? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value());
        let number = u64::from(row) + 1;
        if rows.last().is_none_or(|last| last.number != number) {
            rows.push(Row { number, ..Row::of(Vec::new()) });
        }
        if let Some(last) = rows.last_mut()
            && !text.is_empty()
        {
            let at = column as usize;
            while last.cells.len() <= at {
                last.cells.push(String::new());
            }
            if let Some(cell) = last.cells.get_mut(at) {
                *cell = text;
            }
        }
    }
    Ok(rows)
}

/// A cell as text: numbers without a decimal point where there are no decimals, dates as ISO 8601.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => float(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(time) if time.is_datetime() && time.as_f64() >= 1.0 => {
            let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            if (hour, minute, second) == (0, 0, 0) { date } else { format!("{date} {hour:02}:{minute:02}:{second:02}") }
        }
        DataRef::DateTime(time) => float(time.as_f64()),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

fn float(number: f64) -> String {
    // From here on a float has no room for all digits.
    if number.abs() >= 1e15 { format!("{number:E}") } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_a_sheet_shows_them() {
        assert_eq!(float(2_025_550_143.0), "2025550143");
        assert_eq!(float(7030.0), "7030");
        assert_eq!(float(12.5), "12.5");
        assert!(float(1.234_567_890_123_456_7e17).contains('E'));
    }
}
