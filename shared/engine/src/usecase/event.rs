//! What happens, told to the sink: one event per call, wait, retry, breaker change, batch and outcome.

use std::error::Error;
use std::time::Duration;

use strum::{EnumDiscriminants, EnumIter};

use super::alert_news::AlertNews;
use super::outcome_news::OutcomeNews;
use super::report::{BatchReport, DeadLetterEnd, Measures, RecordResult, TickReport};
use super::retention::RetentionReport;
use crate::ports::PortError;
use crate::usecase::report::{Received, ReconcileReport};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{
    Api, BatchError, CredentialsRef, DeadLetter, Endpoint, EpochMs, Generation, GhlId, Kind, LocationId, Message,
    Migration, Progress, RecordKey, ScopeId, Unread,
};

/// Something that happened. Its kind, without what it tells, is an [`EventKind`].
#[derive(Debug, EnumDiscriminants)]
#[strum_discriminants(name(EventKind), derive(EnumIter, PartialOrd, Ord))]
#[strum_discriminants(allow(missing_docs))]
pub enum Event<'a> {
    /// A migration came to another stage, or a step of it ended.
    Migrating {
        /// The migration.
        migration: &'a Migration,
        /// How far it is.
        progress: &'a Progress,
    },
    /// A batch was planned and its message sent.
    Planned {
        /// Whose batch.
        location: &'a LocationId,
        /// The generation of the batch, which newer ones overtake.
        generation: Generation,
        /// Records in it.
        records: usize,
        /// The message arrives after this long.
        delay: Duration,
        /// What is waited for.
        reason: Option<WaitReason>,
    },
    /// A call to GHL was made.
    Called {
        /// For whom.
        location: &'a LocationId,
        /// In which batch; `None` outside of batches.
        batch: Option<Generation>,
        /// For which record.
        record: Option<&'a RecordKey>,
        /// What was called.
        endpoint: Endpoint,
        /// 0 for the first try of an operation.
        attempt: u32,
        /// The answer's status, if there was an answer.
        status: Option<u16>,
        /// What it means: `ok`, or the class of the failure.
        class: &'static str,
        /// How long it took.
        took: Duration,
    },
    /// A call failed and will be made again, after a wait of its own.
    Retrying {
        /// For whom.
        location: &'a LocationId,
        /// In which batch; `None` outside of batches.
        batch: Option<Generation>,
        /// For which record.
        record: Option<&'a RecordKey>,
        /// What was called.
        endpoint: Endpoint,
        /// Which try comes next; 1 is the first retry.
        attempt: u32,
        /// What stands between: a backoff or a pause.
        reason: WaitReason,
        /// How long it waits.
        delay: Duration,
    },
    /// A wait within a batch.
    Waiting {
        /// For whom.
        location: &'a LocationId,
        /// In which batch.
        batch: Option<Generation>,
        /// For which record.
        record: Option<&'a RecordKey>,
        /// What was waited for.
        reason: WaitReason,
        /// How long it waits.
        wait: Duration,
        /// 0 before the first try of an operation.
        attempt: u32,
    },
    /// The circuit breaker changed.
    Breaker {
        /// The rate scope whose breaker it is.
        scope: &'a ScopeId,
        /// What it was: `closed`, `open` or `half_open`.
        from: &'static str,
        /// What it is now: `closed`, `open` or `half_open`.
        to: &'static str,
    },
    /// What is known of an API host changed.
    Host {
        /// Which API.
        api: Api,
        /// Who found out.
        scope: &'a ScopeId,
        /// What it was: `up`, `down` or `probing`.
        from: &'static str,
        /// What it is now: `up`, `down` or `probing`.
        to: &'static str,
    },
    /// GHL told a limit that is lower than the one before; it is kept to from now on.
    LimitLowered {
        /// The rate scope whose limit it is.
        scope: &'a ScopeId,
        /// `burst` or `daily`.
        quota: &'static str,
        /// Calls per window that were kept to before.
        from: u64,
        /// Calls per window that GHL allows.
        to: u64,
        /// The length of GHL's window.
        window: Duration,
    },
    /// An operator did something to a location's scope.
    Operated {
        /// Which location was named.
        location: &'a LocationId,
        /// The scope that it is part of, and that it was done to.
        scope: &'a ScopeId,
        /// `pause`, `resume`, `reset_breaker`, `settings` or `replay`.
        action: &'static str,
    },
    /// The due records of a location were looked at.
    Looked {
        /// The location that was looked through.
        location: &'a LocationId,
        /// For how long the oldest of them has been due; zero if none is.
        oldest: Duration,
    },
    /// A batch begins: its message was taken.
    BatchStarted {
        /// Whose batch.
        location: &'a LocationId,
        /// The generation of the batch, which newer ones overtake.
        batch: Generation,
        /// Records in its message.
        records: usize,
    },
    /// A record's part in a batch is over.
    Settled {
        /// Whose record.
        location: &'a LocationId,
        /// In which batch.
        batch: Generation,
        /// The record that has come to its end.
        record: &'a RecordKey,
        /// How it ended.
        result: RecordResult,
        /// From due to accepted, if it was accepted.
        latency: Option<Duration>,
    },
    /// GHL accepted a record, and its answer shows that it did not store all of it.
    NotStored {
        /// Whose record.
        location: &'a LocationId,
        /// In which batch.
        batch: Generation,
        /// The record that was accepted in part.
        record: &'a RecordKey,
        /// The fields, by GHL's names. None of their values.
        fields: &'a [String],
    },
    /// GHL took a record for a contact or an opportunity that other records have already.
    SharesGhlId {
        /// Whose record.
        location: &'a LocationId,
        /// In which batch.
        batch: Generation,
        /// The record that GHL took for the same contact as another one.
        record: &'a RecordKey,
        /// GHL's id of it.
        ghl_id: &'a GhlId,
        /// Records that have this id as well.
        with: &'a [RecordKey],
    },
    /// A record of a list cannot be read: reading went on behind it.
    PassedOver {
        /// Whose record.
        location: &'a LocationId,
        /// What it is.
        kind: Kind,
        /// GHL's id of it; `None` if not even that could be read.
        ghl_id: Option<&'a GhlId>,
        /// Why it cannot be read.
        why: Unread,
    },
    /// A batch is over.
    BatchEnded {
        /// What became of it.
        report: &'a BatchReport,
        /// How long it took.
        took: Duration,
    },
    /// A batch is under way or its message is, and whoever has it plans what comes next.
    Held {
        /// Whose batch.
        scope: &'a ScopeId,
        /// If its invocation has died, or its message is lost, somebody else goes on from then.
        until: EpochMs,
    },
    /// Nothing more is planned for a scope before this time, or at all.
    Rests {
        /// The rate scope that rests.
        scope: &'a ScopeId,
        /// When it is looked at again.
        wake_at: Option<EpochMs>,
    },
    /// A message of the queue is no batch; it is put aside.
    NotABatch {
        /// Which message.
        message_id: Option<&'a str>,
        /// What is wrong with it.
        error: &'a BatchError,
    },
    /// Messages of the ingest queue were taken.
    Ingested {
        /// Messages of the queue that were read.
        messages: usize,
        /// Records of theirs that are stored, or need not be.
        stored: usize,
        /// Items of theirs that were refused and put aside.
        refused: usize,
        /// Messages that come again, because something failed.
        repeated: usize,
    },
    /// Items of a message of the ingest queue were refused and put aside.
    ItemsRefused {
        /// Which message.
        message_id: &'a str,
        /// Items that were refused.
        items: usize,
        /// Which fields, and what is wrong with them. Nothing of what they say.
        reason: &'a str,
    },
    /// Outcomes were told to those who want to know of them, or could not be.
    Outcomes(OutcomeNews<'a>),
    /// People were told who is in trouble or how the day went, or should have been.
    Alerts(AlertNews<'a>),
    /// A message that nobody could handle was looked at.
    DeadLetter {
        /// The message.
        letter: &'a DeadLetter,
        /// What it asks for, or the kind of error that says why it is none of ours.
        message: Result<&'a Message, &'static str>,
        /// How long ago it was sent, if that is known.
        age: Option<Duration>,
        /// What became of it.
        end: DeadLetterEnd,
    },
    /// A tick is over.
    Ticked {
        /// What it did.
        report: &'a TickReport,
    },
    /// A location's changes were read, or could not be.
    Reconciled {
        /// Which location.
        location: &'a LocationId,
        /// What it did.
        report: &'a ReconcileReport,
    },
    /// Contents were dropped that a location keeps for so many days only, or could not be.
    ContentsDropped {
        /// Which location.
        location: &'a LocationId,
        /// How many records were looked at, and how many contents dropped.
        report: &'a RetentionReport,
    },
    /// All that was measured in one piece of work, at its end.
    Measured {
        /// `batch`, `tick`, `put`, `pull`, `reconcile` or `redrive`.
        work: &'static str,
        /// For whom; `None` if it was for all.
        location: Option<&'a LocationId>,
        /// What was measured.
        measures: &'a Measures,
    },
    /// A webhook was taken in.
    Webhook {
        /// Of which location, if it is of one.
        location: Option<&'a LocationId>,
        /// GHL's name of the event.
        event_type: &'a str,
        /// What became of it.
        received: Received,
    },
    /// A webhook was not taken in.
    WebhookRefused {
        /// The HTTP status of the answer. GHL repeats the delivery for up to three days.
        status: u16,
        /// Why, in a word: `too_large`, `not_genuine`, `outside_window`, `malformed` or `not_stored`.
        reason: &'static str,
        /// Why, in full. Nothing of what the webhook says.
        error: &'a dyn Error,
    },
    /// GHL has issued new tokens.
    TokensIssued {
        /// For the calls of this location; those of a whole agency, too, if its own token was due.
        location: &'a LocationId,
        /// Where the credentials are.
        credentials: &'a CredentialsRef,
        /// How long they are good.
        good_for: Duration,
    },
    /// A location's credentials are of no use until a person mends them.
    CredentialsRefused {
        /// The location whose credentials GHL refused.
        location: &'a LocationId,
        /// Where they are.
        credentials: &'a CredentialsRef,
        /// Why, and what to do. Without tokens.
        reason: &'a str,
    },
    /// A token could not be renewed in passing; it will be tried again.
    TokensDelayed {
        /// The location whose token could not be had in time.
        location: &'a LocationId,
        /// Where the credentials are.
        credentials: &'a CredentialsRef,
        /// Why. Without tokens.
        reason: &'a str,
    },
    /// A store or a queue failed.
    PortFailed {
        /// For whom; `None` if for nobody in particular.
        scope: Option<&'a ScopeId>,
        /// What went wrong.
        error: &'a PortError,
    },
}
