//! `rejects.csv`, which can be corrected and imported again, and `results.csv`.

use std::fs::File;
use std::path::{Path, PathBuf};

use ghl_sync_import::Problem;
use tempfile::{NamedTempFile, TempPath};

use crate::Failure;

/// The columns that a list of rejects has beside those of the list.
const OWN: [&str; 3] = ["_row", "_column", "_problem"];

/// The rows that were left out, or lost a cell, as they stand in the list, with `_row`, `_column` and `_problem`. A list that
/// has these from an earlier import gets them anew.
pub(super) struct Rejects {
    name: String,
    writer: csv::Writer<File>,
    /// For each column of the list, whether it is one of its own.
    own: Vec<bool>,
    /// Where it is written until it is whole, and where it goes then: it may be the list that is being read.
    unfinished: Option<(TempPath, PathBuf)>,
}

impl Rejects {
    pub(super) fn create(path: &Path, header: &[String]) -> Result<Rejects, Failure> {
        let name = path.display().to_string();
        let failed = |error: std::io::Error| format!("{name}: {error}");
        // A pipe or a device takes the rows as they come.
        let is_file = std::fs::metadata(path).map_or(true, |found| found.is_file());
        let (file, unfinished) = if is_file {
            let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let (file, unfinished) = NamedTempFile::new_in(folder).map_err(failed)?.into_parts();
            (file, Some((unfinished, path)))
        } else {
            (File::create(path).map_err(failed)?, None)
        };
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
        let own = header.iter().map(|name| OWN.contains(&name.as_str())).collect();
        let mut rejects = Rejects { name, writer, own, unfinished };
        let mut names = rejects.of_list(header);
        names.extend(OWN.map(str::to_owned));
        rejects.put(&names)?;
        Ok(rejects)
    }

    /// A row, if it lost anything.
    pub(super) fn write(&mut self, cells: &[String], problems: &[Problem]) -> Result<(), Failure> {
        let lost: Vec<&Problem> = problems.iter().filter(|problem| problem.is_loss()).collect();
        let Some(first) = lost.first() else { return Ok(()) };
        let columns: Vec<&str> = lost.iter().filter_map(|problem| problem.column.as_deref()).collect();
        let messages: Vec<&str> = lost.iter().map(|problem| problem.message.as_str()).collect();
        let mut row = self.of_list(cells);
        row.extend([first.row.to_string(), columns.join("; "), messages.join("; ")]);
        self.put(&row)
    }

    /// The cells of the list's columns, and those beyond them.
    fn of_list(&self, cells: &[String]) -> Vec<String> {
        let missing = self.own.len().saturating_sub(cells.len());
        let all = cells.iter().cloned().chain(std::iter::repeat_n(String::new(), missing));
        let is_own = self.own.iter().copied().chain(std::iter::repeat(false));
        all.zip(is_own).filter(|(_, is_own)| !is_own).map(|(cell, _)| cell).collect()
    }

    fn put(&mut self, row: &[String]) -> Result<(), Failure> {
        self.writer.write_record(row).map_err(|error| format!("{}: {error}", self.name).into())
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(|error| format!("{}: {error}", self.name))?;
        if let Some((unfinished, path)) = self.unfinished {
            unfinished.persist(path).map_err(|error| format!("{}: {}", self.name, error.error))?;
        }
        Ok(())
    }
}

/// What became of a record.
pub(crate) struct RecordResult {
    pub(crate) row: u64,
    pub(crate) record: String,
    pub(crate) state: &'static str,
    pub(crate) ghl_id: String,
    pub(crate) error: String,
    pub(crate) not_stored: Vec<String>,
}

/// `results.csv`: one line a record.
pub(crate) struct Results {
    name: String,
    writer: csv::Writer<File>,
}

impl Results {
    pub(crate) fn create(path: &Path) -> Result<Results, Failure> {
        let name = path.display().to_string();
        let writer = csv::Writer::from_path(path).map_err(|error| format!("{name}: {error}"))?;
        let mut results = Results { name, writer };
        results.put(["_row", "record", "state", "ghl_id", "error", "fields_not_stored"])?;
        Ok(results)
    }

    pub(crate) fn write(&mut self, result: &RecordResult) -> Result<(), Failure> {
        let RecordResult { row, record, state, ghl_id, error, not_stored } = result;
        self.put([&row.to_string(), record.as_str(), state, ghl_id, error, &not_stored.join("; ")])
    }

    fn put(&mut self, line: [&str; 6]) -> Result<(), Failure> {
        self.writer.write_record(line).map_err(|error| format!("{}: {error}", self.name).into())
    }

    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(|error| format!("{}: {error}", self.name).into())
    }
}
