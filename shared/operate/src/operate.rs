//! An operator's actions on a location: pause, resume, reset the breaker.
//!
//! They apply to the gate of the location's rate scope, which locations may share. All of them are idempotent.

use crate::Operator;
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{Event, FannedOut};
use ghl_sync_limiter::{Gate, Hold};
use ghl_sync_model::{EpochMs, LocationId, LocationSettings, ScopeId};

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The location is unknown.
    #[error("location {0} is unknown")]
    Unknown(LocationId),
    /// The pause would end before it begins.
    #[error("field `until` is not in the future")]
    UntilIsPast,
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Operator {
    /// Pauses the scope of `location` until somebody resumes it, or until `until`. When this returns, no further call
    /// begins; a running batch ends, and its unsent records stay due.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn pause(
        &self,
        location: &LocationId,
        until: Option<EpochMs>,
        note: Option<String>,
    ) -> Result<(), OperateError> {
        let now = self.ports().clock.now();
        if until.is_some_and(|until| until <= now) {
            return Err(OperateError::UntilIsPast);
        }
        let hold = Hold { since: now, until, note };
        let scope = self.change_gate(location, "pause", |gate| gate.hold(now, hold.clone())).await?;
        futures::join!(self.engine.until_all_know(), self.engine.tell_standings_of(&scope));
        Ok(())
    }

    /// Stops running work after `settings` made a location safer: every run in its scope ends before its next call.
    /// When this returns, no call begins that ignores the new settings.
    pub(super) async fn stop(&self, settings: &LocationSettings) -> Result<(), PortError> {
        self.tell_to_stop(settings).await?;
        self.engine.until_all_know().await;
        Ok(())
    }

    /// The same, without waiting until it takes effect everywhere.
    pub(super) async fn tell_to_stop(&self, settings: &LocationSettings) -> Result<(), PortError> {
        self.engine.change_gate(settings, Gate::stop).await
    }

    /// Lifts every pause of the scope of `location` (an operator's, and the one for a rejected token), and starts the
    /// scope.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn resume(&self, location: &LocationId) -> Result<FannedOut, OperateError> {
        let now = self.ports().clock.now();
        let scope = self.change_gate(location, "resume", |gate| gate.resume(now)).await?;
        Ok(self.engine.start_and_tell(&scope).await?)
    }

    /// Closes the circuit breaker of the scope of `location`, and starts the scope with a small batch.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn reset_breaker(&self, location: &LocationId) -> Result<FannedOut, OperateError> {
        let now = self.ports().clock.now();
        let scope = self.change_gate(location, "reset_breaker", |gate| gate.reset_breaker(now)).await?;
        self.engine.tell_breaker_was_reset(&self.known(location).await?).await;
        Ok(self.engine.start_and_tell(&scope).await?)
    }

    pub(super) async fn known(&self, location: &LocationId) -> Result<LocationSettings, OperateError> {
        let settings = self.ports().registry.location(location).await?;
        settings.ok_or_else(|| OperateError::Unknown(location.clone()))
    }

    async fn change_gate(
        &self,
        location: &LocationId,
        action: &'static str,
        change: impl Fn(&mut Gate),
    ) -> Result<ScopeId, OperateError> {
        let settings = self.known(location).await?;
        // So that the overview shows a location that was paused before its first record.
        self.ports().registry.register(location).await?;
        let (from, to) = self
            .engine
            .change_gate(&settings, |gate| {
                let from = gate.breaker().as_str();
                change(gate);
                (from, gate.breaker().as_str())
            })
            .await?;
        let scope = settings.scope;
        self.ports().sink.emit(&Event::Operated { location, scope: &scope, action });
        if from != to {
            self.ports().sink.emit(&Event::Breaker { scope: &scope, from, to });
        }
        Ok(scope)
    }
}
