//! What outlives the process: each write, with the whole record as it is after it.

use std::{fmt, io};

use serde::{Deserialize, Serialize};

use super::contact::Contact;
use super::opportunity::Opportunity;
use super::structure::Part;

/// Where writes are kept, one after the other.
pub trait Journal: fmt::Debug + Send {
    /// Keeps a write, which is a text without line breaks.
    ///
    /// # Errors
    /// When it cannot be kept; then it has not happened.
    fn append(&mut self, write: &str) -> io::Result<()>;

    /// Forgets all writes.
    ///
    /// # Errors
    /// When that cannot be done.
    fn clear(&mut self) -> io::Result<()>;
}

/// A write.
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
