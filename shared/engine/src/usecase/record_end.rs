//! How it ended with a record, and writing that down.

use std::time::Duration;

use super::Engine;
use super::due_check::Known;
use super::record_progress::{Ended, Progress, RecordSync};
use super::report::RecordResult;
use crate::ports::{RemoteKey, Settled};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{EpochMs, ErrorCode, GhlId, LastError, Outcome, Priority, Record, RecordKey};

/// Tries to write an outcome down before it is left to be found out again.
const SETTLE_TRIES: u32 = 3;

/// How it ended with a record.
#[derive(Debug)]
pub(super) struct RecordEnd {
    pub(super) result: RecordResult,
    pub(super) then: Then,
    pub(super) error: Option<LastError>,
    /// Whether any call was made.
    pub(super) called: bool,
    pub(super) ghl_id: Option<GhlId>,
    pub(super) latency: Option<Duration>,
    /// The fields that GHL did not store of an accepted record.
    pub(super) not_stored: Vec<String>,
    /// Records that waited for its GHL id without being due, and are due now.
    pub(super) woken: Vec<(RecordKey, Priority)>,
}

/// What follows for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It is done with.
    Done,
    /// It is due as it was, or anew.
    StillDue,
    /// It comes back at this time.
    ComesBack(EpochMs),
}

impl Then {
    /// Tells `known` what the due index may not show yet.
    pub(super) fn note_in(self, known: &mut Known, Record { location_id, key, priority, .. }: &Record) {
        match self {
            Then::Done => {}
            Then::StillDue => known.is_as_indexed(location_id, key),
            Then::ComesBack(due_at) => known.is_due(location_id, key.clone(), *priority, due_at),
        }
    }
}

impl RecordSync<'_, '_> {
    /// Writes the outcome down.
    pub(super) async fn end(&self, record: &Record, progress: Progress, ended: Ended) -> RecordEnd {
        let not_stored = match ended {
            Ended::Accepted => self.not_stored(record, &progress).await,
            _ => Vec::new(),
        };
        let outcome = match (ended, progress.operation.ghl_id()) {
            (Ended::Accepted, Some(id)) => {
                let provenance = progress.operation.provenance();
                let not_stored = not_stored.clone();
                Outcome::Accepted { ghl_id: id.clone(), hash: record.payload.hash(), provenance, not_stored }
            }
            // Without an id there was no call: the record lacks what it takes.
            (Ended::Accepted, None) => self.failed(&progress, self.engine.ports.clock.now()),
            (Ended::Outcome(outcome), _) => outcome,
            (Ended::Deferred(reason), _) => return deferred(record, progress, reason),
        };
        let settled = match progress.operation.ghl_id() {
            Some(_) => self.engine.settle_and_wake(record, &outcome).await,
            None => self.engine.settle(record, &outcome).await.map(|settled| (settled, Vec::new())),
        };
        let Some((settled, woken)) = settled else {
            if progress.created {
                let config = &self.engine.config;
                let visible_by = self.engine.ports.clock.now() + config.late_arrival + config.search_lag;
                self.permits.doubt(visible_by).await;
            }
            return deferred(record, progress, WaitReason::Store);
        };
        if let Outcome::Accepted { ghl_id, .. } = &outcome {
            self.tell_shares(record, &progress, ghl_id).await;
        }
        let now = self.engine.ports.clock.now();
        let (result, then) = match &outcome {
            Outcome::Accepted { .. } => (RecordResult::Succeeded, Then::Done),
            Outcome::Failed { error, .. } => (RecordResult::Failed(error.code), Then::Done),
            Outcome::Retry { error, due_at, .. } => (RecordResult::Retrying(error.code), Then::ComesBack(*due_at)),
            Outcome::Wait { due_at, .. } => (RecordResult::Waiting, Then::ComesBack(*due_at)),
            Outcome::Await { .. } => (RecordResult::Waiting, Then::Done),
            Outcome::WouldSend { stays_due: true, .. } => (RecordResult::WouldSend, Then::StillDue),
            Outcome::WouldSend { stays_due: false, .. } => (RecordResult::WouldSend, Then::Done),
        };
        if record.attempts == 0 && result == RecordResult::Retrying(ErrorCode::MaxRetriesExceeded) {
            self.permits.in_trouble().await;
        }
        let accepted = result == RecordResult::Succeeded;
        RecordEnd {
            result,
            then: if settled == Settled::ChangedMeanwhile { Then::StillDue } else { then },
            error: progress.error.filter(|_| !accepted),
            called: progress.called,
            ghl_id: progress.operation.ghl_id().cloned(),
            latency: record.due_at.filter(|_| accepted).map(|due_at| now.since(due_at)),
            not_stored: if accepted { not_stored } else { Vec::new() },
            woken,
        }
    }

    /// What GHL did not store, as far as its answers show; and where the first upsert met a contact that nobody knew of,
    /// as far as the last known state of that one tells.
    async fn not_stored(&self, record: &Record, progress: &Progress) -> Vec<String> {
        let mut not_stored = progress.operation.not_stored().clone();
        if let Some((sent, ghl_id)) = progress.operation.met().filter(|(sent, _)| sent.email.is_some()) {
            let key = RemoteKey { location: &record.location_id, kind: record.key.kind, ghl_id };
            match self.engine.ports.known.load(key).await {
                Ok(Some(before)) => not_stored.contact_met(sent, &before),
                Ok(None) => {}
                Err(error) => self.engine.port_failed(record.location_id.clone(), &error),
            }
        }
        not_stored.fields()
    }
}

impl Engine {
    /// Writes the outcome down; the one way to do so. `None` if it could not be written: the record is still due, and its
    /// calls will be made again.
    pub(super) async fn settle(&self, record: &Record, outcome: &Outcome) -> Option<Settled> {
        let ports = &self.ports;
        let outcome = outcome.clone().in_bounds();
        for attempt in 0..SETTLE_TRIES {
            match ports.outbox.settle(record, &outcome, ports.clock.now()).await {
                Ok(settled) => return Some(settled),
                Err(error) => {
                    self.port_failed(record.location_id.clone(), &error);
                    let delay = self.config.backoff.delay(attempt, ports.randomness.roll());
                    ports.clock.sleep_until(ports.clock.now() + delay).await;
                }
            }
        }
        None
    }
}

fn deferred(record: &Record, progress: Progress, reason: WaitReason) -> RecordEnd {
    let result = RecordResult::Deferred(reason);
    // What stopped it says more than what it met on the way, if it stands for the whole scope.
    let error = progress.error.map(|error| LastError { code: result.code().unwrap_or(error.code), ..error });
    RecordEnd {
        result,
        then: Then::StillDue,
        error,
        called: progress.called,
        ghl_id: record.ghl_id.clone(),
        latency: None,
        not_stored: Vec::new(),
        woken: Vec::new(),
    }
}

/// A store failed: the record is due as it was.
pub(super) fn not_written() -> RecordEnd {
    without_call(RecordResult::Deferred(WaitReason::Store), Then::StillDue)
}

pub(super) fn without_call(result: RecordResult, then: Then) -> RecordEnd {
    RecordEnd {
        result,
        then,
        error: None,
        called: false,
        ghl_id: None,
        latency: None,
        not_stored: Vec::new(),
        woken: Vec::new(),
    }
}
