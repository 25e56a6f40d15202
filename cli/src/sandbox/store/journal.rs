//! The file that outlives the process: one line of JSON for each write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Contact, Opportunity, Part};
use crate::private;

const FILE_NAME: &str = "sandbox.jsonl";

/// A write, with the whole record as it is after it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    Contact(Contact),
    Opportunity(Opportunity),
    ContactDeleted {
        id: String,
        at: u64,
    },
    OpportunityDeleted {
        id: String,
        at: u64,
    },
    /// Something that the location is made of.
    Part {
        location_id: String,
        part: Part,
    },
    PartDeleted {
        location_id: String,
        id: String,
    },
}

/// The journal, open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens the journal in `dir` and reads what is in it. A last line without its end is the write during which the
    /// process was killed: nobody was told of it, so it is cut off.
    pub(crate) fn open(dir: &Path) -> io::Result<(Journal, Vec<Entry>)> {
        private::directory(dir)?;
        let path = dir.join(FILE_NAME);
        let file = private::open(&path, OpenOptions::new().read(true).append(true).create(true))?;
        let text = fs::read(&path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let entries = lines.map(serde_json::from_slice).collect::<Result<_, _>>()?;
        Ok((Journal { file }, entries))
    }

    /// Adds a line, and hands it to the operating system: it outlives a killed process, though not a power cut.
    pub(crate) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }

    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)
    }
}
