//! Metrics in CloudWatch's embedded metric format: one JSON line on standard output for each batch, tick and webhook,
//! which Lambda passes to CloudWatch. The [`catalogue`] has their names.

use std::io::Write;

use ghl_sync_engine::counts::catalogue::{self, Metric, Source};
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{AlertNews, DeliveryEnd, Event, EventSink, Measures, OutcomeNews, Received};
use ghl_sync_model::{EpochMs, LocationId, Message};
use serde_json::{Map, Value, json};

use crate::SystemClock;

const NAMESPACE: &str = "GhlSync";
/// The only dimension. Location and kind of work are properties of the line: as dimensions, they would create, and
/// cost, one metric per value.
const DIMENSION: &str = "Stack";

/// Writes the metrics of a stack.
#[derive(Debug, Clone)]
pub struct EmfSink {
    stack: String,
}

impl EmfSink {
    /// A sink for the metrics of `stack`.
    #[must_use]
    pub fn new(stack: impl Into<String>) -> EmfSink {
        EmfSink { stack: stack.into() }
    }

    /// The metrics line of `event`, if it has metrics.
    #[must_use]
    pub fn line(&self, event: &Event<'_>, now: EpochMs) -> Option<String> {
        let line = match event {
            Event::Measured { work, location, measures } => EmfLine::of(work, *location, measures),
            // A refresh that is refused while the old token is still valid fails no call, so nothing else reports it.
            Event::CredentialsRefused { location, .. } => {
                EmfLine::of_one(&catalogue::CREDENTIALS_REFUSED).of_location(location)
            }
            Event::NotABatch { .. } => EmfLine::of_one(&catalogue::NOT_A_BATCH),
            // A message that stays in the queue is counted once it is handled.
            Event::DeadLetter { message, end, .. } if end.is_done() => {
                EmfLine::of_one(&catalogue::DEAD_LETTERS).of_maybe(message.ok().map(Message::location_id))
            }
            Event::Webhook { location, received, .. } => EmfLine::of_webhook(*location, *received),
            Event::WebhookRefused { reason, .. } => EmfLine::of_refused_webhook(reason),
            Event::Ingested { messages, refused, repeated, .. } => EmfLine::of_ingested(*messages, *refused, *repeated),
            Event::Outcomes(news) => EmfLine::of_outcomes(news),
            Event::Alerts(news) => EmfLine::of_alerts(news),
            Event::Host { to: "down", .. } => EmfLine::of_one(&catalogue::HOST_DOWN),
            Event::Migrating { .. }
            | Event::ItemsRefused { .. }
            | Event::Planned { .. }
            | Event::Called { .. }
            | Event::Retrying { .. }
            | Event::Waiting { .. }
            | Event::Breaker { .. }
            | Event::Host { .. }
            | Event::LimitLowered { .. }
            | Event::Operated { .. }
            | Event::Looked { .. }
            | Event::BatchStarted { .. }
            | Event::Settled { .. }
            | Event::NotStored { .. }
            | Event::SharesGhlId { .. }
            | Event::PassedOver { .. }
            | Event::BatchEnded { .. }
            | Event::Held { .. }
            | Event::Rests { .. }
            | Event::DeadLetter { .. }
            | Event::Ticked { .. }
            | Event::Reconciled { .. }
            | Event::ContentsDropped { .. }
            | Event::TokensIssued { .. }
            | Event::TokensDelayed { .. }
            | Event::PortFailed { .. } => return None,
        };
        (!line.metrics.is_empty()).then(|| line.into_json(&self.stack, now))
    }
}

impl EventSink for EmfSink {
    fn emit(&self, event: &Event<'_>) {
        if let Some(line) = self.line(event, SystemClock.now()) {
            // If standard output is gone, nobody is left to read the metrics.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }
}

/// A metrics line being built.
#[derive(Default)]
struct EmfLine {
    metrics: Vec<Value>,
    members: Map<String, Value>,
}

impl EmfLine {
    fn of(work: &str, location: Option<&LocationId>, measures: &Measures) -> EmfLine {
        let Measures { counts, call_ms, backoff_ms, oldest_due, scopes_failed } = measures;
        let mut line = EmfLine::default();
        for metric in catalogue::ALL {
            line = match metric.source {
                Source::Sum(of) => line.with_sum(work, metric, counts.sum(of)),
                Source::Ratio(of) => of(counts).into_iter().fold(line, |line, ratio| line.with(metric, json!(ratio))),
                Source::CallDurations | Source::Elsewhere => line,
            };
        }
        line = line.with_sum(work, &catalogue::TICK_LOCATIONS_FAILED, *scopes_failed);
        for (metric, samples) in [(&catalogue::CALL_LATENCY, call_ms), (&catalogue::BACKOFF_DELAY, backoff_ms)] {
            if !samples.is_empty() {
                line = line.with(metric, json!(samples));
            }
        }
        if let Some(oldest) = oldest_due {
            line = line.with(&catalogue::OLDEST_DUE_AGE, json!(oldest.as_secs_f64()));
        }
        line.members.insert("work".to_owned(), json!(work));
        line.of_maybe(location)
    }

    fn of_one(metric: &Metric) -> EmfLine {
        EmfLine::default().with(metric, json!(1))
    }

    fn of_webhook(location: Option<&LocationId>, received: Received) -> EmfLine {
        let result = match received {
            Received::Stored | Received::Enabled | Received::Stopped => &catalogue::WEBHOOKS_STORED,
            Received::Duplicate | Received::Collapsed => &catalogue::WEBHOOKS_DUPLICATE,
            Received::Stale => &catalogue::WEBHOOKS_STALE,
            Received::Ignored(_) => &catalogue::WEBHOOKS_IGNORED,
        };
        let line = EmfLine::of_one(&catalogue::WEBHOOKS_RECEIVED).with(result, json!(1));
        line.of_maybe(location)
    }

    fn of_refused_webhook(reason: &str) -> EmfLine {
        let result =
            if reason == "not_stored" { &catalogue::WEBHOOKS_NOT_STORED } else { &catalogue::WEBHOOKS_REFUSED };
        let mut line = EmfLine::of_one(&catalogue::WEBHOOKS_RECEIVED).with(result, json!(1));
        line.members.insert("reason".to_owned(), json!(reason));
        line
    }

    fn of_ingested(messages: usize, refused: usize, repeated: usize) -> EmfLine {
        let counts = [
            (&catalogue::INGEST_MESSAGES, messages),
            (&catalogue::INGEST_ITEMS_REFUSED, refused),
            (&catalogue::INGEST_MESSAGES_REPEATED, repeated),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        counts.fold(EmfLine::default(), |line, (metric, count)| line.with(metric, json!(count)))
    }

    fn of_outcomes(news: &OutcomeNews<'_>) -> EmfLine {
        match news {
            OutcomeNews::Told { events, unreadable, repeated, .. } => {
                let counts = [
                    (&catalogue::OUTCOME_EVENTS, events),
                    (&catalogue::OUTCOMES_UNREADABLE, unreadable),
                    (&catalogue::OUTCOMES_REPEATED, repeated),
                ];
                let counts = counts.into_iter().filter(|(_, count)| **count > 0);
                counts.fold(EmfLine::default(), |line, (metric, count)| line.with(metric, json!(count)))
            }
            OutcomeNews::Delivery { location, end, .. } => match end {
                DeliveryEnd::Delivered => EmfLine::of_one(&catalogue::OUTCOMES_DELIVERED).of_location(location),
                DeliveryEnd::Failed { .. } => EmfLine::of_one(&catalogue::OUTCOMES_NOT_DELIVERED).of_location(location),
                DeliveryEnd::NotWanted => EmfLine::default(),
            },
            OutcomeNews::SwitchedOff { location, .. } => {
                EmfLine::of_one(&catalogue::WEBHOOKS_SWITCHED_OFF).of_location(location)
            }
            // This message becomes a dead letter, which has its own alarm; the other is counted with its batch.
            OutcomeNews::NotADelivery | OutcomeNews::Unreadable { .. } => EmfLine::default(),
        }
    }

    fn of_alerts(news: &AlertNews<'_>) -> EmfLine {
        match news {
            AlertNews::Begun { location, .. } => EmfLine::of_one(&catalogue::ALERTS_BEGUN).of_maybe(*location),
            AlertNews::Untold { .. } => EmfLine::of_one(&catalogue::ALERTS_UNTOLD),
            AlertNews::Over { .. } | AlertNews::Digested { .. } => EmfLine::default(),
        }
    }

    fn of_maybe(self, location: Option<&LocationId>) -> EmfLine {
        location.into_iter().fold(self, EmfLine::of_location)
    }

    fn of_location(mut self, location: &LocationId) -> EmfLine {
        self.members.insert("location".to_owned(), json!(location.as_str()));
        self
    }

    /// Adds a sum, unless it is zero and this work does not report zeros.
    fn with_sum(self, work: &str, metric: &Metric, sum: u64) -> EmfLine {
        if sum > 0 || metric.zero_told_by.contains(&work) { self.with(metric, json!(sum)) } else { self }
    }

    fn with(mut self, metric: &Metric, value: Value) -> EmfLine {
        if let Some(name) = metric.cloudwatch {
            let unit: &str = metric.unit.into();
            self.metrics.push(json!({ "Name": name, "Unit": unit }));
            self.members.insert(name.to_owned(), value);
        }
        self
    }

    fn into_json(mut self, stack: &str, now: EpochMs) -> String {
        self.members.insert(DIMENSION.to_owned(), json!(stack));
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": self.metrics });
        self.members.insert("_aws".to_owned(), json!({ "Timestamp": now.0, "CloudWatchMetrics": [directive] }));
        Value::Object(self.members).to_string()
    }
}

/// Both sinks of a function: logs and metrics.
#[derive(Debug, Clone)]
pub struct FunctionSink {
    logs: crate::LogSink,
    metrics: EmfSink,
}

impl FunctionSink {
    /// The sink of a function of `stack`.
    #[must_use]
    pub fn new(stack: impl Into<String>) -> FunctionSink {
        FunctionSink { logs: crate::LogSink, metrics: EmfSink::new(stack) }
    }
}

impl EventSink for FunctionSink {
    fn emit(&self, event: &Event<'_>) {
        self.logs.emit(event);
        self.metrics.emit(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_are_refused_are_counted_before_any_call_fails_and_the_line_has_no_reason_in_it() {
        let location = "loc".parse().unwrap();
        let credentials = "ssm:/ghl-sync/app".parse().unwrap();
        let event = Event::CredentialsRefused { location: &location, credentials: &credentials, reason: "said by GHL" };
        let line = EmfSink::new("stack").line(&event, EpochMs(5)).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["CredentialsRefused"], &line["location"]), (&json!(1), &json!("loc")));
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "CredentialsRefused");
        assert!(!line.to_string().contains("said by GHL"));
    }
}
