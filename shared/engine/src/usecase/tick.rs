//! The scheduled tick: starts every scope that has work and no batch.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};

use super::report::TickReport;
use super::{Engine, Event, FannedOut};
use crate::ports::{DueChecks, PortError};
use crate::standing::Standing;
use ghl_sync_model::{EpochMs, LocationId, ScopeId};

/// Most scopes checked by one tick; the next one checks the rest.
const MAX_SCOPES: u32 = 10_000;
/// Scopes checked concurrently.
const AT_ONCE: usize = 16;

/// Up to this many locations, standings are read by key in one request; beyond that, through the index.
const FEW: usize = 100;
/// Most standings that one sweep repairs.
const MENDED: usize = 1000;
/// A location with due records stores its standing more often than this, unless it was lost.
const LOST_AFTER: Duration = Duration::from_secs(600);

impl Engine {
    /// Checks every scope that is due for a check; with `sweep`, every enabled one (the backstop for a producer that
    /// died between its put and the advance of the work sequence).
    ///
    /// # Errors
    /// If not even the list of scopes can be read. A scope whose check fails is counted, and does not affect the
    /// others.
    pub async fn tick(&self, sweep: bool) -> Result<TickReport, PortError> {
        let (engine, tally) = self.tallied();
        let ticked = engine.tick_tallied(sweep).await;
        if ticked.is_ok()
            && let Err(error) = self.ports.counters.ticked(self.ports.clock.now()).await
        {
            engine.ports.sink.emit(&Event::PortFailed { scope: None, error: &error });
        }
        self.ports.sink.emit(&Event::Measured { work: "tick", location: None, measures: &tally.take() });
        ticked
    }

    async fn tick_tallied(&self, sweep: bool) -> Result<TickReport, PortError> {
        let now = self.ports.clock.now();
        let DueChecks { mut scopes, failed } = self.ports.gates.needing_check(now, MAX_SCOPES).await?;
        failed.iter().for_each(|error| self.ports.sink.emit(&Event::PortFailed { scope: None, error }));
        let failed_shards = u32::try_from(failed.len()).unwrap_or(u32::MAX);
        if sweep {
            scopes.extend(self.others_than(&scopes).await?);
        }
        let mut looks = futures::stream::iter(scopes)
            .map(|scope| async move {
                let fanned_out = self.fan_out(&scope).await;
                if let Ok(fanned_out) = &fanned_out {
                    self.tell_who_waits(&scope, fanned_out).await;
                }
                (scope, fanned_out)
            })
            .buffer_unordered(AT_ONCE);
        let mut report = TickReport { failed_shards, ..TickReport::default() };
        let mut started = BTreeSet::new();
        while let Some((scope, fanned_out)) = looks.next().await {
            report.looked_at += 1;
            match fanned_out {
                Ok(FannedOut::Planned { records, .. }) => {
                    report.started += 1;
                    report.records += records as u64;
                    started.insert(scope);
                }
                Ok(FannedOut::Busy { .. } | FannedOut::Idle { .. } | FannedOut::NotEnabled) => {}
                Err(error) => {
                    report.failed += 1;
                    self.port_failed(scope, &error);
                }
            }
        }
        self.ports.sink.emit(&Event::Ticked { report: &report });
        // Comes last: nothing depends on it if time runs out.
        if sweep && let Err(error) = self.mend_standings(&started).await {
            self.ports.sink.emit(&Event::PortFailed { scope: None, error: &error });
        }
        Ok(report)
    }

    /// Stores standings that were never stored or are outdated because a run died or a write failed: at most a fixed
    /// number per sweep. Skips locations at rest, and scopes that were `started`, whose batches store them.
    async fn mend_standings(&self, started: &BTreeSet<ScopeId>) -> Result<(), PortError> {
        let now = self.ports.clock.now();
        let mut wanted = self.ports.registry.locations().await?;
        let standings = match wanted.len() {
            0..=FEW => self.ports.counters.standings_of(&wanted).await?,
            _ => self.ports.counters.standings().await?,
        };
        let (lost, stored): (Vec<_>, Vec<_>) = standings.into_iter().partition(|(_, standing)| is_lost(standing, now));
        let stored: BTreeSet<LocationId> = stored.into_iter().map(|(location, _)| location).collect();
        wanted.retain(|location| !stored.contains(location));
        wanted.extend(lost.into_iter().map(|(location, _)| location));
        wanted.sort_unstable();
        wanted.dedup();
        let telling = wanted.into_iter().take(MENDED);
        futures::stream::iter(telling)
            .map(|location| async move {
                match self.ports.registry.location(&location).await? {
                    Some(settings) if !started.contains(&settings.scope) => self.tell_standing(&location).await,
                    _ => Ok(None),
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// All scopes except `these`, starting at a random one: if the function's time runs out, it is not always the same
    /// scopes that are left out.
    async fn others_than(&self, these: &[ScopeId]) -> Result<Vec<ScopeId>, PortError> {
        let these: BTreeSet<&ScopeId> = these.iter().collect();
        let all = self.ports.registry.scopes().await?;
        let mut others: Vec<ScopeId> = all.into_iter().filter(|scope| !these.contains(scope)).collect();
        let first = (self.ports.randomness.roll() * others.len() as f64) as usize;
        let first = first.min(others.len());
        others.rotate_left(first);
        Ok(others)
    }
}

/// Whether a later change of the standing was not stored.
fn is_lost(standing: &Standing, now: EpochMs) -> bool {
    let is_over = standing.run_until.is_some_and(|until| until <= now);
    let has_work = standing.enabled && standing.due.tallied.count > 0;
    is_over || (has_work && now.since(standing.at) > LOST_AFTER)
}
