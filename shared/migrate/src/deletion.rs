//! Deleting one thing of the target, and what became of it.

use std::time::Duration;

use super::trouble::{Interrupted, is_passing};
use ghl_sync_engine::usecase::{DirectCalls, DirectError};
use ghl_sync_model::{Call, Side};

/// What becomes of a thing that was made.
pub(super) enum Fate {
    Deleted,
    /// Somebody else uses it by now.
    Kept,
    /// Nobody can tell whether it was made by this migration.
    Unproven,
    /// GHL does not let us.
    Refused,
    /// It shows in a while.
    Wait(Duration),
}

/// Deletes one thing. Returns whether GHL let us.
pub(super) async fn delete(call: &Call, calls: &DirectCalls<'_>) -> Result<bool, Interrupted> {
    match calls.call(call).await {
        Ok(_) => Ok(true),
        Err(DirectError::Failed(failure)) if !is_passing(&failure) && failure.status != Some(401) => Ok(false),
        Err(error) => Err(Interrupted::Call { side: Side::Target, error }),
    }
}
