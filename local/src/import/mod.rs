//! Contact lists: from the bytes of a CSV file to contacts for the outbox.
//!
//! [`read`] takes what people export from HighLevel, from other CRMs and from spreadsheets. Nothing of the file is
//! dropped in silence: each row is either a contact, or blank, or among the [`Problem`]s, and each column is either
//! mapped or listed as unmapped.

mod columns;
mod decode;
mod identity;
mod phone;
mod place;
mod problem;
mod repeat;
mod row;
mod summary;
mod table;
mod values;

use std::collections::HashMap;

use ghl_sync_engine::domain::{Contact, LocationId, Payload, PayloadError, Priority, PutRecord, RecordId};

use columns::Columns;
pub use columns::MappedColumn;
pub use decode::Encoding;
pub use problem::{Effect, ImportError, Problem};
pub use repeat::repeat;
use row::Cells;
pub use summary::Summary;
pub use table::Delimiter;
use table::{Row, Table};

/// How to understand what a file leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// Whether a row that names no country is in the United States. It decides how national phone numbers and ZIP
    /// codes without their leading zeros are read; it does not put a country into the contact.
    pub assume_us: bool,
    /// The longest cell, in bytes; a row with a longer one is left out.
    pub max_cell_bytes: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { assume_us: true, max_cell_bytes: 64 * 1024 }
    }
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The contacts, in the order of their rows. No two have the same id.
    pub contacts: Vec<ImportedContact>,
    /// Rows below the header, without blank ones: each is one of `contacts` or has a problem that left it out.
    pub rows: u64,
    /// Rows below the header that have cells, and nothing in any of them.
    pub blank_rows: u64,
    /// The columns that were used.
    pub mapped: Vec<MappedColumn>,
    /// The names of the columns that were not.
    pub unmapped: Vec<String>,
    /// What was left out or changed, in the order of the rows.
    pub problems: Vec<Problem>,
    /// What the file's text is written in.
    pub encoding: Encoding,
    /// What is between its cells.
    pub delimiter: Delimiter,
    /// How many US ZIP codes got back the leading zeros that a spreadsheet had taken.
    pub zip_restored: u64,
}

/// A contact and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedContact {
    /// The row, as a spreadsheet numbers it: the header on top of the file is row 1.
    pub row: u64,
    /// Its id in the outbox. The same person has the same id in each import, and the id tells nothing of the person.
    pub id: RecordId,
    /// The contact; its payload check has passed.
    pub contact: Contact,
}

impl ImportedContact {
    /// The contact as the outbox takes it.
    #[must_use]
    pub fn into_put(self, location_id: LocationId, priority: Priority) -> PutRecord {
        PutRecord {
            location_id,
            id: self.id,
            payload: Payload::Contact(self.contact),
            priority,
            ghl_id: None,
            is_new: false,
            conflict: None,
        }
    }
}

/// Reads a contact list.
///
/// # Errors
/// [`ImportError`] where the file as a whole cannot be used. A row or a cell that cannot be used is one of
/// [`Import::problems`] instead, and the others go on.
pub fn read(bytes: &[u8], options: &ImportOptions) -> Result<Import, ImportError> {
    let (text, encoding) = decode::decode(bytes)?;
    let Table { header, delimiter, rows } = Table::open(&text)?;
    let (columns, problems) = Columns::of_header(&header)?;

    let mut importer = Importer { options, columns: &columns, found: Found { problems, ..Found::default() } };
    for row in rows {
        importer.take(&row?);
    }
    let Found { contacts, rows, blank_rows, problems, zip_restored, .. } = importer.found;
    let (mapped, unmapped) = columns.into_lists();
    Ok(Import { contacts, rows, blank_rows, mapped, unmapped, problems, encoding, delimiter, zip_restored })
}

struct Importer<'a> {
    options: &'a ImportOptions,
    columns: &'a Columns,
    found: Found,
}

#[derive(Default)]
struct Found {
    contacts: Vec<ImportedContact>,
    row_of: HashMap<RecordId, u64>,
    rows: u64,
    blank_rows: u64,
    problems: Vec<Problem>,
    zip_restored: u64,
}

impl Importer<'_> {
    fn take(&mut self, row: &Row) {
        if row.is_blank() {
            self.found.blank_rows += 1;
            return;
        }
        self.found.rows += 1;
        match self.contact(row) {
            Ok(contact) => self.found.contacts.push(contact),
            Err(problem) => self.found.problems.push(problem),
        }
    }

    /// The row's contact, or why the row is left out. What happened to its cells is noted on the way.
    fn contact(&mut self, row: &Row) -> Result<ImportedContact, Problem> {
        let mut cells = Cells::of_row(row, self.columns, self.options)?;
        let contact = cells.contact();
        self.found.problems.append(&mut cells.problems);
        let contact = contact?;

        let payload = Payload::Contact(contact.clone());
        payload.check().and_then(|()| payload.check_size()).map_err(|error| self.refused_by_check(row, &error))?;
        let id = identity::record_id(&contact);
        if let Some(first) = self.found.row_of.get(&id) {
            return Err(Problem::row_left_out(row.number, None, format!("is the same contact as row {first}")));
        }
        self.found.row_of.insert(id.clone(), row.number);
        self.found.zip_restored += u64::from(cells.zip_restored);
        Ok(ImportedContact { row: row.number, id, contact })
    }

    fn refused_by_check(&self, row: &Row, error: &PayloadError) -> Problem {
        let column = match error {
            PayloadError::Field { field, .. } => Some(self.columns.name_of(field).unwrap_or(field).to_owned()),
            PayloadError::TooLarge { field, .. } => Some(self.columns.name_of(field).unwrap_or(field).to_owned()),
            PayloadError::Malformed { .. } => None,
        };
        Problem::row_left_out(row.number, column, error.to_string())
    }
}

#[cfg(test)]
mod tests;
