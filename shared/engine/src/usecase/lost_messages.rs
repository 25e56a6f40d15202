//! A queue that has lost all its messages, as one in memory does with its process.

use futures::StreamExt;

use super::Engine;
use super::gate_session::{GateSession, Verdict};
use crate::ports::PortError;
use ghl_sync_model::ScopeId;

/// Scopes looked at at once.
const AT_ONCE: usize = 16;

impl Engine {
    /// Gives up every plan, so that the next tick plans anew what the lost messages were to do, instead of when their
    /// plans expire. A run keeps its lease: who has it may be alive. Returns how many plans there were.
    ///
    /// # Errors
    /// When a store fails. What was not given up expires.
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
