//! Failed records: lists, replays and dismisses them.

use std::collections::HashMap;

use ghl_sync_engine::ports::{FailedPage, PortError, Tallied};
use ghl_sync_model::{EpochMs, FailedCursor, ImportStanding, LocationId, Record, RecordKey};

use super::due_key::DueKey;
use super::{import_key, item, key_of};
use crate::expression::{Update, number, text};
use crate::fields::ItemFields;
use crate::table::{Deleted, DynamoTable, IndexQuery, Item};
use crate::tables::record;

pub(super) async fn count(table: &DynamoTable, location: &LocationId, cap: u32) -> Result<Tallied, PortError> {
    let query = IndexQuery { projection: Some("#failed_at"), ..all(location, cap.saturating_add(1)) };
    Ok(table.query("outbox.count", query).await?.tallied(cap))
}

pub(super) async fn page(
    table: &DynamoTable,
    location: &LocationId,
    after: Option<&FailedCursor>,
    limit: u32,
) -> Result<FailedPage, PortError> {
    let start = after.map(|cursor| entry_of(location, cursor));
    let page = table.query("outbox.failed", IndexQuery { start, ..all(location, limit.max(1)) }).await?;
    let next = page.end.as_ref().and_then(cursor);
    // An entry with a foreign key was put there by hand, and is skipped.
    Ok(FailedPage { keys: page.items.iter().filter_map(key).collect(), next })
}

/// Makes the record due now and resets its attempts, if it is still failed in this version.
pub(super) fn replay_update(sent: &Record, now: EpochMs) -> Update {
    let update = Update::new()
        .set(record::DUE, DueKey { priority: sent.priority, due_at: now }.as_stored())
        .set(record::ATTEMPTS, number(0))
        .remove([record::FAILED_AT])
        .only_if("attribute_exists(#failed_at)")
        .only_if("#version = :failed")
        .with(":failed", number(sent.version));
    let standing = if sent.deletion { ImportStanding::Other } else { ImportStanding::Pending };
    import_key::stands(update, sent, standing)
}

/// Deletes the record and returns the records that waited for it; `None` if it is not failed in this version.
pub(super) async fn dismiss(table: &DynamoTable, seen: &Record) -> Result<Option<Vec<RecordKey>>, PortError> {
    let key = key_of(&seen.location_id, &seen.key);
    let values = HashMap::from([(":failed".to_owned(), number(seen.version))]);
    let condition = "attribute_exists(#failed_at) AND #version = :failed";
    Ok(match table.delete_if("outbox.dismiss", key, condition, values).await? {
        Deleted::Done(Some(item)) => Some(item::awaited_by(&item).unwrap_or_default()),
        // Deleted by this very request (its first answer was lost), or by someone who forgot the record.
        Deleted::Done(None) => Some(seen.awaited_by.clone()),
        Deleted::Refused(_) => None,
    })
}

fn all(location: &LocationId, limit: u32) -> IndexQuery {
    IndexQuery {
        index: record::FAILED_INDEX,
        condition: "#location_id = :location",
        values: HashMap::from([(":location".to_owned(), text(location.as_str()))]),
        projection: None,
        limit,
        start: None,
    }
}

fn entry_of(location: &LocationId, cursor: &FailedCursor) -> Item {
    let mut entry = key_of(location, &cursor.key);
    entry.insert(record::FAILED_AT.to_owned(), number(cursor.failed_at.0));
    entry
}

fn cursor(entry: &Item) -> Option<FailedCursor> {
    Some(FailedCursor { failed_at: EpochMs(ItemFields(entry).number(record::FAILED_AT).ok()?), key: key(entry)? })
}

fn key(entry: &Item) -> Option<RecordKey> {
    ItemFields(entry).parsed(record::RECORD).ok()
}
