//! Reconciling our records with GHL's copies.

use serde::{Deserialize, Serialize};

use super::{ContentHash, EpochMs, PageCursor};

/// The decision about a record whose contact somebody else changed in GHL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Send our content again, with low priority.
    Resend {
        /// Hash of GHL's values in the record's fields. The same values are not overruled twice: GHL may normalise
        /// the content that we send.
        overruled: ContentHash,
    },
    /// GHL's content stands; the record is not due.
    Supersede {
        /// When GHL's content changed, by GHL's clock.
        changed_at: EpochMs,
    },
    /// Both sides agree: the earlier decision is forgotten.
    Agree,
}

/// How far a location's changes have been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// Start of the next reading, by GHL's clock.
    pub since: EpochMs,
    /// The next page, if a reading is under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub page: Option<PageCursor>,
    /// Contacts per page, after a page of GHL's maximum size turned out longer than we accept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<u32>,
}
