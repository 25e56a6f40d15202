//! Asks GHL to delete a record, and removes the record once GHL has deleted it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{EpochMs, ImportStanding, Record};

use super::due_key::DueKey;
use super::{import_key, key_of};
use crate::expression::{Update, number};
use crate::table::{Deleted, DynamoTable, Item};
use crate::tables::record;

/// Makes the record due for deletion, as a new version, so that batches under way with the old one no longer affect
/// it.
pub(super) fn update(seen: &Record, now: EpochMs) -> Update {
    let update = Update::new()
        .increment(record::VERSION)
        .set(record::TO_DELETE, AttributeValue::Bool(true))
        .set(record::DUE, DueKey { priority: seen.priority, due_at: now }.as_stored())
        .set(record::ATTEMPTS, number(0))
        .remove([record::FAILED_AT, record::DRY_RUN, record::OVERRULED, record::SUPERSEDED_AT, record::WAITS_FOR])
        .remove([record::UNDO])
        .only_if("#version = :seen AND attribute_exists(#ghl_id)")
        .with(":seen", number(seen.version));
    import_key::stands(update, seen, ImportStanding::Other)
}

/// Deletes the record if it is still the version that GHL has deleted. Otherwise returns the current item.
pub(super) async fn settle(table: &DynamoTable, sent: &Record) -> Result<Option<Item>, PortError> {
    let key = key_of(&sent.location_id, &sent.key);
    let values =
        HashMap::from([(":sent".to_owned(), number(sent.version)), (":true".to_owned(), AttributeValue::Bool(true))]);
    let deleted = table.delete_if("outbox.settle", key, "#version = :sent AND #to_delete = :true", values).await?;
    Ok(match deleted {
        Deleted::Done(_) => None,
        Deleted::Refused(standing) => Some(standing),
    })
}
