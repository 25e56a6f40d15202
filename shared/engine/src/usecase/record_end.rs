//! The end of a record's part in a batch, and storing its outcome.

use std::time::Duration;

use super::Engine;
use super::record_progress::{Ended, RecordProgress, RecordSync};
use super::report::RecordResult;
use crate::ports::{RemoteKey, Settled};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{ErrorCode, GhlId, LastError, Outcome, Record};

/// Tries to store an outcome. After that, the next batch sends the record again.
const SETTLE_TRIES: u32 = 3;

/// How a record's part in a batch ended.
#[derive(Debug)]
pub(super) struct RecordEnd {
    pub(super) result: RecordResult,
    /// Whether the record is still due, or due again.
    pub(super) still_due: bool,
    pub(super) error: Option<LastError>,
    /// Whether any call was made.
    pub(super) called: bool,
    pub(super) ghl_id: Option<GhlId>,
    pub(super) latency: Option<Duration>,
    /// The fields that GHL did not store of an accepted record.
    pub(super) not_stored: Vec<String>,
}

impl RecordSync<'_, '_> {
    /// Stores the outcome.
    pub(super) async fn end(&self, record: &Record, progress: RecordProgress, ended: Ended) -> RecordEnd {
        let undone = progress.operation.undone(self.engine.ports.clock.now());
        let not_stored = match ended {
            Ended::Accepted if undone.is_none() => self.not_stored(record, &progress).await,
            _ => Vec::new(),
        };
        let outcome = match (ended, progress.operation.ghl_id()) {
            (Ended::Accepted, _) if let Some(undone) = undone => Outcome::Undone(undone),
            (Ended::Accepted, Some(_)) if progress.operation.is_deletion() => Outcome::Deleted,
            (Ended::Accepted, Some(id)) => {
                let provenance = progress.operation.provenance();
                let not_stored = not_stored.clone();
                Outcome::Accepted { ghl_id: id.clone(), hash: record.payload.hash(), provenance, not_stored }
            }
            // There was no call that could yield an id: the record lacks what the call needs.
            (Ended::Accepted, None) => self.failed(&progress, self.engine.ports.clock.now()),
            (Ended::Outcome(outcome), _) => outcome,
            (Ended::Deferred(reason), _) => return deferred(record, progress, reason),
        };
        if let Outcome::Undone(undone) = &outcome
            && !self.close_image(record, &progress, undone).await
        {
            return deferred(record, progress, WaitReason::Store);
        }
        let settled = match progress.operation.ghl_id() {
            Some(_) if !matches!(outcome, Outcome::Undone(_)) => self.engine.settle_and_wake(record, &outcome).await,
            _ => self.engine.settle(record, &outcome).await,
        };
        let Some(settled) = settled else {
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
        let result = match &outcome {
            Outcome::Accepted { .. } | Outcome::Deleted | Outcome::Undone(_) => RecordResult::Succeeded,
            Outcome::Failed { error, .. } => RecordResult::Failed(error.code),
            Outcome::Retry { error, .. } => RecordResult::Retrying(error.code),
            Outcome::Wait { .. } | Outcome::Await { .. } => RecordResult::Waiting,
            Outcome::WouldSend { .. } => RecordResult::WouldSend,
        };
        let is_gone = matches!(&outcome, Outcome::Undone(undone) if undone.deleted);
        let stays_due = matches!(outcome, Outcome::WouldSend { stays_due: true, .. });
        if record.attempts == 0 && result == RecordResult::Retrying(ErrorCode::MaxRetriesExceeded) {
            self.permits.in_trouble().await;
        }
        let accepted = result == RecordResult::Succeeded;
        RecordEnd {
            result,
            still_due: stays_due || settled == Settled::ChangedMeanwhile,
            error: progress.error.filter(|_| !accepted),
            called: progress.called,
            ghl_id: progress.operation.ghl_id().filter(|_| !is_gone).cloned(),
            latency: record.due_at.filter(|_| accepted).map(|due_at| now.since(due_at)),
            not_stored: if accepted { not_stored } else { Vec::new() },
        }
    }

    /// The fields that GHL did not store, as far as its answers show. If the first upsert matched an unknown contact,
    /// also what the upsert replaced there, as far as that contact's last known state shows.
    async fn not_stored(&self, record: &Record, progress: &RecordProgress) -> Vec<String> {
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
    /// Stores the outcome of `record`; everything else goes through here. `None` if that failed: the record is still
    /// due, and its calls will be repeated.
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

fn deferred(record: &Record, progress: RecordProgress, reason: WaitReason) -> RecordEnd {
    let result = RecordResult::Deferred(reason);
    // If the whole scope was stopped, that reason says more than the last error on the way.
    let error = progress.error.map(|error| LastError { code: result.code().unwrap_or(error.code), ..error });
    RecordEnd { error, called: progress.called, ghl_id: record.ghl_id.clone(), ..still_due(result) }
}

/// A store failed: the record's due time is unchanged.
pub(super) fn not_written() -> RecordEnd {
    still_due(RecordResult::Deferred(WaitReason::Store))
}

/// No call was made, and the record's due time is unchanged.
pub(super) fn still_due(result: RecordResult) -> RecordEnd {
    RecordEnd { still_due: true, ..without_call(result) }
}

pub(super) fn without_call(result: RecordResult) -> RecordEnd {
    RecordEnd {
        result,
        still_due: false,
        error: None,
        called: false,
        ghl_id: None,
        latency: None,
        not_stored: Vec::new(),
    }
}
