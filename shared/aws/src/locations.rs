//! Which locations are known: those that have an item in the state table, which is that of their settings.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use ghl_sync_engine::ports::{LocationIds, PortError};
use ghl_sync_model::{Item as _, LocationId, SettingsOverlay};

use crate::expression::{Update, text};
use crate::fields::Fields;
use crate::table::{IndexQuery, Item, Table};
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

    /// So many of them after this one, or from the first on, by id; and whether there are more. Eventually consistent.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn page(&self, after: Option<&LocationId>, limit: u32) -> Result<LocationIds, PortError> {
        let after = after.map(SettingsOverlay::item_key).unwrap_or_else(|| PREFIX.to_owned());
        let mut start = None;
        loop {
            let query = IndexQuery {
                index: state::LOCATIONS_INDEX,
                condition: "#listed = :listed AND #pk > :after",
                values: HashMap::from([
                    (":listed".to_owned(), text(SettingsOverlay::LISTED)),
                    (":after".to_owned(), text(&after)),
                ]),
                projection: None,
                limit,
                start,
            };
            let page = self.table.query("settings.list", query).await?;
            let ids: Vec<LocationId> = page.items.iter().filter_map(location).collect();
            start = page.end;
            // Nothing but what was put there by hand: what follows may be readable.
            if !ids.is_empty() || start.is_none() {
                return Ok(LocationIds { ids, has_more: start.is_some() });
            }
        }
    }

    /// All locations that are known, by id. Eventually consistent.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn list(&self) -> Result<Vec<LocationId>, PortError> {
        let items = self.table.listed("settings.list", SettingsOverlay::LISTED).await?;
        Ok(items.iter().filter_map(location).collect())
    }
}

/// The location of an entry. One whose key is no location's was put there by hand, and is passed over.
fn location(entry: &Item) -> Option<LocationId> {
    Fields(entry).text(state::PK).ok()?.strip_prefix(PREFIX)?.parse().ok()
}
