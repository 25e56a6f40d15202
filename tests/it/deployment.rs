//! A local deployment whose functions are invoked one by one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lambda_events::event::sqs::SqsBatchResponse;
use aws_sdk_dynamodb::types::AttributeValue;
use consumer::ConsumerError;
use ghl_sync_alerts::{AlertOrigin, AlertPorts, AlertRules, Alerts};
use ghl_sync_aws::tables::record;
use ghl_sync_cli::Listen;
use ghl_sync_cli::sandbox::{Sandbox, SandboxOptions, SandboxTokens, Stats};
use ghl_sync_cli::stack::{Ghl, OUTCOMES_TABLE, Stack, StackOptions};
use ghl_sync_drop::{Importer, Lists};
use ghl_sync_engine::ports::{Clock, Loaded};
use ghl_sync_engine::usecase::{Engine, EngineConfig, Ports, PutReport, TickReport};
use ghl_sync_limiter::Gate;
use ghl_sync_migrate::Migrator;
use ghl_sync_model::{Batch, LocationId, Priority, PutRecord, Record, RecordKey, Secret};
use ghl_sync_notify::Notifier;
use ghl_sync_operate::Operator;
use ghl_sync_operate::intake::Intake;
use ghl_sync_runtime::{ApiAccess, ApiParts, Config, LogSink, Runtime, SystemClock};
use importer::ImporterError;
use ingest::IngestError;
use lambda_runtime::{Context, LambdaEvent};
use migrator::MigratorError;
use notifier::NotifierError;
use redrive::RedriveError;
use reqwest::Method;
use scheduler::{Scheduler, SchedulerError};
use serde_json::{Value, json};

use crate::intermediary::{self, Act};
use crate::logs::Metrics;

/// The location of the sample events.
pub(crate) const LOCATION: &str = "loc_demo";
/// Longer than any test here takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// A stack, and the engine that its functions use here.
pub(crate) struct Deployment {
    pub(crate) stack: Stack,
    pub(crate) engine: Engine,
    /// A GHL other than the stack's own.
    remote: Option<Sandbox>,
}

/// The sample location, a sandbox that responds immediately, and a retry queue that does not delay a test.
pub(crate) fn options() -> StackOptions {
    StackOptions {
        locations: vec![location(LOCATION)],
        ghl: sandbox(SandboxOptions::default()),
        vars: vars(&[
            ("LOG_LEVEL", "off"),
            ("GHL_RATE_LIMIT_BASE_DELAY", "20"),
            ("GHL_RATE_LIMIT_JITTER_MAX", "20"),
            ("GHL_RATE_LIMIT_MAX_DELAY", "5000"),
            ("GHL_CIRCUIT_RESET_TIMEOUT", "500"),
        ]),
        // A request through an intermediary names the intermediary's port.
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        ..StackOptions::default()
    }
}

/// The same, with stored outcomes for polling.
pub(crate) fn keeping_outcomes() -> StackOptions {
    let mut options = options();
    options.vars.insert("OUTCOMES_TABLE".to_owned(), OUTCOMES_TABLE.to_owned());
    options
}

/// A sandbox whose search shows writes immediately.
pub(crate) fn sandbox(options: SandboxOptions) -> Ghl {
    Ghl::Sandbox(Box::new(SandboxOptions { search_lag: Duration::ZERO, ..options }))
}

pub(crate) fn vars(vars: &[(&str, &str)]) -> BTreeMap<String, String> {
    vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn location(id: &str) -> LocationId {
    id.parse().unwrap()
}

impl Deployment {
    pub(crate) async fn start() -> Deployment {
        Deployment::with(options()).await
    }

    pub(crate) async fn with(options: StackOptions) -> Deployment {
        let stack = Stack::start(options).await.unwrap();
        Deployment { engine: nearby(&stack.engine), stack, remote: None }
    }

    /// Puts an intermediary before GHL, which applies `acts` to the first requests, one each.
    pub(crate) async fn behind(acts: impl IntoIterator<Item = Act>) -> Deployment {
        let token = "pit-remote".to_owned();
        let options = SandboxOptions {
            tokens: SandboxTokens::Any(token.clone()),
            search_lag: Duration::ZERO,
            ..Default::default()
        };
        let listen =
            Listen { addr: SocketAddr::from(([127, 0, 0, 1], 0)), allowed_hosts: vec!["127.0.0.1".to_owned()] };
        let remote = Sandbox::start(options, listen).await.unwrap();
        let url = intermediary::start(remote.addr(), acts).await;
        let token = Secret::new(token);
        let deployment = Deployment::with(StackOptions { ghl: Ghl::Url { url, token }, ..self::options() }).await;
        Deployment { remote: Some(remote), ..deployment }
    }

    /// Operator of this deployment.
    pub(crate) fn operator(&self) -> Operator {
        Operator::new(self.engine.clone())
    }

    /// An engine of the same deployment, with changes to its environment.
    pub(crate) fn engine_with(&self, changes: &[(&str, &str)]) -> Engine {
        self.migrator_with(changes).engine().clone()
    }

    /// A migrator with changes to its environment.
    pub(crate) fn migrator_with(&self, changes: &[(&str, &str)]) -> Migrator {
        let environment = self.stack.vars.clone().into_iter().chain(vars(changes)).collect();
        let runtime = Runtime::new(Config::from_vars(environment).unwrap(), Arc::new(LogSink)).unwrap();
        runtime.migrations().unwrap().with_engine(nearby(&runtime.engine))
    }

    /// The ingest queue's intake, with changes to its environment.
    pub(crate) fn intake_with(&self, changes: &[(&str, &str)]) -> Intake {
        let environment = self.stack.vars.clone().into_iter().chain(vars(changes)).collect();
        let runtime = Runtime::new(Config::for_ingest(environment).unwrap(), self.engine.ports().sink.clone()).unwrap();
        runtime.intake().unwrap()
    }

    /// The scheduled function, with changes to its environment.
    pub(crate) fn scheduler_with(&self, changes: &[(&str, &str)]) -> Scheduler {
        let environment = self.stack.vars.clone().into_iter().chain(vars(changes)).collect();
        let sink = self.engine.ports().sink.clone();
        let runtime = Runtime::new(Config::for_scheduler(environment).unwrap(), sink).unwrap();
        Scheduler { alerts: runtime.alerts(), engine: runtime.engine }
    }

    /// The importer, with changes to its environment.
    pub(crate) fn importer_with(&self, changes: &[(&str, &str)]) -> Importer {
        let environment = self.stack.vars.clone().into_iter().chain(vars(changes)).collect();
        let sink = self.engine.ports().sink.clone();
        Runtime::new(Config::for_importer(environment).unwrap(), sink).unwrap().importer().unwrap()
    }

    /// The uploads of lists, with changes to their environment.
    pub(crate) fn lists_with(&self, changes: &[(&str, &str)]) -> Lists {
        let environment = self.stack.vars.clone().into_iter().chain(vars(changes)).collect();
        let sink = self.engine.ports().sink.clone();
        Runtime::new(Config::for_api(environment).unwrap(), sink).unwrap().lists().unwrap()
    }

    /// A migrator with the deployment's engine.
    pub(crate) fn migrator(&self) -> Migrator {
        self.stack.migrator.clone().with_engine(self.engine.clone())
    }

    /// The HTTP API with this `access`.
    pub(crate) fn router(&self, access: ApiAccess) -> axum::Router {
        let parts = ApiParts { access, ..self.stack.api_parts(self.migrator()) };
        api::router(parts, Config::variables_set(&self.stack.vars))
    }

    /// Keeps the engine's metrics from now on.
    pub(crate) fn measured(&mut self) -> Arc<Metrics> {
        let metrics = Arc::new(Metrics::default());
        let ports = Ports { sink: metrics.clone(), ..self.engine.ports().clone() };
        self.engine = Engine::new(ports, self.engine.config().clone());
        metrics
    }

    pub(crate) async fn put(&self, records: &[PutRecord]) -> PutReport {
        self.engine.put(records).await.unwrap()
    }

    /// Invokes the scheduled function.
    pub(crate) async fn tick(&self, event: Value) -> Result<TickReport, SchedulerError> {
        match self.schedule(event).await? {
            scheduler::Done::Ticked(report) => Ok(report),
            other => panic!("{other:?} is no tick"),
        }
    }

    /// Invokes the scheduler with `event`.
    pub(crate) async fn schedule(&self, event: Value) -> Result<scheduler::Done, SchedulerError> {
        scheduler::handle(&scheduler_of(&self.engine), LambdaEvent::new(event, context())).await
    }

    /// Invokes the queue's function.
    pub(crate) async fn consume(&self, event: Value) -> Result<SqsBatchResponse, ConsumerError> {
        consumer::handle(&self.engine, LambdaEvent::new(event, context())).await
    }

    /// Invokes the dead-letter queue's function.
    pub(crate) async fn redrive(&self, event: Value) -> Result<redrive::RedriveAnswer, RedriveError> {
        redrive::handle(&self.engine, LambdaEvent::new(event, context())).await
    }

    /// Invokes the importer.
    pub(crate) async fn import(&self, event: Value) -> Result<SqsBatchResponse, ImporterError> {
        importer::handle(&self.importer_with(&[]), LambdaEvent::new(event, context())).await
    }

    /// Invokes the ingest queue's function.
    pub(crate) async fn ingest(&self, event: Value) -> Result<SqsBatchResponse, IngestError> {
        ingest::handle(&self.intake_with(&[]), LambdaEvent::new(event, context())).await
    }

    /// The notifier, with changes to its environment.
    pub(crate) fn notifier_with(&self, changes: &[(&str, &str)]) -> Notifier {
        let environment = self.stack.vars.clone().into_iter().chain(vars(changes)).collect();
        let sink = self.engine.ports().sink.clone();
        Runtime::new(Config::for_notifier(environment).unwrap(), sink).unwrap().notifier().unwrap()
    }

    /// Invokes the notifier.
    pub(crate) async fn notify(&self, event: Value) -> Result<notifier::NotifierAnswer, NotifierError> {
        notifier::handle(&self.notifier_with(&[]), LambdaEvent::new(event, context())).await
    }

    /// Invokes the migrator.
    pub(crate) async fn migrate(&self, event: Value) -> Result<migrator::MigratorAnswer, MigratorError> {
        migrator::handle(&self.migrator(), LambdaEvent::new(event, context())).await
    }

    /// The next message as the event of an event source mapping; `None` if none arrives soon.
    pub(crate) async fn next_event(&self) -> Option<Value> {
        let functions = &self.stack.functions;
        let request = functions.sqs.receive_message().queue_url(&functions.queue_url).wait_time_seconds(2);
        let message = request.send().await.unwrap().messages.unwrap_or_default().pop()?;
        Some(sqs_event([(message.message_id.as_deref(), message.body.as_deref().unwrap())]))
    }

    /// Alternates ticks and invocations until nothing is due. Returns the number of batches.
    pub(crate) async fn run_until_synced(&self) -> u32 {
        let started = Instant::now();
        let mut batches = 0;
        while !self.due().await.is_empty() {
            assert!(started.elapsed() < PATIENCE, "still due: {:?}; {:?}", self.due().await, self.stats());
            self.tick(json!({})).await.unwrap();
            if let Some(event) = self.next_event().await {
                assert_eq!(failed_messages(&self.consume(event).await.unwrap()), [""; 0]);
                batches += 1;
            }
        }
        batches
    }

    /// Waits until nothing is due, while the functions run by themselves.
    pub(crate) async fn synced(&self) {
        let started = Instant::now();
        while !self.due().await.is_empty() {
            assert!(started.elapsed() < PATIENCE, "still due: {:?}; {:?}", self.due().await, self.stats());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The keys of all records that are due, now or later, in all locations of the stack.
    pub(crate) async fn due(&self) -> Vec<RecordKey> {
        let locations: BTreeMap<LocationId, Value> = serde_json::from_str(&self.stack.vars["GHL_LOCATIONS"]).unwrap();
        let mut keys = Vec::new();
        for location in locations.keys() {
            for priority in Priority::ALL {
                let due = self.engine.ports().outbox.due(location, priority, 1000).await.unwrap();
                keys.extend(due.into_iter().map(|due| due.key));
            }
        }
        keys
    }

    /// The record in the outbox.
    pub(crate) async fn record(&self, put: &PutRecord) -> Record {
        let loaded = self.engine.ports().outbox.load(&put.location_id, &[put.key()]).await.unwrap();
        match loaded.into_iter().next() {
            Some(Loaded::Record(record)) => *record,
            other => panic!("{}: {other:?}", put.key()),
        }
    }

    /// GHL's id of a record that GHL has.
    pub(crate) async fn ghl_id(&self, put: &PutRecord) -> String {
        self.record(put).await.ghl_id.unwrap().into()
    }

    /// An attribute of the record's item, as the console shows it.
    pub(crate) async fn attribute(&self, put: &PutRecord, name: &str) -> Option<String> {
        let (dynamodb, table) = self.records_table();
        let item = dynamodb.get_item().table_name(table).consistent_read(true);
        let item = item.key(record::LOCATION_ID, AttributeValue::S(put.location_id.to_string()));
        let item = item.key(record::RECORD, AttributeValue::S(put.key().to_string())).send().await.unwrap().item?;
        item.get(name).map(|value| value.as_s().unwrap().clone())
    }

    /// The failed records of the sample location, from the index of failures.
    pub(crate) async fn failed(&self) -> Vec<String> {
        let (dynamodb, table) = self.records_table();
        let query = dynamodb.query().table_name(table).index_name(record::FAILED_INDEX.name);
        let query = query.key_condition_expression("#pk = :pk").expression_attribute_names("#pk", record::LOCATION_ID);
        let query = query.expression_attribute_values(":pk", AttributeValue::S(LOCATION.to_owned()));
        let found = query.send().await.unwrap().items.unwrap_or_default();
        found.iter().map(|item| item[record::RECORD].as_s().unwrap().clone()).collect()
    }

    pub(crate) fn records_table(&self) -> (aws_sdk_dynamodb::Client, String) {
        let config = Config::from_vars(self.stack.vars.clone()).unwrap();
        (config.aws.dynamodb(), config.records_table)
    }

    /// All items of both tables.
    pub(crate) async fn stored(&self) -> Vec<String> {
        let config = Config::from_vars(self.stack.vars.clone()).unwrap();
        let mut items = Vec::new();
        for table in [config.records_table, config.state_table] {
            let mut pages = config.aws.dynamodb().scan().table_name(table).into_paginator().items().send();
            while let Some(item) = pages.next().await {
                let item: BTreeMap<String, AttributeValue> = item.unwrap().into_iter().collect();
                items.push(format!("{item:?}"));
            }
        }
        items.sort_unstable();
        items
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.remote.as_ref().or(self.stack.sandbox.as_ref()).unwrap()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.sandbox().stats()
    }

    /// The gate of the sample location.
    pub(crate) async fn gate(&self) -> Gate {
        self.engine.ports().gates.load(&location(LOCATION).into()).await.unwrap().gate
    }

    /// Reads from GHL. Counts as a call.
    pub(crate) async fn in_ghl(&self, path: &str) -> Value {
        self.ask_ghl(Method::GET, path, &Value::Null).await
    }

    /// Creates a record in GHL, as a person would. Counts as a call.
    pub(crate) async fn create_in_ghl(&self, path: &str, body: &Value) -> Value {
        self.ask_ghl(Method::POST, path, body).await
    }

    /// Deletes a record in GHL, as a person would. Counts as a call.
    pub(crate) async fn delete_in_ghl(&self, path: &str) {
        self.ask_ghl(Method::DELETE, path, &Value::Null).await;
    }

    /// Makes a call to GHL as another client. Counts as a call.
    pub(crate) async fn ask_ghl(&self, method: Method, path: &str, body: &Value) -> Value {
        // reqwest needs a TLS provider, though nothing here uses TLS. A second install fails harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new().request(method, format!("{}/{path}", self.sandbox().url()));
        let request = request.header("Version", "2021-07-28").bearer_auth(&self.stack.vars["GHL_TOKEN"]).json(body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }
}

/// The engine with times for a local GHL: a request arrives or fails within moments.
fn nearby(engine: &Engine) -> Engine {
    let config = EngineConfig {
        concurrency: 5,
        request_timeout: Duration::from_secs(4),
        late_arrival: Duration::from_millis(200),
        search_lag: Duration::from_millis(200),
        ..engine.config().clone()
    };
    Engine::new(engine.ports().clone(), config)
}

/// The scheduled function with `engine`, without alerts.
pub(crate) fn scheduler_of(engine: &Engine) -> Scheduler {
    let alerts = Alerts::new(AlertPorts::of(engine.ports()), AlertRules::default(), AlertOrigin::default());
    Scheduler { engine: engine.clone(), alerts }
}

/// The context of an invocation with [`PATIENCE`] left, and a unique request id.
pub(crate) fn context() -> Context {
    context_with(PATIENCE)
}

/// The context of an invocation with this much time left.
pub(crate) fn context_with(left: Duration) -> Context {
    static INVOCATIONS: AtomicU64 = AtomicU64::new(0);
    let mut context = Context::default();
    context.request_id = format!("request-{}", INVOCATIONS.fetch_add(1, Ordering::Relaxed));
    context.deadline = (SystemClock.now() + left).0;
    context
}

/// The message of a manual batch.
pub(crate) fn by_hand(records: &[PutRecord]) -> Value {
    let keys = records.iter().map(PutRecord::key).collect();
    let batch = Batch { keys, ..Batch::new(records[0].location_id.clone()) };
    sqs_event([(Some("by-hand"), batch.to_json().as_str())])
}

/// An SQS event of these messages: id and body.
pub(crate) fn sqs_event<'a>(messages: impl IntoIterator<Item = (Option<&'a str>, &'a str)>) -> Value {
    let record = |(id, body)| json!({ "messageId": id, "body": body, "eventSource": "aws:sqs" });
    json!({ "Records": messages.into_iter().map(record).collect::<Vec<Value>>() })
}

/// The ids of the messages that were reported as failed.
pub(crate) fn failed_messages(response: &SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}
