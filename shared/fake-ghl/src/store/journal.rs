//! Persistent state: each write, with the whole record after it.

use std::{fmt, io};

use serde::{Deserialize, Serialize};

use super::contact::StoredContact;
use super::opportunity::StoredOpportunity;
use super::structure::StructurePart;

/// Stores writes in order.
pub trait Journal: fmt::Debug + Send {
    /// Appends a write, which is a text without line breaks.
    ///
    /// # Errors
    /// If it cannot be stored; the write then has no effect.
    fn append(&mut self, write: &str) -> io::Result<()>;

    /// Forgets all writes.
    ///
    /// # Errors
    /// If they cannot be removed.
    fn clear(&mut self) -> io::Result<()>;
}

/// A write.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JournalEntry {
    Contact(StoredContact),
    Opportunity(StoredOpportunity),
    ContactDeleted {
        id: String,
        at: u64,
    },
    OpportunityDeleted {
        id: String,
        at: u64,
    },
    /// A part of the location's structure.
    Part {
        location_id: String,
        part: StructurePart,
    },
    PartDeleted {
        location_id: String,
        id: String,
    },
}
