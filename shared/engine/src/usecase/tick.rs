//! The scheduled tick: start every scope that has work and nobody on it.

use std::collections::BTreeSet;

use futures::StreamExt;

use super::report::TickReport;
use super::{Engine, Event, FannedOut};
use crate::ports::{DueChecks, PortError};
use ghl_sync_model::ScopeId;

/// Scopes looked at by one tick, at most; the rest is for the next one.
const MAX_SCOPES: u32 = 10_000;
/// Scopes looked at at once.
const AT_ONCE: usize = 16;

impl Engine {
    /// Looks at every scope whose time has come; with `sweep`, at every enabled one (the backstop for a producer that
    /// died between its put and the advance of the work sequence).
    ///
    /// # Errors
    /// When not even the list of scopes can be read. A scope whose look fails is counted, and spoils no other.
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
                (scope, fanned_out)
            })
            .buffer_unordered(AT_ONCE);
        let mut report = TickReport { failed_shards, ..TickReport::default() };
        while let Some((scope, fanned_out)) = looks.next().await {
            report.looked_at += 1;
            match fanned_out {
                Ok(FannedOut::Planned { records, .. }) => {
                    report.started += 1;
                    report.records += records as u64;
                }
                Ok(FannedOut::Busy | FannedOut::Idle { .. } | FannedOut::NotEnabled) => {}
                Err(error) => {
                    report.failed += 1;
                    self.port_failed(scope, &error);
                }
            }
        }
        self.ports.sink.emit(&Event::Ticked { report: &report });
        Ok(report)
    }

    /// All scopes but `these`, each time from another one on: should the function's time not be enough for all, it is
    /// not always the same ones that are left out.
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
