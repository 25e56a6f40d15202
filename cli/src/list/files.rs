//! `rejects.csv` and `results.csv` as local files.

use std::fs::File;
use std::path::{Path, PathBuf};

use ghl_sync_import::ListProblem;
use ghl_sync_import::report::{self, RecordResultRow};
use tempfile::{NamedTempFile, TempPath};

use crate::Failure;

/// Rows that were left out or lost a cell.
pub(super) struct RejectsFile {
    name: String,
    rows: report::Rejects<File>,
    /// Temporary path and final path. The final one may be the list being read, so it is only replaced at the end.
    unfinished: Option<(TempPath, PathBuf)>,
}

impl RejectsFile {
    pub(super) fn create(path: &Path, header: &[String]) -> Result<RejectsFile, Failure> {
        let name = path.display().to_string();
        let failed = |error: std::io::Error| format!("{name}: {error}");
        // A pipe or a device receives the rows directly.
        let is_file = std::fs::metadata(path).map_or(true, |found| found.is_file());
        let (file, unfinished) = if is_file {
            let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let (file, unfinished) = NamedTempFile::new_in(folder).map_err(failed)?.into_parts();
            (file, Some((unfinished, path)))
        } else {
            (File::create(path).map_err(failed)?, None)
        };
        let rows = report::Rejects::new(file, header).map_err(|error| format!("{name}: {error}"))?;
        Ok(RejectsFile { name, rows, unfinished })
    }

    /// Writes a row, if it lost anything.
    pub(super) fn write(&mut self, cells: &[String], dnd: &str, problems: &[ListProblem]) -> Result<(), Failure> {
        self.rows.write(cells, dnd, problems).map_err(|error| format!("{}: {error}", self.name).into())
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        self.rows.finish().map_err(|error| format!("{}: {error}", self.name))?;
        if let Some((unfinished, path)) = self.unfinished {
            unfinished.persist(path).map_err(|error| format!("{}: {}", self.name, error.error))?;
        }
        Ok(())
    }
}

/// `results.csv`: one line per record.
pub(crate) struct ResultsFile {
    name: String,
    lines: report::Results<File>,
}

impl ResultsFile {
    pub(crate) fn create(path: &Path) -> Result<ResultsFile, Failure> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| format!("{name}: {error}"))?;
        let lines = report::Results::new(file).map_err(|error| format!("{name}: {error}"))?;
        Ok(ResultsFile { name, lines })
    }

    pub(crate) fn write(&mut self, result: &RecordResultRow) -> Result<(), Failure> {
        self.lines.write(result).map_err(|error| format!("{}: {error}", self.name).into())
    }

    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.lines.finish().map(drop).map_err(|error| format!("{}: {error}", self.name).into())
    }
}
