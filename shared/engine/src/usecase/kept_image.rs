//! A pre-image while its record is being written.

use ghl_sync_model::{ImportId, LocationId, PreImage, RecordKey};

/// The stored pre-image of a record that is being written.
#[derive(Debug)]
pub(super) struct KeptImage {
    pub(super) of: (LocationId, RecordKey),
    pub(super) import: ImportId,
    /// Revision of the stored item; 0 if there is none.
    pub(super) rev: u64,
    /// The image stored for this import.
    pub(super) image: Option<PreImage>,
    /// Whether it was taken in this batch.
    pub(super) is_fresh: bool,
}
