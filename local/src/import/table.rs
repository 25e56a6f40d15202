//! From text to rows of cells.

use std::fmt;

use csv::StringRecord;

use super::ImportError;

/// What is between the cells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`, as spreadsheets write it where the comma is the decimal sign.
    Semicolon,
    /// A tab.
    Tab,
}

impl Delimiter {
    const ALL: [Delimiter; 3] = [Delimiter::Comma, Delimiter::Semicolon, Delimiter::Tab];

    fn byte(self) -> u8 {
        match self {
            Delimiter::Comma => b',',
            Delimiter::Semicolon => b';',
            Delimiter::Tab => b'\t',
        }
    }

    /// The one that is most often in the line outside of quotes; a comma if none is.
    fn of_line(line: &str) -> Delimiter {
        let unquoted = || line.split('"').step_by(2).flat_map(str::bytes);
        let count = |delimiter: Delimiter| unquoted().filter(|byte| *byte == delimiter.byte()).count();
        // Of equal ones the last wins, hence the reversal.
        Delimiter::ALL.into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(Delimiter::Comma)
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Delimiter::Comma => "commas",
            Delimiter::Semicolon => "semicolons",
            Delimiter::Tab => "tabs",
        })
    }
}

/// A header and the rows below it.
pub(super) struct Table<'t> {
    pub(super) header: Row,
    pub(super) delimiter: Delimiter,
    pub(super) rows: Rows<'t>,
}

impl<'t> Table<'t> {
    /// Takes the first row that is not blank as the header. `text` has `\n` for line ends.
    pub(super) fn open(text: &'t str) -> Result<Self, ImportError> {
        let first_line = text.lines().find(|line| !line.trim().is_empty()).ok_or(ImportError::Empty)?;
        let delimiter = Delimiter::of_line(first_line);
        let mut rows = Rows::new(text, delimiter);
        loop {
            let row = rows.next().ok_or(ImportError::NoHeader)??;
            if !row.is_blank() {
                return Ok(Table { header: row, delimiter, rows });
            }
        }
    }
}

/// One row and its number.
pub(super) struct Row {
    /// As a spreadsheet counts: an empty line is a row, and a cell with line breaks is in one row.
    pub(super) number: u64,
    pub(super) cells: StringRecord,
}

impl Row {
    pub(super) fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// The rows of a text, one at a time.
pub(super) struct Rows<'t> {
    text: &'t str,
    records: csv::StringRecordsIntoIter<&'t [u8]>,
    line_breaks_in_cells: u64,
}

impl<'t> Rows<'t> {
    fn new(text: &'t str, delimiter: Delimiter) -> Self {
        let records = csv::ReaderBuilder::new()
            .delimiter(delimiter.byte())
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes())
            .into_records();
        Self { text, records, line_breaks_in_cells: 0 }
    }

    fn number(&mut self, cells: &StringRecord) -> u64 {
        // The reader notes where it stood before it skipped the empty lines above the record.
        let (line, start) = cells.position().map_or((0, 0), |position| (position.line(), position.byte()));
        let rest = usize::try_from(start).ok().and_then(|start| self.text.as_bytes().get(start..)).unwrap_or_default();
        let number = line + line_breaks(rest.iter().take_while(|byte| **byte == b'\n')) - self.line_breaks_in_cells;
        self.line_breaks_in_cells += line_breaks(cells.as_byte_record().as_slice());
        number
    }
}

fn line_breaks<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    bytes.into_iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, csv::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let cells = self.records.next()?;
        Some(cells.map(|cells| Row { number: self.number(&cells), cells }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_recognised_outside_of_quotes() {
        let cases = [
            ("Email", Delimiter::Comma),
            ("Email,Phone", Delimiter::Comma),
            ("Email;Phone", Delimiter::Semicolon),
            ("Email\tPhone", Delimiter::Tab),
            ("\"Last, first, middle\";Email", Delimiter::Semicolon),
            ("Email,Phone;Mobile", Delimiter::Comma),
        ];
        for (line, delimiter) in cases {
            assert_eq!(Delimiter::of_line(line), delimiter, "{line}");
        }
    }

    #[test]
    fn rows_have_the_numbers_that_a_spreadsheet_gives_them() {
        let table = Table::open("\nEmail,Notes\n1,x\n\n\n2,\"y\ny\n\ny\"\n3,z\n\"\n\n4\",\n\n5,").unwrap();
        assert_eq!(table.header.number, 2);
        let numbers: Vec<_> =
            table.rows.map(|row| row.map(|row| (row.number, row.cells[0].trim().to_owned()))).collect();
        let expected = [(3, "1"), (6, "2"), (7, "3"), (8, "4"), (10, "5")];
        for (row, (number, cell)) in numbers.into_iter().zip(expected) {
            assert_eq!(row.unwrap(), (number, cell.to_owned()));
        }
    }

    #[test]
    fn a_file_of_blank_rows_has_no_header() {
        assert!(matches!(Table::open(",,\n,,\n"), Err(ImportError::NoHeader)));
    }
}
