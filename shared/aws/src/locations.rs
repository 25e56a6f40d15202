//! The known locations: those with a settings item in the state table.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use ghl_sync_engine::ports::{LocationIds, PortError};
use ghl_sync_model::{Item as _, LocationId, SettingsOverlay};

use crate::expression::{Update, text};
use crate::fields::ItemFields;
use crate::table::{DynamoTable, IndexQuery, Item};
use crate::tables::state;

/// Prefix of a location's partition key.
const PREFIX: &str = "location#";

/// The locations in a table with the layout of [`STATE`](crate::tables::STATE).
#[derive(Debug, Clone)]
pub struct DynamoLocations {
    table: DynamoTable,
}

impl DynamoLocations {
    /// Uses the locations in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoLocations { table: DynamoTable::new(client, table) }
    }

    /// Registers `location`.
    ///
    /// # Errors
    /// If DynamoDB does not answer.
    pub async fn register(&self, location: &LocationId) -> Result<(), PortError> {
        let key = HashMap::from([(state::PK.to_owned(), text(SettingsOverlay::item_key(location)))]);
        let update =
            Update::new().set(state::LISTED, text(SettingsOverlay::LISTED)).only_if("attribute_not_exists(#listed)");
        self.table.update("settings.register", key, update).await.map(drop)
    }

    /// Up to `limit` locations after `after` (or from the first), by id, and whether more follow. Eventually
    /// consistent.
    ///
    /// # Errors
    /// If DynamoDB does not answer.
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
            // The page held only entries put there by hand: the next one may be readable.
            if !ids.is_empty() || start.is_none() {
                return Ok(LocationIds { ids, has_more: start.is_some() });
            }
        }
    }

    /// All known locations, by id. Eventually consistent.
    ///
    /// # Errors
    /// If DynamoDB does not answer.
    pub async fn list(&self) -> Result<Vec<LocationId>, PortError> {
        let items = self.table.listed("settings.list", SettingsOverlay::LISTED).await?;
        Ok(items.iter().filter_map(location).collect())
    }
}

/// Reads the location of an entry. An entry with any other key was put there by hand, and is skipped.
fn location(entry: &Item) -> Option<LocationId> {
    ItemFields(entry).text(state::PK).ok()?.strip_prefix(PREFIX)?.parse().ok()
}
