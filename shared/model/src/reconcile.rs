//! Reconciling our records with what GHL has.

use serde::{Deserialize, Serialize};

use super::{ContentHash, EpochMs, PageCursor};

/// What becomes of a record whose contact somebody else has changed in GHL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Its content goes out again, with low priority.
    Resend {
        /// Hash of what GHL says in the record's fields. The same is not overruled again: GHL may have its own form of
        /// what we send.
        overruled: ContentHash,
    },
    /// GHL's content stands; the record is not due.
    Supersede {
        /// When it was changed, by GHL's clock.
        changed_at: EpochMs,
    },
    /// Both say the same: what was decided before is forgotten.
    Agree,
}

/// How far the changes of a location have been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// Changes from then on are read, by GHL's clock.
    pub since: EpochMs,
    /// The next page of them, in the midst of a reading.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub page: Option<PageCursor>,
    /// Contacts per page, where a page of the most that GHL allows was longer than we take.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<u32>,
}
