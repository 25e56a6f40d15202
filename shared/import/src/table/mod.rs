//! Turns text into rows of cells below a header.

mod cells;
mod header;
mod ndjson;
mod other_header;
mod people;
mod records;
mod sheet_cell;
mod sheet_xml;
mod workbook;

use std::fmt;
use std::sync::Arc;

pub(crate) use cells::Delimiter;
pub(crate) use people::{NotAPerson, heading};

use crate::bytes::{self, Encoding, Form, Lines};
use crate::{ByteSource, FileImportError, ImportOptions, ListProblem, NotAList};
use header::FoundHeader;
use other_header::Headers;
use records::TextRecords;

/// Number of lines to examine for the delimiter and the header.
const SAMPLE_LINES: usize = 200;
const SAMPLE_BYTES: usize = 1 << 20;

/// A row below the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Number in a spreadsheet: the first row of the file is 1.
    pub(crate) number: u64,
    /// Number of lines it spans in the file.
    pub(crate) lines: usize,
    pub(crate) cells: Vec<String>,
    /// Why it cannot be a person in this form.
    pub(crate) fault: Option<Fault>,
    /// Whether the sheet hides it.
    pub(crate) is_hidden: bool,
    /// Number of cells that its line lacks compared with the header.
    pub(crate) missing: usize,
}

/// Defect of a whole row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    QuoteNeverCloses,
    QuoteHoldsRows,
    TooLong,
    BadJson,
    AboveHeader,
    OtherHeader,
    BelowOtherHeader {
        /// Whether that header names a consent column.
        says_consent: bool,
    },
    RepeatedName,
}

impl Fault {
    /// Whether the row may refuse contact for a person in other rows.
    pub(crate) fn may_refuse(self) -> bool {
        !matches!(self, Fault::OtherHeader | Fault::BelowOtherHeader { says_consent: false })
    }

    /// Whether the row's cells are nevertheless in their proper columns.
    pub(crate) fn has_columns(self) -> bool {
        self == Fault::RepeatedName
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Fault::QuoteNeverCloses => {
                "opens a quote (\") that never closes: close it, or double it if it is part of the text"
            }
            Fault::QuoteHoldsRows => {
                "has a quoted cell with lines in it that look like rows of other people: close the quote, or remove those lines"
            }
            Fault::TooLong => "is longer than 4 MiB: shorten it",
            Fault::BadJson => "is not one JSON object",
            Fault::AboveHeader => "stands above the row that names the columns: move it below",
            Fault::OtherHeader => {
                "names other columns than the first header: make a list of its own of it and the rows below"
            }
            Fault::BelowOtherHeader { .. } => {
                "stands below a second header, which names other columns than the first: put it into a list of its own"
            }
            Fault::RepeatedName => "has a name twice, with two values: leave one of them",
        }
    }
}

impl Row {
    pub(crate) fn of(cells: Vec<String>) -> Row {
        Row { number: 0, lines: 1, cells, fault: None, is_hidden: false, missing: 0 }
    }

    fn faulty(cells: Vec<String>, fault: Fault) -> Row {
        Row { fault: Some(fault), ..Row::of(cells) }
    }

    /// Whether all cells are blank.
    pub(crate) fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| crate::values::is_blank(cell))
    }
}

/// The layout of a file.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The text's encoding; `xlsx` for a workbook.
    pub(crate) encoding: String,
    /// The delimiter between cells, if there is one.
    pub(crate) delimiter: Option<Delimiter>,
    /// Number of the header row; 0 if each row names its own columns.
    pub(crate) header_row: u64,
    /// The header's names, unchanged.
    pub(crate) columns: Vec<String>,
    /// Name of the workbook's sheet.
    pub(crate) sheet: Option<String>,
    /// Rows above the header that may be people.
    pub(crate) above: Vec<Row>,
    /// A row above the header that forbids contacting the people below.
    pub(crate) refused_by: Option<u64>,
    /// Notes on parts of the file that are not read.
    pub(crate) notes: Vec<ListProblem>,
    /// Whether a workbook's serial day numbers count from 1904.
    pub(crate) counts_from_1904: bool,
    /// All rows of a workbook.
    sheet_rows: Option<Arc<Vec<Row>>>,
    text: Option<Encoding>,
}

/// Detects the layout of a file.
pub(crate) fn layout(source: &dyn ByteSource, options: &ImportOptions) -> Result<Layout, FileImportError> {
    match bytes::form(source, options)? {
        Form::Workbook(bytes) => workbook::layout(&bytes, options),
        Form::Text(encoding) => {
            let sample = sample(source, encoding)?;
            if is_ndjson(&sample) {
                return ndjson_layout(source, encoding);
            }
            if is_json(&sample) {
                return Err(FileImportError::NotAList(NotAList::Json));
            }
            let (delimiter, found) = header::of_text(&sample, &options.mapping)?;
            Ok(Layout {
                encoding: encoding.to_string(),
                delimiter: Some(delimiter),
                text: Some(encoding),
                ..Layout::of(found)
            })
        }
    }
}

impl Layout {
    fn of(found: FoundHeader) -> Layout {
        Layout {
            encoding: String::new(),
            delimiter: None,
            header_row: found.row,
            columns: found.columns,
            sheet: None,
            above: found.above,
            refused_by: found.refused_by,
            notes: Vec::new(),
            counts_from_1904: false,
            sheet_rows: None,
            text: None,
        }
    }

    /// Number of hidden rows with content.
    pub(crate) fn hidden_rows(&self) -> u64 {
        let rows = self.sheet_rows.iter().flat_map(|rows| rows.iter());
        rows.filter(|row| row.is_hidden && !row.is_blank()).count() as u64
    }

    /// Starts reading the rows below the header.
    pub(crate) fn rows<'a>(&self, source: &'a dyn ByteSource) -> Result<Rows<'a>, FileImportError> {
        let columns = Arc::new(self.columns.clone());
        let Some(encoding) = self.text else {
            let rows = self.sheet_rows.clone().unwrap_or_default();
            let below = rows.iter().position(|row| row.number > self.header_row).unwrap_or(rows.len());
            return Ok(Rows::new(columns, RowsForm::Sheet(rows, below)));
        };
        let lines = Lines::new(bytes::unpacked(source)?, encoding);
        let Some(delimiter) = self.delimiter else {
            return Ok(Rows::new(columns, RowsForm::Json(lines, 0)));
        };
        let mut records = TextRecords::new(lines, delimiter);
        for _ in 0..self.header_row {
            records.next()?;
        }
        records.set_width(self.columns.len());
        Ok(Rows::new(columns, RowsForm::Text(Box::new(records))))
    }
}

/// Iterates over the rows of a list.
pub(crate) struct Rows<'a> {
    columns: Arc<Vec<String>>,
    headers: Headers,
    form: RowsForm<'a>,
}

enum RowsForm<'a> {
    Text(Box<TextRecords<'a>>),
    Json(Lines<'a>, u64),
    Sheet(Arc<Vec<Row>>, usize),
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl<'a> Rows<'a> {
    fn new(columns: Arc<Vec<String>>, form: RowsForm<'a>) -> Rows<'a> {
        Rows { headers: Headers::of(&columns), columns, form }
    }

    /// Takes used cells back, to reuse their memory.
    pub(crate) fn recycle(&mut self, cells: Vec<String>) {
        if let RowsForm::Text(records) = &mut self.form {
            records.recycle(cells);
        }
    }

    /// The next row, padded to the number of columns; longer if it has surplus cells.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, FileImportError> {
        let row = match &mut self.form {
            RowsForm::Text(records) => records.next()?,
            RowsForm::Json(lines, number) => lines.next()?.map(|line| {
                *number += 1;
                Row { number: *number, ..json_row(&line.text, line.cut, &self.columns) }
            }),
            RowsForm::Sheet(rows, at) => {
                let row = rows.get(*at).cloned();
                *at += 1;
                row
            }
        };
        let is_quoted = |text: &str| text.len() > 1 && text.starts_with('\'') && text.ends_with('\'');
        let in_single_quotes = self.columns.len() > 1 && self.columns.iter().all(|name| is_quoted(name.trim()));
        let is_json = matches!(self.form, RowsForm::Json(..));
        let is_text = matches!(self.form, RowsForm::Text(_));
        Ok(row.map(|mut row| {
            for cell in row.cells.iter_mut().filter(|cell| in_single_quotes && is_quoted(cell.trim())) {
                *cell = cell.trim().get(1..cell.trim().len() - 1).unwrap_or_default().to_owned();
            }
            if is_text {
                row.missing = self.columns.len().saturating_sub(row.cells.len());
            }
            if !is_json {
                self.headers.apply(&mut row, &self.columns);
            }
            // Spreadsheets omit empty cells at the end.
            while row.cells.len() < self.columns.len() {
                row.cells.push(String::new());
            }
            while row.cells.len() > self.columns.len() && row.cells.last().is_some_and(|cell| cell.trim().is_empty()) {
                row.cells.pop();
            }
            row
        }))
    }
}

fn sample(source: &dyn ByteSource, encoding: Encoding) -> Result<Vec<String>, FileImportError> {
    let mut lines = Lines::new(bytes::unpacked(source)?, encoding);
    let (mut sample, mut length) = (Vec::new(), 0);
    while sample.len() < SAMPLE_LINES && length < SAMPLE_BYTES {
        let Some(line) = lines.next()? else { break };
        length += line.text.len();
        sample.push(line.text);
    }
    if sample.iter().all(|line| crate::values::is_blank(line)) {
        return Err(FileImportError::Empty);
    }
    Ok(sample)
}

fn is_ndjson(sample: &[String]) -> bool {
    let first = sample.iter().find(|line| !line.trim().is_empty());
    first.is_some_and(|line| line.trim_start().starts_with('{') && ndjson::cells(line).is_ok())
}

/// Whether the text is JSON but not one object per line: an object over several lines, or a damaged one.
fn is_json(sample: &[String]) -> bool {
    let mut lines = sample.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
    let Some(rest) = lines.next().and_then(|line| line.strip_prefix('{')) else { return false };
    rest.is_empty() || rest.trim_start().starts_with(['"', '}'])
}

/// The layout of NDJSON: the names of all objects, in order of first appearance. (Reads all bytes once.)
fn ndjson_layout(source: &dyn ByteSource, encoding: Encoding) -> Result<Layout, FileImportError> {
    let mut columns: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    let mut lines = Lines::new(bytes::unpacked(source)?, encoding);
    while let Some(line) = lines.next()? {
        for (name, _) in ndjson::cells(&line.text).unwrap_or_default() {
            if known.insert(name.clone()) {
                columns.push(name);
            }
        }
    }
    Ok(Layout {
        encoding: encoding.to_string(),
        text: Some(encoding),
        ..Layout::of(FoundHeader { row: 0, columns, above: Vec::new(), refused_by: None })
    })
}

fn json_row(line: &str, is_cut: bool, columns: &[String]) -> Row {
    if line.trim().is_empty() {
        return Row::of(Vec::new());
    }
    if is_cut {
        return Row::faulty(Vec::new(), Fault::TooLong);
    }
    let Ok(cells) = ndjson::cells(line) else { return Row::faulty(vec![line.to_owned()], Fault::BadJson) };
    let mut row = vec![String::new(); columns.len()];
    let mut surplus = Vec::new();
    for (name, value) in cells {
        let at = columns.iter().position(|column| *column == name);
        match at.and_then(|at| row.get_mut(at)) {
            Some(cell) if cell.is_empty() || *cell == value => *cell = value,
            // The object has this name twice, with two values.
            _ => surplus.push(value),
        }
    }
    let fault = Some(Fault::RepeatedName).filter(|_| !surplus.is_empty());
    row.append(&mut surplus);
    Row { fault, ..Row::of(row) }
}

/// The kind of row, if it is not a person.
pub(crate) fn not_a_person(row: &Row, columns: &[String]) -> Option<NotAPerson> {
    people::not_a_person(row, columns)
}
