//! The functions, run in this process the way Lambda runs them: the event source mappings of the queues, and the
//! schedule. All call the same `handle()` with events of the real shape.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use aws_smithy_types::timeout::TimeoutConfig;
use ghl_sync_aws::Usage;
use ghl_sync_drop::Importer;
use ghl_sync_engine::ports::{Clock, EventSink};
use ghl_sync_engine::usecase::Engine;
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
/// Invocations by one queue at once, at most.
const MAX_CONCURRENCY: usize = 64;
/// Longest that a poll of the queue may wait for a message; SQS allows no more.
const LONG_POLL: Duration = Duration::from_secs(20);
/// What a shutdown leaves, beside the longest call, to write everything down.
const TIME_TO_WRITE: Duration = Duration::from_secs(5);
/// Between two looks for locations in trouble: `Alerts` in template.yaml.
const LOOK_EVERY: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// After a poll that failed.
const POLL_RETRY: Duration = Duration::from_millis(200);

/// What running the functions took.
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

    /// Milliseconds that they ran.
    #[must_use]
    pub fn busy_ms(&self) -> u64 {
        self.busy_ms.load(Ordering::Relaxed)
    }

    /// Requests to SQS by the event source mapping of the batches: receives and deletes. Those of the other queues
    /// ask an empty queue three times a minute, whatever is synced.
    #[must_use]
    pub fn sqs_requests(&self) -> u64 {
        self.sqs_requests.load(Ordering::Relaxed)
    }
}

/// Who tells outcomes, and what of.
pub(crate) struct Outcomes {
    pub(crate) notifier: Notifier,
    pub(crate) tables: Tables,
    /// The places in the streams of the tables from which on changes are told.
    pub(crate) from: [String; 2],
}

/// The functions, as one process runs them.
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
    /// URL of the queue of migrations' steps.
    pub migration_queue_url: String,
    /// URL of the ingest queue.
    pub ingest_queue_url: String,
    /// URL of the queue of events on their way to webhooks.
    pub outcomes_queue_url: String,
    /// Who tells outcomes, if somebody is told.
    pub(crate) outcomes: Option<Outcomes>,
    /// URL of the queue of the importer.
    pub import_queue_url: String,
    /// How long an invocation may take.
    pub(crate) timeout: Duration,
    /// What they took.
    pub bill: Bill,
}

/// A queue whose messages invoke a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
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
    /// Files that were put into the bucket, and steps of their imports, for the importer.
    Imports,
}

impl Functions {
    /// The functions as the environment `vars` says, and what they ask of AWS; `sink` hears what happens.
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

    /// Runs all until the returned set is dropped, or has ended after a shutdown of the engine. The schedule's
    /// first tick comes at once.
    pub fn start(self: Arc<Self>, schedule: Duration) -> JoinSet<()> {
        let mut running = Arc::clone(&self).start_receiving();
        running.spawn(Arc::clone(&self).event_source_mapping(Source::DeadLetters));
        running.spawn(Arc::clone(&self).event_source_mapping(Source::Migrations));
        running.spawn(Arc::clone(&self).event_source_mapping(Source::Ingest));
        if let Some(outcomes) = &self.outcomes {
            running.spawn(Arc::clone(&self).event_source_mapping(Source::Outcomes));
            for place in outcomes.from.clone() {
                running.spawn(Arc::clone(&self).follow_stream(place));
            }
        }
        running.spawn(Arc::clone(&self).event_source_mapping(Source::Imports));
        running.spawn(async move {
            let mut ticks = tokio::time::interval(schedule);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // What a dead process left behind has perhaps no gate that says so.
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

    /// Ends what is `running`: no call begins any more, what came of those under way is written down, and what was held
    /// for them is given back. Returns whether all of it ended [in time](Functions::time_to_drain).
    pub(crate) async fn drain(&self, mut running: JoinSet<()>) -> bool {
        self.engine.shutdown().ask();
        let ended = async { while running.join_next().await.is_some() {} };
        tokio::time::timeout(self.time_to_drain(), ended).await.is_ok()
    }

    /// How long the end of what is under way may take.
    pub(crate) fn time_to_drain(&self) -> Duration {
        self.engine.config().request_timeout + TIME_TO_WRITE
    }

    /// Asks for all locations to be reconciled, for the first time after `every`, as the template's third schedule does.
    pub(crate) async fn reconcile_every(self: Arc<Self>, every: Duration) {
        self.ask_every("ghl-sync.reconcile", Instant::now() + every, every).await;
    }

    /// Looks for locations in trouble, as the template's fifth schedule does.
    pub(crate) async fn look_for_trouble(self: Arc<Self>) {
        self.ask_every("ghl-sync.alerts", Instant::now() + LOOK_EVERY, LOOK_EVERY).await;
    }

    /// Asks what all locations are, at once and then daily, as the template's fourth schedule does.
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

    /// Runs the consumer only, until the returned set is dropped.
    pub fn start_receiving(self: Arc<Self>) -> JoinSet<()> {
        let mut running = JoinSet::new();
        running.spawn(self.event_source_mapping(Source::Batches));
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

    /// The migrator's schedule.
    async fn revive(&self) {
        let event = LambdaEvent::new(json!({ "migrations": "revive" }), self.context());
        match self.billed(migrator::handle(&self.migrator, event)).await {
            Some(Err(revive_error)) => error!(event = "revive_failed", error = %revive_error),
            Some(Ok(_)) => {}
            None => error!(event = "revive_timed_out"),
        }
    }

    /// Receives messages, and hands each to an invocation of its own. (The template's batch size says so of the batches;
    /// of the dead letters Lambda may hand over several at once.) After a shutdown it ends with the last invocation.
    async fn event_source_mapping(self: Arc<Self>, source: Source) {
        let places = Arc::new(Semaphore::new(MAX_CONCURRENCY));
        let mut invocations = JoinSet::new();
        let shutdown = self.engine.shutdown();
        while !shutdown.is_asked() {
            while invocations.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            drop(place); // There is one now; each message takes its own below.
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

    fn url(&self, source: Source) -> &str {
        match source {
            Source::Batches => &self.queue_url,
            Source::DeadLetters => &self.dead_letter_queue_url,
            Source::Migrations => &self.migration_queue_url,
            Source::Ingest => &self.ingest_queue_url,
            Source::Outcomes => &self.outcomes_queue_url,
            Source::Imports => &self.import_queue_url,
        }
    }

    fn bill_request(&self, source: Source) {
        if source == Source::Batches {
            self.bill.sqs_requests.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Receives what is there, or waits for it.
    pub(crate) async fn receive(&self, source: Source) -> Vec<Message> {
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

    /// One invocation; the message is deleted unless the function reported it as failed, or failed itself.
    async fn invoke(&self, source: Source, message: Message) {
        match self.billed(self.handle(source, &message)).await {
            Some(Ok(true)) => self.delete(source, &message).await,
            Some(Ok(false)) => {}
            Some(Err(error)) => error!(event = "invocation_failed", error),
            None => error!(event = "invocation_timed_out"),
        }
    }

    /// What the function does with a message. Returns whether it is done with.
    pub(crate) async fn handle(&self, source: Source, message: &Message) -> Result<bool, String> {
        let event = LambdaEvent::new(sqs_event(message, self.url(source)), self.context());
        let response = match source {
            Source::Batches => consumer::handle(&self.engine, event).await.map_err(|error| causes(&error))?,
            Source::Ingest => ingest::handle(&self.intake, event).await.map_err(|error| causes(&error))?,
            Source::Outcomes => {
                let Some(outcomes) = &self.outcomes else { return Ok(false) };
                let answer = notifier::handle(&outcomes.notifier, event).await.map_err(|error| causes(&error))?;
                return Ok(answer.batch_item_failures.is_empty());
            }
            Source::Imports => importer::handle(&self.importer, event).await.map_err(|error| causes(&error))?,
            Source::Migrations => {
                match migrator::handle(&self.migrator, event).await.map_err(|error| causes(&error))? {
                    migrator::Answer::Messages(response) => response,
                    migrator::Answer::Revived { .. } => return Ok(true),
                }
            }
            Source::DeadLetters => match redrive::handle(&self.engine, event).await.map_err(|error| causes(&error))? {
                redrive::Answer::Messages(response) => response,
                redrive::Answer::Report(_) => return Ok(true),
            },
        };
        Ok(response.batch_item_failures.is_empty())
    }

    pub(crate) async fn delete(&self, source: Source, message: &Message) {
        self.bill_request(source);
        let handle = message.receipt_handle.clone().unwrap_or_default();
        let deleted = self.sqs.delete_message().queue_url(self.url(source)).receipt_handle(handle).send().await;
        if let Err(delete_error) = deleted {
            // It comes again, and is stale then.
            warn!(event = "delete_failed", error = %aws_sdk_sqs::error::DisplayErrorContext(&delete_error));
        }
    }

    /// Runs an invocation for as long as Lambda would, and bills it.
    pub(crate) async fn billed<T>(&self, handled: impl Future<Output = T>) -> Option<T> {
        let started = Instant::now();
        let ended = tokio::time::timeout(self.timeout, handled).await.ok();
        self.bill.invocations.fetch_add(1, Ordering::Relaxed);
        let busy = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.bill.busy_ms.fetch_add(busy, Ordering::Relaxed);
        ended
    }

    /// `event` for an invocation that begins now.
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

/// The attributes that its sender gave a message, as Lambda hands them over.
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
