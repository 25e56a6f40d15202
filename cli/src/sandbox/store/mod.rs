//! What GHL remembers.

mod contact;
mod journal;
mod opportunity;
mod structure;
mod table;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

pub(crate) use contact::Contact;
pub(crate) use opportunity::Opportunity;
pub(crate) use structure::{CustomField, CustomValue, Part, Profile, Structure, Tag, User};
pub(crate) use table::{Key, Row, Table};

use self::journal::{Entry, Journal};
use super::clock::millis;

/// What a location is made of that nobody has changed.
static UNCHANGED: LazyLock<Structure> = LazyLock::new(Structure::default);

/// The contacts and opportunities of all locations, and what else they are made of. A write is in the journal before it is in memory.
#[derive(Debug)]
pub(crate) struct Store {
    contacts: Table<Contact>,
    opportunities: Table<Opportunity>,
    structures: HashMap<String, Structure>,
    /// Milliseconds that the search index, and reads of pipelines, are behind.
    lag: u64,
    journal: Option<Journal>,
}

impl Store {
    /// Opens the store that is kept in `data_dir`, or an empty one that is kept nowhere.
    pub(crate) fn open(data_dir: Option<&Path>, search_lag: Duration) -> io::Result<Store> {
        let lag = millis(search_lag);
        let mut store = Store {
            contacts: Table::new(lag),
            opportunities: Table::new(lag),
            structures: HashMap::new(),
            lag,
            journal: None,
        };
        if let Some(dir) = data_dir {
            let (journal, entries) = Journal::open(dir)?;
            for entry in entries {
                store.apply(entry);
            }
            store.journal = Some(journal);
        }
        Ok(store)
    }

    pub(crate) fn contacts(&self) -> &Table<Contact> {
        &self.contacts
    }

    pub(crate) fn opportunities(&self) -> &Table<Opportunity> {
        &self.opportunities
    }

    pub(crate) fn lag(&self) -> u64 {
        self.lag
    }

    pub(crate) fn structure(&self, location: &str) -> &Structure {
        self.structures.get(location).unwrap_or(&UNCHANGED)
    }

    /// The location that the record or pipeline of this id belongs to. Pipelines that every location has tell none.
    pub(crate) fn location_of(&self, id: &str) -> Option<&str> {
        let of_contact = self.contacts.get(id).map(Row::location_id);
        let of_record = of_contact.or_else(|| self.opportunities.get(id).map(Row::location_id));
        let has_pipeline = |(_, structure): &(&String, &Structure)| structure.pipeline(id).is_some();
        let of_pipeline = || self.structures.iter().find(has_pipeline).map(|(location, _)| location.as_str());
        of_record.or_else(|| if UNCHANGED.pipeline(id).is_some() { None } else { of_pipeline() })
    }

    pub(crate) fn put_contact(&mut self, contact: Contact) -> io::Result<()> {
        self.write(Entry::Contact(contact))
    }

    pub(crate) fn put_opportunity(&mut self, opportunity: Opportunity) -> io::Result<()> {
        self.write(Entry::Opportunity(opportunity))
    }

    pub(crate) fn delete_contact(&mut self, id: &str, now: u64) -> io::Result<()> {
        self.write(Entry::ContactDeleted { id: id.to_owned(), at: now })
    }

    pub(crate) fn delete_opportunity(&mut self, id: &str, now: u64) -> io::Result<()> {
        self.write(Entry::OpportunityDeleted { id: id.to_owned(), at: now })
    }

    pub(crate) fn put_part(&mut self, location: &str, part: Part) -> io::Result<()> {
        self.write(Entry::Part { location_id: location.to_owned(), part })
    }

    pub(crate) fn remove_part(&mut self, location: &str, id: &str) -> io::Result<()> {
        self.write(Entry::PartDeleted { location_id: location.to_owned(), id: id.to_owned() })
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.clear()?;
        }
        self.contacts.clear();
        self.opportunities.clear();
        self.structures.clear();
        Ok(())
    }

    fn write(&mut self, entry: Entry) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(&entry)?;
        }
        self.apply(entry);
        Ok(())
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Contact(contact) => self.contacts.put(contact),
            Entry::Opportunity(opportunity) => self.opportunities.put(opportunity),
            Entry::ContactDeleted { id, at } => self.contacts.delete(&id, at),
            Entry::OpportunityDeleted { id, at } => self.opportunities.delete(&id, at),
            Entry::Part { location_id, part } => self.structures.entry(location_id).or_default().put(part, self.lag),
            Entry::PartDeleted { location_id, id } => self.structures.entry(location_id).or_default().remove(&id),
        }
    }
}

/// A new id, of the form that GHL's have.
pub(crate) fn new_id() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(20).collect()
}
