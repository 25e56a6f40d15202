//! Results of batches, reconciling, webhooks, ticks and dead-letter messages.

use std::time::Duration;

use crate::counts::Counts;
use ghl_sync_limiter::{PauseReason, WaitReason, WaitUntil};
use ghl_sync_model::{ErrorCode, Generation, LastError, LocationId, NotForUs, Pace, RecordKey};
use strum::IntoStaticStr;

/// A record's result in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordResult {
    /// GHL accepted it.
    Succeeded,
    /// It failed permanently.
    Failed(ErrorCode),
    /// It failed temporarily and will be retried.
    Retrying(ErrorCode),
    /// It was not tried, or not completed; its due time is unchanged.
    Deferred(WaitReason),
    /// It waits for another record or a late call.
    Waiting,
    /// There was nothing to do: it is no longer due, or unknown.
    Skipped,
    /// A dry run would have sent it.
    WouldSend,
}

impl RecordResult {
    /// The code under which it is reported, unless it succeeded.
    #[must_use]
    pub fn code(self) -> Option<ErrorCode> {
        match self {
            RecordResult::Failed(code) | RecordResult::Retrying(code) => Some(code),
            RecordResult::Deferred(reason) => match reason {
                WaitReason::Breaker => Some(ErrorCode::CircuitOpen),
                WaitReason::Pace | WaitReason::DailyQuota | WaitReason::Pause(PauseReason::Throttled) => {
                    Some(ErrorCode::RateLimited)
                }
                WaitReason::Pause(PauseReason::Credentials | PauseReason::OtherLocation) => {
                    Some(ErrorCode::Unauthorized)
                }
                WaitReason::Pause(PauseReason::Operator) => None,
                WaitReason::Backoff | WaitReason::Deadline | WaitReason::Store => None,
            },
            RecordResult::Succeeded | RecordResult::Waiting | RecordResult::Skipped | RecordResult::WouldSend => None,
        }
    }

    /// The result as logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RecordResult::Succeeded => "succeeded",
            RecordResult::Failed(_) => "failed",
            RecordResult::Retrying(_) => "retrying",
            RecordResult::Deferred(_) => "deferred",
            RecordResult::Waiting => "waiting",
            RecordResult::Skipped => "skipped",
            RecordResult::WouldSend => "would_send",
        }
    }
}

/// Why a message did not start a run. None of these is a failure: the message is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRun {
    /// The location is unknown or not enabled.
    NotEnabled,
    /// A newer batch has been planned since the message was sent.
    Stale,
    /// Another invocation is sending this scope's batch.
    RunLive,
    /// Nothing may be sent yet; the batch was rescheduled.
    TooEarly(WaitReason),
    /// A store failed before anything was sent; the next tick takes over.
    StoreFailed,
}

/// Results of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchReport {
    /// Location that the batch belongs to.
    pub location_id: LocationId,
    /// The batch's generation: the gate uses it to detect stale messages of earlier batches.
    pub generation: Generation,
    /// Why the batch did not run, if it did not.
    pub not_run: Option<NotRun>,
    /// Records that a call was made for.
    pub processed: u32,
    /// Records that GHL accepted.
    pub succeeded: u32,
    /// Records that failed, permanently or temporarily.
    pub failed: u32,
    /// Records that were left for later because of the quota (`RATE_LIMITED`).
    pub rate_limited: u32,
    /// Records that were left for later for other reasons: the breaker, the deadline, another record.
    pub deferred: u32,
    /// The part of `deferred` that was left because a store failed: anything already sent will be sent again.
    pub store_failed: u32,
    /// Records with nothing to do.
    pub skipped: u32,
    /// Records that a dry run would have sent.
    pub would_send: u32,
    /// The pace at the end of the batch, if it ran.
    pub pace: Option<Pace>,
    /// Why the batch ended before its last record, if it did.
    pub stopped: Option<WaitUntil>,
    /// Errors by record.
    pub errors: Vec<(RecordKey, LastError)>,
}

impl BatchReport {
    pub(super) fn new(location_id: LocationId, generation: Generation) -> BatchReport {
        BatchReport {
            location_id,
            generation,
            not_run: None,
            processed: 0,
            succeeded: 0,
            failed: 0,
            rate_limited: 0,
            deferred: 0,
            store_failed: 0,
            skipped: 0,
            would_send: 0,
            pace: None,
            stopped: None,
            errors: Vec::new(),
        }
    }

    pub(super) fn count(&mut self, result: RecordResult) {
        self.store_failed += u32::from(result == RecordResult::Deferred(WaitReason::Store));
        let counter = match result {
            RecordResult::Succeeded => &mut self.succeeded,
            RecordResult::Failed(_) | RecordResult::Retrying(_) => &mut self.failed,
            RecordResult::Deferred(_) if result.code() == Some(ErrorCode::RateLimited) => &mut self.rate_limited,
            RecordResult::Deferred(_) | RecordResult::Waiting => &mut self.deferred,
            RecordResult::Skipped => &mut self.skipped,
            RecordResult::WouldSend => &mut self.would_send,
        };
        *counter += 1;
    }
}

/// Results of reconciling a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReconcileReport {
    /// Changed contacts that were read.
    pub contacts: u64,
    /// Last known states that were out of date.
    pub states: u64,
    /// Records that are due again.
    pub resent: u64,
    /// Records that GHL's content has superseded.
    pub superseded: u64,
    /// Changed contacts that could not be read.
    pub unread: u64,
    /// Why reconciling ended.
    pub ended: ReconcileEnd,
}

/// Why reconciling a location ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ReconcileEnd {
    /// All changes were read.
    #[default]
    CaughtUp,
    /// Other work needs the quota, or too little of it is left.
    Busy,
    /// The invocation ran out of time.
    OutOfTime,
    /// The location is unknown, not enabled, or in dry run.
    NotEnabled,
    /// GHL or a store failed.
    Failed,
}

impl ReconcileEnd {
    /// The end as logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Result of a webhook. All of these are final: GHL need not send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Received {
    /// It reported something new, which is stored.
    Stored,
    /// It reported what another event had reported already: GHL sends several events for one change.
    Collapsed,
    /// The same event was received before.
    Duplicate,
    /// A later event had already reported a newer state.
    Stale,
    /// The app was installed, so the location was enabled.
    Enabled,
    /// The app was removed, so the location was disabled.
    Stopped,
    /// The event is not for us; nothing was stored.
    Ignored(NotForUs),
}

impl Received {
    /// The result as logs and answers write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Received::Stored => "stored",
            Received::Collapsed => "collapsed",
            Received::Duplicate => "duplicate",
            Received::Stale => "stale",
            Received::Enabled => "enabled",
            Received::Stopped => "stopped",
            Received::Ignored(_) => "ignored",
        }
    }
}

/// Counters and samples of one piece of work.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measures {
    /// The counters.
    pub counts: Counts,
    /// Durations of calls in milliseconds, at most 100.
    pub call_ms: Vec<u64>,
    /// Waits before a call was repeated after a failure, in milliseconds, at most 100.
    pub backoff_ms: Vec<u64>,
    /// How long the oldest due record has been due, if that was checked.
    pub oldest_due: Option<Duration>,
    /// Scopes whose due check failed in a tick.
    pub scopes_failed: u64,
}

/// Results of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct TickReport {
    /// Scopes that were checked.
    pub looked_at: u32,
    /// Batches that were started.
    pub started: u32,
    /// Records in those batches.
    pub records: u64,
    /// Scopes whose due check failed; the next tick tries again.
    pub failed: u32,
    /// Parts of the store that did not list their due scopes; the next tick asks again.
    pub failed_shards: u32,
}

/// The end of a dead-letter message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DeadLetterEnd {
    /// Its location had work and no batch: one was planned.
    Started,
    /// Its location has a batch, which will see what is due.
    Busy,
    /// Its location has nothing to send now.
    Idle,
    /// Its location is not enabled. Records that are due there stay due.
    NotEnabled,
    /// Its location is unknown.
    UnknownLocation,
    /// It is not one of ours, and was parked.
    Parked,
    /// A store or a queue failed: the message stays and will be delivered again.
    Stays,
}

impl DeadLetterEnd {
    /// The end as logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the message is done with.
    #[must_use]
    pub fn is_done(self) -> bool {
        self != DeadLetterEnd::Stays
    }
}
