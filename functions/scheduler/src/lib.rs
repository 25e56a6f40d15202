//! The scheduled function: starts every location that has work and no batch in progress.
//!
//! It takes the event of an EventBridge schedule; `{"sweep": true}`, from a slower schedule, to check every enabled
//! location; and by hand `{}` (the same) or `{"location_id": "…"}` (that location only).
//!
//! With `{"source": "ghl-sync.alerts"}` it checks the status of all locations, and alerts people about those in
//! trouble; with `{"source": "ghl-sync.digest"}` it sends the summary of the day.
//!
//! With `{"source": "ghl-sync.reconcile"}`, from a third schedule, it asks the consumer to reconcile all enabled
//! locations; with `{"source": "ghl-sync.facts"}`, from a fourth one, to read their facts. A `location_id` beside the
//! source, by hand, limits this to one location.

use std::time::Duration;

use ghl_sync_alerts::{AlertCheckResult, Alerts, DigestResult};
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{Engine, Event, FannedOut, TickReport};
use ghl_sync_inbound::{FactsReader, Reconciler};
use ghl_sync_model::{Ask, LocationId};
use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{Instrument, info_span};

/// The services that the function uses. Cheap to clone.
#[derive(Clone)]
pub struct Scheduler {
    /// Starts locations.
    pub engine: Engine,
    /// Alerts people about locations in trouble.
    pub alerts: Alerts,
}

/// Why a tick failed.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The event is not one of ours.
    #[error(
        "this function expects an EventBridge scheduled event, {{}}, {{\"sweep\": true}}, {{\"location_id\": \"…\"}} or {{\"source\": \"ghl-sync.reconcile\"}} (or facts, alerts, digest); it got {found}"
    )]
    Event {
        /// Shape of the event.
        found: String,
    },
    /// A field of the event is invalid.
    #[error("the event is malformed")]
    Field(#[source] serde_json::Error),
    /// The location is unknown or not enabled.
    #[error("location {0} is unknown or not enabled")]
    NotEnabled(LocationId),
    /// Parts of the check index did not respond. A later tick or the sweep checks the locations in them.
    #[error("{shards} of the check index's shards did not answer; all others were looked at: {report}")]
    Shards {
        /// Number of parts that did not respond.
        shards: u32,
        /// Report of what the tick still did, as JSON.
        report: String,
    },
    /// A store or the queue failed; the next tick tries again.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The result of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Done {
    /// The report of a tick.
    Ticked(TickReport),
    /// Locations were asked to reconcile.
    Asked {
        /// How many locations were asked to reconcile.
        asked_to_reconcile: u32,
    },
    /// Locations were asked to read their facts.
    AskedForFacts {
        /// How many locations were asked to read their facts.
        asked_for_facts: u32,
    },
    /// All locations were checked for alerts.
    Looked(AlertCheckResult),
    /// The summary of the day was sent.
    Digested(DigestResult),
}

/// Runs the job that the event asks for, usually a tick.
///
/// # Errors
/// If the event is invalid, or the list of scopes cannot be read.
pub async fn handle(scheduler: &Scheduler, event: LambdaEvent<Value>) -> Result<Done, SchedulerError> {
    let context = &event.context;
    let span = info_span!("tick", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    tick(scheduler, event.payload).instrument(span).await
}

async fn tick(Scheduler { engine, alerts }: &Scheduler, event: Value) -> Result<Done, SchedulerError> {
    match what(event)? {
        ScheduledJob::Alerts => Ok(Done::Looked(alerts.look().await?)),
        ScheduledJob::Digest => Ok(Done::Digested(alerts.digest().await?)),
        ScheduledJob::Tick { sweep } => {
            let report = engine.tick(sweep).await?;
            // The rest of the tick is done; this error triggers the alarm on the function's errors.
            match report.failed_shards {
                0 => Ok(Done::Ticked(report)),
                shards => {
                    Err(SchedulerError::Shards { shards, report: serde_json::to_string(&report).unwrap_or_default() })
                }
            }
        }
        ScheduledJob::Location(location) => start(engine, location).await.map(Done::Ticked),
        ScheduledJob::Ask(ask, Some(location)) => {
            engine.ports().queue.ask(ask, &location, Duration::ZERO).await?;
            Ok(asked(ask, 1))
        }
        ScheduledJob::Ask(Ask::Reconcile, None) => {
            Ok(asked(Ask::Reconcile, Reconciler::new(engine.clone()).ask_to_reconcile_all().await?))
        }
        ScheduledJob::Ask(Ask::Facts, None) => Ok(asked(Ask::Facts, FactsReader::new(engine.clone()).ask_all().await?)),
    }
}

fn asked(ask: Ask, locations: u32) -> Done {
    match ask {
        Ask::Reconcile => Done::Asked { asked_to_reconcile: locations },
        Ask::Facts => Done::AskedForFacts { asked_for_facts: locations },
    }
}

/// Jobs of the schedules that ask the consumer, by `source`.
const ASKS: [(&str, Ask); 2] = [("ghl-sync.reconcile", Ask::Reconcile), ("ghl-sync.facts", Ask::Facts)];

fn ask_of(source: &str) -> Option<Ask> {
    ASKS.into_iter().find(|(name, _)| *name == source).map(|(_, ask)| ask)
}

/// The job of a schedule that reports to people, by `source`.
fn told_by(source: &str) -> Option<ScheduledJob> {
    match source {
        "ghl-sync.alerts" => Some(ScheduledJob::Alerts),
        "ghl-sync.digest" => Some(ScheduledJob::Digest),
        _ => None,
    }
}

/// The job that an event asks for.
enum ScheduledJob {
    Tick { sweep: bool },
    Location(LocationId),
    Ask(Ask, Option<LocationId>),
    Alerts,
    Digest,
}

fn what(event: Value) -> Result<ScheduledJob, SchedulerError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ByHand {
        location_id: Option<LocationId>,
        sweep: Option<bool>,
        /// One of [`ASKS`], if present.
        source: Option<String>,
    }
    let fields = match &event {
        Value::Null => return Ok(ScheduledJob::Tick { sweep: true }),
        Value::Object(fields) => fields,
        other => return Err(SchedulerError::Event { found: shape(other) }),
    };
    if fields.get("detail-type").and_then(Value::as_str) == Some("Scheduled Event") {
        return Ok(ScheduledJob::Tick { sweep: false });
    }
    let source = fields.get("source").and_then(Value::as_str);
    if let Some(told) = source.and_then(told_by) {
        let is_alone = fields.len() == 1;
        return if is_alone { Ok(told) } else { Err(SchedulerError::Event { found: shape(&event) }) };
    }
    let asks = source.and_then(ask_of).is_some();
    let ours = ["location_id", "sweep"];
    if !fields.is_empty() && !asks && !ours.iter().any(|field| fields.contains_key(*field)) {
        return Err(SchedulerError::Event { found: shape(&event) });
    }
    let ByHand { location_id, sweep, source } =
        ghl_sync_model::json::from_value(event).map_err(SchedulerError::Field)?;
    if let Some(ask) = source.as_deref().and_then(ask_of) {
        return Ok(ScheduledJob::Ask(ask, location_id));
    }
    Ok(location_id.map_or(ScheduledJob::Tick { sweep: sweep.unwrap_or(true) }, ScheduledJob::Location))
}

async fn start(engine: &Engine, location: LocationId) -> Result<TickReport, SchedulerError> {
    let settings = engine.ports().registry.location(&location).await?;
    let Some(settings) = settings.filter(|settings| settings.enabled) else {
        return Err(SchedulerError::NotEnabled(location));
    };
    let mut report = TickReport { looked_at: 1, ..TickReport::default() };
    if let FannedOut::Planned { records, .. } = engine.fan_out(&settings.scope).await? {
        report.started = 1;
        report.records = records as u64;
    }
    engine.ports().sink.emit(&Event::Ticked { report: &report });
    Ok(report)
}

/// Describes an unknown event by its type or its fields, never its content.
fn shape(event: &Value) -> String {
    match event {
        Value::Object(fields) => {
            let names: Vec<&str> = fields.keys().map(String::as_str).take(8).collect();
            format!("an object with {}", names.join(", "))
        }
        Value::Array(_) => "a list".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Null => "null".to_owned(),
    }
}
