//! `rejects.csv`, which can be corrected and imported again, and `results.csv`.

use std::io::Write;

use super::own_columns::{DND, OWN, is_own_name};
use crate::ListProblem;

/// Writes rows that were left out or lost a cell, as in the list, plus `_row`, `_column`, `_problem` and `_dnd`, the
/// consent that the row alone does not show. If the list has these columns from an earlier import, they are replaced.
pub struct Rejects<W: Write> {
    writer: csv::Writer<W>,
    /// For each column of the list, whether a reject list added it.
    own: Vec<bool>,
    /// Index of the list's own `_dnd` column.
    known_dnd: Option<usize>,
}

impl<W: Write> Rejects<W> {
    /// Starts a reject list with this header in `file`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(file: W, header: &[String]) -> csv::Result<Rejects<W>> {
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
        let own = header.iter().map(|name| is_own_name(name)).collect();
        let known_dnd = header.iter().position(|name| name == DND);
        let mut rejects = Rejects { writer, own, known_dnd };
        let mut names = rejects.of_list(header);
        names.extend(OWN.map(str::to_owned));
        rejects.writer.write_record(&names)?;
        Ok(rejects)
    }

    /// Writes a row if it lost anything. `dnd` is [`HeldBack::dnd`](crate::HeldBack::dnd) or
    /// [`ImportedContact::dnd`](crate::ImportedContact::dnd).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, cells: &[String], dnd: &str, problems: &[ListProblem]) -> csv::Result<()> {
        let lost: Vec<&ListProblem> = problems.iter().filter(|problem| problem.is_loss()).collect();
        let Some(first) = lost.first() else { return Ok(()) };
        let columns: Vec<&str> = lost.iter().filter_map(|problem| problem.column.as_deref()).collect();
        let messages: Vec<&str> = lost.iter().map(|problem| problem.message.as_str()).collect();
        let mut row = self.of_list(cells);
        row.extend([first.row.to_string(), columns.join("; "), messages.join("; "), self.dnd(cells, dnd)]);
        self.writer.write_record(&row)
    }

    /// Combines the `_dnd` of an earlier reject list with the new one.
    fn dnd(&self, cells: &[String], new: &str) -> String {
        let known = self.known_dnd.and_then(|at| cells.get(at)).map(|cell| cell.trim()).unwrap_or_default();
        match (known, new) {
            (known, "") => known.to_owned(),
            (known, new) if known == new || new == crate::UNDECIDED || ["", "no", "0", "false"].contains(&known) => {
                new.to_owned()
            }
            (known, new) => format!("{known}, {new}"),
        }
    }

    /// The cells of the list's columns, and surplus cells.
    fn of_list(&self, cells: &[String]) -> Vec<String> {
        let missing = self.own.len().saturating_sub(cells.len());
        let all = cells.iter().cloned().chain(std::iter::repeat_n(String::new(), missing));
        let is_own = self.own.iter().copied().chain(std::iter::repeat(false));
        all.zip(is_own).filter(|(_, is_own)| !is_own).map(|(cell, _)| cell).collect()
    }

    /// Flushes and returns the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> std::io::Result<W> {
        self.writer.into_inner().map_err(|error| error.into_error())
    }
}

/// Result of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordResultRow {
    /// The record's first row.
    pub row: u64,
    /// Id of the record made from the row.
    pub record: String,
    /// `synced`, `skipped`, `pending`, `refused` or `failed`.
    pub state: &'static str,
    /// GHL's id of the record, or empty.
    pub ghl_id: String,
    /// The last error, or empty.
    pub error: String,
    /// The fields that GHL did not store.
    pub not_stored: Vec<String>,
}

/// `results.csv`: one line per record.
pub struct Results<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Results<W> {
    /// Starts a results file in `file`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(file: W) -> csv::Result<Results<W>> {
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(["_row", "record", "state", "ghl_id", "error", "fields_not_stored"])?;
        Ok(Results { writer })
    }

    /// Writes one line.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, result: &RecordResultRow) -> csv::Result<()> {
        let RecordResultRow { row, record, state, ghl_id, error, not_stored } = result;
        self.writer.write_record([&row.to_string(), record, *state, ghl_id, error, &not_stored.join("; ")])
    }

    /// Flushes and returns the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> std::io::Result<W> {
        self.writer.into_inner().map_err(|error| error.into_error())
    }
}
