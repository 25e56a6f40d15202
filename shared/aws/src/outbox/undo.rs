//! Asks for the undo of a record, and stores its result.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_model::{EpochMs, ImportStanding, Record, Undo, Undone};

use super::due_key::DueKey;
use super::{import_key, item};
use crate::expression::{Update, number, text};
use crate::tables::record;

/// Stored form of an undo's progress.
pub(super) fn as_stored(undo: &Undo) -> AttributeValue {
    // Only strings, numbers and lists: serialization cannot fail.
    text(serde_json::to_string(undo).unwrap_or_default())
}

/// Other standings of a record that is not due.
const STANDINGS: [&str; 4] = [record::FAILED_AT, record::DRY_RUN, record::OVERRULED, record::SUPERSEDED_AT];

/// Makes the record due for its undo, as a new version, so that batches under way with the old one no longer affect
/// it.
pub(super) fn ask(seen: &Record, since: EpochMs, now: EpochMs) -> Update {
    let update = Update::new()
        .increment(record::VERSION)
        .set(record::UNDO, as_stored(&Undo::Asked { since }))
        .set(record::DUE, DueKey { priority: seen.priority, due_at: now }.as_stored())
        .set(record::ATTEMPTS, number(0))
        .remove([record::FAILED_AT, record::DRY_RUN, record::OVERRULED, record::SUPERSEDED_AT, record::WAITS_FOR])
        .only_if("#version = :seen AND attribute_not_exists(#to_delete)")
        .with(":seen", number(seen.version));
    import_key::stands(update, seen, ImportStanding::Pending)
}

/// Stores the result of an undo. `update` applies to the version that was sent. A rollback undoes records that were
/// not due; these must not have become due since.
pub(super) fn done(update: Update, sent: &Record, undone: &Undone) -> Update {
    let (as_seen, no_more_failed) = match sent.due_at {
        Some(_) => ("attribute_exists(#due) OR #undo = :undo", None),
        None => ("attribute_not_exists(#due) OR #undo = :undo", Some(STANDINGS)),
    };
    let update = update
        .only_if(as_seen)
        .remove(no_more_failed.into_iter().flatten())
        .set(record::UNDO, as_stored(&Undo::Done(undone.clone())))
        .set(record::ATTEMPTS, number(0))
        .set_or_remove(record::EARLIER_ERRORS, item::errors(&sent.errors_when_accepted()))
        .remove([record::DUE, record::NOT_BEFORE, record::WAITS_FOR, record::LAST_ERROR])
        .remove([record::ACCEPTED_VERSION, record::ACCEPTED_HASH, record::ACCEPTED_AT, record::NOT_STORED]);
    update.remove(undone.deleted.then_some([record::GHL_ID, record::MADE]).into_iter().flatten())
}
