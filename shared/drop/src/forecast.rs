//! The forecast of a held list's import.

use serde::Serialize;
use serde_json::Value;

/// What an import would do.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Preview {
    /// Contacts that would be put.
    pub(crate) contacts: u64,
    /// How many of them were compared, from the first on.
    pub(crate) compared: u64,
    /// Compared contacts that are not in the outbox. GHL may still know them: then it finds them by e-mail address or
    /// phone number and updates them.
    pub(crate) new: u64,
    /// New contacts with neither address nor number: GHL cannot find them, and creates each.
    pub(crate) new_without_address: u64,
    /// Compared contacts that have changed, or that failed before.
    pub(crate) updated: u64,
    /// Compared contacts that need no call.
    pub(crate) unchanged: u64,
    /// Upper estimate of calls for all contacts.
    pub(crate) calls: u64,
    /// Time for these calls at the location's pace, when nothing else waits.
    pub(crate) seconds: u64,
    /// The first contacts, as GHL will get them. Personal data.
    pub(crate) first: Vec<SampleContact>,
}

/// A contact of the preview, as GHL will get it. Personal data.
#[derive(Debug, Serialize)]
pub(crate) struct SampleContact {
    pub(crate) row: u64,
    pub(crate) contact: Value,
}
