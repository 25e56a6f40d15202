//! Gate access for operators and for changes of settings; they do not send.

use std::time::Duration;

use super::gate_session::{GateSession, Verdict};
use super::host_health::HostHealthSession;
use super::permits::SIGHT;
use super::{Engine, FannedOut};
use crate::ports::PortError;
use ghl_sync_limiter::Gate;
use ghl_sync_model::{LocationSettings, ScopeId};

impl Engine {
    /// Applies `change` to the gate of the location with these `settings` in one write, and returns its result. If
    /// somebody else writes in between, `change` is called again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn change_gate<T>(
        &self,
        settings: &LocationSettings,
        change: impl Fn(&mut Gate) -> T,
    ) -> Result<T, PortError> {
        let mut session = GateSession::open(self, settings.scope.clone(), self.config.rules(settings)).await?;
        session.change(|_, gate| Verdict::Store(change(gate))).await
    }

    /// Waits until no call can begin any more that relies on the gate as it was before a change.
    pub async fn until_all_know(&self) {
        let clock = &self.ports.clock;
        clock.sleep_until(clock.now() + SIGHT + Duration::from_millis(1)).await;
    }

    /// Reports to the shared state of the API host that an operator has closed this location's breaker.
    pub async fn tell_breaker_was_reset(&self, settings: &LocationSettings) {
        let mut health = HostHealthSession::open(self, settings.api, settings.scope.clone()).await;
        health.breaker_changed(true, self.ports.clock.now()).await;
    }

    /// Starts `scope` if it has work. A running batch checks for work again.
    ///
    /// # Errors
    /// If a store or the queue fails.
    pub async fn start(&self, scope: &ScopeId) -> Result<FannedOut, PortError> {
        self.ports.gates.advance_work_seq(scope, self.ports.clock.now()).await?;
        self.fan_out(scope).await
    }
}
