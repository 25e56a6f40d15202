//! The locations in which the app is installed.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::{Installations, PortError};
use ghl_sync_model::{EpochMs, LocationId};

use crate::expression::{Update, number, text};
use crate::table::{DynamoTable, Updated};
use crate::tables::state;

/// Implements [`Installations`] in a table with the layout of [`STATE`](crate::tables::STATE): one item per location.
#[derive(Debug, Clone)]
pub struct DynamoInstallations {
    table: DynamoTable,
}

impl DynamoInstallations {
    /// Uses the installations in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoInstallations { table: DynamoTable::new(client, table) }
    }
}

#[async_trait]
impl Installations for DynamoInstallations {
    async fn note(&self, location: &LocationId, installed: bool, at: EpochMs) -> Result<bool, PortError> {
        let key = HashMap::from([(state::PK.to_owned(), text(format!("installation#{location}")))]);
        let update = Update::new()
            .set(state::INSTALLED, AttributeValue::Bool(installed))
            .set(state::INSTALLED_AT, number(at.0))
            // An event with the same time is the same event: its effects may be incomplete.
            .only_if("attribute_not_exists(#installed_at) OR #installed_at <= :installed_at");
        let updated = self.table.update("installations.note", key, update).await?;
        Ok(matches!(updated, Updated::Written))
    }
}
