//! Finds lines that are not whole rows, because of an unquoted cell with a line break.

use std::collections::HashMap;

use crate::identity::Keys;
use crate::mapping::{Columns, Field, Target};
use crate::row::RowReader;
use crate::table::Row;
use crate::values::{email, looks_like_contact_data, text};

/// Defect of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// It is part of a row that continues on neighbouring lines.
    Part,
    /// It is a single text in a list of several columns.
    Lone,
}

impl Break {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Break::Part => "is a part of a row, whose other part is beside it: put cells with line ends in quotes",
            Break::Lone => {
                "is one text without the sign between cells: if it ends the row above, put that cell in quotes; if it is a \
                 heading, remove it"
            }
        }
    }
}

/// Finds lines that are not whole rows. It examines only rows with fewer cells than the header, and the rows around
/// them.
#[derive(Debug, Default)]
pub(crate) struct Breaks {
    found: HashMap<u64, Break>,
    /// Consecutive short lines that may form one row, and below, their cells joined into it.
    parts: Vec<(u64, Keys)>,
    joined: Vec<String>,
    /// The row before, if it was whole.
    whole: Option<(u64, Keys)>,
}

impl Breaks {
    pub(crate) fn into_found(self) -> HashMap<u64, Break> {
        self.found
    }

    /// Starts over after a line that belongs to no row.
    pub(crate) fn interrupt(&mut self) {
        self.parts.clear();
        self.whole = None;
    }

    /// Takes the next row. Returns the keys of everybody named in broken rows: their consent is unknown.
    pub(crate) fn take(&mut self, row: &Row, keys: Keys, reader: &RowReader<'_>) -> Vec<u64> {
        let columns = reader.columns;
        let whole = self.whole.take();
        if row.missing == 0 {
            let is_rest = !self.parts.is_empty() && is_misfit(&row.cells, columns);
            let found = if is_rest { self.all_with(row, keys, reader) } else { Vec::new() };
            self.parts.clear();
            self.whole = Some((row.number, keys));
            return found;
        }
        let cells = row.cells.get(..columns.all().len().saturating_sub(row.missing)).unwrap_or_default();
        if !fits(cells, columns) {
            if !self.parts.is_empty() {
                self.join(cells);
                let is_whole = self.joined.len() == columns.all().len() && fits(&self.joined, columns);
                if is_whole || is_misfit(cells, columns) {
                    let found = self.all_with(row, keys, reader);
                    self.parts.clear();
                    return found;
                }
            }
            if let [only] = cells
                && columns.all().len() > 2
                && !looks_like_contact_data(only)
            {
                self.found.insert(row.number, Break::Lone);
                // A consent that continues on another line is unknown.
                let last = columns.all().last().map(|column| &column.target);
                let before = whole.filter(|_| matches!(last, Some(Target::Consent(_))));
                self.found.extend(before.map(|(number, _)| (number, Break::Part)));
                if !self.parts.is_empty() && self.joined.len() < columns.all().len() {
                    self.parts.push((row.number, keys));
                }
                return before.into_iter().flat_map(|(_, keys)| keys.all()).collect();
            }
        }
        self.parts = vec![(row.number, keys)];
        self.joined = cells.to_vec();
        Vec::new()
    }

    /// Reports the parts so far and this row as one. In parts, addresses and numbers may be in any column.
    fn all_with(&mut self, row: &Row, keys: Keys, reader: &RowReader<'_>) -> Vec<u64> {
        let parts: Vec<(u64, Keys)> = self.parts.drain(..).chain([(row.number, keys)]).collect();
        self.found.extend(parts.iter().map(|(number, _)| (*number, Break::Part)));
        let cells = self.joined.drain(..).chain(row.cells.iter().cloned()).collect();
        let named = reader.told_of_broken(&Row::of(cells)).others;
        parts.iter().flat_map(|(_, keys)| keys.all()).chain(named).collect()
    }

    fn join(&mut self, cells: &[String]) {
        let mut cells = cells.iter();
        if let Some((last, first)) = self.joined.last_mut().zip(cells.next()) {
            last.push('\n');
            last.push_str(first);
        }
        self.joined.extend(cells.cloned());
    }
}

fn filled<'c>(cells: &'c [String], columns: &'c Columns, field: Field) -> impl Iterator<Item = String> + 'c {
    let cells = columns.of(field).iter().filter_map(|index| cells.get(*index));
    cells.map(|cell| text::value(cell).into_owned()).filter(|value| !value.is_empty() && !text::is_null(value))
}

/// Whether the cells hold an address or number in its column, and nothing but addresses in address columns.
fn fits(cells: &[String], columns: &Columns) -> bool {
    let is_number = |value: &String| {
        value.bytes().filter(u8::is_ascii_digit).count() >= 7
            && !value.contains(|c: char| c.is_alphabetic() || c == '\n')
    };
    let is_email = |value: &String| email::emails(value).is_ok_and(|emails| !emails.has_rest) && !value.contains('\n');
    let has_email = filled(cells, columns, Field::Email).any(|value| is_email(&value));
    (has_email || filled(cells, columns, Field::Phone).any(|value| is_number(&value)))
        && filled(cells, columns, Field::Email).all(|value| is_email(&value))
}

/// Whether an address column holds something else.
fn is_misfit(cells: &[String], columns: &Columns) -> bool {
    !fits(cells, columns) && filled(cells, columns, Field::Email).any(|value| email::emails(&value).is_err())
}
