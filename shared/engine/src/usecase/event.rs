//! Events for the sink: one per call, wait, retry, breaker change, batch and outcome.

use std::error::Error;
use std::time::Duration;

use strum::{EnumDiscriminants, EnumIter};

use super::alert_news::AlertNews;
use super::outcome_news::OutcomeNews;
use super::report::{BatchReport, DeadLetterEnd, Measures, RecordResult, TickReport};
use super::retention_report::RetentionReport;
use crate::ports::PortError;
use crate::usecase::report::{Received, ReconcileReport};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{
    Api, Batch, BatchError, CredentialsRef, DeadLetter, Endpoint, EpochMs, Generation, GhlId, Kind, LocationId,
    Message, Migration, Progress, RecordKey, ScopeId, Unread,
};

/// An event for the sink. [`EventKind`] is its kind without the data.
#[derive(Debug, EnumDiscriminants)]
#[strum_discriminants(name(EventKind), derive(EnumIter, PartialOrd, Ord))]
#[strum_discriminants(allow(missing_docs))]
pub enum Event<'a> {
    /// A migration entered another stage, or finished a step.
    Migrating {
        /// The migration.
        migration: &'a Migration,
        /// How much of the stage is done.
        progress: &'a Progress,
    },
    /// A batch was planned and its message sent.
    Planned {
        /// Location that the batch belongs to.
        location: &'a LocationId,
        /// Generation of the batch; a newer generation supersedes it.
        generation: Generation,
        /// Records in the batch.
        records: usize,
        /// Delay until the message arrives.
        delay: Duration,
        /// What the batch waits for.
        reason: Option<WaitReason>,
    },
    /// A call to GHL was made.
    Called {
        /// Location that the call was made for.
        location: &'a LocationId,
        /// Generation of the batch; `None` outside batches.
        batch: Option<Generation>,
        /// Record that the call was made for.
        record: Option<&'a RecordKey>,
        /// Endpoint that was called.
        endpoint: Endpoint,
        /// 0 for the first try of an operation.
        attempt: u32,
        /// Status of the answer, if there was one.
        status: Option<u16>,
        /// `ok`, or the class of the failure.
        class: &'static str,
        /// Duration of the call.
        took: Duration,
    },
    /// A call failed and will be made again after a wait.
    Retrying {
        /// Location that the call was made for.
        location: &'a LocationId,
        /// Generation of the batch; `None` outside batches.
        batch: Option<Generation>,
        /// Record that the call was made for.
        record: Option<&'a RecordKey>,
        /// Endpoint that was called.
        endpoint: Endpoint,
        /// Number of the next try; 1 is the first retry.
        attempt: u32,
        /// Reason for the wait: a backoff or a pause.
        reason: WaitReason,
        /// Length of the wait.
        delay: Duration,
    },
    /// A wait within a batch begins.
    Waiting {
        /// Location that waits.
        location: &'a LocationId,
        /// Generation of the batch; `None` outside batches.
        batch: Option<Generation>,
        /// Record that waits.
        record: Option<&'a RecordKey>,
        /// Reason for the wait.
        reason: WaitReason,
        /// Length of the wait.
        wait: Duration,
        /// 0 before the first try of an operation.
        attempt: u32,
    },
    /// The circuit breaker changed.
    Breaker {
        /// The rate scope that the breaker belongs to.
        scope: &'a ScopeId,
        /// Previous state: `closed`, `open` or `half_open`.
        from: &'static str,
        /// New state: `closed`, `open` or `half_open`.
        to: &'static str,
    },
    /// The known health of an API host changed.
    Host {
        /// The API.
        api: Api,
        /// Rate scope whose calls showed the change.
        scope: &'a ScopeId,
        /// Previous state: `up`, `down` or `probing`.
        from: &'static str,
        /// New state: `up`, `down` or `probing`.
        to: &'static str,
    },
    /// GHL reported a lower limit than before; it applies from now on.
    LimitLowered {
        /// The rate scope that the limit applies to.
        scope: &'a ScopeId,
        /// `burst` or `daily`.
        quota: &'static str,
        /// Previous limit, in calls per window.
        from: u64,
        /// New limit, in calls per window.
        to: u64,
        /// Length of GHL's window.
        window: Duration,
    },
    /// An operator changed something about a location's scope.
    Operated {
        /// Location that the operator named.
        location: &'a LocationId,
        /// Scope of the location, which the action applied to.
        scope: &'a ScopeId,
        /// `pause`, `resume`, `reset_breaker`, `settings` or `replay`.
        action: &'static str,
    },
    /// A location was checked for due records.
    Looked {
        /// The location.
        location: &'a LocationId,
        /// How long the oldest due record has been due; zero if none is.
        oldest: Duration,
    },
    /// A batch started: its message was taken.
    BatchStarted {
        /// The message.
        batch: &'a Batch,
        /// Generation of the batch; a newer generation supersedes it. A message sent by hand names none.
        generation: Generation,
    },
    /// A record is finished for this batch.
    Settled {
        /// Location that owns the record.
        location: &'a LocationId,
        /// Generation of the batch.
        batch: Generation,
        /// The record.
        record: &'a RecordKey,
        /// Its result in this batch.
        result: RecordResult,
        /// Time from due to accepted, if it was accepted.
        latency: Option<Duration>,
    },
    /// GHL accepted a record, but its answer shows that it did not store every field.
    NotStored {
        /// Location that owns the record.
        location: &'a LocationId,
        /// Generation of the batch.
        batch: Generation,
        /// The record.
        record: &'a RecordKey,
        /// GHL's names of the missing fields, without values.
        fields: &'a [String],
    },
    /// GHL matched a record to a contact or an opportunity that other records already have.
    SharesGhlId {
        /// Location that owns the record.
        location: &'a LocationId,
        /// Generation of the batch.
        batch: Generation,
        /// The record.
        record: &'a RecordKey,
        /// The shared GHL id.
        ghl_id: &'a GhlId,
        /// The other records with this id.
        with: &'a [RecordKey],
    },
    /// A record in a list cannot be read and was skipped.
    PassedOver {
        /// Location that owns the record.
        location: &'a LocationId,
        /// Contact or opportunity.
        kind: Kind,
        /// GHL's id of the record; `None` if not even that could be read.
        ghl_id: Option<&'a GhlId>,
        /// Why it cannot be read.
        why: Unread,
    },
    /// A batch ended.
    BatchEnded {
        /// Counts of its records by result, and why it did not run or stopped early.
        report: &'a BatchReport,
        /// Duration of the batch.
        took: Duration,
    },
    /// A batch is running or its message is on the way; its holder plans what comes next.
    Held {
        /// Rate scope of the batch.
        scope: &'a ScopeId,
        /// When others take over if the invocation has died or the message is lost.
        until: EpochMs,
    },
    /// Nothing more is planned for a scope before the next check.
    Rests {
        /// The rate scope.
        scope: &'a ScopeId,
        /// Time of the next check; `None` if there is none.
        wake_at: Option<EpochMs>,
    },
    /// A message in the queue is not a batch; it was moved to the parking queue.
    NotABatch {
        /// Id of the message.
        message_id: Option<&'a str>,
        /// Why it is not a batch.
        error: &'a BatchError,
    },
    /// Messages were taken from the ingest queue.
    Ingested {
        /// Messages that were read.
        messages: usize,
        /// Their records that are stored, or need not be.
        stored: usize,
        /// Their items that were rejected and set aside.
        refused: usize,
        /// Messages that will be delivered again because something failed.
        repeated: usize,
    },
    /// Items of an ingest message were rejected and set aside.
    ItemsRefused {
        /// Id of the message.
        message_id: &'a str,
        /// Number of rejected items.
        items: usize,
        /// The fields and their problems, without values.
        reason: &'a str,
    },
    /// Record outcomes were sent to their subscribers, or failed to be.
    Outcomes(OutcomeNews<'a>),
    /// Alerts or digests were sent to people, or failed to be.
    Alerts(AlertNews<'a>),
    /// A dead-letter message was examined.
    DeadLetter {
        /// The message.
        letter: &'a DeadLetter,
        /// Its request, or the kind of error that says why it is not one of ours.
        message: Result<&'a Message, &'static str>,
        /// How long ago it was sent, if known.
        age: Option<Duration>,
        /// What was done with it.
        end: DeadLetterEnd,
    },
    /// A tick ended.
    Ticked {
        /// Scopes that it checked, batches that it started, and failures.
        report: &'a TickReport,
    },
    /// Reconciling read a location's changes, or failed to.
    Reconciled {
        /// The location.
        location: &'a LocationId,
        /// Counts of what it compared, and how it ended.
        report: &'a ReconcileReport,
    },
    /// Retention dropped contents of a location that keeps them only for some days, or failed to.
    ContentsDropped {
        /// The location.
        location: &'a LocationId,
        /// Number of records examined and contents dropped.
        report: &'a RetentionReport,
    },
    /// All counters of one piece of work, at its end.
    Measured {
        /// `batch`, `tick`, `put`, `pull`, `reconcile` or `redrive`.
        work: &'static str,
        /// The location; `None` if the work covered all.
        location: Option<&'a LocationId>,
        /// The counters.
        measures: &'a Measures,
    },
    /// A webhook event was accepted.
    Webhook {
        /// Its location, if it has one.
        location: Option<&'a LocationId>,
        /// GHL's name of the event.
        event_type: &'a str,
        /// What was done with it.
        received: Received,
    },
    /// A webhook delivery was rejected.
    WebhookRefused {
        /// HTTP status of the answer. GHL repeats the delivery for up to three days.
        status: u16,
        /// The reason in a word: `too_large`, `not_genuine`, `outside_window`, `malformed` or `not_stored`.
        reason: &'static str,
        /// The error in full, without any of the webhook's content.
        error: &'a dyn Error,
    },
    /// GHL issued new tokens.
    TokensIssued {
        /// The location whose calls need them. The whole agency's tokens too, if its own token was due.
        location: &'a LocationId,
        /// Where the credentials are stored.
        credentials: &'a CredentialsRef,
        /// How long the tokens are valid.
        good_for: Duration,
    },
    /// A location's credentials are unusable until a person replaces them.
    CredentialsRefused {
        /// The location whose credentials GHL rejected.
        location: &'a LocationId,
        /// Where the credentials are stored.
        credentials: &'a CredentialsRef,
        /// The reason, and what to do. Contains no tokens.
        reason: &'a str,
    },
    /// A token could not be renewed for a temporary reason; it will be tried again.
    TokensDelayed {
        /// The location that needed the token.
        location: &'a LocationId,
        /// Where the credentials are stored.
        credentials: &'a CredentialsRef,
        /// The reason. Contains no tokens.
        reason: &'a str,
    },
    /// A store or a queue failed.
    PortFailed {
        /// The rate scope concerned; `None` if none in particular.
        scope: Option<&'a ScopeId>,
        /// The failure.
        error: &'a PortError,
    },
}

/// Counts and logs events. Must not block.
pub trait EventSink: Send + Sync {
    /// Records `event`.
    fn emit(&self, event: &Event<'_>);
}
