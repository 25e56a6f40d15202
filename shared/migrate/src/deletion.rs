//! Deleting one item of the target, and the result.

use std::time::Duration;

use super::trouble::{Interrupted, is_passing};
use ghl_sync_engine::usecase::{DirectCalls, DirectError};
use ghl_sync_model::{Call, Side};

/// The result of deleting an item that was created.
pub(super) enum DeletionResult {
    Deleted,
    /// Kept: somebody else uses it by now.
    Kept,
    /// Kept: it is unknown whether this migration created it.
    Unproven,
    /// GHL did not let us delete it.
    Refused,
    /// To be decided after this wait.
    Wait(Duration),
}

/// Deletes one item. Returns whether GHL allowed it.
pub(super) async fn delete(call: &Call, calls: &DirectCalls<'_>) -> Result<bool, Interrupted> {
    match calls.call(call).await {
        Ok(_) => Ok(true),
        Err(DirectError::Failed(failure)) if !is_passing(&failure) && failure.status != Some(401) => Ok(false),
        Err(error) => Err(Interrupted::Call { side: Side::Target, error }),
    }
}
