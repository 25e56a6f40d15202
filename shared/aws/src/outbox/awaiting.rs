//! Records that are not due until another one has its GHL id.

use ghl_sync_engine::ports::{MAX_AWAITED_BY, PortError};
use ghl_sync_model::{EpochMs, Record, RecordKey};

use super::{due_partition, key_of};
use crate::expression::{Update, number, text};
use crate::table::{Table, Updated};
use crate::tables::record;
use crate::usage::Purpose;

pub(super) async fn await_id(table: &Table, waiting: &Record, awaited: &RecordKey) -> Result<bool, PortError> {
    let member = waiting.key.to_string();
    let update = Update::new()
        .add_to_set(record::AWAITED_BY, member.clone())
        .only_if("attribute_exists(#location_id) AND attribute_not_exists(#ghl_id) AND attribute_not_exists(#due_pk)")
        .only_if("attribute_not_exists(#awaited_by) OR size(#awaited_by) < :most OR contains(#awaited_by, :member)")
        .with(":most", number(MAX_AWAITED_BY as u64))
        .with(":member", text(member));
    let written = table.update(Purpose::OutboxAwaitId, key_of(&waiting.location_id, awaited), update).await?;
    Ok(matches!(written, Updated::Written))
}

pub(super) async fn wake(table: &Table, waiting: &Record, awaited: &RecordKey, now: EpochMs) -> Result<(), PortError> {
    let Some(due_at) = waiting.woken_at(awaited, now) else { return Ok(()) };
    let update = Update::new()
        // A put that came in between has made it due as it says.
        .set_once(record::DUE_PK, due_partition(&waiting.location_id, waiting.priority))
        .set(record::DUE_AT, number(due_at.0))
        .remove([record::WAITS_FOR])
        .only_if("attribute_exists(#due_pk) OR #waits_for = :awaited")
        .with(":awaited", text(awaited.to_string()));
    table.update(Purpose::OutboxWake, key_of(&waiting.location_id, &waiting.key), update).await.map(drop)
}
