//! Counters in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use ghl_sync_engine::counts::{Counted, Counts, Minute};
use ghl_sync_engine::ports::{Counters, PortError};
use ghl_sync_engine::standing::{Standing, Urgency};
use ghl_sync_model::{EpochMs, LocationId};

/// [`Counters`] in memory.
#[derive(Debug, Default)]
pub struct MemoryCounters {
    state: Mutex<CountersState>,
}

#[derive(Debug, Default)]
struct CountersState {
    counted: BTreeMap<LocationId, Counted>,
    standings: BTreeMap<LocationId, Standing>,
    counted_since: BTreeMap<LocationId, EpochMs>,
    writes: u64,
    told: u64,
    last_tick: Option<EpochMs>,
}

impl MemoryCounters {
    /// Number of writes.
    #[must_use]
    pub fn writes(&self) -> u64 {
        lock(&self.state).writes
    }

    /// The last stored standing of `location`.
    #[must_use]
    pub fn last_told(&self, location: &LocationId) -> Option<Standing> {
        lock(&self.state).standings.get(location).cloned()
    }

    /// How often a standing was stored by itself, without counts.
    #[must_use]
    pub fn told(&self) -> u64 {
        lock(&self.state).told
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
        standing: Option<&Standing>,
    ) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        state.writes += 1;
        state.counted_since.entry(location.clone()).or_insert(now);
        state.standings.extend(standing.map(|standing| (location.clone(), standing.clone())));
        let counted = state.counted.entry(location.clone()).or_default();
        counted.total.merge(counts);
        let part = Minute::of(now, counts, allowed);
        match counted.minutes.last_mut() {
            Some(last) if last.at == part.at => last.merge(&part),
            Some(last) if last.at > part.at => {} // Some host's clock is behind; the sums include it.
            _ => counted.minutes.push(part),
        }
        Ok(())
    }

    async fn tell(&self, location: &LocationId, standing: &Standing) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        state.told += 1;
        state.standings.insert(location.clone(), standing.clone());
        Ok(())
    }

    async fn of_each(&self, locations: &[LocationId], now: EpochMs) -> Result<Vec<Counted>, PortError> {
        let state = lock(&self.state);
        let counted = |location| {
            let mut counted = state.counted.get(location).cloned().unwrap_or_default();
            counted.keep_recent(now);
            counted
        };
        Ok(locations.iter().map(counted).collect())
    }

    async fn sums(&self, location: &LocationId) -> Result<Counts, PortError> {
        Ok(lock(&self.state).counted.get(location).map(|counted| counted.total.clone()).unwrap_or_default())
    }

    async fn told_at(&self, location: &LocationId) -> Result<Option<EpochMs>, PortError> {
        let state = lock(&self.state);
        let told = state.standings.get(location).map(|standing| standing.at);
        Ok(told.or_else(|| state.counted_since.get(location).copied()))
    }

    async fn standings_of(&self, locations: &[LocationId]) -> Result<Vec<(LocationId, Standing)>, PortError> {
        let mut standings = self.standings().await?;
        standings.retain(|(location, _)| locations.contains(location));
        Ok(standings)
    }

    async fn standings(&self) -> Result<Vec<(LocationId, Standing)>, PortError> {
        let state = lock(&self.state);
        Ok(state.standings.iter().map(|(location, standing)| (location.clone(), standing.clone())).collect())
    }

    async fn in_trouble(&self, limit: usize) -> Result<(Vec<(LocationId, Standing)>, bool), PortError> {
        let mut troubled = self.standings().await?;
        troubled.retain(|(_, standing)| standing.urgency(standing.at) != Urgency::Fine);
        troubled.sort_by_key(|(location, standing)| standing.rank(location));
        let is_all = troubled.len() <= limit;
        troubled.truncate(limit);
        Ok((troubled, is_all))
    }

    async fn forget(&self, location: &LocationId) -> Result<(), PortError> {
        let CountersState { counted, standings, counted_since, .. } = &mut *lock(&self.state);
        counted.remove(location);
        standings.remove(location);
        counted_since.remove(location);
        Ok(())
    }

    async fn ticked(&self, now: EpochMs) -> Result<(), PortError> {
        lock(&self.state).last_tick = Some(now);
        Ok(())
    }

    async fn last_tick(&self) -> Result<Option<EpochMs>, PortError> {
        Ok(lock(&self.state).last_tick)
    }
}
