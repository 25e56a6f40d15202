//! Events as log lines: ids, counts and classes, but no content of records.

use std::error::Error;
use std::time::Duration;

use ghl_sync_engine::usecase::{
    AlertNews, BatchReport, DeadLetterEnd, DeliveryEnd, Event, EventSink, OutcomeNews, Received, RecordResult,
};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{DeadLetter, LocationId, Message, Migration, MigrationStatus, Progress, RecordKey};
use tracing::{debug, error, info, warn};

/// Writes each event as a log line.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSink;

impl EventSink for LogSink {
    fn emit(&self, event: &Event<'_>) {
        match event {
            Event::Planned { location, generation, records, delay, reason } => info!(
                event = "batch_planned", %location, batch = generation.0, records,
                delay_ms = ms(*delay), reason = reason.map(|reason| reason.as_str()),
            ),
            Event::BatchStarted { batch, generation } => info!(
                event = "batch_started", location = %batch.location_id, batch = generation.0,
                records = batch.keys.len(),
            ),
            Event::BatchEnded { report, took } => batch_ended(report, *took),
            Event::Called { location, batch, record, endpoint, attempt, status, class, took } => info!(
                event = "call", %location, batch = batch.map(|batch| batch.0),
                record = record.map(tracing::field::display), endpoint = endpoint.as_str(), attempt, status, class,
                took_ms = ms(*took),
            ),
            Event::Retrying { location, batch, record, endpoint, attempt, reason, delay } => info!(
                event = "retry", %location, batch = batch.map(|batch| batch.0),
                record = record.map(tracing::field::display), endpoint = endpoint.as_str(), attempt,
                reason = reason.as_str(), delay_ms = ms(*delay),
            ),
            Event::Waiting { location, batch, record, reason, wait, attempt } => waiting(&WaitLine {
                location: location.as_str(),
                batch: batch.map(|batch| batch.0),
                record: record.map(ToString::to_string),
                reason: *reason,
                wait: *wait,
                attempt: *attempt,
            }),
            Event::Settled { location, batch, record, result, latency } => settled(&RecordLine {
                location: location.as_str(),
                batch: batch.0,
                record: &record.to_string(),
                result: *result,
                latency: *latency,
            }),
            Event::NotStored { location, batch, record, fields } => warn!(
                event = "not_stored", %location, batch = batch.0, %record, fields = fields.join(", "),
            ),
            Event::SharesGhlId { location, batch, record, with, .. } => warn!(
                event = "shares_ghl_id", %location, batch = batch.0, %record, with = keys(with),
            ),
            Event::PassedOver { location, kind, ghl_id, why } => warn!(
                event = "passed_over", %location, kind = kind.as_str(), ghl_id = ghl_id.map(tracing::field::display), %why,
            ),
            // Of credentials, only their location is logged.
            Event::TokensIssued { location, credentials, good_for } => {
                info!(event = "tokens_issued", %location, %credentials, good_for_s = good_for.as_secs());
            }
            Event::TokensDelayed { location, credentials, reason } => {
                warn!(event = "tokens_delayed", %location, %credentials, reason);
            }
            Event::CredentialsRefused { location, credentials, reason } => {
                error!(event = "credentials_refused", %location, %credentials, reason);
            }
            Event::Migrating { migration, progress } => migrating(migration, progress),
            Event::Breaker { scope, from, to } => warn!(event = "breaker", %scope, from, to),
            Event::Host { api, scope, from, to } => warn!(event = "host", api = api.as_str(), %scope, from, to),
            Event::Webhook { location, event_type, received } => webhook(*location, event_type, *received),
            Event::WebhookRefused { status, reason, error } => webhook_refused(*status, reason, *error),
            Event::LimitLowered { scope, quota, from, to, window } => {
                warn!(event = "limit_lowered", %scope, quota, from, to, window_ms = ms(*window));
            }
            Event::Operated { location, scope, action } => info!(event = "operated", %location, %scope, action),
            Event::Held { scope, until } => debug!(event = "held", %scope, until = until.0),
            Event::Rests { scope, wake_at } => debug!(event = "rests", %scope, wake_at = wake_at.map(|time| time.0)),
            Event::Looked { location, oldest } => debug!(event = "looked", %location, oldest_due_ms = ms(*oldest)),
            Event::Ticked { report } => info!(
                event = "tick",
                looked_at = report.looked_at,
                started = report.started,
                records = report.records,
                failed = report.failed,
                failed_shards = report.failed_shards,
            ),
            Event::Reconciled { location, report } => info!(
                event = "reconciled", %location, contacts = report.contacts, states = report.states,
                resent = report.resent, superseded = report.superseded, unread = report.unread,
                ended = report.ended.as_str(),
            ),
            Event::ContentsDropped { location, report } => info!(
                event = "contents_dropped", %location, looked_at = report.looked_at, dropped = report.dropped,
                done = report.done,
            ),
            Event::NotABatch { message_id, error } => error!(
                event = "not_a_batch", message_id, error = %error, cause = error.source().map(ToString::to_string),
            ),
            Event::Ingested { messages, stored, refused, repeated } => {
                info!(event = "ingested", messages, stored, refused, repeated);
            }
            Event::ItemsRefused { message_id, items, reason } => {
                warn!(event = "items_refused", message_id, items, reason);
            }
            Event::Outcomes(news) => outcomes(news),
            Event::Alerts(news) => alerts(news),
            Event::DeadLetter { letter, message, age, end } => dead_letter(letter, *message, *age, *end),
            Event::PortFailed { scope, error } => error!(
                event = "port_failed",
                scope = scope.map(tracing::field::display),
                action = error.action,
                error = causes(error),
            ),
            // It summarises the other events, and is written as metrics.
            Event::Measured { .. } => {}
        }
    }
}

fn batch_ended(report: &BatchReport, took: Duration) {
    info!(
        event = "batch_ended", location = %report.location_id, batch = report.generation.0,
        processed = report.processed, succeeded = report.succeeded, failed = report.failed,
        rate_limited = report.rate_limited, deferred = report.deferred, store_failed = report.store_failed,
        skipped = report.skipped, would_send = report.would_send, took_ms = ms(took),
        not_run = report.not_run.map(tracing::field::debug),
        stopped = report.stopped.map(|stopped| stopped.reason.as_str()),
    );
}

/// Logs news about outcomes. The URL of an endpoint may hold a secret and is not logged.
fn outcomes(news: &OutcomeNews<'_>) {
    match news {
        OutcomeNews::Told { changes, events, unreadable, repeated } => {
            info!(event = "outcomes_told", changes, events, unreadable, repeated);
        }
        OutcomeNews::Unreadable { sequence, why } => {
            error!(event = "outcome_unreadable", sequence, error = causes(*why));
        }
        OutcomeNews::Delivery { location, event_id, tries, end } => match end {
            DeliveryEnd::Delivered => info!(event = "outcome_delivered", %location, event_id, tries),
            DeliveryEnd::NotWanted => info!(event = "outcome_not_wanted", %location, event_id, tries),
            DeliveryEnd::Failed { why, rest } => warn!(
                event = "outcome_not_delivered", %location, event_id, tries, error = why, rest_s = rest.as_secs(),
            ),
        },
        OutcomeNews::NotADelivery => error!(event = "not_a_delivery"),
        OutcomeNews::SwitchedOff { location, is_gone } => {
            error!(event = "webhook_switched_off", %location, is_gone);
        }
    }
}

/// Logs alerts. Only their messages contain names of locations.
fn alerts(news: &AlertNews<'_>) {
    match news {
        AlertNews::Begun { kind, location, failed, ended } => {
            warn!(event = "alert", trouble = kind, location = location.map(tracing::field::display), failed, of = ended,)
        }
        AlertNews::Over { kind, location } => {
            info!(event = "alert_over", trouble = kind, location = location.map(tracing::field::display));
        }
        AlertNews::Digested { messages } => info!(event = "digest", messages),
        AlertNews::Untold { error } => error!(event = "alerts_untold", action = error.action, error = causes(*error)),
    }
}

/// Logs the progress of a migration. The reason for a stop may quote GHL; only the API shows it.
fn migrating(migration: &Migration, progress: &Progress) {
    let (id, from, to) = (&migration.id, &migration.source, &migration.target);
    let (status, stage) = (progress.status.as_str(), progress.stage.as_str());
    let Progress { current, total, percentage, errors, .. } = progress;
    if matches!(progress.status, MigrationStatus::Failed | MigrationStatus::NeedsInput) {
        warn!(event = "migration", migration = %id, %from, %to, status, stage, current, total, percentage, errors);
    } else {
        info!(event = "migration", migration = %id, %from, %to, status, stage, current, total, percentage, errors);
    }
}

struct WaitLine<'a> {
    location: &'a str,
    batch: Option<u64>,
    record: Option<String>,
    reason: WaitReason,
    wait: Duration,
    attempt: u32,
}

/// Logs a wait. Waits for the next permit are normal pacing, many per second, and only of interest at debug level.
fn waiting(waiting: &WaitLine<'_>) {
    let WaitLine { location, batch, record, reason, wait, attempt } = waiting;
    let (reason_name, wait_ms) = (reason.as_str(), ms(*wait));
    if *reason == WaitReason::Pace {
        debug!(event = "wait", location, batch, record, reason = reason_name, wait_ms, attempt);
    } else {
        info!(event = "wait", location, batch, record, reason = reason_name, wait_ms, attempt);
    }
}

fn keys(keys: &[RecordKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

struct RecordLine<'a> {
    location: &'a str,
    batch: u64,
    record: &'a str,
    result: RecordResult,
    latency: Option<Duration>,
}

fn settled(settled: &RecordLine<'_>) {
    let RecordLine { location, batch, record, result, latency } = *settled;
    let code = result.code().map(|code| code.as_str());
    let latency_ms = latency.map(ms);
    match result {
        RecordResult::Failed(_) => warn!(event = "record", location, batch, record, result = result.as_str(), code),
        RecordResult::Retrying(_) => info!(event = "record", location, batch, record, result = result.as_str(), code),
        _ => debug!(event = "record", location, batch, record, result = result.as_str(), code, latency_ms),
    }
}

/// Logs a received webhook. A stored one is routine; another one deserves attention: an event type that nobody
/// subscribed to, or another app.
fn webhook(location: Option<&LocationId>, event_type: &str, received: Received) {
    let (location, result) = (location.map(tracing::field::display), received.as_str());
    match received {
        Received::Ignored(reason) => {
            info!(event = "webhook", location, event_type, result, reason = reason.as_str());
        }
        Received::Enabled | Received::Stopped => warn!(event = "webhook", location, event_type, result),
        _ => debug!(event = "webhook", location, event_type, result),
    }
}

/// Logs a failed webhook. One that a store did not take is delivered again; a rejected one is not.
fn webhook_refused(status: u16, reason: &str, error: &dyn Error) {
    let cause = error.source().map(ToString::to_string);
    match reason {
        "not_stored" => error!(event = "webhook_not_stored", status, error = %error, cause),
        _ => warn!(event = "webhook_refused", status, reason, error = %error, cause),
    }
}

/// Logs a dead letter and its end. Of a message that is not ours, no content is logged.
fn dead_letter(letter: &DeadLetter, message: Result<&Message, &str>, age: Option<Duration>, end: DeadLetterEnd) {
    let location = message.ok().map(|message| tracing::field::display(message.location_id()));
    let (generation, records) = match message {
        Ok(Message::Batch(batch)) => (batch.generation.map(|generation| generation.0), Some(batch.keys.len())),
        Ok(Message::Ask(..)) | Err(_) => (None, None),
    };
    warn!(
        event = "dead_letter",
        message_id = letter.id,
        queue = letter.source,
        receives = letter.receives,
        age_ms = age.map(ms),
        bytes = letter.body.len(),
        location,
        batch = generation,
        records,
        reason = message.err(),
        result = end.as_str(),
    );
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// An error and its causes, in one line.
#[must_use]
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
