//! Runs the functions in this process the way Lambda does, with the queues' event source mappings and the schedule.
//! Each calls the real `handle()` with events of the real shape.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use aws_smithy_types::timeout::TimeoutConfig;
use ghl_sync_aws::Usage;
use ghl_sync_drop::Importer;
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{Engine, EventSink};
use ghl_sync_migrate::Migrator;
use ghl_sync_notify::Notifier;
use ghl_sync_operate::intake::Intake;
use ghl_sync_runtime::{Config, Runtime, StartError, SystemClock, causes};
use lambda_runtime::{Context, LambdaEvent};
use scheduler::Scheduler;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::{error, warn};

use crate::embedded::Tables;

/// `Timeout` of the functions in template.yaml; the migrator's is twice as long there.
pub(crate) const FUNCTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Most concurrent invocations per queue.
const MAX_CONCURRENCY: usize = 64;
/// Longest wait of a poll for a message, the most that SQS allows.
const LONG_POLL: Duration = Duration::from_secs(20);
/// Time that a shutdown leaves, beyond the longest call, to write everything down.
const TIME_TO_WRITE: Duration = Duration::from_secs(5);
/// Interval of the check for locations in trouble: `Alerts` in template.yaml.
const LOOK_EVERY: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Delay after a failed poll.
const POLL_RETRY: Duration = Duration::from_millis(200);

/// Resources used to run the functions.
#[derive(Debug, Default)]
pub struct Bill {
    invocations: AtomicU64,
    busy_ms: AtomicU64,
    sqs_requests: AtomicU64,
}

impl Bill {
    /// Invocations of all functions.
    #[must_use]
    pub fn invocations(&self) -> u64 {
        self.invocations.load(Ordering::Relaxed)
    }

    /// Their total running time in milliseconds.
    #[must_use]
    pub fn busy_ms(&self) -> u64 {
        self.busy_ms.load(Ordering::Relaxed)
    }

    /// SQS requests (receives and deletes) by the event source mapping of the batches. The other queues are left out:
    /// when empty, they are polled three times a minute whatever is synced.
    #[must_use]
    pub fn sqs_requests(&self) -> u64 {
        self.sqs_requests.load(Ordering::Relaxed)
    }
}

/// The function that reports outcomes, with its sources.
pub(crate) struct OutcomeReporter {
    pub(crate) notifier: Notifier,
    pub(crate) tables: Tables,
    /// Positions in the tables' streams from which on changes are reported.
    pub(crate) from: [String; 2],
}

/// The functions, run by one process.
pub struct Functions {
    pub(crate) engine: Engine,
    pub(crate) scheduler: Scheduler,
    pub(crate) migrator: Migrator,
    pub(crate) intake: Intake,
    pub(crate) importer: Importer,
    /// The queue's client.
    pub sqs: aws_sdk_sqs::Client,
    /// URL of the queue of batches.
    pub queue_url: String,
    /// URL of the queue of dead letters.
    pub dead_letter_queue_url: String,
    /// URL of the queue of migration steps.
    pub migration_queue_url: String,
    /// URL of the ingest queue.
    pub ingest_queue_url: String,
    /// URL of the queue of events for webhooks.
    pub outcomes_queue_url: String,
    /// Reports outcomes, if anyone receives them.
    pub(crate) outcomes: Option<OutcomeReporter>,
    /// URL of the importer's queue.
    pub import_queue_url: String,
    /// Longest time an invocation may take.
    pub(crate) timeout: Duration,
    /// Resources used so far.
    pub bill: Bill,
}

/// A queue whose messages invoke a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueSource {
    /// Batches, for the consumer.
    Batches,
    /// Dead letters, for the redrive.
    DeadLetters,
    /// Steps of migrations, for the migrator.
    Migrations,
    /// Items to put, for the ingest function.
    Ingest,
    /// Events for webhooks, for the notifier.
    Outcomes,
    /// Files put into the bucket and steps of their imports, for the importer.
    Imports,
}

impl Functions {
    /// Creates the functions from the environment `vars`, with a counter of their AWS requests. `sink` receives their
    /// events.
    pub(crate) fn of(
        vars: BTreeMap<String, String>,
        sink: Arc<dyn EventSink>,
    ) -> Result<(Functions, Arc<Usage>), StartError> {
        let usage = Usage::new();
        let url = |name| vars.get(name).cloned().unwrap_or_default();
        let (ingest_queue_url, outcomes_queue_url) = (url("INGEST_QUEUE_URL"), url("OUTCOMES_QUEUE_URL"));
        let import_queue_url = url("IMPORT_QUEUE_URL");
        let mut config = Config::from_vars(vars)?;
        let (sqs, queue_url) = (config.aws.sqs(), config.queue_url.clone());
        let dead_letter_queue_url = config.dead_letter_queues.dead.clone().unwrap_or_default();
        let migration_queue_url = config.migration.queue_url.clone().unwrap_or_default();
        config.aws.interceptor = Some(usage.interceptor());
        let runtime = Runtime::new(config, sink)?;
        let functions = Functions {
            migrator: runtime.migrations()?,
            intake: runtime.intake()?,
            importer: runtime.importer()?,
            scheduler: Scheduler { engine: runtime.engine.clone(), alerts: runtime.alerts() },
            engine: runtime.engine,
            sqs,
            queue_url,
            dead_letter_queue_url,
            migration_queue_url,
            ingest_queue_url,
            outcomes_queue_url,
            outcomes: None,
            import_queue_url,
            timeout: FUNCTION_TIMEOUT,
            bill: Bill::default(),
        };
        Ok((functions, usage))
    }

    /// Runs everything until the returned set is dropped, or until it ends after a shutdown of the engine. The
    /// schedule's first tick comes at once.
    pub fn start(self: Arc<Self>, schedule: Duration) -> JoinSet<()> {
        let mut running = Arc::clone(&self).start_receiving();
        running.spawn(Arc::clone(&self).event_source_mapping(QueueSource::DeadLetters));
        running.spawn(Arc::clone(&self).event_source_mapping(QueueSource::Migrations));
        running.spawn(Arc::clone(&self).event_source_mapping(QueueSource::Ingest));
        if let Some(outcomes) = &self.outcomes {
            running.spawn(Arc::clone(&self).event_source_mapping(QueueSource::Outcomes));
            for place in outcomes.from.clone() {
                running.spawn(Arc::clone(&self).follow_stream(place));
            }
        }
        running.spawn(Arc::clone(&self).event_source_mapping(QueueSource::Imports));
        running.spawn(async move {
            let mut ticks = tokio::time::interval(schedule);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // A dead process may have left records without a gate that shows them.
            self.tick(json!({ "sweep": true })).await;
            while self.comes(&mut ticks).await {
                self.tick(scheduled_event()).await;
                self.revive().await;
            }
        });
        running
    }

    /// Waits for the next of `times`. Returns false if the shutdown comes first.
    async fn comes(&self, times: &mut Interval) -> bool {
        tokio::select! {
            biased;
            () = self.engine.shutdown().asked() => false,
            _ = times.tick() => true,
        }
    }

    /// Ends everything in `running`: starts no more calls, writes down the results of those in flight, and releases
    /// what was held for them. Returns whether everything ended [in time](Functions::time_to_drain).
    pub(crate) async fn drain(&self, mut running: JoinSet<()>) -> bool {
        self.engine.shutdown().ask();
        let ended = async { while running.join_next().await.is_some() {} };
        tokio::time::timeout(self.time_to_drain(), ended).await.is_ok()
    }

    /// Longest time that ending the running work may take.
    pub(crate) fn time_to_drain(&self) -> Duration {
        self.engine.config().request_timeout + TIME_TO_WRITE
    }

    /// Requests a reconciliation of all locations, first after `every`, like the template's third schedule.
    pub(crate) async fn reconcile_every(self: Arc<Self>, every: Duration) {
        self.ask_every("ghl-sync.reconcile", Instant::now() + every, every).await;
    }

    /// Checks for locations in trouble, like the template's fifth schedule.
    pub(crate) async fn look_for_trouble(self: Arc<Self>) {
        self.ask_every("ghl-sync.alerts", Instant::now() + LOOK_EVERY, LOOK_EVERY).await;
    }

    /// Requests the facts about all locations, at once and then daily, like the template's fourth schedule.
    pub(crate) async fn read_facts_daily(self: Arc<Self>) {
        self.ask_every("ghl-sync.facts", Instant::now(), DAY).await;
    }

    async fn ask_every(&self, source: &str, first: Instant, every: Duration) {
        let mut times = tokio::time::interval_at(first, every);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.comes(&mut times).await {
            self.tick(json!({ "source": source })).await;
        }
    }

    /// Runs only the consumer, until the returned set is dropped.
    pub fn start_receiving(self: Arc<Self>) -> JoinSet<()> {
        let mut running = JoinSet::new();
        running.spawn(self.event_source_mapping(QueueSource::Batches));
        running
    }

    async fn tick(&self, event: Value) {
        let handled = scheduler::handle(&self.scheduler, LambdaEvent::new(event, self.context()));
        match self.billed(handled).await {
            Some(Err(tick_error)) => error!(event = "tick_failed", error = %tick_error),
            Some(Ok(_)) => {}
            None => error!(event = "tick_timed_out"),
        }
    }

    /// Runs the migrator's schedule.
    async fn revive(&self) {
        let event = LambdaEvent::new(json!({ "migrations": "revive" }), self.context());
        match self.billed(migrator::handle(&self.migrator, event)).await {
            Some(Err(revive_error)) => error!(event = "revive_failed", error = %revive_error),
            Some(Ok(_)) => {}
            None => error!(event = "revive_timed_out"),
        }
    }

    /// Receives messages and hands each to its own invocation, as the template's batch size prescribes for batches.
    /// (Lambda may hand over several dead letters at once.) After a shutdown, it ends with the last invocation.
    async fn event_source_mapping(self: Arc<Self>, source: QueueSource) {
        let places = Arc::new(Semaphore::new(MAX_CONCURRENCY));
        let mut invocations = JoinSet::new();
        let shutdown = self.engine.shutdown();
        while !shutdown.is_asked() {
            while invocations.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            drop(place); // A place is free; each message takes its own below.
            let messages = tokio::select! {
                messages = self.receive(source) => messages,
                () = shutdown.asked() => break,
            };
            for message in messages {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return;
                };
                let this = Arc::clone(&self);
                invocations.spawn(async move {
                    this.invoke(source, message).await;
                    drop(place);
                });
            }
        }
        while invocations.join_next().await.is_some() {}
    }

    fn url(&self, source: QueueSource) -> &str {
        match source {
            QueueSource::Batches => &self.queue_url,
            QueueSource::DeadLetters => &self.dead_letter_queue_url,
            QueueSource::Migrations => &self.migration_queue_url,
            QueueSource::Ingest => &self.ingest_queue_url,
            QueueSource::Outcomes => &self.outcomes_queue_url,
            QueueSource::Imports => &self.import_queue_url,
        }
    }

    fn bill_request(&self, source: QueueSource) {
        if source == QueueSource::Batches {
            self.bill.sqs_requests.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Receives the available messages, or waits for some.
    pub(crate) async fn receive(&self, source: QueueSource) -> Vec<Message> {
        self.bill_request(source);
        let patience = TimeoutConfig::builder()
            .operation_attempt_timeout(LONG_POLL + Duration::from_secs(10))
            .operation_timeout(LONG_POLL + Duration::from_secs(10))
            .build();
        let received = self
            .sqs
            .receive_message()
            .queue_url(self.url(source))
            .max_number_of_messages(10)
            .wait_time_seconds(i32::try_from(LONG_POLL.as_secs()).unwrap_or(20))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .customize()
            .config_override(aws_sdk_sqs::config::Config::builder().timeout_config(patience))
            .send()
            .await;
        match received {
            Ok(received) => received.messages.unwrap_or_default(),
            Err(poll_error) => {
                warn!(event = "poll_failed", error = %aws_sdk_sqs::error::DisplayErrorContext(&poll_error));
                tokio::time::sleep(POLL_RETRY).await;
                Vec::new()
            }
        }
    }

    /// Runs one invocation. Deletes the message unless the function fails or reports it as failed.
    async fn invoke(&self, source: QueueSource, message: Message) {
        match self.billed(self.handle(source, &message)).await {
            Some(Ok(true)) => self.delete(source, &message).await,
            Some(Ok(false)) => {}
            Some(Err(error)) => error!(event = "invocation_failed", error),
            None => error!(event = "invocation_timed_out"),
        }
    }

    /// Handles a message with its function. Returns whether the message is done.
    pub(crate) async fn handle(&self, source: QueueSource, message: &Message) -> Result<bool, String> {
        let event = LambdaEvent::new(sqs_event(message, self.url(source)), self.context());
        let response = match source {
            QueueSource::Batches => consumer::handle(&self.engine, event).await.map_err(|error| causes(&error))?,
            QueueSource::Ingest => ingest::handle(&self.intake, event).await.map_err(|error| causes(&error))?,
            QueueSource::Outcomes => {
                let Some(outcomes) = &self.outcomes else { return Ok(false) };
                let answer = notifier::handle(&outcomes.notifier, event).await.map_err(|error| causes(&error))?;
                return Ok(answer.batch_item_failures.is_empty());
            }
            QueueSource::Imports => importer::handle(&self.importer, event).await.map_err(|error| causes(&error))?,
            QueueSource::Migrations => {
                match migrator::handle(&self.migrator, event).await.map_err(|error| causes(&error))? {
                    migrator::MigratorAnswer::Messages(response) => response,
                    migrator::MigratorAnswer::Revived { .. } => return Ok(true),
                }
            }
            QueueSource::DeadLetters => {
                match redrive::handle(&self.engine, event).await.map_err(|error| causes(&error))? {
                    redrive::RedriveAnswer::Messages(response) => response,
                    redrive::RedriveAnswer::Report(_) => return Ok(true),
                }
            }
        };
        Ok(response.batch_item_failures.is_empty())
    }

    pub(crate) async fn delete(&self, source: QueueSource, message: &Message) {
        self.bill_request(source);
        let handle = message.receipt_handle.clone().unwrap_or_default();
        let deleted = self.sqs.delete_message().queue_url(self.url(source)).receipt_handle(handle).send().await;
        if let Err(delete_error) = deleted {
            // The message comes again, but is stale by then.
            warn!(event = "delete_failed", error = %aws_sdk_sqs::error::DisplayErrorContext(&delete_error));
        }
    }

    /// Runs an invocation for as long as Lambda would, and records its cost.
    pub(crate) async fn billed<T>(&self, handled: impl Future<Output = T>) -> Option<T> {
        let started = Instant::now();
        let ended = tokio::time::timeout(self.timeout, handled).await.ok();
        self.bill.invocations.fetch_add(1, Ordering::Relaxed);
        let busy = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.bill.busy_ms.fetch_add(busy, Ordering::Relaxed);
        ended
    }

    /// `event` for an invocation that starts now.
    pub(crate) fn event(&self, event: Value) -> LambdaEvent<Value> {
        LambdaEvent::new(event, self.context())
    }

    fn context(&self) -> Context {
        let mut context = Context::default();
        context.request_id = format!("{:032x}", fastrand::u128(..));
        context.deadline = (SystemClock.now() + self.timeout).0;
        context
    }
}

fn scheduled_event() -> Value {
    json!({
        "version": "0",
        "id": format!("{:032x}", fastrand::u128(..)),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/local"],
        "detail": {},
    })
}

fn sqs_event(message: &Message, queue_url: &str) -> Value {
    let attributes: serde_json::Map<String, Value> = message
        .attributes
        .iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), Value::from(value.clone())))
        .collect();
    let queue = queue_url.rsplit('/').next().unwrap_or_default();
    json!({
        "Records": [{
            "messageId": message.message_id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": attributes,
            "messageAttributes": message_attributes(message),
            "md5OfBody": message.md5_of_body,
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
            "awsRegion": "us-east-1",
        }]
    })
}

/// The message attributes set by the sender, in Lambda's format.
fn message_attributes(message: &Message) -> Value {
    let attributes = message.message_attributes.iter().flatten().map(|(name, value)| {
        let value = json!({
            "stringValue": value.string_value,
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": value.data_type,
        });
        (name.clone(), value)
    });
    Value::Object(attributes.collect())
}
