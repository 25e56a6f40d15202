//! Counts the engine's events for the progress bar and the report.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{Event, EventSink, RecordResult};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{EpochMs, LocationId, RecordKey, ScopeId};
use ghl_sync_runtime::{LogSink, SystemClock};

use crate::mark::mark;

/// Counts events and passes them on to the log.
#[derive(Default)]
pub(crate) struct RunTally {
    counts: Mutex<RunCounts>,
}

/// Counts so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunCounts {
    /// Final results of records, by [`mark`].
    pub(crate) ended: HashMap<u64, RecordResult>,
    /// Fields that GHL did not store, of records that it accepted.
    pub(crate) not_stored: BTreeMap<(LocationId, RecordKey), Vec<String>>,
    /// Time from due to accepted, for each accepted record.
    pub(crate) latencies: Vec<Duration>,
    /// Calls to GHL.
    pub(crate) calls: u64,
    /// Tries after the first.
    pub(crate) retries: u64,
    /// Time waited in batches, by reason.
    pub(crate) waits: HashMap<WaitReason, Duration>,
    /// Number of times the breaker opened.
    pub(crate) breaker_opens: u64,
    /// States of the breakers that are not closed.
    pub(crate) breakers: HashMap<ScopeId, &'static str>,
    /// Failures of stores and queues.
    pub(crate) port_failures: u64,
    /// For each scope, until when it waits, and why.
    pub(crate) next: HashMap<ScopeId, (Option<EpochMs>, Option<WaitReason>)>,
    /// Scopes with a running batch, perhaps of a dead process, and the time from which another may continue.
    pub(crate) held: HashMap<ScopeId, EpochMs>,
    /// Number of errors, by the record's last error.
    pub(crate) errors: HashMap<String, u64>,
    /// Time of the last event.
    pub(crate) last_event: EpochMs,
}

impl RunTally {
    /// Resets the counts.
    pub(crate) fn start_over(&self) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = RunCounts::default();
    }

    /// Gives `read` access to the counts.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&RunCounts) -> T) -> T {
        read(&self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl EventSink for RunTally {
    fn emit(&self, event: &Event<'_>) {
        LogSink.emit(event);
        let now = SystemClock.now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.last_event = now;
        match event {
            Event::Held { scope, until } => {
                counts.held.insert((*scope).clone(), *until);
            }
            Event::Called { attempt, .. } => {
                counts.calls += 1;
                counts.retries += u64::from(*attempt > 0);
            }
            Event::Waiting { reason, wait, .. } => *counts.waits.entry(*reason).or_default() += *wait,
            Event::Breaker { scope, to, .. } => {
                counts.breaker_opens += u64::from(*to == "open");
                if *to == "closed" {
                    counts.breakers.remove(*scope);
                } else {
                    counts.breakers.insert((*scope).clone(), to);
                }
            }
            Event::Settled { location, record, result, latency, .. } => {
                counts.latencies.extend(*latency);
                let key = ((*location).clone(), (*record).clone());
                counts.not_stored.remove(&key);
                match result {
                    RecordResult::Succeeded | RecordResult::Failed(_) | RecordResult::WouldSend => {
                        counts.ended.insert(mark((location, record)), *result);
                    }
                    RecordResult::Retrying(_)
                    | RecordResult::Deferred(_)
                    | RecordResult::Waiting
                    | RecordResult::Skipped => {}
                }
            }
            Event::NotStored { location, record, fields, .. } => {
                counts.not_stored.insert(((*location).clone(), (*record).clone()), fields.to_vec());
            }
            Event::Planned { location, delay, reason, .. } => {
                let scope = (*location).clone().into();
                counts.next.insert(scope, (Some(now + *delay), *reason));
            }
            Event::Rests { scope, wake_at } => {
                counts.next.insert((*scope).clone(), (*wake_at, None));
            }
            Event::BatchEnded { report, .. } => {
                for (_, error) in &report.errors {
                    let words: String = error.message.chars().take(120).collect();
                    let status = error.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                    *counts.errors.entry(format!("{} ({status}): {words}", error.code)).or_default() += 1;
                }
            }
            Event::PortFailed { .. } => counts.port_failures += 1,
            Event::Migrating { .. }
            | Event::Retrying { .. }
            | Event::Host { .. }
            | Event::LimitLowered { .. }
            | Event::Operated { .. }
            | Event::Looked { .. }
            | Event::BatchStarted { .. }
            | Event::SharesGhlId { .. }
            | Event::PassedOver { .. }
            | Event::NotABatch { .. }
            | Event::Ingested { .. }
            | Event::ItemsRefused { .. }
            | Event::Outcomes(_)
            | Event::Alerts(_)
            | Event::DeadLetter { .. }
            | Event::Ticked { .. }
            | Event::Reconciled { .. }
            | Event::ContentsDropped { .. }
            | Event::Measured { .. }
            | Event::Webhook { .. }
            | Event::WebhookRefused { .. }
            | Event::TokensIssued { .. }
            | Event::CredentialsRefused { .. }
            | Event::TokensDelayed { .. } => {}
        }
    }
}
