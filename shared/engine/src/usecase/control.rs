//! The one door to a gate for whoever is not sending: operators, and changes of settings.

use std::time::Duration;

use super::gate_session::{GateSession, Verdict};
use super::host_health::HostHealthSession;
use super::permits::SIGHT;
use super::{Engine, FannedOut};
use crate::ports::PortError;
use ghl_sync_limiter::Gate;
use ghl_sync_model::{LocationSettings, ScopeId};

impl Engine {
    /// Does `change` to the gate of the location that has `settings`, in one write, and returns what `change` did. Others
    /// may write in between: then it is called again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn change_gate<T>(
        &self,
        settings: &LocationSettings,
        change: impl Fn(&mut Gate) -> T,
    ) -> Result<T, PortError> {
        let mut session = GateSession::open(self, settings.scope.clone(), self.config.rules(settings)).await?;
        session.change(|_, gate| Verdict::Store(change(gate))).await
    }

    /// Waits until no call begins any more by a gate as it was before it was changed.
    pub async fn until_all_know(&self) {
        let clock = &self.ports.clock;
        clock.sleep_until(clock.now() + SIGHT + Duration::from_millis(1)).await;
    }

    /// Tells what all locations know of the API host that an operator has closed this location's breaker.
    pub async fn tell_breaker_was_reset(&self, settings: &LocationSettings) {
        let mut health = HostHealthSession::open(self, settings.api, settings.scope.clone()).await;
        health.breaker_changed(true, self.ports.clock.now()).await;
    }

    /// Starts `scope` if it has work: whoever is at work there looks again.
    ///
    /// # Errors
    /// When a store or the queue fails.
    pub async fn start(&self, scope: &ScopeId) -> Result<FannedOut, PortError> {
        self.ports.gates.advance_work_seq(scope, self.ports.clock.now()).await?;
        self.fan_out(scope).await
    }
}
