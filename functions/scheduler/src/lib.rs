//! The scheduled function: starts every location that has work and no batch under way.
//!
//! It takes the event of an EventBridge schedule; `{"sweep": true}`, which a slower schedule sends, to look at every
//! enabled location; and by hand `{}` (the same) or `{"location_id": "…"}` (that location only).
//!
//! With `{"source": "ghl-sync.alerts"}` it looks at how all locations stand, and tells people who is in trouble; with
//! `{"source": "ghl-sync.digest"}` it tells them how the day went.
//!
//! With `{"source": "ghl-sync.reconcile"}`, which a third schedule sends, it asks the consumer to reconcile all enabled
//! locations; with `{"source": "ghl-sync.facts"}`, which a fourth one sends, to read what they are. With a `location_id`
//! beside it, by hand, it asks for that one.

use std::time::Duration;

use ghl_sync_alerts::{Alerts, Digested, Looked};
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{Engine, Event, FannedOut, TickReport};
use ghl_sync_inbound::{FactsReader, Reconciler};
use ghl_sync_model::{Ask, LocationId};
use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{Instrument, info_span};

/// What the function works with. Cheap to clone.
#[derive(Clone)]
pub struct Scheduler {
    /// Starts locations.
    pub engine: Engine,
    /// Tells people who is in trouble.
    pub alerts: Alerts,
}

/// Why a tick could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The event is not one of ours.
    #[error(
        "this function expects an EventBridge scheduled event, {{}}, {{\"sweep\": true}}, {{\"location_id\": \"…\"}} or {{\"source\": \"ghl-sync.reconcile\"}} (or facts, alerts, digest); it got {found}"
    )]
    Event {
        /// What it got, by its shape.
        found: String,
    },
    /// A field of it is not valid.
    #[error("the event is malformed")]
    Field(#[source] serde_json::Error),
    /// The location is unknown or not enabled.
    #[error("location {0} is unknown or not enabled")]
    NotEnabled(LocationId),
    /// Parts of the check index did not answer. The locations in them are looked at by a later tick, or the sweep.
    #[error("{shards} of the check index's shards did not answer; all others were looked at: {report}")]
    Shards {
        /// How many parts of the check index did not answer.
        shards: u32,
        /// What the tick did all the same, as JSON.
        report: String,
    },
    /// A store or the queue failed; the next tick tries again.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What an event brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Done {
    /// A tick.
    Ticked(TickReport),
    /// Locations were asked to reconcile.
    Asked {
        /// How many locations were asked to reconcile.
        asked_to_reconcile: u32,
    },
    /// What locations are is read anew.
    AskedForFacts {
        /// Of how many.
        asked_for_facts: u32,
    },
    /// All locations were looked at for alerts.
    Looked(Looked),
    /// How the day went was told.
    Digested(Digested),
}

/// Does what the event asks for: a tick, mostly.
///
/// # Errors
/// When the event is not understood, or not even the list of scopes can be read.
pub async fn handle(scheduler: &Scheduler, event: LambdaEvent<Value>) -> Result<Done, SchedulerError> {
    let context = &event.context;
    let span = info_span!("tick", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    tick(scheduler, event.payload).instrument(span).await
}

async fn tick(Scheduler { engine, alerts }: &Scheduler, event: Value) -> Result<Done, SchedulerError> {
    match what(event)? {
        What::Alerts => Ok(Done::Looked(alerts.look().await?)),
        What::Digest => Ok(Done::Digested(alerts.digest().await?)),
        What::Tick { sweep } => {
            let report = engine.tick(sweep).await?;
            // All that could be done was done; that some could not sets off the alarm on this function's errors.
            match report.failed_shards {
                0 => Ok(Done::Ticked(report)),
                shards => {
                    Err(SchedulerError::Shards { shards, report: serde_json::to_string(&report).unwrap_or_default() })
                }
            }
        }
        What::Location(location) => start(engine, location).await.map(Done::Ticked),
        What::Ask(ask, Some(location)) => {
            engine.ports().queue.ask(ask, &location, Duration::ZERO).await?;
            Ok(asked(ask, 1))
        }
        What::Ask(Ask::Reconcile, None) => {
            Ok(asked(Ask::Reconcile, Reconciler::new(engine.clone()).ask_to_reconcile_all().await?))
        }
        What::Ask(Ask::Facts, None) => Ok(asked(Ask::Facts, FactsReader::new(engine.clone()).ask_all().await?)),
    }
}

fn asked(ask: Ask, locations: u32) -> Done {
    match ask {
        Ask::Reconcile => Done::Asked { asked_to_reconcile: locations },
        Ask::Facts => Done::AskedForFacts { asked_for_facts: locations },
    }
}

/// How the schedules that ask for something call themselves.
const ASKS: [(&str, Ask); 2] = [("ghl-sync.reconcile", Ask::Reconcile), ("ghl-sync.facts", Ask::Facts)];

fn ask_of(source: &str) -> Option<Ask> {
    ASKS.into_iter().find(|(name, _)| *name == source).map(|(_, ask)| ask)
}

/// What the schedules want that tell people something, by how they call themselves.
fn told_by(source: &str) -> Option<What> {
    match source {
        "ghl-sync.alerts" => Some(What::Alerts),
        "ghl-sync.digest" => Some(What::Digest),
        _ => None,
    }
}

/// What an event asks for.
enum What {
    Tick { sweep: bool },
    Location(LocationId),
    Ask(Ask, Option<LocationId>),
    Alerts,
    Digest,
}

fn what(event: Value) -> Result<What, SchedulerError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ByHand {
        location_id: Option<LocationId>,
        sweep: Option<bool>,
        /// One of [`ASKS`], if it is there.
        source: Option<String>,
    }
    let fields = match &event {
        Value::Null => return Ok(What::Tick { sweep: true }),
        Value::Object(fields) => fields,
        other => return Err(SchedulerError::Event { found: shape(other) }),
    };
    if fields.get("detail-type").and_then(Value::as_str) == Some("Scheduled Event") {
        return Ok(What::Tick { sweep: false });
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
        return Ok(What::Ask(ask, location_id));
    }
    Ok(location_id.map_or(What::Tick { sweep: sweep.unwrap_or(true) }, What::Location))
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

/// The shape of an event that is not ours: its kind or its fields, never its content.
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
