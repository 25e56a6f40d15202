//! What the locations of an API host know together, in DynamoDB: one item a host.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ghl_sync_engine::ports::{HostHealthEntry, HostHealthReplaced, HostHealthStore, PortError};
use ghl_sync_limiter::HostHealth;
use ghl_sync_model::Api;

use crate::expression::{Update, number, text};
use crate::fields::{Damage, Fields};
use crate::table::{Item, Table, Updated};
use crate::tables::state;
use crate::usage::{Purpose, Usage};

/// What the partition key of a host's health starts with.
const PREFIX: &str = "host_health#";

/// The [`HostHealthStore`] in a table that is made like [`STATE`](crate::tables::STATE).
///
/// A write whose reply was lost and that the SDK repeats is a conflict with itself; its caller finds that what it
/// wanted stands there already.
#[derive(Debug, Clone)]
pub struct DynamoHostHealthStore {
    table: Table,
}

impl DynamoHostHealthStore {
    /// The hosts in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, usage: Arc<Usage>) -> Self {
        DynamoHostHealthStore { table: Table::new(client, table, usage) }
    }
}

#[async_trait]
impl HostHealthStore for DynamoHostHealthStore {
    async fn load(&self, api: Api) -> Result<HostHealthEntry, PortError> {
        let item = self.table.peek(Purpose::HostHealthLoad, key_of(api)).await?;
        entry(item.as_ref()).map_err(|damage| PortError::new(Purpose::HostHealthLoad.as_str(), damage))
    }

    async fn replace(&self, api: Api, rev: u64, host_health: &HostHealth) -> Result<HostHealthReplaced, PortError> {
        let failed = |source: Damage| PortError::new(Purpose::HostHealthReplace.as_str(), source);
        let json = serde_json::to_string(host_health)
            .map_err(|error| failed(Damage::new(state::HOST_HEALTH, error.to_string())))?;
        let update = Update::new().set(state::REV, number(rev + 1)).set(state::HOST_HEALTH, text(json));
        let update = match rev {
            0 => update.only_if("attribute_not_exists(#rev)"),
            _ => update.only_if("#rev = :expected").with(":expected", number(rev)),
        };
        Ok(match self.table.update(Purpose::HostHealthReplace, key_of(api), update).await? {
            Updated::Written => HostHealthReplaced::Written { rev: rev + 1 },
            Updated::Refused(standing) => {
                HostHealthReplaced::Conflict(Box::new(entry(standing.as_ref()).map_err(failed)?))
            }
        })
    }
}

fn key_of(api: Api) -> Item {
    HashMap::from([(state::PK.to_owned(), text(format!("{PREFIX}{}", api.as_str())))])
}

/// Without an item the host has never had any trouble.
fn entry(item: Option<&Item>) -> Result<HostHealthEntry, Damage> {
    let Some(item) = item else { return Ok(HostHealthEntry::default()) };
    let fields = Fields(item);
    let json = fields.text(state::HOST_HEALTH)?;
    let host_health =
        ghl_sync_model::json::from_str(json).map_err(|error| Damage::new(state::HOST_HEALTH, error.to_string()))?;
    Ok(HostHealthEntry { rev: fields.number(state::REV)?, host_health })
}
