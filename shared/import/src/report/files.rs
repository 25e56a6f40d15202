//! `rejects.csv`, which can be corrected and imported again, and `results.csv`.

use std::io::Write;

use crate::Problem;

/// The columns that a list of rejects has beside those of the list.
const OWN: [&str; 4] = ["_row", "_column", "_problem", DND];
/// What the row alone does not say of consent, because a heading, a title or another row said it: an opt-out of these
/// channels, or `?` where somebody has to say yes or no.
pub(crate) const DND: &str = "_dnd";

/// Whether a column is one of those that a list of rejects has of its own.
pub(crate) fn is_own_name(name: &str) -> bool {
    OWN.contains(&name)
}

/// The rows that were left out, or lost a cell, as they stand in the list, with `_row`, `_column` and `_problem`, and in
/// `_dnd` what the row alone does not say of consent. A list that has these from an earlier import gets them anew.
pub struct Rejects<W: Write> {
    writer: csv::Writer<W>,
    /// For each column of the list, whether it is one of its own.
    own: Vec<bool>,
    /// The column of what was known before.
    known_dnd: Option<usize>,
}

impl<W: Write> Rejects<W> {
    /// Of a list with this header, into `file`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(file: W, header: &[String]) -> csv::Result<Rejects<W>> {
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
        let own = header.iter().map(|name| OWN.contains(&name.as_str())).collect();
        let known_dnd = header.iter().position(|name| name == DND);
        let mut rejects = Rejects { writer, own, known_dnd };
        let mut names = rejects.of_list(header);
        names.extend(OWN.map(str::to_owned));
        rejects.writer.write_record(&names)?;
        Ok(rejects)
    }

    /// A row, if it lost anything. `dnd` is [`HeldBack::dnd`](crate::HeldBack::dnd) or
    /// [`ImportedContact::dnd`](crate::ImportedContact::dnd).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, cells: &[String], dnd: &str, problems: &[Problem]) -> csv::Result<()> {
        let lost: Vec<&Problem> = problems.iter().filter(|problem| problem.is_loss()).collect();
        let Some(first) = lost.first() else { return Ok(()) };
        let columns: Vec<&str> = lost.iter().filter_map(|problem| problem.column.as_deref()).collect();
        let messages: Vec<&str> = lost.iter().map(|problem| problem.message.as_str()).collect();
        let mut row = self.of_list(cells);
        row.extend([first.row.to_string(), columns.join("; "), messages.join("; "), self.dnd(cells, dnd)]);
        self.writer.write_record(&row)
    }

    /// What was known before, from an earlier list of rejects, and what is new.
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

    /// The cells of the list's columns, and those beyond them.
    fn of_list(&self, cells: &[String]) -> Vec<String> {
        let missing = self.own.len().saturating_sub(cells.len());
        let all = cells.iter().cloned().chain(std::iter::repeat_n(String::new(), missing));
        let is_own = self.own.iter().copied().chain(std::iter::repeat(false));
        all.zip(is_own).filter(|(_, is_own)| !is_own).map(|(cell, _)| cell).collect()
    }

    /// The file, with all that was written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> std::io::Result<W> {
        self.writer.into_inner().map_err(|error| error.into_error())
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordResult {
    /// The row that it began with.
    pub row: u64,
    /// The id of the record that its row became.
    pub record: String,
    /// `synced`, `skipped`, `pending`, `refused` or `failed`.
    pub state: &'static str,
    /// GHL's id of it; empty if it has none.
    pub ghl_id: String,
    /// What went wrong last; empty if nothing did.
    pub error: String,
    /// The fields that GHL did not store.
    pub not_stored: Vec<String>,
}

/// `results.csv`: one line a record.
pub struct Results<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Results<W> {
    /// Into `file`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(file: W) -> csv::Result<Results<W>> {
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(["_row", "record", "state", "ghl_id", "error", "fields_not_stored"])?;
        Ok(Results { writer })
    }

    /// One line.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, result: &RecordResult) -> csv::Result<()> {
        let RecordResult { row, record, state, ghl_id, error, not_stored } = result;
        self.writer.write_record([&row.to_string(), record, *state, ghl_id, error, &not_stored.join("; ")])
    }

    /// The file, with all that was written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> std::io::Result<W> {
        self.writer.into_inner().map_err(|error| error.into_error())
    }
}
