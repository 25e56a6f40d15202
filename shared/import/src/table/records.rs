//! Joins lines into records: a record ends when no quote is open, unless the quote was not meant to span lines.

use std::io;

use super::cells::{Delimiter, Dialect, Split, is_plain, plain, split};
use super::{Fault, Row};
use crate::bytes::{Line, Lines};
use crate::values::looks_like_contact_data;

/// A longer quoted cell means that its quote was never closed.
const MAX_CELL_BYTES: usize = 1 << 20;
const MAX_CELL_LINES: usize = 5_000;

/// The records of a delimited text.
pub(crate) struct TextRecords<'a> {
    lines: Lines<'a>,
    delimiter: Delimiter,
    /// Number of cells in the header, once known.
    width: Option<usize>,
    /// Number of the last record read.
    number: u64,
    /// Cells of a used record.
    spare: Vec<String>,
}

impl<'a> TextRecords<'a> {
    pub(crate) fn new(lines: Lines<'a>, delimiter: Delimiter) -> Self {
        Self { lines, delimiter, width: None, number: 0, spare: Vec::new() }
    }

    /// Sets the number of cells in the header.
    pub(crate) fn set_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// The next record. An empty line is a record with one empty cell.
    pub(crate) fn next(&mut self) -> io::Result<Option<Row>> {
        let Some(first) = self.lines.next()? else { return Ok(None) };
        self.number += 1;
        let row = self.record(first)?;
        Ok(Some(Row { number: self.number, ..row }))
    }

    /// Takes used cells back, to reuse their memory.
    pub(crate) fn recycle(&mut self, cells: Vec<String>) {
        self.spare = cells;
    }

    fn record(&mut self, first: Line) -> io::Result<Row> {
        if is_plain(&first.text) && !first.cut {
            let whole = plain(&first.text, self.delimiter, std::mem::take(&mut self.spare));
            let row = Row::of(self.in_best_dialect(&first.text, whole));
            self.lines.recycle(first);
            return Ok(row);
        }
        let whole = split(&first.text, self.delimiter, Dialect::Standard);
        if first.cut {
            return Ok(Row::faulty(whole.cells, Fault::TooLong));
        }
        if !whole.is_open {
            return Ok(Row::of(self.in_best_dialect(&first.text, whole)));
        }
        let mut lines = vec![first];
        loop {
            let length: usize = lines.iter().map(|line| line.text.len()).sum();
            let next =
                if length > MAX_CELL_BYTES || lines.len() > MAX_CELL_LINES { None } else { self.lines.next()? };
            let Some(next) = next.filter(|next| !next.cut) else { return Ok(self.never_closed(lines)) };
            // A line without a quote cannot close the cell.
            let may_close = next.text.contains('"');
            lines.push(next);
            if !may_close {
                continue;
            }
            let text = joined(&lines);
            let whole = split(&text, self.delimiter, Dialect::Standard);
            if !whole.is_open {
                return Ok(self.closed(lines, &text, whole));
            }
        }
    }

    /// Makes a record of several lines with a closed quote. The closing quote may belong to another person's row.
    fn closed(&mut self, lines: Vec<Line>, text: &str, whole: Split) -> Row {
        let inner = || lines.iter().skip(1);
        let swallowed = inner().filter(|line| self.is_somebodys(line)).count();
        if swallowed == 0 {
            let cells = self.in_best_dialect(text, whole);
            return Row { lines: lines.len(), ..Row::of(cells) };
        }
        let all_are_rows = inner().all(|line| self.has_width(&line.text) || line.text.trim().is_empty());
        if all_are_rows {
            return self.never_closed(lines);
        }
        Row { lines: lines.len(), ..Row::faulty(whole.cells, Fault::QuoteHoldsRows) }
    }

    /// Takes only the first line as the row with the open quote; the lines after it are rows of their own.
    fn never_closed(&mut self, mut lines: Vec<Line>) -> Row {
        let after = lines.split_off(1);
        self.lines.give_back(after.into_iter());
        let text = joined(&lines);
        Row::faulty(split(&text, self.delimiter, Dialect::Standard).cells, Fault::QuoteNeverCloses)
    }

    /// Whether a line by itself is a full row with an e-mail address or a phone number in a cell.
    fn is_somebodys(&self, line: &Line) -> bool {
        self.has_width(&line.text)
            && split(&line.text, self.delimiter, Dialect::Standard)
                .cells
                .iter()
                .any(|cell| looks_like_contact_data(cell))
    }

    fn has_width(&self, text: &str) -> bool {
        let Some(width) = self.width.filter(|width| *width >= 2) else { return false };
        split(text, self.delimiter, Dialect::Standard).cells.len() == width
    }

    /// The cells in the dialect that gives as many as the header has.
    fn in_best_dialect(&self, text: &str, standard: Split) -> Vec<String> {
        let Some(width) = self.width else { return standard.cells };
        // The whole row is quoted as if it were one cell.
        if let [whole] = standard.cells.as_slice()
            && width > 1
            && text.starts_with('"')
        {
            let inner = split(whole, self.delimiter, Dialect::Standard);
            return if inner.cells.len() == width && !inner.is_open { inner.cells } else { standard.cells };
        }
        let fits = |split: &Split| !split.is_open && split.cells.len() == width;
        let has_backslashes = text.contains("\\\"");
        let mut others = Vec::new();
        if has_backslashes && (standard.has_stray_quote || !fits(&standard)) {
            others.push(Dialect::Backslash);
        }
        if standard.cells.len() > width && text.contains('"') {
            others.push(Dialect::Spaced);
        }
        let better = others.into_iter().map(|dialect| split(text, self.delimiter, dialect)).find(fits);
        better.map_or(standard.cells, |better| better.cells)
    }
}

fn joined(lines: &[Line]) -> String {
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Encoding;

    fn rows(text: &str) -> Vec<Row> {
        let lines = Lines::new(Box::new(text.as_bytes()), Encoding::of_label("utf-8").unwrap());
        let mut records = TextRecords::new(lines, Delimiter::COMMA);
        records.set_width(3);
        std::iter::from_fn(|| records.next().unwrap()).collect()
    }

    fn first_cells(text: &str) -> Vec<String> {
        rows(text)
            .into_iter()
            .map(|row| format!("{}{}", row.cells[0], if row.fault.is_some() { "!" } else { "" }))
            .collect()
    }

    #[test]
    fn a_quote_that_never_closes_costs_its_own_row_only() {
        let cases = [
            ("a@b.co,A,x\nb@b.co,B,\"y\nc@b.co,C,z\n", vec!["a@b.co", "b@b.co!", "c@b.co"]),
            ("b@b.co,\"B,y\nc@b.co,C,z\n", vec!["b@b.co!", "c@b.co"]),
            (
                "b@b.co,B,\"24 in\nc@b.co,C,z\nd@b.co,D,\"30 in\ne@b.co,E,x",
                vec!["b@b.co!", "c@b.co", "d@b.co!", "e@b.co"],
            ),
            ("b@b.co,B,\"24 in\nc@b.co,C,30 in\"\nd@b.co,D,x", vec!["b@b.co!", "c@b.co", "d@b.co"]),
            ("\"b@b.co\",\"B\",\"x\n\"c@b.co\",\"C\",\"y\"\n", vec!["b@b.co!", "c@b.co"]),
            ("b@b.co,B,\"Lund\nc@b.co,C,\"Graz, AT\"\nd@b.co,D,x", vec!["b@b.co!", "c@b.co", "d@b.co"]),
        ];
        for (text, expected) in cases {
            assert_eq!(first_cells(text), expected, "{text}");
        }
    }

    #[test]
    fn a_row_in_quotes_is_its_cells() {
        let rows = rows("\"a@b.co,A,x\"\n\"b@b.co,B,\"\"Oslo, NO\"\"\"\n");
        assert_eq!(rows[0].cells, ["a@b.co", "A", "x"]);
        assert_eq!(rows[1].cells, ["b@b.co", "B", "Oslo, NO"]);
    }

    #[test]
    fn a_quoted_cell_may_have_lines() {
        let rows = rows("a@b.co,A,\"1 Elm St\nSalem, OR\n\nUS\"\nb@b.co,B,\"said \"\"hi\"\"\nleft\"\n");
        let last: Vec<&str> = rows.iter().map(|row| row.cells[2].as_str()).collect();
        assert_eq!(last, ["1 Elm St\nSalem, OR\n\nUS", "said \"hi\"\nleft"]);
        assert!(rows.iter().all(|row| row.fault.is_none()));
    }

    #[test]
    fn a_note_that_quotes_somebodys_row_is_told_and_swallows_nobody() {
        let rows = rows("a@b.co,A,\"see\nx@y.co,X,z\nand more\"\nb@b.co,B,x\n");
        assert_eq!(rows[0].fault, Some(Fault::QuoteHoldsRows));
        assert_eq!(rows[1].cells[0], "b@b.co");
    }
}
