//! Whether records flow at all: what anybody may ask, as often as he likes.

use crate::Operator;
use crate::health::TICK_OVERDUE;
use crate::overview::Health;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{Api, EpochMs};

/// All in one word, and when it was so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// When it was so.
    pub time: EpochMs,
    /// [`Health::Failing`] if something stands still, else [`Health::Ok`].
    pub health: Health,
}

impl Operator {
    /// Whether the scheduler runs, no API host is down and no breaker open: three reads, however many locations there
    /// are. What only a person should look at ([`Health::Degraded`]) is for the overview.
    ///
    /// # Errors
    /// When a store fails; then nobody knows.
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
