//! A complete deployment within this process.

mod environment;
mod queues;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_aws::{Usage, tables};
use ghl_sync_drop::Lists;
use ghl_sync_engine::ports::{BoxError, PortError};
use ghl_sync_engine::usecase::{Engine, Ports};
use ghl_sync_inbound::Reconciler;
use ghl_sync_migrate::Migrator;
use ghl_sync_model::{Api, LocationId, Secret};
use ghl_sync_notify::OutcomeFeed;
use ghl_sync_operate::Operator;
use ghl_sync_runtime::{ApiAccess, ApiParts, Config, ConfigError, Connecting, LogSink, Runtime, StartError, Webhooks};
use scheduler::Scheduler;

use self::environment::{
    APP_SECRET, Aws, app, app_secret, has_own_keys, marketplace, name_sub_accounts, own_key, vars,
};
use self::queues::create_queues;
use crate::api::{ApiExtras, ApiServer, NewApiKey};
use crate::call_recorder::CallRecorder;
pub use crate::door::AccessKey;
use crate::door::Listen;
use crate::embedded::{BUCKET, DynamoDb, DynamoDbError, EmbeddedSecrets, PutNotifier, S3, Sqs, Tables};
use crate::functions::{Bill, FUNCTION_TIMEOUT, Functions, OutcomeReporter};
use crate::private;
use crate::sandbox::{OAuthOptions, Sandbox, SandboxOptions, SandboxTokens};
use crate::tally::RunTally;

pub(crate) const RECORDS_TABLE: &str = "ghl-sync-records";
/// Offset of S3's port from the sandbox's; those in between are DynamoDB's, SQS's and the API's.
const S3_PORT_OFFSET: u16 = 4;
/// Offset of Secrets Manager's port from the sandbox's.
const SECRETS_PORT_OFFSET: u16 = 5;
pub(crate) const STATE_TABLE: &str = "ghl-sync-state";
/// Value of `OUTCOMES_TABLE` if outcomes are kept.
pub const OUTCOMES_TABLE: &str = "ghl-sync-outcome-log";

/// Configuration of a stack. Its `Debug` implementation is in `secrets.rs`.
#[derive(Clone)]
pub struct StackOptions {
    /// Locations to sync.
    pub locations: Vec<LocationId>,
    /// API version for all locations, unless `own` overrides it.
    pub api: Api,
    /// Overrides for individual locations.
    pub own: BTreeMap<LocationId, OwnAccess>,
    /// Calls per window that GHL is assumed to allow.
    pub limit: u32,
    /// Length of the window, in milliseconds.
    pub window_ms: u64,
    /// Calls per day.
    pub daily: u64,
    /// Do everything except call GHL.
    pub dry_run: bool,
    /// Longest time that an invocation of a function may take.
    pub function_timeout: Duration,
    /// Directory for the state; without it, the state ends with the process.
    pub data_dir: Option<PathBuf>,
    /// The GHL to call.
    pub ghl: Ghl,
    /// Address that everything listens on.
    pub bind: IpAddr,
    /// Names accepted in a request's `Host` besides this machine's own, with any port.
    pub allowed_hosts: Vec<String>,
    /// Access key of the embedded AWS services; by default, one created for this stack.
    pub access_key: Option<AccessKey>,
    /// The sandbox's port. DynamoDB's and SQS's follow, then the API's, S3's and Secrets Manager's. By default, any
    /// free ports.
    pub port: Option<u16>,
    /// Lifetime of expiring sandbox tokens; without it, the token does not expire (API v2 only).
    pub oauth: Option<Duration>,
    /// `GHL_…` variables and `LOG_LEVEL` from the caller's environment; `OUTCOMES_WEBHOOK_URL` and `…_SECRET` if
    /// outcomes are posted; `OUTCOMES_TABLE` if they are kept for polling.
    pub vars: BTreeMap<String, String>,
}

/// Access to one location that differs from the others.
#[derive(Debug, Clone)]
pub struct OwnAccess {
    /// API version of the location.
    pub api: Api,
    /// Token of the location. The sandbox ignores it and creates one.
    pub token: Option<Secret>,
}

/// The GHL to call.
#[derive(Debug, Clone)]
pub enum Ghl {
    /// The sandbox with these options (its limits, tokens and directory come from the stack).
    Sandbox(Box<SandboxOptions>),
    /// Another GHL.
    Url {
        /// Base URL.
        url: String,
        /// Token for that URL.
        token: Secret,
    },
}

/// Reason why a stack cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The data directory cannot be used.
    #[error("the data directory {dir} cannot be used")]
    DataDir {
        /// Path as given.
        dir: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Another process uses the directory.
    #[error("the data directory {dir} is in use by another process")]
    InUse {
        /// Path as given.
        dir: String,
    },
    /// The embedded DynamoDB failed.
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    /// The embedded SQS or the sandbox cannot listen.
    #[error("{what} cannot listen")]
    Listen {
        /// Name of the listener, in words.
        what: &'static str,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The tables or the queues cannot be created.
    #[error("the tables and queues cannot be made")]
    Resources(#[source] BoxError),
    /// The environment is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The functions cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The work whose messages were lost with an earlier process cannot be rescheduled.
    #[error("the work planned by an earlier process cannot be rescheduled")]
    Earlier(#[source] PortError),
    /// No key can be created for the HTTP API or the embedded AWS services.
    #[error("no key for the HTTP API and the embedded AWS services can be made")]
    Key(#[source] getrandom::Error),
}

impl From<PortError> for StackError {
    fn from(error: PortError) -> Self {
        StackError::Resources(Box::new(error))
    }
}

impl Default for StackOptions {
    /// A healthy sandbox with GHL's documented limits, in memory and on free local ports.
    fn default() -> Self {
        StackOptions {
            locations: Vec::new(),
            api: Api::V2,
            own: BTreeMap::new(),
            limit: 100,
            window_ms: 10_000,
            daily: 200_000,
            dry_run: false,
            function_timeout: FUNCTION_TIMEOUT,
            data_dir: None,
            ghl: Ghl::Sandbox(Box::default()),
            bind: LOOPBACK,
            allowed_hosts: Vec::new(),
            access_key: None,
            port: None,
            oauth: None,
            vars: BTreeMap::from([("LOG_LEVEL".to_owned(), "off".to_owned())]),
        }
    }
}

/// A running stack. Dropping it ends everything.
pub struct Stack {
    /// The engine that the functions run.
    pub engine: Engine,
    /// Migrates locations, using `engine`.
    pub migrator: Migrator,
    /// Requests made to AWS.
    pub usage: Arc<Usage>,
    pub(crate) tally: Arc<RunTally>,
    pub(crate) recorder: Arc<CallRecorder>,
    /// The sandbox, if it is the GHL in use.
    pub sandbox: Option<Sandbox>,
    /// The functions, which run once they are started.
    pub functions: Arc<Functions>,
    /// Environment that a function needs to use this stack.
    pub vars: BTreeMap<String, String>,
    /// Outcomes for the HTTP API, if they are kept.
    pub outcomes: Option<OutcomeFeed>,
    /// Receives lists through the HTTP API.
    lists: Option<Lists>,
    /// Key of the HTTP API.
    pub api_key: NewApiKey,
    dynamodb: DynamoDb,
    _sqs: Sqs,
    _s3: S3,
    _secrets: EmbeddedSecrets,
    _lock: Option<File>,
}

impl Stack {
    /// Operates the stack's engine.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::new(self.engine.clone())
    }

    /// Reads changes from GHL.
    #[must_use]
    pub fn reconciler(&self) -> Reconciler {
        Reconciler::new(self.engine.clone())
    }

    /// Starts everything except the functions.
    ///
    /// # Errors
    /// [`StackError`] names the part that could not start.
    pub async fn start(options: StackOptions) -> Result<Stack, StackError> {
        let lock = options.data_dir.as_deref().map(lock).transpose()?;
        let access_key = match &options.access_key {
            Some(key) => key.clone(),
            None => AccessKey::make().map_err(StackError::Key)?,
        };
        let listen = |offset: u16| Listen {
            addr: SocketAddr::new(options.bind, options.port.map_or(0, |port| port + offset)),
            allowed_hosts: options.allowed_hosts.clone(),
        };
        let app = options.oauth.filter(|_| options.api == Api::V2).map(|lifetime| app(&options.locations, lifetime));
        let sandbox = sandbox(&options, app.as_ref(), listen(0)).await?;
        let file = options.data_dir.as_ref().map(|dir| dir.join("dynamodb.sqlite"));
        let dynamodb = DynamoDb::start(listen(1), access_key.clone(), file.as_deref()).await?;
        let sqs = Sqs::start(listen(2), access_key.clone())
            .await
            .map_err(|source| StackError::Listen { what: "the embedded SQS", source })?;

        let secrets =
            EmbeddedSecrets::start(listen(SECRETS_PORT_OFFSET), access_key.clone(), options.data_dir.as_deref())
                .await
                .map_err(|source| StackError::Listen { what: "the embedded Secrets Manager", source })?;
        if sandbox.is_some() {
            let kept = secrets.keep(APP_SECRET, &app_secret());
            kept.map_err(|source| StackError::Listen { what: "the embedded Secrets Manager", source })?;
        }

        let s3_key = access_key.clone();
        let aws = Aws { access_key, dynamodb: dynamodb.addr, sqs: sqs.addr, secrets: secrets.addr };
        let mut vars = vars(&options, sandbox.as_ref(), app.as_ref(), &aws);
        let Config { aws, log_level, .. } = Config::from_vars(vars.clone())?;
        ghl_sync_runtime::init_telemetry(log_level);
        tables::RECORDS.create(&aws.dynamodb(), RECORDS_TABLE).await?;
        tables::STATE.create(&aws.dynamodb(), STATE_TABLE).await?;
        if let Some(table) = vars.get("OUTCOMES_TABLE") {
            tables::OUTCOMES.create(&aws.dynamodb(), table).await?;
        }
        let sqs_client = aws.sqs();
        let queues = create_queues(&sqs_client).await.map_err(StackError::Resources)?;
        vars.insert("BATCH_QUEUE_URL".to_owned(), queues.batches.clone());
        vars.insert("DEAD_LETTER_QUEUE_URL".to_owned(), queues.dead_letters.clone());
        vars.insert("PARKING_QUEUE_URL".to_owned(), queues.parked.clone());
        vars.insert("MIGRATION_QUEUE_URL".to_owned(), queues.migrations.clone());
        vars.insert("INGEST_QUEUE_URL".to_owned(), queues.ingest.clone());
        vars.insert("INGEST_DEAD_LETTER_QUEUE_URL".to_owned(), queues.ingest_dead_letters.clone());
        vars.insert("OUTCOMES_QUEUE_URL".to_owned(), queues.outcomes.clone());
        let told = PutNotifier { sqs: sqs_client.clone(), queue_url: queues.imports.clone() };
        let s3 = S3::start(listen(S3_PORT_OFFSET), &s3_key, options.data_dir.as_deref(), told)
            .await
            .map_err(|source| StackError::Listen { what: "the embedded S3", source })?;
        vars.insert("AWS_ENDPOINT_URL_S3".to_owned(), format!("http://{}", s3.addr));
        vars.insert("IMPORT_BUCKET".to_owned(), BUCKET.to_owned());
        vars.insert("IMPORT_QUEUE_URL".to_owned(), queues.imports.clone());
        let api_key = NewApiKey::make().map_err(StackError::Key)?;
        vars.insert("API_AUTH".to_owned(), "key".to_owned());
        vars.insert("API_KEYS".to_owned(), api_key.kept("local").to_string());

        let tally = Arc::new(RunTally::default());
        let (mut config, usage) = (Config::for_migrations(vars.clone())?, Usage::new());
        config.aws.interceptor = Some(usage.interceptor());
        let runtime = Runtime::new(config, tally.clone())?;
        let recorder = CallRecorder::new(runtime.engine.ports().crm.clone());
        let ports = Ports { crm: recorder.clone(), ..runtime.engine.ports().clone() };
        let engine = Engine::new(ports, runtime.engine.config().clone());
        let migrator = runtime.migrations()?.with_engine(engine.clone());
        let intake = runtime.intake()?.with_engine(engine.clone());
        let importer = runtime.importer()?.with_engine(engine.clone());
        if options.data_dir.is_some() {
            // The queues are new, so earlier messages are lost.
            engine.give_up_plans().await.map_err(StackError::Earlier)?;
            migrator.send_again().await.map_err(StackError::Earlier)?;
            for key in s3.dropped() {
                importer.send_again(&key).await.map_err(StackError::Earlier)?;
            }
        }
        let feed = runtime.outcome_feed();
        let tells = vars.contains_key("OUTCOMES_WEBHOOK_URL") || feed.is_some();
        let outcomes = runtime.notifier().filter(|_| tells).map(|notifier| {
            let tables = dynamodb.tables.clone();
            let watch = |table| tables.watch(table).map_err(|error| StackError::Resources(error.into()));
            let from = [watch(RECORDS_TABLE)?, watch(STATE_TABLE)?];
            Ok::<_, StackError>(OutcomeReporter { notifier, tables, from })
        });
        let functions = Arc::new(Functions {
            engine: engine.clone(),
            scheduler: Scheduler { engine: engine.clone(), alerts: runtime.alerts() },
            migrator: migrator.clone(),
            intake,
            importer,
            sqs: sqs_client,
            queue_url: queues.batches,
            dead_letter_queue_url: queues.dead_letters,
            migration_queue_url: queues.migrations,
            ingest_queue_url: queues.ingest,
            outcomes_queue_url: queues.outcomes,
            outcomes: outcomes.transpose()?,
            import_queue_url: queues.imports,
            timeout: options.function_timeout,
            bill: Bill::default(),
        });
        Ok(Stack {
            engine,
            migrator,
            usage,
            tally,
            recorder,
            sandbox,
            functions,
            vars,
            outcomes: feed,
            lists: runtime.lists(),
            api_key,
            dynamodb,
            _sqs: sqs,
            _s3: s3,
            _secrets: secrets,
            _lock: lock,
        })
    }
}

/// The functions in another Lambda execution environment, which shares only the stores with the others.
pub struct Environment {
    /// The functions, which run once they are started.
    pub functions: Arc<Functions>,
    /// AWS requests from this environment.
    pub usage: Arc<Usage>,
}

impl Stack {
    /// Sets up another execution environment, as Lambda does when invocations overlap.
    ///
    /// # Errors
    /// If the functions cannot start.
    pub fn one_more_environment(&self) -> Result<Environment, StackError> {
        let (functions, usage) = Functions::of(self.vars.clone(), Arc::new(LogSink))?;
        Ok(Environment { functions: Arc::new(functions), usage })
    }

    /// The tables of the embedded DynamoDB.
    pub(crate) fn tables(&self) -> Tables {
        self.dynamodb.tables.clone()
    }

    /// Serves the HTTP API at `listen`, and receives webhooks there (configured by the caller's `GHL_WEBHOOK_…`).
    ///
    /// # Errors
    /// If it cannot listen at that address.
    pub async fn serve_api(&self, listen: impl Into<Listen>) -> Result<ApiServer, StackError> {
        let webhooks = Webhooks::new(Config::for_webhooks(self.vars.clone())?, self.tally.clone());
        let connecting = self.connecting(self.engine.clone())?;
        let beside = ApiExtras { webhooks: Some(webhooks), connecting: Some(connecting) };
        ApiServer::start(self.api_parts(self.migrator.clone()), beside, &self.vars, listen)
            .await
            .map_err(|source| StackError::Listen { what: "the HTTP API", source })
    }

    /// The parts of the HTTP API over `migrator` and its engine, for callers with the stack's key.
    #[must_use]
    pub fn api_parts(&self, migrator: Migrator) -> ApiParts {
        ApiParts {
            access: ApiAccess::Keys(vec![self.api_key.kept("local")]),
            outcomes: self.outcomes.clone(),
            lists: self.lists.as_ref().map(|lists| lists.with_engine(migrator.engine().clone())),
            migrator,
        }
    }

    /// Connects locations in a browser, using `engine`.
    ///
    /// # Errors
    /// If the environment is invalid.
    pub fn connecting(&self, engine: Engine) -> Result<Connecting, StackError> {
        Ok(Connecting::new(Config::for_connect(self.vars.clone())?, engine)?)
    }
}

/// Locks the directory for one process: two would each have their own sandbox and queues with one database.
fn lock(dir: &Path) -> Result<File, StackError> {
    let failed = |source| StackError::DataDir { dir: dir.display().to_string(), source };
    private::directory(dir).map_err(failed)?;
    let mut options = OpenOptions::new();
    let file = private::open(&dir.join(private::LOCK), options.write(true).create(true)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StackError::InUse { dir: dir.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

async fn sandbox(
    options: &StackOptions,
    app: Option<&OAuthOptions>,
    listen: Listen,
) -> Result<Option<Sandbox>, StackError> {
    let Ghl::Sandbox(sandbox) = &options.ghl else {
        return Ok(None);
    };
    let tokens = match app {
        Some(app) => SandboxTokens::OAuth(app.clone()),
        // The legacy API identifies a location only by its key.
        None if has_own_keys(options) => {
            SandboxTokens::PerLocation(options.locations.iter().map(|id| (own_key(id), id.to_string())).collect())
        }
        None => SandboxTokens::Any("pit-local".to_owned()),
    };
    let sandbox = SandboxOptions {
        limit: options.limit,
        window: Duration::from_millis(options.window_ms),
        daily_limit: options.daily,
        data_dir: options.data_dir.clone(),
        tokens,
        marketplace: sandbox.marketplace.clone().or_else(|| Some(marketplace(options, app))),
        ..(**sandbox).clone()
    };
    let sandbox = Sandbox::start(sandbox, listen)
        .await
        .map_err(|source| StackError::Listen { what: "the GHL sandbox", source })?;
    name_sub_accounts(&sandbox).map_err(|error| StackError::Resources(error.into()))?;
    Ok(Some(sandbox))
}

/// An address reachable only from this machine.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
