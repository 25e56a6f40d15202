//! The contacts of a list that was read. A few are kept in memory; more go into a file visible only to this process,
//! as a list may be larger than memory.

use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};

use ghl_sync_import::ImportedContact;
use ghl_sync_model::{Contact, RecordId};
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

/// Bytes kept in memory before a file is used.
const IN_MEMORY: usize = 8 << 20;
/// Contacts read per chunk.
const CHUNK: usize = 5_000;

/// Stored part of a contact.
#[derive(Serialize, Deserialize)]
struct SpooledContact {
    row: u64,
    id: RecordId,
    contact: Contact,
}

/// Contacts in the order of the list.
pub(crate) struct Contacts {
    lines: LineStore<SpooledContact>,
}

impl Contacts {
    pub(crate) fn none() -> Contacts {
        Contacts { lines: LineStore::none() }
    }

    pub(crate) fn of(contacts: impl IntoIterator<Item = ImportedContact>) -> io::Result<Contacts> {
        let mut all = Contacts::none();
        contacts.into_iter().try_for_each(|contact| all.push(contact))?;
        Ok(all)
    }

    pub(super) fn push(&mut self, contact: ImportedContact) -> io::Result<()> {
        let ImportedContact { row, id, contact, .. } = contact;
        self.lines.push(&SpooledContact { row, id, contact }).map(drop)
    }

    pub(crate) fn len(&self) -> u64 {
        self.lines.count
    }

    /// All contacts, some thousands at a time.
    pub(crate) fn chunks(&mut self) -> io::Result<impl Iterator<Item = io::Result<Vec<ImportedContact>>>> {
        let mut all = self.lines.all()?;
        Ok(std::iter::from_fn(move || {
            let chunk: io::Result<Vec<ImportedContact>> =
                all.by_ref().take(CHUNK).map(|kept| kept.map(imported)).collect();
            Some(chunk).filter(|chunk| chunk.as_ref().map_or(true, |chunk| !chunk.is_empty()))
        }))
    }

    /// All contacts in memory, for lists that are repeated or known to be short.
    pub(crate) fn all(&mut self) -> io::Result<Vec<ImportedContact>> {
        self.lines.all()?.map(|kept| kept.map(imported)).collect()
    }
}

fn imported(SpooledContact { row, id, contact }: SpooledContact) -> ImportedContact {
    ImportedContact { row, rows: vec![row], id, contact, problems: Vec::new(), cells: Vec::new(), dnd: String::new() }
}

/// Values, one per line, in memory or in a file.
pub(crate) struct LineStore<T> {
    file: BufWriter<SpooledTempFile>,
    written: u64,
    count: u64,
    kind: std::marker::PhantomData<T>,
}

impl<T: Serialize + for<'de> Deserialize<'de>> LineStore<T> {
    pub(crate) fn none() -> LineStore<T> {
        let file = BufWriter::new(tempfile::spooled_tempfile(IN_MEMORY));
        LineStore { file, written: 0, count: 0, kind: std::marker::PhantomData }
    }

    /// Adds a value. Returns its position for [`at`](LineStore::at).
    pub(crate) fn push(&mut self, value: &T) -> io::Result<u64> {
        let at = self.written;
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.written += line.len() as u64;
        self.count += 1;
        Ok(at)
    }

    /// The value at position `at`.
    pub(crate) fn at(&mut self, at: u64) -> io::Result<T> {
        let mut line = Vec::new();
        let mut file = BufReader::new(self.seek_to(at)?);
        file.read_until(b'\n', &mut line)?;
        Ok(serde_json::from_slice(&line)?)
    }

    fn all(&mut self) -> io::Result<impl Iterator<Item = io::Result<T>>> {
        let lines = BufReader::with_capacity(1 << 20, self.seek_to(0)?).lines();
        Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
    }

    /// The file from `at` on. Nothing may be added afterwards.
    fn seek_to(&mut self, at: u64) -> io::Result<&mut SpooledTempFile> {
        self.file.flush()?;
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(at))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_come_back_as_they_were_also_from_a_file_and_again() {
        let made = |row: u64| {
            let note = "é\n\"".repeat(1000);
            let contact =
                Contact { email: Some(format!("a{row}@example.com")), address1: Some(note), ..Contact::default() };
            ImportedContact::of_contact(row, contact)
        };
        let mut contacts = Contacts::of((2..9002).map(made)).unwrap();
        assert_eq!(contacts.len(), 9000);
        for _ in 0..2 {
            let chunks: Vec<Vec<ImportedContact>> = contacts.chunks().unwrap().collect::<io::Result<_>>().unwrap();
            assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [5000, 4000]);
            assert!(chunks.into_iter().flatten().eq((2..9002).map(made)));
        }
        assert_eq!(Contacts::none().all().unwrap(), []);
    }
}
