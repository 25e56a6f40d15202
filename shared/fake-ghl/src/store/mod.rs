//! GHL's stored data.

mod contact;
mod journal;
mod opportunity;
mod pipeline;
mod structure;
mod table;

use std::collections::BTreeMap;
use std::io;

pub(crate) use contact::{StoredContact, V1_LOCATION};
pub use journal::Journal;
pub(crate) use opportunity::StoredOpportunity;
pub use pipeline::{SandboxPipeline, Stage, default_pipelines};
pub(crate) use structure::{
    LocationStructure, Profile, StoredCustomField, StoredCustomValue, StoredTag, StoredUser, StructurePart,
};
pub(crate) use table::{LookupKey, RecordTable, TableRow};

use self::journal::JournalEntry;
use super::ids::Ids;

/// The contacts, opportunities and structures of all locations. A write reaches the journal before memory.
#[derive(Debug)]
pub(crate) struct Store {
    contacts: RecordTable<StoredContact>,
    opportunities: RecordTable<StoredOpportunity>,
    /// Structure of every location that nobody has changed.
    unchanged: LocationStructure,
    structures: BTreeMap<String, LocationStructure>,
    ids: Ids,
    /// Lag of the search index, and of reads of pipelines, in milliseconds.
    lag: u64,
    journal: Option<Box<dyn Journal>>,
}

impl Store {
    /// An empty store in which every location has `pipelines`.
    pub(crate) fn new(lag: u64, pipelines: Vec<SandboxPipeline>, ids: Ids) -> Store {
        Store {
            contacts: RecordTable::new(lag),
            opportunities: RecordTable::new(lag),
            unchanged: LocationStructure::of(pipelines),
            structures: BTreeMap::new(),
            ids,
            lag,
            journal: None,
        }
    }

    /// Replays `writes`, which come from `journal`, and appends all later writes to it.
    pub(crate) fn keep_in(&mut self, journal: Box<dyn Journal>, writes: &[String]) -> io::Result<()> {
        for write in writes {
            self.apply(serde_json::from_str(write)?);
        }
        self.journal = Some(journal);
        Ok(())
    }

    /// Source of new ids.
    pub(crate) fn ids(&mut self) -> &mut Ids {
        &mut self.ids
    }

    pub(crate) fn contacts(&self) -> &RecordTable<StoredContact> {
        &self.contacts
    }

    pub(crate) fn opportunities(&self) -> &RecordTable<StoredOpportunity> {
        &self.opportunities
    }

    pub(crate) fn lag(&self) -> u64 {
        self.lag
    }

    pub(crate) fn structure(&self, location: &str) -> &LocationStructure {
        self.structures.get(location).unwrap_or(&self.unchanged)
    }

    /// The location that owns the record or pipeline with this id. Default pipelines belong to no location.
    pub(crate) fn location_of(&self, id: &str) -> Option<&str> {
        let of_contact = self.contacts.get(id).map(TableRow::location_id);
        let of_record = of_contact.or_else(|| self.opportunities.get(id).map(TableRow::location_id));
        let has_pipeline = |(_, structure): &(&String, &LocationStructure)| structure.pipeline(id).is_some();
        let of_pipeline = || self.structures.iter().find(has_pipeline).map(|(location, _)| location.as_str());
        of_record.or_else(|| if self.unchanged.pipeline(id).is_some() { None } else { of_pipeline() })
    }

    pub(crate) fn put_contact(&mut self, contact: StoredContact) -> io::Result<()> {
        self.write(JournalEntry::Contact(contact))
    }

    pub(crate) fn put_opportunity(&mut self, opportunity: StoredOpportunity) -> io::Result<()> {
        self.write(JournalEntry::Opportunity(opportunity))
    }

    pub(crate) fn delete_contact(&mut self, id: &str, now: u64) -> io::Result<()> {
        self.write(JournalEntry::ContactDeleted { id: id.to_owned(), at: now })
    }

    pub(crate) fn delete_opportunity(&mut self, id: &str, now: u64) -> io::Result<()> {
        self.write(JournalEntry::OpportunityDeleted { id: id.to_owned(), at: now })
    }

    pub(crate) fn put_part(&mut self, location: &str, part: StructurePart) -> io::Result<()> {
        self.write(JournalEntry::Part { location_id: location.to_owned(), part })
    }

    pub(crate) fn remove_part(&mut self, location: &str, id: &str) -> io::Result<()> {
        self.write(JournalEntry::PartDeleted { location_id: location.to_owned(), id: id.to_owned() })
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

    fn write(&mut self, entry: JournalEntry) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(&serde_json::to_string(&entry)?)?;
        }
        self.apply(entry);
        Ok(())
    }

    fn apply(&mut self, entry: JournalEntry) {
        match entry {
            JournalEntry::Contact(contact) => self.contacts.put(contact),
            JournalEntry::Opportunity(opportunity) => self.opportunities.put(opportunity),
            JournalEntry::ContactDeleted { id, at } => self.contacts.delete(&id, at),
            JournalEntry::OpportunityDeleted { id, at } => self.opportunities.delete(&id, at),
            JournalEntry::Part { location_id, part } => {
                let lag = self.lag;
                self.changed(location_id).put(part, lag);
            }
            JournalEntry::PartDeleted { location_id, id } => self.changed(location_id).remove(&id),
        }
    }

    fn changed(&mut self, location: String) -> &mut LocationStructure {
        self.structures.entry(location).or_insert_with(|| self.unchanged.clone())
    }
}
