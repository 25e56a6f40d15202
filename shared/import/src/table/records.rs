//! From lines to records: a record ends where no quote is open, unless the quote was never meant to hold lines.

use std::io;

use super::cells::{Delimiter, Dialect, Split, is_plain, plain, split};
use super::{Fault, Row};
use crate::bytes::{Line, Lines};
use crate::mapping::{self, Alias, Field};
use crate::values::looks_like_contact_data;

/// A quoted cell with more than this is a quote that was never closed.
const MAX_CELL_BYTES: usize = 1 << 20;
const MAX_CELL_LINES: usize = 5_000;

/// The records of a text with delimiters.
pub(crate) struct Records<'a> {
    lines: Lines<'a>,
    delimiter: Delimiter,
    /// How many cells the header has, once it is known.
    width: Option<usize>,
    /// Which columns are of addresses and of phone numbers.
    contacts: Vec<usize>,
    /// Records still to come that are the rest of a row which a line end has cut.
    broken: usize,
    /// The number of the last record that was read.
    number: u64,
    /// Cells of a record that nobody needs any more.
    spare: Vec<String>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(lines: Lines<'a>, delimiter: Delimiter) -> Self {
        Self { lines, delimiter, width: None, contacts: Vec::new(), broken: 0, number: 0, spare: Vec::new() }
    }

    /// Below a header with these names.
    pub(crate) fn set_header(&mut self, names: &[String]) {
        let is_contact = |name: &str| matches!(mapping::alias(name), Some(Alias::Field(Field::Email | Field::Phone)));
        self.contacts = (0..names.len()).filter(|at| names.get(*at).is_some_and(|name| is_contact(name))).collect();
        self.width = Some(names.len());
    }

    /// The next record. Empty lines are records of one empty cell.
    pub(crate) fn next(&mut self) -> io::Result<Option<Row>> {
        let Some(first) = self.lines.next()? else { return Ok(None) };
        self.number += 1;
        let mut row = self.record(first)?;
        if self.broken > 0 {
            self.broken -= 1;
            row.fault = row.fault.or(Some(Fault::BrokenLine));
        } else if row.fault.is_none() && self.width.is_some_and(|width| row.cells.len() < width) {
            self.broken = self.rest_of(&row.cells)?;
            row.fault = (self.broken > 0).then_some(Fault::BrokenLine);
        }
        Ok(Some(Row { number: self.number, ..row }))
    }

    /// How many of the next lines are the rest of a row that is too short: together they have as many cells as the header,
    /// and none of them has an address or a number, or one has something else where these belong.
    fn rest_of(&mut self, cells: &[String]) -> io::Result<usize> {
        const MOST_LINES: usize = 20;
        let Some(width) = self.width.filter(|width| *width > 1 && cells.len() > 1) else { return Ok(0) };
        let (mut count, mut lines, mut rest) = (cells.len(), Vec::new(), 0);
        while lines.len() < MOST_LINES {
            let Some(line) = self.lines.next()? else { break };
            let split = split(&line.text, self.delimiter, Dialect::Standard);
            let is_cut = line.cut || split.is_open;
            lines.push(line);
            if is_cut || split.cells.len() >= width || split.cells.iter().any(|cell| looks_like_contact_data(cell)) {
                break;
            }
            count += split.cells.len() - 1;
            let is_odd = |at: &usize| split.cells.get(*at).is_some_and(|cell| !cell.trim().is_empty());
            if count == width || (count > width && self.contacts.iter().any(is_odd)) {
                rest = lines.len();
            }
            if count >= width {
                break;
            }
        }
        self.lines.give_back(lines.into_iter());
        Ok(rest)
    }

    /// Takes cells back that nobody needs any more, so that the next ones need no memory of their own.
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

    /// A record of several lines whose quote was closed: by its own end, or by a quote of somebody else's row.
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

    /// The first line is the row with the quote; those after it are rows of their own.
    fn never_closed(&mut self, mut lines: Vec<Line>) -> Row {
        let after = lines.split_off(1);
        self.lines.give_back(after.into_iter());
        let text = joined(&lines);
        Row::faulty(split(&text, self.delimiter, Dialect::Standard).cells, Fault::QuoteNeverCloses)
    }

    /// Whether a line alone is a row that has an e-mail address or a phone number in a cell of its own.
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
        // A row that is in quotes as a whole, as if it were one cell.
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
        let mut records = Records::new(lines, Delimiter::COMMA);
        records.set_header(&["Email", "Name", "City"].map(str::to_owned));
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
