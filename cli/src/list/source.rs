//! The source of a list on the command line: a file, standard input, or memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ghl_sync_import::{ByteSource, FileImportError};
use tempfile::NamedTempFile;

use crate::Failure;

/// Longest standard input kept in memory; longer input goes into a file.
const IN_MEMORY: u64 = 16 << 20;

/// A list that can be opened more than once.
pub(super) enum ListSource {
    File(PathBuf),
    /// Standard input, which can only be read once.
    Memory(Vec<u8>),
    /// Standard input that is too long for memory.
    Temporary(NamedTempFile),
}

impl ListSource {
    pub(super) fn of_bytes(bytes: &[u8]) -> ListSource {
        ListSource::Memory(bytes.to_vec())
    }

    /// Opens the list at `path`; `-` is standard input.
    pub(super) fn of_path(path: &Path) -> Result<ListSource, Failure> {
        if path == Path::new("-") {
            return kept(io::stdin().lock()).map_err(|error| format!("standard input: {error}").into());
        }
        File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(ListSource::File(path.to_owned()))
    }

    /// Adds the file's name to an error.
    pub(super) fn named(&self, error: FileImportError) -> Failure {
        match self {
            ListSource::File(path) => format!("{}: {error}", path.display()).into(),
            ListSource::Memory(_) | ListSource::Temporary(_) => error.into(),
        }
    }
}

impl ByteSource for ListSource {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        match self {
            ListSource::File(path) => Ok(Box::new(File::open(path)?)),
            ListSource::Memory(bytes) => bytes.open(),
            ListSource::Temporary(file) => Ok(Box::new(file.reopen()?)),
        }
    }
}

fn kept(mut bytes: impl Read) -> io::Result<ListSource> {
    let mut start = Vec::new();
    bytes.by_ref().take(IN_MEMORY).read_to_end(&mut start)?;
    if (start.len() as u64) < IN_MEMORY {
        return Ok(ListSource::Memory(start));
    }
    let mut file = NamedTempFile::new()?;
    file.write_all(&start)?;
    io::copy(&mut bytes, &mut file)?;
    Ok(ListSource::Temporary(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_of_any_length_can_be_read_again() {
        for length in [0, 3, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 70_000] {
            let source = kept(io::repeat(b'x').take(length)).unwrap();
            for _ in 0..2 {
                assert_eq!(io::copy(&mut source.open().unwrap(), &mut io::sink()).unwrap(), length);
            }
        }
    }
}
