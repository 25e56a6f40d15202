//! A changed contact that is longer, by itself, than what we take of an answer. Nobody can read it, so reconciling goes on
//! behind it.

use std::time::Duration;

use super::direct::DirectError;
use super::reconcile::Reading;
use ghl_sync_model::{Call, Cause, EpochMs, Failure};

/// GHL shows times in milliseconds.
const FINEST: Duration = Duration::from_millis(1);

impl Reading<'_, '_> {
    /// From when on the changes can be read again, where the first one after `since` is that of a contact that is too
    /// long. The times between are halved until the millisecond is found: some 27 calls for a day.
    pub(super) async fn behind_long_contact(&self, since: EpochMs) -> Result<EpochMs, DirectError> {
        let (mut too_early, mut readable) = (since, self.engine.ports.clock.now().max(since + FINEST));
        while too_early.until(readable) > FINEST {
            let middle = EpochMs(too_early.0.midpoint(readable.0));
            if self.begins_with_long_contact(middle).await? {
                too_early = middle;
            } else {
                readable = middle;
            }
        }
        Ok(readable)
    }

    async fn begins_with_long_contact(&self, since: EpochMs) -> Result<bool, DirectError> {
        match self.calls.call(&Call::ContactsChanged { since, cursor: None, limit: 1 }).await {
            Ok(_) => Ok(false),
            Err(error) if is_too_long(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Whether GHL's answer was longer than what we take.
pub(super) fn is_too_long(error: &DirectError) -> bool {
    matches!(error, DirectError::Failed(Failure { cause: Some(Cause::TooLong), .. }))
}
