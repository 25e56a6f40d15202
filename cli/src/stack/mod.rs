//! Everything that a deployment has, within this process.

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
use crate::api::{ApiServer, Beside, NewKey};
use crate::call_recorder::CallRecorder;
pub use crate::door::AccessKey;
use crate::door::Listen;
use crate::embedded::{BUCKET, DynamoDb, DynamoDbError, S3, Secrets, Sqs, Tables, Told};
use crate::functions::{Bill, FUNCTION_TIMEOUT, Functions, Outcomes};
use crate::private;
use crate::sandbox::{OAuthOptions, Sandbox, SandboxOptions, Tokens};
use crate::tally::Tally;

pub(crate) const RECORDS_TABLE: &str = "ghl-sync-records";
/// S3's port, after the sandbox's: those between are DynamoDB's, SQS's and the API's.
const S3_PORT_OFFSET: u16 = 4;
/// Likewise of Secrets Manager's.
const SECRETS_PORT_OFFSET: u16 = 5;
pub(crate) const STATE_TABLE: &str = "ghl-sync-state";
/// What `OUTCOMES_TABLE` says where outcomes are kept.
pub const OUTCOMES_TABLE: &str = "ghl-sync-outcome-log";

/// How a stack is set up. What `Debug` shows of it is in `secrets.rs`.
#[derive(Clone)]
pub struct StackOptions {
    /// The locations that are synced.
    pub locations: Vec<LocationId>,
    /// The API they are served by, unless `own` says otherwise.
    pub api: Api,
    /// What is different of single locations.
    pub own: BTreeMap<LocationId, OwnAccess>,
    /// Calls per window that GHL is held to allow.
    pub limit: u32,
    /// Length of the window, in milliseconds.
    pub window_ms: u64,
    /// Calls per day.
    pub daily: u64,
    /// Do everything but the calls.
    pub dry_run: bool,
    /// How long an invocation of a function may take.
    pub function_timeout: Duration,
    /// Where the state is kept; without it, it is gone with the process.
    pub data_dir: Option<PathBuf>,
    /// GHL.
    pub ghl: Ghl,
    /// The address that everything listens on.
    pub bind: IpAddr,
    /// Names that a request's `Host` may have besides this machine's own, with any port.
    pub allowed_hosts: Vec<String>,
    /// The access key of the embedded AWS services; without it, one that is made for this stack.
    pub access_key: Option<AccessKey>,
    /// The sandbox's port, DynamoDB's and SQS's after it, and S3's and Secrets Manager's after that of the API; without
    /// it, any that are free.
    pub port: Option<u16>,
    /// Tokens of the sandbox that expire after this long, instead of one that does not (API v2 only).
    pub oauth: Option<Duration>,
    /// `GHL_…` variables and `LOG_LEVEL` of the caller's environment; `OUTCOMES_WEBHOOK_URL` and `…_SECRET`, if somebody
    /// is told of outcomes; `OUTCOMES_TABLE`, if they are kept for those who poll.
    pub vars: BTreeMap<String, String>,
}

/// How one location is reached, if not like the others.
#[derive(Debug, Clone)]
pub struct OwnAccess {
    /// Its API.
    pub api: Api,
    /// Its token; in the sandbox it gets one of its own.
    pub token: Option<Secret>,
}

/// Which GHL is called.
#[derive(Debug, Clone)]
pub enum Ghl {
    /// The sandbox, set up so (its limits, tokens and directory are the stack's).
    Sandbox(Box<SandboxOptions>),
    /// Another one.
    Url {
        /// Its base URL.
        url: String,
        /// The token for it.
        token: Secret,
    },
}

/// Why a stack cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The directory for the data cannot be used.
    #[error("the data directory {dir} cannot be used")]
    DataDir {
        /// As it was named.
        dir: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Another process uses the directory.
    #[error("the data directory {dir} is in use by another process")]
    InUse {
        /// As it was named.
        dir: String,
    },
    /// The embedded DynamoDB.
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    /// The embedded SQS or the sandbox.
    #[error("{what} cannot listen")]
    Listen {
        /// What should listen, in words.
        what: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The tables or the queues.
    #[error("the tables and queues cannot be made")]
    Resources(#[source] BoxError),
    /// The environment.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The functions.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What messages were to do that an earlier process took with it.
    #[error("what an earlier process had planned cannot be planned anew")]
    Earlier(#[source] PortError),
    /// A key for the HTTP API, or for the embedded AWS services.
    #[error("no key for the HTTP API and the embedded AWS services can be made")]
    Key(#[source] getrandom::Error),
}

impl From<PortError> for StackError {
    fn from(error: PortError) -> Self {
        StackError::Resources(Box::new(error))
    }
}

impl Default for StackOptions {
    /// A healthy sandbox at GHL's documented limits, everything in memory and on free ports of this machine.
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

/// A running stack; all of it ends when it is dropped.
pub struct Stack {
    /// The engine that the functions run.
    pub engine: Engine,
    /// What migrates locations, with that engine.
    pub migrator: Migrator,
    /// Requests made to AWS.
    pub usage: Arc<Usage>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) recorder: Arc<CallRecorder>,
    /// GHL, if it is the sandbox.
    pub sandbox: Option<Sandbox>,
    /// The functions, which run once they are started.
    pub functions: Arc<Functions>,
    /// What a function's environment must say to use this stack.
    pub vars: BTreeMap<String, String>,
    /// What its HTTP API tells of outcomes, if they are kept.
    pub outcomes: Option<OutcomeFeed>,
    /// What takes lists in by its HTTP API.
    lists: Option<Lists>,
    /// The key that its HTTP API takes.
    pub api_key: NewKey,
    dynamodb: DynamoDb,
    _sqs: Sqs,
    _s3: S3,
    _secrets: Secrets,
    _lock: Option<File>,
}

impl Stack {
    /// What operates it.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::new(self.engine.clone())
    }

    /// What reads what GHL has changed.
    #[must_use]
    pub fn reconciler(&self) -> Reconciler {
        Reconciler::new(self.engine.clone())
    }

    /// Starts everything but the functions.
    ///
    /// # Errors
    /// [`StackError`] says what could not be started.
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

        let secrets = Secrets::start(listen(SECRETS_PORT_OFFSET), access_key.clone(), options.data_dir.as_deref())
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
        let told = Told { sqs: sqs_client.clone(), queue_url: queues.imports.clone() };
        let s3 = S3::start(listen(S3_PORT_OFFSET), &s3_key, options.data_dir.as_deref(), told)
            .await
            .map_err(|source| StackError::Listen { what: "the embedded S3", source })?;
        vars.insert("AWS_ENDPOINT_URL_S3".to_owned(), format!("http://{}", s3.addr));
        vars.insert("IMPORT_BUCKET".to_owned(), BUCKET.to_owned());
        vars.insert("IMPORT_QUEUE_URL".to_owned(), queues.imports.clone());
        let api_key = NewKey::make().map_err(StackError::Key)?;
        vars.insert("API_AUTH".to_owned(), "key".to_owned());
        vars.insert("API_KEYS".to_owned(), api_key.kept("local").to_string());

        let tally = Arc::new(Tally::default());
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
            // The queues are new.
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
            Ok::<_, StackError>(Outcomes { notifier, tables, from })
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

/// The functions in one more execution environment of Lambda: beside the stores, it shares nothing with the others.
pub struct Environment {
    /// The functions, which run once they are started.
    pub functions: Arc<Functions>,
    /// Requests made to AWS from here.
    pub usage: Arc<Usage>,
}

impl Stack {
    /// Sets up one more execution environment, as Lambda does when invocations overlap.
    ///
    /// # Errors
    /// When the functions cannot start.
    pub fn one_more_environment(&self) -> Result<Environment, StackError> {
        let (functions, usage) = Functions::of(self.vars.clone(), Arc::new(LogSink))?;
        Ok(Environment { functions: Arc::new(functions), usage })
    }

    /// What the embedded DynamoDB holds.
    pub(crate) fn tables(&self) -> Tables {
        self.dynamodb.tables.clone()
    }

    /// Serves the HTTP API where `listen` says, and takes in webhooks there (`GHL_WEBHOOK_…` of the caller's environment).
    ///
    /// # Errors
    /// When nothing can listen there.
    pub async fn serve_api(&self, listen: impl Into<Listen>) -> Result<ApiServer, StackError> {
        let webhooks = Webhooks::new(Config::for_webhooks(self.vars.clone())?, self.tally.clone());
        let connecting = self.connecting(self.engine.clone())?;
        let beside = Beside { webhooks: Some(webhooks), connecting: Some(connecting) };
        ApiServer::start(self.api_parts(self.migrator.clone()), beside, &self.vars, listen)
            .await
            .map_err(|source| StackError::Listen { what: "the HTTP API", source })
    }

    /// What the HTTP API is made of, over `migrator` and its engine, for whoever shows the stack's key.
    #[must_use]
    pub fn api_parts(&self, migrator: Migrator) -> ApiParts {
        ApiParts {
            access: ApiAccess::Keys(vec![self.api_key.kept("local")]),
            outcomes: self.outcomes.clone(),
            lists: self.lists.as_ref().map(|lists| lists.with_engine(migrator.engine().clone())),
            migrator,
        }
    }

    /// What connects locations in a browser, over this engine.
    ///
    /// # Errors
    /// When the environment has faults.
    pub fn connecting(&self, engine: Engine) -> Result<Connecting, StackError> {
        Ok(Connecting::new(Config::for_connect(self.vars.clone())?, engine)?)
    }
}

/// One process at a time: two would each have a sandbox and queues of their own beside one database.
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
        Some(app) => Tokens::OAuth(app.clone()),
        // The legacy API knows a location by its key only.
        None if has_own_keys(options) => {
            Tokens::PerLocation(options.locations.iter().map(|id| (own_key(id), id.to_string())).collect())
        }
        None => Tokens::Any("pit-local".to_owned()),
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

/// An address that only this machine reaches.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
