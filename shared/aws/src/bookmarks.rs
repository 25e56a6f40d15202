//! How far reconciliation has read the changes of each location.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ghl_sync_engine::ports::{Bookmarks, PortError};
use ghl_sync_model::{Bookmark, LocationId};

use crate::expression::{Update, text};
use crate::fields::{Damage, ItemFields};
use crate::table::{DynamoTable, Item};
use crate::tables::state;

/// Implements [`Bookmarks`] in a table with the layout of [`STATE`](crate::tables::STATE): one item per location.
#[derive(Debug, Clone)]
pub struct DynamoBookmarks {
    table: DynamoTable,
}

impl DynamoBookmarks {
    /// Uses the bookmarks in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoBookmarks { table: DynamoTable::new(client, table) }
    }
}

#[async_trait]
impl Bookmarks for DynamoBookmarks {
    async fn find(&self, location: &LocationId) -> Result<Option<Bookmark>, PortError> {
        let item = self.table.get("bookmarks.find", key_of(location)).await?;
        item.map(|item| read(&item)).transpose().map_err(|damage| PortError::new("bookmarks.find", damage))
    }

    async fn keep(&self, location: &LocationId, bookmark: &Bookmark) -> Result<(), PortError> {
        // Only numbers and strings: serialization cannot fail.
        let json = serde_json::to_string(bookmark).unwrap_or_default();
        let update = Update::new().set(state::BOOKMARK, text(json));
        self.table.update("bookmarks.keep", key_of(location), update).await.map(drop)
    }

    async fn last_asked(&self) -> Result<Option<LocationId>, PortError> {
        let item = self.table.get("bookmarks.find", last_asked()).await?;
        // An unreadable entry counts as none: reconciliation then starts with the first location.
        Ok(item.and_then(|item| ItemFields(&item).parsed(state::LAST_ASKED).ok()))
    }

    async fn keep_last_asked(&self, location: &LocationId) -> Result<(), PortError> {
        let update = Update::new().set(state::LAST_ASKED, text(location.as_str()));
        self.table.update("bookmarks.keep", last_asked(), update).await.map(drop)
    }
}

fn key_of(location: &LocationId) -> Item {
    HashMap::from([(state::PK.to_owned(), text(format!("reconcile#{location}")))])
}

/// No location id contains a blank, so this key collides with none.
fn last_asked() -> Item {
    HashMap::from([(state::PK.to_owned(), text("reconcile asked"))])
}

fn read(item: &Item) -> Result<Bookmark, Damage> {
    let json = ItemFields(item).text(state::BOOKMARK)?;
    ghl_sync_model::json::from_str(json).map_err(|error| Damage::new(state::BOOKMARK, format!("is malformed: {error}")))
}
