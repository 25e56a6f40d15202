//! What became of a batch, of reconciling a location, of a webhook.

use std::time::Duration;

use crate::counts::Counts;
use ghl_sync_limiter::{PauseReason, WaitReason, WaitUntil};
use ghl_sync_model::{ErrorCode, Generation, LastError, LocationId, NotForUs, Pace, RecordKey};
use strum::IntoStaticStr;

/// How a batch ended for one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordResult {
    /// GHL has it.
    Succeeded,
    /// It failed for good.
    Failed(ErrorCode),
    /// It failed for now, and comes back by itself.
    Retrying(ErrorCode),
    /// It was not tried, or not to the end; it is due as before.
    Deferred(WaitReason),
    /// It waits for another record or for a late call.
    Waiting,
    /// There was nothing to do: it is not due any more, or unknown.
    Skipped,
    /// Dry run.
    WouldSend,
}

impl RecordResult {
    /// The code under which it is reported, where it did not succeed.
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

    /// The result as it is written in logs.
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

/// Why a message did not become a run. None of these is a failure: the message is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRun {
    /// The location is unknown or not enabled.
    NotEnabled,
    /// A newer batch has been planned since the message was sent.
    Stale,
    /// Another invocation is sending this scope's batch.
    RunLive,
    /// Nothing may be sent yet; the batch was planned anew for later.
    TooEarly(WaitReason),
    /// A store failed before anything was sent; the next tick takes over.
    StoreFailed,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchReport {
    /// Whose batch.
    pub location_id: LocationId,
    /// By it the gate tells the batch's message from those of earlier batches, which are stale.
    pub generation: Generation,
    /// Why it was not run, if it was not.
    pub not_run: Option<NotRun>,
    /// Records that a call was made for.
    pub processed: u32,
    /// Records that GHL has now.
    pub succeeded: u32,
    /// Records that failed, for good or for now.
    pub failed: u32,
    /// Records that were left for later because of the quota (`RATE_LIMITED`).
    pub rate_limited: u32,
    /// Records that were left for later for another reason: the breaker, the deadline, another record.
    pub deferred: u32,
    /// Of these, records that were left because a store failed: what was sent of them will be sent again.
    pub store_failed: u32,
    /// Records with nothing to do.
    pub skipped: u32,
    /// Records that a dry run would have sent.
    pub would_send: u32,
    /// The pace that was kept to at its end, if it was run.
    pub pace: Option<Pace>,
    /// What ended the batch before its last record.
    pub stopped: Option<WaitUntil>,
    /// What went wrong, record by record.
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

/// What a location's reconciling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReconcileReport {
    /// Changed contacts that were read.
    pub contacts: u64,
    /// Last known states that were behind.
    pub states: u64,
    /// Records that are due again.
    pub resent: u64,
    /// Records that GHL's content has superseded.
    pub superseded: u64,
    /// Changed contacts that cannot be read.
    pub unread: u64,
    /// Why it ended.
    pub ended: ReconcileEnd,
}

/// Why reconciling a location ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ReconcileEnd {
    /// All changes were read.
    #[default]
    CaughtUp,
    /// Something else needs the quota, or too little of it is left.
    Busy,
    /// The function's time is over.
    OutOfTime,
    /// The location is unknown, not enabled, or in dry run.
    NotEnabled,
    /// GHL or a store failed.
    Failed,
}

impl ReconcileEnd {
    /// The end as it is written in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What became of a webhook. All of these are done: GHL need not send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Received {
    /// It told something new, and that is stored.
    Stored,
    /// It told what another event had told already, as GHL tells of one change in several events.
    Collapsed,
    /// The event was taken in before.
    Duplicate,
    /// A later event had told of a newer state.
    Stale,
    /// The location was switched on: the app was installed.
    Enabled,
    /// The location was switched off: the app was removed.
    Stopped,
    /// We make nothing of it, and nothing was stored.
    Ignored(NotForUs),
}

impl Received {
    /// The result as it is written in logs and answers.
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

/// What was measured in one piece of work.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measures {
    /// The sums.
    pub counts: Counts,
    /// Durations of calls, in milliseconds: all of them, or 100.
    pub call_ms: Vec<u64>,
    /// Waits before a call was made again after a failure, in milliseconds: all of them, or 100.
    pub backoff_ms: Vec<u64>,
    /// For how long the oldest due record has been due, if anybody looked.
    pub oldest_due: Option<Duration>,
    /// Scopes whose look failed, in a tick.
    pub scopes_failed: u64,
}

/// What a tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct TickReport {
    /// Scopes that were looked at.
    pub looked_at: u32,
    /// Batches that were started.
    pub started: u32,
    /// Records in them.
    pub records: u64,
    /// Scopes whose look failed; the next tick tries again.
    pub failed: u32,
    /// Parts of the store that did not tell which of their scopes need a look; the next tick asks again.
    pub failed_shards: u32,
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DeadLetterEnd {
    /// Its location had work and nobody on it: a batch was planned.
    Started,
    /// Somebody is on its location, and will see what is due.
    Busy,
    /// Its location has nothing to send now.
    Idle,
    /// Its location is not enabled. What is due there stays due.
    NotEnabled,
    /// Nobody knows its location.
    UnknownLocation,
    /// It is none of ours, and is parked now.
    Parked,
    /// A store or a queue failed: it stays where it is, and comes again.
    Stays,
}

impl DeadLetterEnd {
    /// The end as it is written in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the letter need not come again.
    #[must_use]
    pub fn is_done(self) -> bool {
        self != DeadLetterEnd::Stays
    }
}
