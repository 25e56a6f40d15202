//! The journal file that preserves the sandbox's records across processes, with one line of JSON per write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use ghl_sync_fake_ghl::Journal;

use crate::private;

const FILE_NAME: &str = "sandbox.jsonl";

/// The file, open for appending.
#[derive(Debug)]
pub(super) struct JournalFile(File);

impl JournalFile {
    /// Opens the journal in `dir` and reads its lines. An incomplete last line is a write during which the process
    /// was killed. Nobody got an answer to it, so it is cut off.
    pub(super) fn open(dir: &Path) -> io::Result<(JournalFile, Vec<String>)> {
        private::directory(dir)?;
        let path = dir.join(FILE_NAME);
        let file = private::open(&path, OpenOptions::new().read(true).append(true).create(true))?;
        let mut text = fs::read(&path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        text.truncate(whole);
        let text = String::from_utf8(text).map_err(io::Error::other)?;
        Ok((JournalFile(file), text.lines().map(str::to_owned).collect()))
    }
}

impl Journal for JournalFile {
    /// Appends a line and hands it to the operating system. It survives a killed process, but not a power cut.
    fn append(&mut self, write: &str) -> io::Result<()> {
        let written = self.0.write_all(format!("{write}\n").as_bytes());
        written.inspect_err(|error| tracing::error!(%error, "the sandbox cannot write its journal"))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0.set_len(0)
    }
}
