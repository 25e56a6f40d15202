//! Start-up: configuration, telemetry, clients and engine, then the Lambda runtime.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use ghl_sync_access::{AccessTokens, TokenEntry, TokenPorts};
use ghl_sync_alerts::{AlertOrigin, AlertPorts, Alerts, Announcer};
use ghl_sync_aws::{
    AwsConfig, AwsSecrets, DynamoBookmarks, DynamoCounters, DynamoGateStore, DynamoItems, DynamoKnownStates,
    DynamoLocations, DynamoMigrationStore, DynamoOutbox, DynamoOutcomeLog, EventBridge, S3Files, S3Links, SnsTopic,
    SqsBatchQueue, SqsDeadLetters, SqsDeliveries, SqsMigrationQueue, SqsRefusedItems, SqsStepQueue,
};
use ghl_sync_drop::{Importer, Lists};
use ghl_sync_endpoints::{HttpPoster, PostReach};
use ghl_sync_engine::ports::{Crm, ItemStore, Versioned};
use ghl_sync_engine::usecase::{Engine, EventSink, Ports};
use ghl_sync_ghl::{ClientError, GhlClient, OAuthClient};
use ghl_sync_migrate::Migrator;
use ghl_sync_notify::{EventBus, Notifier, NotifierPorts, OutcomeFeed, OutcomeLog};
use ghl_sync_operate::intake::Intake;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;
use tracing::error;
use tracing::level_filters::LevelFilter;

use crate::accounts::LocationAccounts;
use crate::config::{
    AlertsConfig, ApiAccess, Config, ConfigError, ConfigFault, DropConfig, IMPORT_BUCKET, INGEST_DEAD_LETTER_QUEUE_URL,
    OutcomesConfig,
};
use crate::no_calls::NoCalls;
use crate::secrets::SecretSources;
use crate::{FastRandomness, FunctionSink, StoredLocations, SystemClock, causes, init_error, init_telemetry, trace};

/// The engine with the real adapters, and further components.
#[derive(Clone)]
pub struct Runtime {
    /// The engine.
    pub engine: Engine,
    /// Migrates locations with that engine; `None` in a function without the queue of their steps.
    pub migrator: Option<Migrator>,
    /// Components for reporting outcomes.
    outcomes: OutcomesWiring,
    /// Queue for rejected items; `None` in a function without it.
    refused_items: Option<SqsRefusedItems>,
    /// The bucket for lists to import, and the components to read them; `None` in a function without it.
    drops: Option<(DropConfig, AwsConfig, Arc<dyn ItemStore>)>,
    /// The bucket for uploads of lists; `None` in a function that accepts none.
    handing_in: Option<(String, AwsConfig)>,
    /// Components for alerts.
    alerts: AlertsWiring,
    /// Access to the HTTP API, in a function that has one.
    pub api_access: Option<ApiAccess>,
}

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment has faults.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The GHL client cannot be created.
    #[error("the GHL client cannot be made")]
    Client(#[from] ClientError),
}

impl Runtime {
    /// Wires the adapters to the engine; `sink` receives the events.
    ///
    /// # Errors
    /// If the GHL client cannot be created.
    pub fn new(config: Config, sink: Arc<dyn EventSink>) -> Result<Runtime, StartError> {
        Runtime::wire(config, sink, ghl)
    }

    /// Wires the adapters; `crm` creates the access to GHL. A function that does not call GHL names no client, so
    /// none is linked.
    fn wire(
        config: Config,
        sink: Arc<dyn EventSink>,
        crm: impl FnOnce(Wiring<'_>) -> Result<Arc<dyn Crm>, StartError>,
    ) -> Result<Runtime, StartError> {
        let (dynamodb, sqs, state) = (config.aws.dynamodb(), config.aws.sqs(), config.state_table.clone());
        let items: Arc<dyn ItemStore> = Arc::new(DynamoItems::new(dynamodb.clone(), state.clone()));
        let registered = DynamoLocations::new(dynamodb.clone(), state.clone());
        let settings = Versioned::new(items.clone());
        let locations = Arc::new(StoredLocations::new(config.locations.clone(), settings, registered));
        let outcomes = OutcomesWiring {
            outcomes: config.outcomes.clone(),
            aws: config.aws.clone(),
            reads_files: config.reads_files,
            locations: locations.clone(),
            items: items.clone(),
            sink: sink.clone(),
        };
        let tokens = Versioned::new(items.clone());
        let crm = crm(Wiring { config: &config, locations: &locations, tokens, sink: &sink })?;
        let queue = SqsBatchQueue::new(sqs.clone(), config.queue_url).traced(trace::current);
        let known = DynamoKnownStates::new(dynamodb.clone(), state.clone());
        let bookmarks = DynamoBookmarks::new(dynamodb.clone(), state.clone());
        let migrations = DynamoMigrationStore::new(dynamodb.clone(), state.clone());
        let steps = config.migration.queue_url.map(|url| SqsMigrationQueue::new(sqs.clone(), url));
        let refused_items = config.ingest_dead_letter_queue.map(|url| SqsRefusedItems::new(sqs.clone(), url));
        let place = AlertOrigin { stack: config.stack_name, dashboard: config.alerts.dashboard.clone() };
        let alerts = AlertsWiring { config: config.alerts, place, aws: config.aws.clone() };
        let drops = config.drops.map(|drops| (drops, config.aws.clone(), items.clone()));
        let handing_in = config.import_bucket.map(|bucket| (bucket, config.aws.clone()));
        let ports = Ports {
            clock: Arc::new(SystemClock),
            randomness: Arc::new(FastRandomness),
            crm,
            outbox: Arc::new(DynamoOutbox::new(dynamodb.clone(), config.records_table)),
            gates: Arc::new(DynamoGateStore::new(dynamodb.clone(), state.clone())),
            host_health: Versioned::new(items.clone()),
            queue: Arc::new(queue),
            registry: locations,
            counters: Arc::new(DynamoCounters::new(dynamodb, state)),
            known: Arc::new(known),
            bookmarks: Arc::new(bookmarks),
            items: items.clone(),
            dead_letters: Arc::new(SqsDeadLetters::new(sqs, config.dead_letter_queues)),
            sink,
        };
        let engine = Engine::new(ports, config.engine);
        let migrator = steps.map(|steps| {
            let steps = Arc::new(steps.traced(trace::current));
            Migrator::new(engine.clone(), &items, Arc::new(migrations), steps, config.migration.overlay)
        });
        Ok(Runtime {
            engine,
            migrator,
            outcomes,
            refused_items,
            drops,
            handing_in,
            alerts,
            api_access: config.api_access,
        })
    }

    /// Wires a function that calls GHL from the process's environment, with events as log lines and metrics.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn from_env() -> Result<Runtime, StartError> {
        Runtime::start(Config::from_vars(Config::environment()))
    }

    fn start(config: Result<Config, ConfigError>) -> Result<Runtime, StartError> {
        let config = logging(config)?;
        let sink = FunctionSink::new(config.stack_name.clone());
        Runtime::new(config, Arc::new(sink))
    }

    fn start_without_calls(config: Result<Config, ConfigError>) -> Result<Runtime, StartError> {
        let config = logging(config)?;
        let sink = FunctionSink::new(config.stack_name.clone());
        Runtime::without_calls(config, Arc::new(sink))
    }

    /// Wires the adapters of a function whose engine makes no calls.
    pub(crate) fn without_calls(config: Config, sink: Arc<dyn EventSink>) -> Result<Runtime, StartError> {
        Runtime::wire(config, sink, |_| Ok(Arc::new(NoCalls)))
    }

    /// Wires the scheduler from the process's environment; it does not call GHL.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn of_scheduler_from_env() -> Result<Runtime, StartError> {
        Runtime::start_without_calls(Config::for_scheduler(Config::environment()))
    }

    /// Sends alerts to the topics in the configuration; those without a topic are only logged.
    #[must_use]
    pub fn alerts(&self) -> Alerts {
        let AlertsWiring { config, place, aws } = &self.alerts;
        let topic = |arn: &Option<String>| {
            let arn = arn.as_ref()?;
            Some(Arc::new(SnsTopic::new(aws, arn, Arc::new(SystemClock))) as Arc<dyn Announcer>)
        };
        let (alerts_to, digests_to) = (topic(&config.topic), topic(&config.digest_topic));
        let ports = AlertPorts { alerts_to, digests_to, ..AlertPorts::of(self.engine.ports()) };
        Alerts::new(ports, config.rules, place.clone())
    }

    /// Wires the redrive function from the process's environment; it needs both dead-letter queues.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn of_redrive_from_env() -> Result<Runtime, StartError> {
        Runtime::start_without_calls(Config::for_redrive(Config::environment()))
    }

    /// Wires the migrator from the process's environment; it needs the queue of steps.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn of_migrations_from_env() -> Result<Migrator, StartError> {
        Runtime::start(Config::for_migrations(Config::environment()))?.migrations()
    }

    /// The migrator.
    ///
    /// # Errors
    /// If the environment does not name the queue of migration steps.
    pub fn migrations(&self) -> Result<Migrator, StartError> {
        self.migrator.clone().ok_or_else(|| missing("MIGRATION_QUEUE_URL", "is missing"))
    }

    /// Wires the ingest function from the process's environment; it needs the queue for rejected items.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn of_ingest_from_env() -> Result<Intake, StartError> {
        Runtime::start_without_calls(Config::for_ingest(Config::environment()))?.intake()
    }

    /// Handles the ingest queue's messages.
    ///
    /// # Errors
    /// If the environment does not name the queue for rejected items.
    pub fn intake(&self) -> Result<Intake, StartError> {
        let refused = self.refused_items.clone().ok_or_else(|| missing(INGEST_DEAD_LETTER_QUEUE_URL, "is missing"))?;
        Ok(Intake::new(self.engine.clone(), Arc::new(refused)))
    }

    /// Wires the notifier from the process's environment; it needs the queue of its deliveries.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn of_notifier_from_env() -> Result<Notifier, StartError> {
        let runtime = Runtime::start_without_calls(Config::for_notifier(Config::environment()))?;
        runtime.notifier().ok_or_else(|| missing("OUTCOMES_QUEUE_URL", "is missing"))
    }

    /// Reports outcomes; `None` in a function without the queue of deliveries. (Only callers of this function link
    /// the code that posts to webhooks.)
    #[must_use]
    pub fn notifier(&self) -> Option<Notifier> {
        let OutcomesWiring { outcomes, aws, reads_files, locations, items, sink } = &self.outcomes;
        let queue_url = outcomes.queue_url.clone()?;
        let bus = outcomes.bus.as_ref();
        let bus = bus.map(|bus| Arc::new(EventBridge::new(aws, bus, Arc::new(SystemClock))) as Arc<dyn EventBus>);
        // A deployed function reads no files, and posts to no address on its own machine.
        let reach = if *reads_files { PostReach::PublicAndLoopback } else { PostReach::Public };
        let secrets = AwsSecrets::new(aws, Arc::new(SystemClock));
        Some(Notifier::new(NotifierPorts {
            clock: Arc::new(SystemClock),
            randomness: Arc::new(FastRandomness),
            registry: locations.clone(),
            webhook: outcomes.webhook.clone(),
            sink: sink.clone(),
            outbox: self.engine.ports().outbox.clone(),
            notices: Versioned::new(items.clone()),
            imports: Versioned::new(items.clone()),
            finished: Versioned::new(items.clone()),
            health: Versioned::new(items.clone()),
            bus,
            log: self.outcome_log(),
            queue: Arc::new(SqsDeliveries::new(aws.sqs(), queue_url)),
            secrets: Arc::new(SecretSources::new(locations.clone(), secrets, *reads_files)),
            poster: Arc::new(HttpPoster::new(reach)),
        }))
    }

    fn outcome_log(&self) -> Option<Arc<dyn OutcomeLog>> {
        let OutcomesWiring { outcomes, aws, .. } = &self.outcomes;
        let table = outcomes.table.as_ref()?;
        Some(Arc::new(DynamoOutcomeLog::new(aws.dynamodb(), table)))
    }

    /// The feed of reported outcomes; `None` if they are not kept.
    #[must_use]
    pub fn outcome_feed(&self) -> Option<OutcomeFeed> {
        Some(OutcomeFeed::new(self.outcome_log()?, Arc::new(SystemClock)))
    }

    /// Wires the importer from the process's environment; it needs the bucket and its queue.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn of_importer_from_env() -> Result<Importer, StartError> {
        Runtime::start_without_calls(Config::for_importer(Config::environment()))?.importer()
    }

    /// Imports lists from the bucket. (Only callers of this function link the code that reads lists.)
    ///
    /// # Errors
    /// If the environment does not name the bucket and its queue.
    pub fn importer(&self) -> Result<Importer, StartError> {
        let (drops, aws, items) = self.drops.clone().ok_or_else(|| missing(IMPORT_BUCKET, "is missing"))?;
        let files = S3Files::new(&aws, &drops.bucket, Arc::new(SystemClock));
        let steps = SqsStepQueue::traced(aws.sqs(), drops.queue_url, trace::current);
        Ok(Importer::new(self.engine.clone(), &items, Arc::new(files), Arc::new(steps)).keeping(drops.kept))
    }

    /// Accepts lists from people without access to the bucket; `None` if there is no bucket.
    #[must_use]
    pub fn lists(&self) -> Option<Lists> {
        let (bucket, aws) = self.handing_in.as_ref()?;
        let files = S3Files::new(aws, bucket, Arc::new(SystemClock));
        let links = S3Links::new(aws, bucket, Arc::new(SystemClock));
        Some(Lists::new(self.engine.clone(), Arc::new(files), Arc::new(links)))
    }

    /// Wires the HTTP API from the process's environment.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn of_api_from_env() -> Result<ApiParts, StartError> {
        let runtime = Runtime::start_without_calls(Config::for_api(Config::environment()))?;
        let access = runtime.api_access.clone();
        let access = access.ok_or_else(|| {
            missing("API_AUTH", "is missing; expected key, with API_KEYS, iam, or jwt, with API_JWT_ISSUER")
        })?;
        Ok(ApiParts {
            migrator: runtime.migrations()?,
            access,
            outcomes: runtime.outcome_feed(),
            lists: runtime.lists(),
        })
    }
}

/// Components of the HTTP API.
#[derive(Clone)]
pub struct ApiParts {
    /// Starts migrations, and holds the engine.
    pub migrator: Migrator,
    /// Access to the API.
    pub access: ApiAccess,
    /// The feed of outcomes, if they are kept.
    pub outcomes: Option<OutcomeFeed>,
    /// Accepts lists, if there is a bucket for them.
    pub lists: Option<Lists>,
}

/// Components for reporting outcomes.
#[derive(Clone)]
struct OutcomesWiring {
    outcomes: OutcomesConfig,
    aws: AwsConfig,
    reads_files: bool,
    locations: Arc<StoredLocations>,
    items: Arc<dyn ItemStore>,
    sink: Arc<dyn EventSink>,
}

/// Components for alerts.
#[derive(Clone)]
struct AlertsWiring {
    config: AlertsConfig,
    place: AlertOrigin,
    aws: AwsConfig,
}

/// Components for the access to GHL.
struct Wiring<'a> {
    config: &'a Config,
    locations: &'a Arc<StoredLocations>,
    tokens: Versioned<TokenEntry>,
    sink: &'a Arc<dyn EventSink>,
}

/// GHL with the tokens of its locations, if the configuration names its host.
fn ghl(wiring: Wiring<'_>) -> Result<Arc<dyn Crm>, StartError> {
    let Wiring { config, locations, tokens, sink } = wiring;
    let Some(ghl) = &config.ghl else { return Ok(Arc::new(NoCalls)) };
    let aws = AwsSecrets::new(&config.aws, Arc::new(SystemClock));
    let secrets = SecretSources::new(locations.clone(), aws, config.reads_files);
    let oauth = Arc::new(OAuthClient::new(ghl)?);
    let ports = TokenPorts {
        clock: Arc::new(SystemClock),
        secrets: Arc::new(secrets),
        tokens,
        endpoint: oauth.clone(),
        sink: sink.clone(),
    };
    let tokens = AccessTokens::new(ports, crate::accounts::this_process(), config.engine.clock_skew);
    let accounts = Arc::new(LocationAccounts::new(locations.clone(), tokens));
    Ok(Arc::new(GhlClient::beside(&oauth, ghl.clone(), accounts)?))
}

/// Starts logging, at the level in `config` or, if that has faults, at a level that shows them.
pub(crate) fn logging(config: Result<Config, ConfigError>) -> Result<Config, ConfigError> {
    init_telemetry(config.as_ref().map_or(LevelFilter::INFO, |config| config.log_level));
    config
}

pub(crate) fn missing(name: &str, problem: &str) -> StartError {
    let fault = ConfigFault { name: name.to_owned(), problem: problem.to_owned() };
    StartError::Config(ConfigError { faults: vec![fault] })
}

/// Passes each event to `handle`, together with the `started` components, until Lambda ends the process.
pub async fn serve<Started, Answer, Failure, Handled>(
    started: Result<Started, StartError>,
    handle: impl Fn(Started, LambdaEvent<Value>) -> Handled,
) -> ExitCode
where
    Started: Clone,
    Answer: Serialize,
    Failure: Error,
    Handled: Future<Output = Result<Answer, Failure>>,
{
    let started = match started {
        Ok(started) => started,
        Err(start_error) => return refuse_to_start(&start_error).await,
    };
    let handler = service_fn(|event: LambdaEvent<Value>| {
        let trace_id = event.context.xray_trace_id.clone();
        let handled = handle(started.clone(), event);
        trace::of(trace_id, async { handled.await.map_err(|failure| diagnostic(&failure)) })
    });
    match lambda_runtime::run(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(run_error) => {
            error!(event = "stopped", error = %run_error);
            ExitCode::FAILURE
        }
    }
}

/// Reports why the function cannot start: to the log, fault by fault, and to Lambda, which passes it to the invoker.
async fn refuse_to_start(start_error: &StartError) -> ExitCode {
    match start_error {
        StartError::Config(config) => {
            for fault in &config.faults {
                error!(event = "bad_configuration", variable = fault.name, problem = fault.problem);
            }
        }
        StartError::Client(_) => error!(event = "cannot_start", error = causes(start_error)),
    }
    init_error::report(causes(start_error)).await;
    ExitCode::FAILURE
}

/// The error that the invoker receives.
fn diagnostic<Failure: Error>(failure: &Failure) -> Diagnostic {
    Diagnostic { error_type: std::any::type_name::<Failure>().to_owned(), error_message: causes(failure) }
}
