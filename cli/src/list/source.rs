//! Where a list of the command line is: a file, standard input, or memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ghl_sync_import::{ImportError, Source};

use crate::Failure;

/// A list that can be opened more than once.
pub(super) enum ListSource {
    File(PathBuf),
    /// Standard input, which can be read once only, is kept in memory.
    Memory(Vec<u8>),
}

impl ListSource {
    pub(super) fn of_bytes(bytes: &[u8]) -> ListSource {
        ListSource::Memory(bytes.to_vec())
    }

    /// `-` is standard input.
    pub(super) fn of_path(path: &Path) -> Result<ListSource, Failure> {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map_err(|error| format!("standard input: {error}"))?;
            return Ok(ListSource::Memory(bytes));
        }
        File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(ListSource::File(path.to_owned()))
    }

    /// The error with the file's name.
    pub(super) fn named(&self, error: ImportError) -> Failure {
        match self {
            ListSource::File(path) => format!("{}: {error}", path.display()).into(),
            ListSource::Memory(_) => error.into(),
        }
    }
}

impl Source for ListSource {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        match self {
            ListSource::File(path) => Ok(Box::new(File::open(path)?)),
            ListSource::Memory(bytes) => bytes.open(),
        }
    }
}
