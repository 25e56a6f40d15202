//! Records that are not due until another record has its GHL id.

use ghl_sync_engine::ports::{MAX_AWAITED_BY, PortError};
use ghl_sync_model::{EpochMs, Record, RecordKey};

use super::due_key::DueKey;
use super::{TRIES, WriteConflict, item, key_of};
use crate::expression::{Update, number, text};
use crate::table::{DynamoTable, Updated};
use crate::tables::record;

pub(super) async fn await_id(table: &DynamoTable, waiting: &Record, awaited: &RecordKey) -> Result<bool, PortError> {
    let member = waiting.key.to_string();
    let update = Update::new()
        .add_to_set(record::AWAITED_BY, member.clone())
        .only_if("attribute_exists(#location_id) AND attribute_not_exists(#ghl_id) AND attribute_not_exists(#due)")
        .only_if("attribute_not_exists(#awaited_by) OR size(#awaited_by) < :most OR contains(#awaited_by, :member)")
        .with(":most", number(MAX_AWAITED_BY as u64))
        .with(":member", text(member));
    let written = table.update("outbox.await_id", key_of(&waiting.location_id, awaited), update).await?;
    Ok(matches!(written, Updated::Written))
}

/// Makes `waiting` due. Retries until the due time did not change in between: the new time must differ from every one
/// that others have seen.
pub(super) async fn wake(
    table: &DynamoTable,
    waiting: &Record,
    awaited: &RecordKey,
    now: EpochMs,
) -> Result<(), PortError> {
    let mut standing: Option<Record> = None;
    for _ in 0..TRIES {
        let seen = standing.as_ref().unwrap_or(waiting);
        let Some(due_at) = seen.woken_at(awaited, now) else { return Ok(()) };
        let key = key_of(&waiting.location_id, &waiting.key);
        match table.update("outbox.wake", key, wake_update(seen, awaited, due_at)).await? {
            Updated::Written | Updated::Refused(None) => return Ok(()),
            Updated::Refused(Some(now_stands)) => match item::read(&waiting.location_id, &waiting.key, &now_stands) {
                Ok(record) => standing = Some(record),
                // The next reader quarantines the record.
                Err(_) => return Ok(()),
            },
        }
    }
    Err(PortError::new("outbox.wake", WriteConflict))
}

fn wake_update(seen: &Record, awaited: &RecordKey, due_at: EpochMs) -> Update {
    let update = Update::new()
        .set(record::DUE, DueKey { priority: seen.priority, due_at }.as_stored())
        .remove([record::WAITS_FOR]);
    match DueKey::of(seen) {
        Some(due) => update.only_if("#due = :seen_due").with(":seen_due", due.as_stored()),
        None => update
            .only_if("attribute_not_exists(#due) AND #waits_for = :awaited")
            .with(":awaited", text(awaited.to_string())),
    }
}
