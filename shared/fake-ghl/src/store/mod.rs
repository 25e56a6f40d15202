//! What GHL remembers.

mod contact;
mod journal;
mod opportunity;
mod pipeline;
mod structure;
mod table;

use std::collections::BTreeMap;
use std::io;

pub(crate) use contact::{Contact, V1_LOCATION};
pub use journal::Journal;
pub(crate) use opportunity::Opportunity;
pub use pipeline::{Pipeline, Stage, default_pipelines};
pub(crate) use structure::{CustomField, CustomValue, Part, Profile, Structure, Tag, User};
pub(crate) use table::{Key, Row, Table};

use self::journal::Entry;
use super::ids::Ids;

/// The contacts and opportunities of all locations, and what else they are made of. A write is in the journal before it
/// is in memory.
#[derive(Debug)]
pub(crate) struct Store {
    contacts: Table<Contact>,
    opportunities: Table<Opportunity>,
    /// What a location is made of that nobody has changed.
    unchanged: Structure,
    structures: BTreeMap<String, Structure>,
    ids: Ids,
    /// Milliseconds that the search index, and reads of pipelines, are behind.
    lag: u64,
    journal: Option<Box<dyn Journal>>,
}

impl Store {
    /// An empty store, where every location has `pipelines`.
    pub(crate) fn new(lag: u64, pipelines: Vec<Pipeline>, ids: Ids) -> Store {
        Store {
            contacts: Table::new(lag),
            opportunities: Table::new(lag),
            unchanged: Structure::of(pipelines),
            structures: BTreeMap::new(),
            ids,
            lag,
            journal: None,
        }
    }

    /// Makes `writes` again, which are in `journal`, and adds all that follow.
    pub(crate) fn keep_in(&mut self, journal: Box<dyn Journal>, writes: &[String]) -> io::Result<()> {
        for write in writes {
            self.apply(serde_json::from_str(write)?);
        }
        self.journal = Some(journal);
        Ok(())
    }

    /// Where new ids come from.
    pub(crate) fn ids(&mut self) -> &mut Ids {
        &mut self.ids
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
        self.structures.get(location).unwrap_or(&self.unchanged)
    }

    /// The location that the record or pipeline of this id belongs to. Pipelines that every location has tell none.
    pub(crate) fn location_of(&self, id: &str) -> Option<&str> {
        let of_contact = self.contacts.get(id).map(Row::location_id);
        let of_record = of_contact.or_else(|| self.opportunities.get(id).map(Row::location_id));
        let has_pipeline = |(_, structure): &(&String, &Structure)| structure.pipeline(id).is_some();
        let of_pipeline = || self.structures.iter().find(has_pipeline).map(|(location, _)| location.as_str());
        of_record.or_else(|| if self.unchanged.pipeline(id).is_some() { None } else { of_pipeline() })
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
            journal.append(&serde_json::to_string(&entry)?)?;
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
            Entry::Part { location_id, part } => {
                let lag = self.lag;
                self.changed(location_id).put(part, lag);
            }
            Entry::PartDeleted { location_id, id } => self.changed(location_id).remove(&id),
        }
    }

    fn changed(&mut self, location: String) -> &mut Structure {
        self.structures.entry(location).or_insert_with(|| self.unchanged.clone())
    }
}
