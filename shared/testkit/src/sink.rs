//! An event sink that records.

use std::sync::Mutex;
use std::time::Duration;

use super::{TestClock, lock};
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{
    BatchReport, DeadLetterEnd, Event, EventSink, Measures, Received, ReconcileReport, RecordResult,
};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{Endpoint, EpochMs, LocationId, Progress, RecordKey};

/// A recorded event, with the fields that tests need.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields of `Event`, owned")]
pub enum Noted {
    /// [`Event::Planned`]
    Planned { location: LocationId, records: usize, delay: Duration, reason: Option<WaitReason> },
    /// [`Event::Called`]
    Called { record: Option<RecordKey>, endpoint: Endpoint, attempt: u32, status: Option<u16>, class: &'static str },
    /// [`Event::Waiting`]
    Waiting { record: Option<RecordKey>, reason: WaitReason, wait: Duration, attempt: u32 },
    /// [`Event::Breaker`]
    Breaker { from: &'static str, to: &'static str },
    /// [`Event::Retrying`]
    Retrying { record: Option<RecordKey>, attempt: u32, reason: WaitReason, delay: Duration },
    /// [`Event::LimitLowered`]
    LimitLowered { quota: &'static str, from: u64, to: u64 },
    /// [`Event::Operated`]
    Operated { action: &'static str },
    /// [`Event::Measured`]
    Measured { work: &'static str, measures: Measures },
    /// [`Event::Host`]
    Host { from: &'static str, to: &'static str },
    /// [`Event::Settled`]
    Settled { record: RecordKey, result: RecordResult },
    /// [`Event::NotStored`]
    NotStored { record: RecordKey, fields: Vec<String> },
    /// [`Event::BatchEnded`]
    BatchEnded(BatchReport),
    /// [`Event::Rests`]
    Rests { wake_at: Option<EpochMs> },
    /// [`Event::Webhook`]
    Webhook { event_type: String, received: Received },
    /// [`Event::Reconciled`]
    Reconciled(ReconcileReport),
    /// [`Event::DeadLetter`]
    DeadLetter { id: String, end: DeadLetterEnd },
    /// [`Event::TokensIssued`]
    TokensIssued { location: LocationId },
    /// [`Event::CredentialsRefused`]
    CredentialsRefused { location: LocationId, reason: String },
    /// [`Event::TokensDelayed`]
    TokensDelayed { location: LocationId, reason: String },
    /// [`Event::PortFailed`]
    PortFailed(String),
    /// [`Event::Migrating`]
    Migrating(Progress),
}

/// An [`EventSink`] that records every event and its time.
#[derive(Debug)]
pub struct RecordingSink {
    clock: TestClock,
    noted: Mutex<Vec<(EpochMs, Noted)>>,
}

impl RecordingSink {
    /// A sink without events.
    #[must_use]
    pub fn new(clock: TestClock) -> Self {
        RecordingSink { clock, noted: Mutex::default() }
    }

    /// All recorded events.
    #[must_use]
    pub fn noted(&self) -> Vec<(EpochMs, Noted)> {
        lock(&self.noted).clone()
    }

    /// The results of `pick` for all recorded events.
    pub fn pick<T>(&self, mut pick: impl FnMut(EpochMs, &Noted) -> Option<T>) -> Vec<T> {
        lock(&self.noted).iter().filter_map(|(at, noted)| pick(*at, noted)).collect()
    }
}

impl EventSink for RecordingSink {
    fn emit(&self, event: &Event<'_>) {
        let noted = match event {
            Event::Planned { location, records, delay, reason, .. } => {
                Noted::Planned { location: (*location).clone(), records: *records, delay: *delay, reason: *reason }
            }
            Event::Called { record, endpoint, attempt, status, class, .. } => Noted::Called {
                record: record.cloned(),
                endpoint: *endpoint,
                attempt: *attempt,
                status: *status,
                class,
            },
            Event::Waiting { record, reason, wait, attempt, .. } => {
                Noted::Waiting { record: record.cloned(), reason: *reason, wait: *wait, attempt: *attempt }
            }
            Event::Breaker { from, to, .. } => Noted::Breaker { from, to },
            Event::Host { from, to, .. } => Noted::Host { from, to },
            Event::Settled { record, result, .. } => Noted::Settled { record: (*record).clone(), result: *result },
            Event::NotStored { record, fields, .. } => {
                Noted::NotStored { record: (*record).clone(), fields: fields.to_vec() }
            }
            Event::BatchEnded { report, .. } => Noted::BatchEnded((*report).clone()),
            Event::Retrying { record, attempt, reason, delay, .. } => {
                Noted::Retrying { record: record.cloned(), attempt: *attempt, reason: *reason, delay: *delay }
            }
            Event::LimitLowered { quota, from, to, .. } => Noted::LimitLowered { quota, from: *from, to: *to },
            Event::Operated { action, .. } => Noted::Operated { action },
            Event::Measured { work, measures, .. } => Noted::Measured { work, measures: (*measures).clone() },
            // These add nothing to the gate and the other events.
            Event::Held { .. }
            | Event::SharesGhlId { .. }
            | Event::PassedOver { .. }
            | Event::Looked { .. }
            | Event::BatchStarted { .. }
            | Event::ContentsDropped { .. }
            | Event::Ticked { .. }
            | Event::WebhookRefused { .. }
            | Event::Ingested { .. }
            | Event::ItemsRefused { .. }
            | Event::Outcomes(_)
            | Event::Alerts(_)
            | Event::NotABatch { .. } => return,
            Event::Rests { wake_at, .. } => Noted::Rests { wake_at: *wake_at },
            Event::Webhook { event_type, received, .. } => {
                Noted::Webhook { event_type: (*event_type).to_owned(), received: *received }
            }
            Event::Reconciled { report, .. } => Noted::Reconciled(**report),
            Event::DeadLetter { letter, end, .. } => Noted::DeadLetter { id: letter.id.clone(), end: *end },
            Event::TokensIssued { location, .. } => Noted::TokensIssued { location: (*location).clone() },
            Event::CredentialsRefused { location, reason, .. } => {
                Noted::CredentialsRefused { location: (*location).clone(), reason: (*reason).to_owned() }
            }
            Event::TokensDelayed { location, reason, .. } => {
                Noted::TokensDelayed { location: (*location).clone(), reason: (*reason).to_owned() }
            }
            Event::PortFailed { error, .. } => Noted::PortFailed(error.to_string()),
            Event::Migrating { progress, .. } => Noted::Migrating((*progress).clone()),
        };
        lock(&self.noted).push((self.clock.now(), noted));
    }
}
