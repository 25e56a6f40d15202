//! Sums up the events of one piece of work (a batch, a tick, a put).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::report::{Measures, RecordResult};
use super::standing::BatchLeftovers;
use super::{Engine, Event, Ports};
use crate::counts::{Counter, Counts, ReconcileCount, RecordCount};
use crate::standing::Standing;
use crate::usecase::event::EventSink;
use crate::usecase::report::{ReconcileEnd, ReconcileReport};
use ghl_sync_model::LocationId;

/// Most durations kept of each kind: CloudWatch takes 100 values of a metric at once.
const SAMPLES: usize = 100;

/// A sink that sums up the events it passes on.
pub struct Tally {
    sink: Arc<dyn EventSink>,
    measures: Mutex<Measures>,
}

impl Tally {
    /// Returns what was summed up since the last call, and starts over.
    pub fn take(&self) -> Measures {
        std::mem::take(&mut *self.measures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl EventSink for Tally {
    fn emit(&self, event: &Event<'_>) {
        self.measures.lock().unwrap_or_else(PoisonError::into_inner).add(event);
        self.sink.emit(event);
    }
}

impl Measures {
    fn add(&mut self, event: &Event<'_>) {
        let counts = &mut self.counts;
        match event {
            Event::Called { endpoint, status, class, took, .. } => {
                counts.add_call(*endpoint, *status, *took);
                counts.add(Counter::CredentialsRefused, u64::from(matches!(*class, "credentials" | "other_location")));
                sample(&mut self.call_ms, *took);
            }
            Event::Retrying { delay, .. } => {
                counts.add(Counter::Retries, 1);
                sample(&mut self.backoff_ms, *delay);
            }
            Event::Waiting { reason, wait, .. } => {
                counts.add(Counter::Waits(*reason), 1);
                counts.add(Counter::WaitMs(*reason), ms(*wait));
            }
            Event::Breaker { to: "open", .. } => counts.add(Counter::BreakerOpens, 1),
            Event::LimitLowered { .. } => counts.add(Counter::LimitsLowered, 1),
            Event::Looked { oldest, .. } => self.oldest_due = self.oldest_due.max(Some(*oldest)),
            Event::Settled { result, .. } => counts.add(Counter::Records(outcome(*result)), 1),
            Event::NotStored { .. } => counts.add(Counter::NotStored, 1),
            Event::SharesGhlId { .. } => counts.add(Counter::SharedGhlIds, 1),
            Event::PassedOver { .. } => counts.add(Counter::PassedOver, 1),
            // Unknown records have no event of their own.
            Event::BatchEnded { report, .. } => {
                let seen = counts.records(RecordCount::Skipped);
                counts.add(Counter::Records(RecordCount::Skipped), u64::from(report.skipped).saturating_sub(seen));
            }
            Event::PortFailed { .. } => counts.add(Counter::PortFailures, 1),
            Event::Reconciled { report, .. } => {
                reconciled(report).into_iter().for_each(|(what, count)| counts.add(Counter::Reconciled(what), count));
            }
            Event::Ticked { report } => self.scopes_failed += u64::from(report.failed),
            Event::Migrating { .. }
            | Event::Planned { .. }
            | Event::Breaker { .. }
            | Event::Host { .. }
            | Event::Operated { .. }
            | Event::BatchStarted { .. }
            | Event::ContentsDropped { .. }
            | Event::Held { .. }
            | Event::Rests { .. }
            | Event::NotABatch { .. }
            | Event::Ingested { .. }
            | Event::ItemsRefused { .. }
            | Event::Outcomes(_)
            | Event::Alerts(_)
            | Event::DeadLetter { .. }
            | Event::Measured { .. }
            | Event::Webhook { .. }
            | Event::WebhookRefused { .. }
            | Event::TokensIssued { .. }
            | Event::CredentialsRefused { .. }
            | Event::TokensDelayed { .. } => {}
        }
    }
}

fn reconciled(report: &ReconcileReport) -> [(ReconcileCount, u64); 5] {
    [
        (ReconcileCount::Compared, report.contacts),
        (ReconcileCount::StateRepaired, report.states),
        (ReconcileCount::Resent, report.resent),
        (ReconcileCount::Superseded, report.superseded),
        (ReconcileCount::PutOff, u64::from(report.ended == ReconcileEnd::Busy)),
    ]
}

fn outcome(result: RecordResult) -> RecordCount {
    match result {
        RecordResult::Succeeded => RecordCount::Succeeded,
        RecordResult::Failed(_) => RecordCount::Failed,
        RecordResult::Retrying(_) => RecordCount::Retrying,
        RecordResult::Deferred(_) => RecordCount::Deferred,
        RecordResult::Waiting => RecordCount::Waiting,
        RecordResult::Skipped => RecordCount::Skipped,
        RecordResult::WouldSend => RecordCount::WouldSend,
    }
}

fn sample(samples: &mut Vec<u64>, span: Duration) {
    if samples.len() < SAMPLES {
        samples.push(ms(span));
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Engine {
    /// This engine with a sink that sums up one piece of work.
    pub fn tallied(&self) -> (Engine, Arc<Tally>) {
        let tally = Arc::new(Tally { sink: self.ports.sink.clone(), measures: Mutex::default() });
        let ports = Ports { sink: tally.clone(), ..self.ports.clone() };
        (Engine { ports, ..self.clone() }, tally)
    }

    /// Ends a piece of work for `location`: sends the measures to the sink and adds them to the counters in one write.
    /// If that write fails, only the counts are lost.
    pub async fn count(&self, work: &'static str, location: &LocationId, measures: Measures, allowed: Option<u64>) {
        self.ports.sink.emit(&Event::Measured { work, location: Some(location), measures: &measures });
        if measures.counts.is_empty() {
            return;
        }
        self.add_counts(location, &measures.counts, allowed, None).await;
    }

    /// The same for work that may have changed the standing of `location`, which the same write stores.
    pub async fn count_and_tell(&self, work: &'static str, location: &LocationId, measures: Measures) {
        self.count_what_was_left(work, location, measures, None, BatchLeftovers::default()).await;
    }

    /// The same for a batch, which changes the standing of `location`; the same write stores it.
    pub(super) async fn count_what_was_left(
        &self,
        work: &'static str,
        location: &LocationId,
        measures: Measures,
        allowed: Option<u64>,
        left: BatchLeftovers,
    ) {
        self.ports.sink.emit(&Event::Measured { work, location: Some(location), measures: &measures });
        if measures.counts.is_empty() {
            return;
        }
        let standing = self.standing_after(location, &measures.counts, left).await;
        self.add_counts(location, &measures.counts, allowed, standing.as_ref()).await;
    }

    async fn add_counts(
        &self,
        location: &LocationId,
        counts: &Counts,
        allowed: Option<u64>,
        standing: Option<&Standing>,
    ) {
        let now = self.ports.clock.now();
        if let Err(error) = self.ports.counters.add(location, now, counts, allowed, standing).await {
            self.port_failed(location.clone(), &error);
        }
    }
}
