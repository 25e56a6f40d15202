//! Metrics in CloudWatch's embedded metric format: one JSON line on standard output for each batch, tick and webhook,
//! which Lambda hands to CloudWatch. The names are those of the alarms in `template.yaml`.

use std::io::Write;

use ghl_sync_engine::counts::{Counter, ReconcileCount, RecordCount};
use ghl_sync_engine::ports::{Clock, EventSink};
use ghl_sync_engine::usecase::{Event, Measures, Received};
use ghl_sync_model::{EpochMs, LocationId};
use serde_json::{Map, Value, json};

use crate::SystemClock;

const NAMESPACE: &str = "GhlSync";
/// The one dimension. What else is told (location, kind of work) are properties of the line: a dimension would make,
/// and cost, a metric for each of its values.
const DIMENSION: &str = "Stack";

/// Writes the metrics of a stack.
#[derive(Debug, Clone)]
pub struct EmfSink {
    stack: String,
}

impl EmfSink {
    /// Metrics of `stack`.
    #[must_use]
    pub fn new(stack: impl Into<String>) -> EmfSink {
        EmfSink { stack: stack.into() }
    }

    /// The line that tells of `event`, if it has metrics.
    #[must_use]
    pub fn line(&self, event: &Event<'_>, now: EpochMs) -> Option<String> {
        let line = match event {
            Event::Measured { work, location, measures } => Line::of(work, *location, measures),
            // A refresh that is refused while the old token is still good fails no call: nothing else tells of it.
            Event::CredentialsRefused { location, .. } => {
                Line::default().with("CredentialsRefused", "Count", json!(1)).of_location(location)
            }
            Event::NotABatch { .. } => Line::default().with("NotABatch", "Count", json!(1)),
            // One that stays is counted when it is done with.
            Event::DeadLetter { message, end, .. } if end.is_done() => {
                let line = Line::default().with("DeadLetters", "Count", json!(1));
                match message {
                    Ok(message) => line.of_location(message.location_id()),
                    Err(_) => line,
                }
            }
            Event::Webhook { location, received, .. } => Line::of_webhook(*location, *received),
            Event::WebhookRefused { reason, .. } => Line::of_refused_webhook(reason),
            Event::Host { to: "down", .. } => Line::default().with("HostDown", "Count", json!(1)),
            Event::Migrating { .. }
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
            // If standard output is gone, so is whoever wanted to know.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }
}

/// One line in the making.
#[derive(Default)]
struct Line {
    metrics: Vec<Value>,
    members: Map<String, Value>,
}

impl Line {
    fn of(work: &str, location: Option<&LocationId>, measures: &Measures) -> Line {
        let Measures { counts, call_ms, backoff_ms, oldest_due, scopes_failed } = measures;
        let sums = [
            ("CallsMade", counts.calls()),
            ("RateLimitHits", counts.rate_limit_hits()),
            ("RetryAttempts", counts.get(Counter::Retries)),
            ("CircuitBreakerOpens", counts.get(Counter::BreakerOpens)),
            ("RecordsSucceeded", counts.records(RecordCount::Succeeded)),
            ("RecordsFailed", counts.records(RecordCount::Failed)),
            ("RecordsDeferred", counts.records(RecordCount::Deferred)),
            ("LimitLowered", counts.get(Counter::LimitsLowered)),
            ("CredentialsRefused", counts.get(Counter::CredentialsRefused)),
            ("PortFailures", counts.get(Counter::PortFailures)),
            ("CallsSaved", counts.get(Counter::CallsSaved)),
            ("RecordsNotStored", counts.get(Counter::NotStored)),
            ("SharedGhlIds", counts.get(Counter::SharedGhlIds)),
            ("RecordsPassedOver", counts.get(Counter::PassedOver)),
            ("ReconcileCompared", counts.reconciled(ReconcileCount::Compared)),
            ("ReconcileStatesRepaired", counts.reconciled(ReconcileCount::StateRepaired)),
            ("ReconcileResent", counts.reconciled(ReconcileCount::Resent)),
            ("ReconcileSuperseded", counts.reconciled(ReconcileCount::Superseded)),
            ("ReconcilePutOff", counts.reconciled(ReconcileCount::PutOff)),
            ("TickLocationsFailed", *scopes_failed),
        ];
        let mut line = Line::default();
        for (name, sum) in sums {
            // A batch tells of all that it could have met, a tick of what it looks at; others only of what was.
            let is_told = match work {
                "batch" => {
                    !matches!(name, "TickLocationsFailed" | "CallsSaved" | "RecordsNotStored" | "RecordsPassedOver")
                        && !name.starts_with("Reconcile")
                }
                "tick" => name == "TickLocationsFailed" || name == "PortFailures",
                _ => false,
            };
            if is_told || sum > 0 {
                line = line.with(name, "Count", json!(sum));
            }
        }
        if let Some(rate) = counts.sync_success_rate() {
            line = line.with("SyncSuccessRate", "None", json!(rate));
        }
        for (name, samples) in [("CallLatency", call_ms), ("BackoffDelay", backoff_ms)] {
            if !samples.is_empty() {
                line = line.with(name, "Milliseconds", json!(samples));
            }
        }
        if let Some(oldest) = oldest_due {
            line = line.with("OldestDueAge", "Seconds", json!(oldest.as_secs_f64()));
        }
        line.members.insert("work".to_owned(), json!(work));
        match location {
            Some(location) => line.of_location(location),
            None => line,
        }
    }

    fn of_webhook(location: Option<&LocationId>, received: Received) -> Line {
        let result = match received {
            Received::Stored | Received::Enabled | Received::Stopped => "WebhooksStored",
            Received::Duplicate | Received::Collapsed => "WebhooksDuplicate",
            Received::Stale => "WebhooksStale",
            Received::Ignored(_) => "WebhooksIgnored",
        };
        let line = Line::default().with("WebhooksReceived", "Count", json!(1)).with(result, "Count", json!(1));
        match location {
            Some(location) => line.of_location(location),
            None => line,
        }
    }

    fn of_refused_webhook(reason: &str) -> Line {
        let result = if reason == "not_stored" { "WebhooksNotStored" } else { "WebhooksRefused" };
        let mut line = Line::default().with("WebhooksReceived", "Count", json!(1)).with(result, "Count", json!(1));
        line.members.insert("reason".to_owned(), json!(reason));
        line
    }

    fn of_location(mut self, location: &LocationId) -> Line {
        self.members.insert("location".to_owned(), json!(location.as_str()));
        self
    }

    fn with(mut self, name: &str, unit: &str, value: Value) -> Line {
        self.metrics.push(json!({ "Name": name, "Unit": unit }));
        self.members.insert(name.to_owned(), value);
        self
    }

    fn into_json(mut self, stack: &str, now: EpochMs) -> String {
        self.members.insert(DIMENSION.to_owned(), json!(stack));
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": self.metrics });
        self.members.insert("_aws".to_owned(), json!({ "Timestamp": now.0, "CloudWatchMetrics": [directive] }));
        Value::Object(self.members).to_string()
    }
}

/// Both sinks of a function: log lines and metrics.
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
