//! Whether records flow at all: a cheap check that anybody may request as often as they like.

use crate::Operator;
use crate::health_state::Health;
use crate::health_state::TICK_OVERDUE;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{Api, EpochMs};

/// The state in one word, with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// When the check was made.
    pub time: EpochMs,
    /// [`Health::Failing`] if something has stopped, else [`Health::Ok`].
    pub health: Health,
}

impl Operator {
    /// Checks that the scheduler runs, that no API host is down and that no breaker is open: three reads, however many
    /// locations there are. Conditions that only need a person's attention ([`Health::Degraded`]) are left to the
    /// overview.
    ///
    /// # Errors
    /// If a store fails; the state is then unknown.
    pub async fn pulse(&self) -> Result<Pulse, PortError> {
        let time = self.ports().clock.now();
        let (last_tick, v1, v2) = futures::try_join!(
            self.ports().counters.last_tick(),
            self.ports().host_health.load(Api::V1.as_str()),
            self.ports().host_health.load(Api::V2.as_str()),
        )?;
        let is_overdue = last_tick.is_some_and(|tick| time.since(tick) > TICK_OVERDUE);
        let is_stuck = [v1, v2].into_iter().flatten().any(|entry| {
            let is_up = entry.value.host.as_str() == "up";
            !is_up || entry.value.open.are_any(time)
        });
        let health = if is_overdue || is_stuck { Health::Failing } else { Health::Ok };
        Ok(Pulse { time, health })
    }
}
