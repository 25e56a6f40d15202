//! `rejects.csv` and `results.csv` as files of this machine.

use std::fs::File;
use std::path::{Path, PathBuf};

use ghl_sync_import::Problem;
use ghl_sync_import::report::{self, RecordResult};
use tempfile::{NamedTempFile, TempPath};

use crate::Failure;

/// The rows that were left out, or lost a cell.
pub(super) struct Rejects {
    name: String,
    rows: report::Rejects<File>,
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
        let rows = report::Rejects::new(file, header).map_err(|error| format!("{name}: {error}"))?;
        Ok(Rejects { name, rows, unfinished })
    }

    /// A row, if it lost anything.
    pub(super) fn write(&mut self, cells: &[String], dnd: &str, problems: &[Problem]) -> Result<(), Failure> {
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

/// `results.csv`: one line a record.
pub(crate) struct Results {
    name: String,
    lines: report::Results<File>,
}

impl Results {
    pub(crate) fn create(path: &Path) -> Result<Results, Failure> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| format!("{name}: {error}"))?;
        let lines = report::Results::new(file).map_err(|error| format!("{name}: {error}"))?;
        Ok(Results { name, lines })
    }

    pub(crate) fn write(&mut self, result: &RecordResult) -> Result<(), Failure> {
        self.lines.write(result).map_err(|error| format!("{}: {error}", self.name).into())
    }

    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.lines.finish().map(drop).map_err(|error| format!("{}: {error}", self.name).into())
    }
}
