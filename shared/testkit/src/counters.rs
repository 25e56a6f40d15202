//! Counters in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use ghl_sync_engine::counts::{Counted, Counts, Minute};
use ghl_sync_engine::ports::{Counters, PortError};
use ghl_sync_model::{EpochMs, LocationId};

/// [`Counters`] in memory.
#[derive(Debug, Default)]
pub struct MemoryCounters {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counted: BTreeMap<LocationId, Counted>,
    writes: u64,
    last_tick: Option<EpochMs>,
}

impl MemoryCounters {
    /// How often something was added.
    #[must_use]
    pub fn writes(&self) -> u64 {
        lock(&self.state).writes
    }
}

#[async_trait]
impl Counters for MemoryCounters {
    async fn add(
        &self,
        location: &LocationId,
        now: EpochMs,
        counts: &Counts,
        allowed: Option<u64>,
    ) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        state.writes += 1;
        let counted = state.counted.entry(location.clone()).or_default();
        counted.total.merge(counts);
        let part = Minute::of(now, counts, allowed);
        match counted.minutes.last_mut() {
            Some(last) if last.at == part.at => last.merge(&part),
            Some(last) if last.at > part.at => {} // Some host's clock is behind; the sums have it.
            _ => counted.minutes.push(part),
        }
        Ok(())
    }

    async fn of(&self, location: &LocationId, now: EpochMs) -> Result<Counted, PortError> {
        let mut counted = lock(&self.state).counted.get(location).cloned().unwrap_or_default();
        counted.keep_recent(now);
        Ok(counted)
    }

    async fn ticked(&self, now: EpochMs) -> Result<(), PortError> {
        lock(&self.state).last_tick = Some(now);
        Ok(())
    }

    async fn last_tick(&self) -> Result<Option<EpochMs>, PortError> {
        Ok(lock(&self.state).last_tick)
    }
}
