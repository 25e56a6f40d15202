//! One record: its calls, its retries, and its outcome.

use std::time::Duration;

use super::operation::Operation;
use super::permits::{For, Permits};
use super::report::RecordResult;
use super::{Engine, Event};
use crate::domain::{
    Call, EpochMs, ErrorCode, Failure, Generation, GhlId, LastError, LocationId, Outcome, Record, Reply,
};
use crate::policy::{Class, Signal, WaitReason, WaitUntil, classify};
use crate::ports::Settled;

/// Tries to write an outcome down before it is left to be found out again.
const SETTLE_TRIES: u32 = 3;

/// What one record's sync needs to know of its batch.
pub(super) struct RecordSync<'b, 'e> {
    pub(super) engine: &'b Engine,
    pub(super) location: &'b LocationId,
    pub(super) batch: Generation,
    pub(super) permits: &'b Permits<'e>,
    pub(super) dry_run: Option<DryRun>,
    /// The function's deadline, less what is needed to write everything down.
    pub(super) deadline: EpochMs,
}

/// Whose dry run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DryRun {
    /// The location's: the record is done with.
    OfLocation,
    /// This batch's only: the record stays due.
    OfBatch,
}

/// How it ended with a record.
#[derive(Debug)]
pub(super) struct RecordEnd {
    pub(super) result: RecordResult,
    pub(super) error: Option<LastError>,
    /// Whether any call was made.
    pub(super) called: bool,
    pub(super) ghl_id: Option<GhlId>,
    pub(super) latency: Option<Duration>,
}

/// How the calls of a record ended.
enum Ended {
    /// GHL has it.
    Accepted,
    /// There will be a next time, and nothing has to be written down for it.
    Deferred(WaitUntil),
    /// This is to be written down.
    Outcome(Outcome),
}

/// A record on its way through its calls.
struct Progress {
    operation: Operation,
    /// Retries so far.
    retries: u32,
    /// Whether its first transient failure has been told to the breaker.
    troubled: bool,
    called: bool,
    /// A call without an answer may arrive until then.
    not_before: Option<EpochMs>,
    error: Option<LastError>,
}

/// What follows a call.
enum After {
    /// Wait, and try again.
    Retry(WaitUntil),
    /// Go on at once: to the next call, or on another road.
    GoOn,
    End(Ended),
}

impl RecordSync<'_, '_> {
    /// Sends `record`, whose contact (if it is an opportunity) is `contact_id`.
    pub(super) async fn run(&self, record: &Record, contact_id: Option<GhlId>) -> RecordEnd {
        let operation = Operation::new(record.payload.clone(), record.ghl_id.clone(), contact_id);
        let mut progress = Progress {
            operation,
            retries: 0,
            troubled: false,
            called: false,
            not_before: record.not_before,
            error: None,
        };
        let ended = self.calls(record, &mut progress).await;
        self.end(record, progress, ended).await
    }

    async fn calls(&self, record: &Record, progress: &mut Progress) -> Ended {
        let clock = &self.engine.ports.clock;
        while let Some(call) = progress.operation.next() {
            if let Some(whose) = self.dry_run {
                let request = self.engine.ports.crm.preview(self.location, &call).await;
                let stays_due = whose == DryRun::OfBatch;
                return Ended::Outcome(Outcome::WouldSend { request, stays_due });
            }
            if !call.is_repeatable()
                && let Some(in_doubt_until) = self.permits.in_doubt_until().await.filter(|time| *time > clock.now())
            {
                return Ended::Outcome(self.wait(progress, in_doubt_until));
            }
            let wanted = For {
                record: Some(&record.key),
                attempt: progress.retries,
                starts: !progress.called,
                patience: self.patience(progress),
            };
            if let Err(stop) = self.permits.acquire(wanted).await {
                return self.stopped(progress, stop);
            }
            progress.called = true;
            match self.call(record, progress, &call).await {
                After::Retry(wait) => {
                    progress.retries += 1;
                    let wanted = For { attempt: progress.retries, starts: false, ..wanted };
                    self.permits.sleep_until(wait, wanted).await;
                }
                After::GoOn => {}
                After::End(ended) => return ended,
            }
        }
        Ended::Accepted
    }

    /// A wait for a permit is worth a moment; after a 429 it is worth as much as a backoff.
    fn patience(&self, progress: &Progress) -> Duration {
        let config = &self.engine.config;
        if progress.retries > 0 { config.backoff.max } else { config.patience }
    }

    /// Makes one call, and judges what came back.
    async fn call(&self, record: &Record, progress: &mut Progress, call: &Call) -> After {
        let ports = &self.engine.ports;
        let sent_at = ports.clock.now();
        let reply = ports.crm.call(self.location, call, self.engine.config.request_timeout).await;
        let now = ports.clock.now();
        let class = reply.answer.as_ref().err().map(|failure| classify(call, failure));
        ports.meter.note(&Event::Called {
            location: self.location,
            batch: Some(self.batch),
            record: Some(&record.key),
            endpoint: call.endpoint(),
            attempt: progress.retries,
            status: reply.status,
            class: class.as_ref().map_or("ok", Class::as_str),
            took: now.since(sent_at),
        });
        let pause_until = self.pause_until(progress, &reply, class.as_ref(), now);
        let lessons = self.lessons(record, progress, &reply, class.as_ref(), pause_until, now);
        self.permits.settle(sent_at, &reply, lessons).await;
        match (reply.answer, class) {
            (Err(failure), Some(class)) => self.after_failure(record, progress, call, failure, class, pause_until, now),
            (answer, _) => {
                answer.into_iter().for_each(|answer| progress.operation.advance(answer));
                After::GoOn
            }
        }
    }

    /// What a reply teaches the gate.
    fn lessons(
        &self,
        record: &Record,
        progress: &mut Progress,
        reply: &Reply,
        class: Option<&Class>,
        pause_until: Option<EpochMs>,
        now: EpochMs,
    ) -> Vec<Signal> {
        let mut lessons = Vec::new();
        match class {
            // An operation's first trouble counts; its retries do not.
            Some(class) if class.is_trouble() => {
                let first = !std::mem::replace(&mut progress.troubled, true);
                lessons.extend(first.then(|| Signal::Trouble { operation: operation_hash(record), at: now }));
            }
            // Whatever it says, GHL is up.
            _ if reply.status.is_some() => lessons.push(Signal::Answered),
            _ => {}
        }
        match (class, pause_until) {
            (Some(Class::Credentials), _) => lessons.push(Signal::Unauthorized { at: now }),
            (Some(Class::Throttled), Some(until)) => {
                let daily = reply.quota.daily_remaining == Some(0);
                lessons.push(Signal::Throttled { at: now, until, daily });
            }
            (_, Some(until)) => lessons.push(Signal::AskedToWait { until }),
            _ => {}
        }
        lessons
    }

    /// Until when the whole scope shall wait: what a 429 asks for, or a `Retry-After` that is too long to sleep through.
    fn pause_until(&self, progress: &Progress, reply: &Reply, class: Option<&Class>, now: EpochMs) -> Option<EpochMs> {
        let backoff = &self.engine.config.backoff;
        let asked = reply.quota.retry_after.map(|after| after.from(now));
        match class? {
            Class::Throttled => {
                let daily = reply.quota.daily_reset.filter(|_| reply.quota.daily_remaining == Some(0));
                let interval = || reply.quota.interval.map(|interval| now + interval);
                let fallback = || now + backoff.delay(progress.retries, self.engine.ports.dice.roll());
                Some(daily.map(|reset| now + reset).or(asked).or_else(interval).unwrap_or_else(fallback))
            }
            Class::Transient { .. } | Class::Ambiguous => asked.filter(|until| now.until(*until) > backoff.max),
            _ => None,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one failure, used once")]
    fn after_failure(
        &self,
        record: &Record,
        progress: &mut Progress,
        call: &Call,
        failure: Failure,
        class: Class,
        pause_until: Option<EpochMs>,
        now: EpochMs,
    ) -> After {
        let config = &self.engine.config;
        let code = match class {
            Class::Throttled => ErrorCode::RateLimited,
            Class::Transient { .. } => ErrorCode::MaxRetriesExceeded,
            Class::Ambiguous => ErrorCode::Ambiguous,
            Class::Credentials => ErrorCode::Unauthorized,
            Class::Duplicate(_) | Class::Gone | Class::Permanent => ErrorCode::Rejected,
        };
        let error = LastError { code, status: failure.status, message: failure.message, at: now };
        progress.error = Some(error.clone());
        match class {
            Class::Throttled => {
                let at = pause_until.unwrap_or(now);
                let reason = WaitReason::Pause(crate::policy::PauseReason::Throttled);
                self.retry(progress, WaitUntil { at, reason }, now)
            }
            Class::Credentials => {
                let reason = WaitReason::Pause(crate::policy::PauseReason::Credentials);
                After::End(self.stopped(progress, WaitUntil { at: now, reason }))
            }
            Class::Transient { may_arrive } => {
                if may_arrive {
                    progress.not_before = Some(now + config.late_arrival);
                }
                let delay = config.backoff.delay(progress.retries, self.engine.ports.dice.roll());
                let backoff = progress.not_before.unwrap_or(now).max(now + delay);
                let at = pause_until.unwrap_or(backoff).max(backoff);
                match self.retry(progress, WaitUntil { at, reason: WaitReason::Backoff }, now) {
                    After::End(Ended::Deferred(_)) if progress.retries >= config.backoff.max_retries => {
                        After::End(Ended::Outcome(self.exhausted(record, progress, error, now)))
                    }
                    after => after,
                }
            }
            Class::Ambiguous => After::End(Ended::Outcome(self.ambiguous(record, call, progress, error, now))),
            Class::Duplicate(_) | Class::Gone if progress.operation.divert(&class) => After::GoOn,
            Class::Duplicate(_) | Class::Gone | Class::Permanent => {
                let ghl_id = progress.operation.ghl_id().cloned();
                After::End(Ended::Outcome(Outcome::Failed { error, ghl_id }))
            }
        }
    }

    /// Tries again after `wait` if there are retries left and it fits into the batch.
    fn retry(&self, progress: &mut Progress, wait: WaitUntil, now: EpochMs) -> After {
        let backoff = &self.engine.config.backoff;
        let fits = now.until(wait.at) <= backoff.max.max(self.engine.config.late_arrival)
            && wait.at + self.engine.config.request_timeout <= self.deadline;
        if progress.retries < backoff.max_retries && fits {
            return After::Retry(wait);
        }
        After::End(self.stopped(progress, wait))
    }

    /// The batch cannot go on with this record. Only what must be known next time is written down.
    fn stopped(&self, progress: &Progress, stop: WaitUntil) -> Ended {
        let now = self.engine.ports.clock.now();
        let open_call = progress.not_before.filter(|time| *time > now);
        let own_backoff = Some(stop.at).filter(|_| stop.reason == WaitReason::Backoff);
        let learned_id = progress.called && progress.operation.ghl_id().is_some();
        match open_call.max(own_backoff) {
            Some(due_at) => Ended::Outcome(self.wait(progress, due_at)),
            None if learned_id => Ended::Outcome(self.wait(progress, now)),
            None => Ended::Deferred(stop),
        }
    }

    fn wait(&self, progress: &Progress, due_at: EpochMs) -> Outcome {
        let now = self.engine.ports.clock.now();
        Outcome::Wait {
            due_at,
            waits_for: None,
            not_before: progress.not_before.filter(|time| *time > now),
            ghl_id: progress.operation.ghl_id().cloned(),
        }
    }

    /// All retries of this batch failed: the record rests, each time longer, until it is given up.
    fn exhausted(&self, record: &Record, progress: &Progress, error: LastError, now: EpochMs) -> Outcome {
        let config = &self.engine.config;
        let ghl_id = progress.operation.ghl_id().cloned();
        let rounds = record.attempts.saturating_add(1);
        if rounds >= config.max_rounds {
            return Outcome::Failed { error, ghl_id };
        }
        let due_at = now + config.backoff.rest(rounds, self.engine.ports.dice.roll());
        Outcome::Retry { due_at, error, not_before: progress.not_before.filter(|time| *time > now), ghl_id }
    }

    /// Nobody knows whether GHL created it. An opportunity is looked for when a late request must have arrived and
    /// GHL's search must show it; a contact without e-mail and phone cannot be found, and is left to a person.
    fn ambiguous(&self, record: &Record, call: &Call, progress: &Progress, error: LastError, now: EpochMs) -> Outcome {
        let config = &self.engine.config;
        if matches!(call, Call::CreateContact(_)) || record.attempts.saturating_add(1) >= config.max_rounds {
            return Outcome::Failed { error, ghl_id: progress.operation.ghl_id().cloned() };
        }
        let visible_by = now + config.late_arrival + config.search_lag;
        Outcome::Retry { due_at: visible_by, error, not_before: Some(visible_by), ghl_id: None }
    }

    /// Writes the outcome down.
    async fn end(&self, record: &Record, progress: Progress, ended: Ended) -> RecordEnd {
        let outcome = match ended {
            Ended::Deferred(stop) => return self.deferred(record, progress, stop.reason),
            Ended::Outcome(outcome) => outcome,
            Ended::Accepted => match progress.operation.ghl_id() {
                Some(id) => Outcome::Accepted { ghl_id: id.clone(), hash: record.payload.hash() },
                None => return self.deferred(record, progress, WaitReason::Store),
            },
        };
        let result = match &outcome {
            Outcome::Accepted { .. } => RecordResult::Succeeded,
            Outcome::Failed { error, .. } => RecordResult::Failed(error.code),
            Outcome::Retry { error, .. } => RecordResult::Retrying(error.code),
            Outcome::Wait { .. } => RecordResult::Waiting,
            Outcome::WouldSend { .. } => RecordResult::WouldSend,
        };
        let settled = self.settle(record, &outcome).await;
        let (result, latency) = match (settled, &outcome) {
            (Some(_), Outcome::Accepted { .. }) => {
                let now = self.engine.ports.clock.now();
                (result, record.due_at.map(|due_at| now.since(due_at)))
            }
            (Some(_), _) => (result, None),
            (None, _) => (RecordResult::Deferred(WaitReason::Store), None),
        };
        let error = match outcome {
            Outcome::Failed { error, .. } | Outcome::Retry { error, .. } => Some(error),
            _ => progress.error.filter(|_| result != RecordResult::Succeeded),
        };
        RecordEnd { result, error, called: progress.called, ghl_id: progress.operation.ghl_id().cloned(), latency }
    }

    fn deferred(&self, record: &Record, progress: Progress, reason: WaitReason) -> RecordEnd {
        RecordEnd {
            result: RecordResult::Deferred(reason),
            error: progress.error,
            called: progress.called,
            ghl_id: record.ghl_id.clone(),
            latency: None,
        }
    }

    /// `None` if it could not be written down: the record is still due, and its calls will be made again.
    async fn settle(&self, record: &Record, outcome: &Outcome) -> Option<Settled> {
        let ports = &self.engine.ports;
        for attempt in 0..SETTLE_TRIES {
            match ports.outbox.settle(record, outcome, ports.clock.now()).await {
                Ok(settled) => return Some(settled),
                Err(error) => {
                    let scope = self.location.clone().into();
                    ports.meter.note(&Event::PortFailed { scope: &scope, error: &error });
                    let delay = self.engine.config.backoff.delay(attempt, ports.dice.roll());
                    ports.clock.sleep_until(ports.clock.now() + delay).await;
                }
            }
        }
        None
    }
}

/// The same record has the same hash, in every invocation (FNV-1a).
fn operation_hash(record: &Record) -> u32 {
    let key = record.key.to_string();
    record
        .location_id
        .as_str()
        .bytes()
        .chain(key.bytes())
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
