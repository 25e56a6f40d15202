//! The states of many records, in short.

use serde::Serialize;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::{OperateError, Operator, RecordError, RecordState, RecordStatus};
use ghl_sync_model::{GhlId, LocationId, RecordKey, Time};

/// The state of a record: the part of [`RecordStatus`] needed by a caller that waits for many records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct RecordOutcome {
    /// The record, as `KIND#ID`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "contact#crm-42"))]
    pub record: RecordKey,
    /// State of the record: `due`, `waiting`, `accepted`, `failed`, `dry_run` or `superseded`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "accepted"))]
    pub state: RecordState,
    /// Increases with every put that changed something; 0 if the record cannot be read.
    pub version: u64,
    /// GHL's id of the record.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ghl_id: Option<GhlId>,
    /// GHL's names of the fields of the accepted version that GHL did not store.
    #[cfg_attr(feature = "openapi", schema(max_items = 50, example = json!(["phone"])))]
    pub not_stored: Vec<String>,
    /// When the record is due; null if it is not.
    pub due_at: Option<Time>,
    /// The last error, with its message shortened; null once GHL has accepted the record.
    pub error: Option<RecordError>,
}

impl From<RecordStatus> for RecordOutcome {
    fn from(status: RecordStatus) -> RecordOutcome {
        let RecordStatus { key, state, version, ghl_id, not_stored, due_at, errors, .. } = status;
        let error = errors.into_iter().next().filter(|_| state != RecordState::Accepted);
        RecordOutcome { record: key, state, version, ghl_id, not_stored, due_at, error }
    }
}

impl Operator {
    /// The states of the records with these keys, in no particular order. Keys that were never put are left out.
    ///
    /// # Errors
    /// If the location is unknown, or a store fails.
    pub async fn outcomes(
        &self,
        location: &LocationId,
        keys: &[RecordKey],
    ) -> Result<Vec<RecordOutcome>, OperateError> {
        self.known(location).await?;
        let loaded = self.ports().outbox.load(location, keys).await?;
        Ok(loaded.into_iter().map(|loaded| RecordStatus::of(location, loaded).into()).collect())
    }
}
