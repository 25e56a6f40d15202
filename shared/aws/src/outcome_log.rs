//! The outcome log, in a table of its own.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::EpochMs;
use ghl_sync_notify::{LogPage, LogPages, OutcomeLog};

use crate::expression::{Update, number, seconds, text};
use crate::fields::{Damage, ItemFields};
use crate::table::{DynamoTable, Item};
use crate::tables::outcome;

/// Implements [`OutcomeLog`] in a table with the layout of [`OUTCOMES`](crate::tables::OUTCOMES). A page costs one
/// write unit per KB, and one read unit per 4 KB.
#[derive(Debug, Clone)]
pub struct DynamoOutcomeLog {
    table: DynamoTable,
}

impl DynamoOutcomeLog {
    /// Uses the log in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoOutcomeLog { table: DynamoTable::new(client, table) }
    }
}

#[async_trait]
impl OutcomeLog for DynamoOutcomeLog {
    async fn write(&self, page: &LogPage, keep_until: EpochMs) -> Result<(), PortError> {
        let LogPage { shard, place, events } = page;
        let key = HashMap::from([
            (outcome::SHARD.to_owned(), number((*shard).into())),
            (outcome::PLACE.to_owned(), text(place)),
        ]);
        let events = serde_json::to_string(events).map_err(|error| PortError::new("outcomes.write", error))?;
        let update = Update::new().set(outcome::EVENTS, text(events)).set(outcome::TTL, seconds(keep_until));
        self.table.update("outcomes.write", key, update).await.map(drop)
    }

    async fn read(&self, shard: u8, first: &str, last: &str, limit: u32) -> Result<LogPages, PortError> {
        let condition = "#shard = :shard AND #place BETWEEN :first AND :last";
        let values = HashMap::from([
            (":shard".to_owned(), number(shard.into())),
            (":first".to_owned(), text(first)),
            (":last".to_owned(), text(last)),
        ]);
        let page = self.table.query_partition_now("outcomes.read", condition, values, limit).await?;
        let pages: Result<Vec<LogPage>, Damage> = page.items.iter().map(|item| read(shard, item)).collect();
        let pages = pages.map_err(|damage| PortError::new("outcomes.read", damage))?;
        Ok(LogPages { pages, has_more: page.end.is_some() })
    }
}

fn read(shard: u8, item: &Item) -> Result<LogPage, Damage> {
    let fields = ItemFields(item);
    let damaged = |_| Damage::new(outcome::EVENTS, "is no list of events");
    let events = serde_json::from_str(fields.text(outcome::EVENTS)?).map_err(damaged)?;
    Ok(LogPage { shard, place: fields.text(outcome::PLACE)?.to_owned(), events })
}
