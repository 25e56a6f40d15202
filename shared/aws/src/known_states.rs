//! GHL's last reported state of its records, and the webhooks already seen.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValue;
use ghl_sync_engine::policy::Precedence;
use ghl_sync_engine::ports::{KnownBefore, KnownStates, PortError, RemoteKey, Replacement};
use ghl_sync_model::{EpochMs, EventId, Kind, KnownState, RemoteContent};

use crate::expression::{Update, number, seconds, text};
use crate::fields::{Damage, ItemFields};
use crate::table::{DynamoTable, Item, Updated};
use crate::tables::{known, state};

/// Implements [`KnownStates`] in a table with the layout of [`STATE`](crate::tables::STATE).
///
/// The state of a record is an item of its own, under GHL's id of the record. It has no attribute of an index, and
/// expires only if its location limits how long contents are kept. The partition keys have their own prefixes, so
/// that a role can be granted these items and no others. An event costs one write unit per KB of its record, and one
/// for its id.
///
/// If the SDK repeats a write because its reply was lost, the write finds its own event, as a second delivery would.
#[derive(Debug, Clone)]
pub struct DynamoKnownStates {
    table: DynamoTable,
}

impl DynamoKnownStates {
    /// Uses the states, and the ids of seen events, in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoKnownStates { table: DynamoTable::new(client, table) }
    }
}

#[async_trait]
impl KnownStates for DynamoKnownStates {
    async fn replace(
        &self,
        key: RemoteKey<'_>,
        state: &KnownState,
        precedence: &Precedence,
        now: EpochMs,
    ) -> Result<Replacement, PortError> {
        let update = replace_update(state, precedence, now);
        let old = ReturnValue::AllOld;
        let replacement = match self.table.update_returning("known.replace", key_of(key), update, old).await? {
            // There was no known state before.
            Ok(old) if !old.contains_key(known::EVENT_AT) => Ok(Replacement::Done(None)),
            Ok(old) => before(&old).map(|before| Replacement::Done(Some(before))),
            Err(standing) => before(&standing.unwrap_or_default()).map(Replacement::Refused),
        };
        replacement.map_err(|damage| PortError::new("known.replace", damage))
    }

    async fn load(&self, key: RemoteKey<'_>) -> Result<Option<KnownState>, PortError> {
        let item = self.table.get("known.load", key_of(key)).await?;
        item.map(|item| read(key.kind, &item)).transpose().map_err(|damage| PortError::new("known.load", damage))
    }

    async fn forget(&self, key: RemoteKey<'_>) -> Result<bool, PortError> {
        Ok(self.table.delete("known.forget", key_of(key)).await?.is_some())
    }

    async fn remember(&self, event: &EventId, now: EpochMs, until: EpochMs) -> Result<bool, PortError> {
        let key = HashMap::from([(state::PK.to_owned(), text(format!("webhook#{event}")))]);
        // DynamoDB deletes expired items days later; until then they count as deleted.
        let update = Update::new()
            .set(state::TTL, number(until.0.div_ceil(1000)))
            .only_if("attribute_not_exists(#pk) OR #ttl_epoch_s <= :now_s")
            .with(":now_s", number(now.0 / 1000));
        let updated = self.table.update("webhooks.remember", key, update).await?;
        Ok(matches!(updated, Updated::Written))
    }
}

/// The conditions express [`Precedence::over`] in DynamoDB's terms.
fn replace_update(known_state: &KnownState, precedence: &Precedence, now: EpochMs) -> Update {
    let content = known_state.content.as_ref();
    Update::new()
        .set(known::EVENT_AT, number(known_state.at.0))
        .set(known::EVENT_ID, text(known_state.event_id.as_str()))
        .set_or_remove(known::CONTENT, content.map(|content| text(content.to_json())))
        .set_or_remove(known::CONTENT_HASH, content.map(|content| text(content.hash().to_string())))
        .set_or_remove(known::DELETED_AT, known_state.deleted_at.map(|time| number(time.0)))
        .set(known::RECEIVED_AT, number(now.0))
        .set_or_remove(state::TTL, known_state.keep_until.map(seconds))
        .only_if(
            "attribute_not_exists(#event_at) OR #event_at < :newer_than OR (#event_at = :at AND #event_id < :event_id)",
        )
        .with(":newer_than", number(precedence.newer_than.0))
        .with(":at", number(precedence.at.0))
        .only_if("attribute_not_exists(#deleted_at) OR #deleted_at < :deleted_before")
        .with(":deleted_before", number(precedence.deleted_before.0))
}

fn key_of(key: RemoteKey<'_>) -> Item {
    // No location id has a `#`, so no two records share a key.
    HashMap::from([(state::PK.to_owned(), text(format!("known#{}#{}#{}", key.location, key.kind, key.ghl_id)))])
}

fn before(item: &Item) -> Result<KnownBefore, Damage> {
    let fields = ItemFields(item);
    Ok(KnownBefore { event_id: fields.parsed(known::EVENT_ID)?, hash: fields.optional_parsed(known::CONTENT_HASH)? })
}

fn read(kind: Kind, item: &Item) -> Result<KnownState, Damage> {
    let fields = ItemFields(item);
    let content = fields.optional_text(known::CONTENT)?.map(|json| {
        // The parser's own words may quote the content.
        RemoteContent::from_json(kind, json)
            .map_err(|error| Damage::new(known::CONTENT, format!("is a malformed {kind} at column {}", error.column())))
    });
    Ok(KnownState {
        at: EpochMs(fields.number(known::EVENT_AT)?),
        event_id: fields.parsed(known::EVENT_ID)?,
        content: content.transpose()?,
        deleted_at: fields.optional_number(known::DELETED_AT)?.map(EpochMs),
        keep_until: fields.optional_number::<u64>(state::TTL)?.map(|seconds| EpochMs(seconds.saturating_mul(1000))),
    })
}
