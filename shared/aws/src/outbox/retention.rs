//! Drops the content of records that GHL has accepted.

use ghl_sync_model::{EpochMs, Record};

use crate::expression::{Update, number, text};
use crate::tables::record;

/// Removes the content and everything that quotes it. Its hash stays, so that a put of the same content changes
/// nothing. Applies only if the record is as it was seen, and GHL has its last version.
pub(super) fn update(seen: &Record, now: EpochMs) -> Update {
    Update::new()
        .set(record::PAYLOAD, text(seen.payload.remains().to_json()))
        .set(record::CONTENT_DROPPED_AT, number(now.0))
        .remove([record::LAST_ERROR, record::EARLIER_ERRORS, record::CREATION_KEY, record::FORMER])
        .only_if("#version = :seen AND #accepted_version = :seen AND attribute_not_exists(#due)")
        .only_if("attribute_not_exists(#failed_at) AND attribute_not_exists(#dry_run)")
        .with(":seen", number(seen.version))
}
