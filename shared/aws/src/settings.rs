//! What operators have set for locations, in the state table: one item a location, which also makes it known.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use ghl_sync_engine::ports::{PortError, SettingsWritten};
use ghl_sync_model::{LocationId, SettingsOverlay};

use crate::expression::{Update, number, text};
use crate::fields::{Damage, Fields};
use crate::table::{Item, Table, Updated};
use crate::tables::state;
use crate::usage::{Purpose, Usage};

/// What a location's partition key starts with.
const PREFIX: &str = "location#";
/// The partition of the index of locations.
const LISTED: &str = "location";

/// The settings in a table that is made like [`STATE`](crate::tables::STATE).
#[derive(Debug, Clone)]
pub struct DynamoSettings {
    table: Table,
}

impl DynamoSettings {
    /// The settings in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, usage: Arc<Usage>) -> Self {
        DynamoSettings { table: Table::new(client, table, usage) }
    }

    /// What is set for `location` now (strongly consistent), and its revision: 0 if nothing ever was. `None` if it was
    /// never made known.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or what is stored cannot be read.
    pub async fn load(&self, location: &LocationId) -> Result<Option<(u64, SettingsOverlay)>, PortError> {
        let item = self.table.get(Purpose::SettingsLoad, key_of(location)).await?;
        let read = item.map(|item| read(Fields(&item))).transpose();
        read.map_err(|damage| PortError::new(Purpose::SettingsLoad.as_str(), damage))
    }

    /// Stores `overlay` if the revision is still `rev`.
    ///
    /// # Errors
    /// When DynamoDB does not answer: it may have been stored.
    pub async fn store(
        &self,
        location: &LocationId,
        rev: u64,
        overlay: &SettingsOverlay,
    ) -> Result<SettingsWritten, PortError> {
        let json = serde_json::to_string(overlay);
        let json = json.map_err(|error| PortError::new(Purpose::SettingsStore.as_str(), error))?;
        let update = Update::new()
            .set(state::REV, number(rev + 1))
            .set(state::SETTINGS, text(json.clone()))
            .set(state::LISTED, text(LISTED));
        let update = match rev {
            0 => update.only_if("attribute_not_exists(#rev)"),
            _ => update.only_if("#rev = :expected").with(":expected", number(rev)),
        };
        Ok(match self.table.update(Purpose::SettingsStore, key_of(location), update).await? {
            Updated::Written => SettingsWritten::Written { rev: rev + 1 },
            // The SDK repeated a write whose reply was lost, and this is what it had done.
            Updated::Refused(Some(item)) if is(&item, rev + 1, &json) => SettingsWritten::Written { rev: rev + 1 },
            Updated::Refused(_) => SettingsWritten::Conflict,
        })
    }

    /// Makes `location` known.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn register(&self, location: &LocationId) -> Result<(), PortError> {
        let update = Update::new().set(state::LISTED, text(LISTED)).only_if("attribute_not_exists(#listed)");
        self.table.update(Purpose::SettingsRegister, key_of(location), update).await.map(drop)
    }

    /// All locations that are known, by id. Eventually consistent.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn list(&self) -> Result<Vec<LocationId>, PortError> {
        let items = self.table.listed(Purpose::SettingsList, LISTED).await?;
        // One whose key is no location's was put there by hand, and is passed over.
        let location = |item| Fields(item).text(state::PK).ok()?.strip_prefix(PREFIX)?.parse::<LocationId>().ok();
        Ok(items.iter().filter_map(location).collect())
    }
}

fn key_of(location: &LocationId) -> Item {
    HashMap::from([(state::PK.to_owned(), text(format!("{PREFIX}{location}")))])
}

fn read(item: Fields<'_>) -> Result<(u64, SettingsOverlay), Damage> {
    let overlay = match item.optional_text(state::SETTINGS)? {
        Some(json) => {
            ghl_sync_model::json::from_str(json).map_err(|error| Damage::new(state::SETTINGS, error.to_string()))?
        }
        None => SettingsOverlay::default(),
    };
    Ok((item.optional_number(state::REV)?.unwrap_or_default(), overlay))
}

fn is(item: &Item, rev: u64, json: &str) -> bool {
    let item = Fields(item);
    item.number::<u64>(state::REV).is_ok_and(|found| found == rev)
        && item.text(state::SETTINGS).is_ok_and(|found| found == json)
}
