//! Where the app is installed.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::{Installations, PortError};
use ghl_sync_model::{EpochMs, LocationId};

use crate::expression::{Update, number, text};
use crate::table::{Table, Updated};
use crate::tables::state;

/// The [`Installations`] in a table that is made like [`STATE`](crate::tables::STATE): one item a location.
#[derive(Debug, Clone)]
pub struct DynamoInstallations {
    table: Table,
}

impl DynamoInstallations {
    /// The installations in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoInstallations { table: Table::new(client, table) }
    }
}

#[async_trait]
impl Installations for DynamoInstallations {
    async fn note(&self, location: &LocationId, installed: bool, at: EpochMs) -> Result<bool, PortError> {
        let key = HashMap::from([(state::PK.to_owned(), text(format!("installation#{location}")))]);
        let update = Update::new()
            .set(state::INSTALLED, AttributeValue::Bool(installed))
            .set(state::INSTALLED_AT, number(at.0))
            // Of the same time is the same event: what follows from it may not be done yet.
            .only_if("attribute_not_exists(#installed_at) OR #installed_at <= :installed_at");
        let updated = self.table.update("installations.note", key, update).await?;
        Ok(matches!(updated, Updated::Written))
    }
}
