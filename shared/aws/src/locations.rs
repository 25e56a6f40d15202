//! Which locations are known: those that have an item in the state table, which is that of their settings.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{Item as _, LocationId, SettingsOverlay};

use crate::expression::{Update, text};
use crate::fields::Fields;
use crate::table::Table;
use crate::tables::state;

/// What a location's partition key starts with.
const PREFIX: &str = "location#";

/// The locations in a table that is made like [`STATE`](crate::tables::STATE).
#[derive(Debug, Clone)]
pub struct DynamoLocations {
    table: Table,
}

impl DynamoLocations {
    /// The locations in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoLocations { table: Table::new(client, table) }
    }

    /// Makes `location` known.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn register(&self, location: &LocationId) -> Result<(), PortError> {
        let key = HashMap::from([(state::PK.to_owned(), text(SettingsOverlay::item_key(location)))]);
        let update =
            Update::new().set(state::LISTED, text(SettingsOverlay::LISTED)).only_if("attribute_not_exists(#listed)");
        self.table.update("settings.register", key, update).await.map(drop)
    }

    /// All locations that are known, by id. Eventually consistent.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn list(&self) -> Result<Vec<LocationId>, PortError> {
        let items = self.table.listed("settings.list", SettingsOverlay::LISTED).await?;
        // One whose key is no location's was put there by hand, and is passed over.
        let location = |item| Fields(item).text(state::PK).ok()?.strip_prefix(PREFIX)?.parse::<LocationId>().ok();
        Ok(items.iter().filter_map(location).collect())
    }
}
