//! Recovery when a queue has lost all its messages, as an in-memory queue does when its process ends.

use futures::StreamExt;

use super::Engine;
use super::gate_session::{GateSession, Verdict};
use crate::ports::PortError;
use ghl_sync_model::ScopeId;

/// Scopes handled concurrently.
const AT_ONCE: usize = 16;

impl Engine {
    /// Gives up every plan, so that the next tick replans the work of the lost messages instead of waiting for the
    /// plans to expire. A run keeps its lease: its holder may be alive. Returns the number of plans.
    ///
    /// # Errors
    /// If a store fails. Plans that were not given up will expire.
    pub async fn give_up_plans(&self) -> Result<u32, PortError> {
        let scopes = self.ports.registry.scopes().await?;
        let mut given_up =
            futures::stream::iter(scopes).map(|scope| self.give_up_plan(scope)).buffer_unordered(AT_ONCE);
        let mut count = 0;
        while let Some(had_plan) = given_up.next().await {
            count += u32::from(had_plan?);
        }
        Ok(count)
    }

    async fn give_up_plan(&self, scope: ScopeId) -> Result<bool, PortError> {
        let Some((_, rules)) = self.enabled_members(&scope).await? else {
            return Ok(false);
        };
        let mut session = GateSession::open(self, scope, rules).await?;
        let now = self.ports.clock.now();
        session
            .change(|_, gate| match gate.lose_plan(now) {
                true => Verdict::Store(true),
                false => Verdict::Keep(false),
            })
            .await
    }
}
