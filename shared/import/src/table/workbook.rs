//! Reads the sheets of an Excel workbook.

use std::io::{Cursor, Read, Seek};
use std::sync::Arc;

use calamine::{DataRef, Reader, SheetVisible, Xlsx, XlsxError};

use super::header::{self, FoundHeader};
use super::sheet_xml::{self, SheetXml};
use super::{Layout, Row, sheet_cell};
use crate::consent;
use crate::values::looks_like_contact_data;
use crate::{FileImportError, ImportOptions, ListProblem, ListQuestion, NotAList, ProblemEffect};

/// A sheet with its header.
struct Sheet {
    name: String,
    is_hidden: bool,
    rows: Vec<Row>,
    found: Option<FoundHeader>,
}

impl Sheet {
    fn has_rows(&self) -> bool {
        let Some(found) = &self.found else { return false };
        self.rows.iter().any(|row| row.number > found.row && !row.is_blank())
    }

    fn says_who(&self, mapping: &crate::Mapping) -> bool {
        let columns = self.found.iter().flat_map(|found| &found.columns);
        columns.into_iter().any(|name| crate::mapping::says_who(name, mapping))
    }

    fn has_contact_data(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.cells).any(|cell| looks_like_contact_data(cell))
    }
}

/// The layout of the sheet that holds people.
pub(super) fn layout(bytes: &[u8], options: &ImportOptions) -> Result<Layout, FileImportError> {
    if !is_workbook(bytes) {
        let what = if is_whole(bytes) { NotAList::Archive } else { NotAList::CutArchive };
        return Err(FileImportError::NotAList(what));
    }
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).map_err(failed)?;
    let names = book.sheet_names();
    if let Some(name) = options.sheet.as_ref().filter(|name| !names.contains(name)) {
        return Err(FileImportError::NoSuchSheet { name: name.clone(), sheets: names });
    }
    let hidden: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.visible != SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    let wanted = names.iter().filter(|name| options.sheet.as_ref().is_none_or(|sheet| sheet == *name));
    let mut sheets = Vec::new();
    for name in wanted {
        let rows = rows(bytes, &mut book, name)?;
        let found = header::of_rows(rows.get(..rows.len().min(200)).unwrap_or_default(), &options.mapping);
        sheets.push(Sheet { name: name.clone(), is_hidden: hidden.contains(name), rows, found });
    }
    if sheets.iter().all(|sheet| sheet.rows.is_empty()) {
        return Err(FileImportError::Empty);
    }
    let Some(mut chosen) = choose(&mut sheets, options)? else { return Err(none_usable(sheets)) };
    let Some(mut found) = chosen.found else { return Err(none_usable(sheets)) };
    if crate::consent::title_refuses(&chosen.name) {
        found.refused_by = found.refused_by.or(Some(0));
    }
    let hidden = sheet_xml::read(bytes, &chosen.name).unwrap_or_default().hidden;
    for row in chosen.rows.iter_mut().filter(|row| row.number > found.row) {
        row.is_hidden = hidden.binary_search(&row.number).is_ok();
    }
    let notes =
        sheets.iter().filter(|sheet| sheet.has_rows() && sheet.says_who(&options.mapping) || sheet.has_contact_data());
    let notes = notes.map(|sheet| unread(sheet, found.row)).collect();
    Ok(Layout {
        encoding: "xlsx".to_owned(),
        sheet: Some(chosen.name),
        sheet_rows: Some(Arc::new(chosen.rows)),
        counts_from_1904: book.has_1904_epoch(),
        notes,
        ..Layout::of(found)
    })
}

/// Chooses the one sheet that holds people. Hidden sheets count only if there is no other.
fn choose(sheets: &mut Vec<Sheet>, options: &ImportOptions) -> Result<Option<Sheet>, FileImportError> {
    let mut usable: Vec<usize> =
        (0..sheets.len()).filter(|at| sheets.get(*at).is_some_and(|sheet| sheet.found.is_some())).collect();
    let mut prefer = |is_better: &dyn Fn(&Sheet) -> bool| {
        let better: Vec<usize> = usable.iter().copied().filter(|at| sheets.get(*at).is_some_and(is_better)).collect();
        if !better.is_empty() {
            usable = better;
        }
    };
    prefer(&Sheet::has_rows);
    prefer(&|sheet| sheet.says_who(&options.mapping));
    prefer(&|sheet| !sheet.is_hidden);
    match usable.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(sheets.remove(*only))),
        [first, ..] if !usable.iter().any(|at| sheets.get(*at).is_some_and(Sheet::has_rows)) => {
            Ok(Some(sheets.remove(*first)))
        }
        several => {
            let names = several.iter().filter_map(|at| sheets.get(*at)).map(|sheet| sheet.name.clone());
            Err(FileImportError::Open { questions: vec![ListQuestion::Sheet { sheets: names.collect() }] })
        }
    }
}

fn unread(sheet: &Sheet, header_row: u64) -> ListProblem {
    let Sheet { name, is_hidden, .. } = sheet;
    let why = if *is_hidden { "is hidden" } else { "has no header with known names" };
    let message = format!(
        "the sheet `{name}` seems to hold people, but it {why}: it is not read. --sheet '{name}' reads it alone"
    );
    ListProblem { effect: ProblemEffect::Note, ..ListProblem::row(header_row, message) }
}

fn none_usable(sheets: Vec<Sheet>) -> FileImportError {
    let first_row = sheets.into_iter().find_map(|sheet| sheet.rows.into_iter().next());
    let columns = first_row.map(|row| row.cells).unwrap_or_default();
    if columns.iter().any(|cell| looks_like_contact_data(cell)) {
        return FileImportError::NoHeader { columns: Vec::new() };
    }
    FileImportError::NoUsableColumn { columns }
}

fn failed(error: XlsxError) -> FileImportError {
    FileImportError::Workbook(error.to_string())
}

/// Whether the archive's directory names a workbook. (It is at the end, and its names are not compressed.)
fn is_workbook(bytes: &[u8]) -> bool {
    let name = b"xl/workbook";
    bytes.windows(name.len()).any(|window| window == name)
}

/// Whether the archive has its final directory. (A comment of at most 64 KB may follow.)
fn is_whole(bytes: &[u8]) -> bool {
    let end = bytes.get(bytes.len().saturating_sub(66_000)..).unwrap_or_default();
    end.windows(4).any(|window| window == b"PK\x05\x06")
}

/// The rows of a sheet, from the first with a cell. A chart sheet has none.
fn rows<R: Read + Seek>(bytes: &[u8], book: &mut Xlsx<R>, name: &str) -> Result<Vec<Row>, FileImportError> {
    let mut rows: Vec<Row> = Vec::new();
    let mut has_empty = false;
    let mut errors = StrangeErrors::new(bytes, name);
    {
        let Ok(mut cells) = book.worksheet_cells_reader(name) else { return Ok(rows) };
        loop {
            let (cell, style) = match cells.next_cell_with_style_id() {
                Ok(Some(cell)) => cell,
                Ok(None) => break,
                Err(error) => {
                    let (word, place) = errors.next(error)?;
                    put(&mut rows, place, word);
                    continue;
                }
            };
            let format = cells.styles().get(style).and_then(|style| style.number_format.as_ref());
            let text = sheet_cell::text(cell.get_value(), format.map_or("General", |format| &format.format_code));
            has_empty |= matches!(cell.get_value(), DataRef::Empty);
            put(&mut rows, cell.get_position(), text);
        }
    }
    if has_empty && let Ok(mut cells) = book.worksheet_cells_reader(name) {
        // A formula without a stored value still stands for a value.
        loop {
            match cells.next_cell_with_formula() {
                Ok(Some(cell)) => {
                    if let (DataRef::Empty, Some(formula)) = (&cell.value, cell.formula) {
                        put(&mut rows, cell.pos, format!("={}", formula.trim_start_matches('=')));
                    }
                }
                Ok(None) => break,
                Err(XlsxError::CellError(_)) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    rows.sort_by_key(|row| row.number);
    fill_merged(&mut rows, book, name);
    Ok(rows)
}

/// Finds the positions of errors that `calamine` does not know, such as those of newer Excel functions. Each damages
/// only its own cell.
struct StrangeErrors<'a> {
    bytes: &'a [u8],
    name: &'a str,
    places: Option<std::vec::IntoIter<(u32, u32)>>,
}

impl<'a> StrangeErrors<'a> {
    fn new(bytes: &'a [u8], name: &'a str) -> StrangeErrors<'a> {
        StrangeErrors { bytes, name, places: None }
    }

    /// The error's word, and its position.
    fn next(&mut self, error: XlsxError) -> Result<(String, (u32, u32)), FileImportError> {
        let XlsxError::CellError(word) = error else { return Err(failed(error)) };
        let places = self.places.get_or_insert_with(|| {
            let SheetXml { strange_errors, has_unplaced, .. } =
                sheet_xml::read(self.bytes, self.name).unwrap_or_default();
            // If cells lack positions, the errors after them would be assigned to wrong cells.
            if has_unplaced { Vec::new() } else { strange_errors }.into_iter()
        });
        match places.next() {
            Some(place) => Ok((word, place)),
            None => Err(failed(XlsxError::CellError(word))),
        }
    }
}

fn put(rows: &mut Vec<Row>, (row, column): (u32, u32), text: String) {
    let number = u64::from(row) + 1;
    let at = match rows.last() {
        Some(last) if last.number == number => Some(rows.len() - 1),
        Some(last) if last.number > number => rows.iter().position(|row| row.number == number),
        _ => None,
    };
    let at = at.unwrap_or_else(|| {
        rows.push(Row { number, ..Row::of(Vec::new()) });
        rows.len() - 1
    });
    if text.is_empty() {
        return;
    }
    if let Some(row) = rows.get_mut(at) {
        let column = column as usize;
        while row.cells.len() <= column {
            row.cells.push(String::new());
        }
        row.cells.get_mut(column).into_iter().for_each(|cell| cell.clone_from(&text));
    }
}

/// Copies a cell merged over several rows into each of them that has other content. A yes or no merged over several
/// columns answers all of them.
fn fill_merged<R: Read + Seek>(rows: &mut [Row], book: &mut Xlsx<R>, name: &str) {
    for region in book.merge_cells_by_sheet_name(name).unwrap_or_default() {
        let ((first, column), (last, last_column)) = (region.start, region.end);
        let of = |rows: &[Row], number: u32| rows.binary_search_by_key(&(u64::from(number) + 1), |row| row.number).ok();
        let Some(text) = of(rows, first).and_then(|at| rows.get(at)?.cells.get(column as usize).cloned()) else {
            continue;
        };
        let is_answer = last_column > column && (consent::is_yes_or_no(&text) || consent::is_opt_out_word(&text));
        for number in first..=last {
            let Some(row) = of(rows, number).and_then(|at| rows.get_mut(at)) else { continue };
            // A word alone in its row is a heading.
            let says_more = row.cells.iter().enumerate().any(|(at, cell)| at != column as usize && !cell.is_empty());
            let is_whole = number > first && !row.is_blank();
            let to = if is_answer && says_more { last_column } else { column };
            for column in (column..=to).filter(|at| *at > column || is_whole).map(|column| column as usize) {
                while row.cells.len() <= column {
                    row.cells.push(String::new());
                }
                row.cells.get_mut(column).into_iter().for_each(|cell| cell.clone_from(&text));
            }
        }
    }
}
