//! The environment, read once. Every fault in it is found and reported before the first event; a default never
//! silently replaces an invalid value.

mod alerts;
mod api;
mod connect;
mod migration;
mod outcomes;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_credential_types::Credentials;
use ghl_sync_aws::{AwsConfig, DeadLetterQueueUrls};
use ghl_sync_engine::usecase::EngineConfig;
use ghl_sync_ghl::ClientConfig;
use ghl_sync_ghl::webhook::WebhookKeys;
use ghl_sync_inbound::WebhookRules;
use ghl_sync_limiter::{Backoff, BreakerRules};
use ghl_sync_model::{AdoptLimits, Api, CredentialsRef, LocationId, Pace, Secret};
use serde_json::error::Category;
use tracing::level_filters::LevelFilter;

pub use self::alerts::AlertsConfig;
pub use self::api::{ApiAccess, ApiKey, JwtAccess};
pub(crate) use self::connect::CONNECT_SECRETS;
pub use self::connect::ConnectConfig;
pub use self::migration::MigrationEnvConfig;
pub use self::outcomes::OutcomesConfig;
use self::variables::EnvironmentReader;
use crate::locations::{EnvTokens, LocationConfig, Locations};
use crate::secrets::NO_FILES;

pub(crate) const INGEST_DEAD_LETTER_QUEUE_URL: &str = "INGEST_DEAD_LETTER_QUEUE_URL";
pub(crate) const IMPORT_BUCKET: &str = "IMPORT_BUCKET";
pub(crate) const IMPORT_QUEUE_URL: &str = "IMPORT_QUEUE_URL";
const IMPORT_RETENTION_DAYS: &str = "IMPORT_RETENTION_DAYS";
const ALLOW_INSECURE_URL: &str = "GHL_ALLOW_INSECURE_URL";
const INSECURE: &str = "is http:// to another machine: the tokens would cross the network in the clear; use https://";

/// The complete configuration of a function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The engine's settings.
    pub engine: EngineConfig,
    /// Access to AWS.
    pub aws: AwsConfig,
    /// Name of the table of records.
    pub records_table: String,
    /// Name of the table of gates.
    pub state_table: String,
    /// URL of the queue of batches.
    pub queue_url: String,
    /// URLs of the dead-letter queues, where they are needed.
    pub dead_letter_queues: DeadLetterQueueUrls,
    /// URL of the queue for items that the ingest function rejects; `None` if nothing is ingested.
    pub ingest_dead_letter_queue: Option<String>,
    /// The bucket for lists to import, and the queue of its events; `None` if nothing is imported.
    pub drops: Option<DropConfig>,
    /// The bucket alone, for functions that upload lists.
    pub import_bucket: Option<String>,
    /// Access to GHL; `None` in a function that makes no calls.
    pub ghl: Option<ClientConfig>,
    /// Whether credentials may be in files. They may not in a deployed function, where only its own code could write
    /// one.
    pub reads_files: bool,
    /// The locations with their settings.
    pub locations: Locations,
    /// Access to the HTTP API; `None` in a function that has none.
    pub api_access: Option<ApiAccess>,
    /// Least severe level that is logged.
    pub log_level: LevelFilter,
    /// Which webhooks are accepted.
    pub webhooks: WebhookRules,
    /// The keys that may sign webhooks.
    pub webhook_keys: WebhookKeys,
    /// Configuration of migrations.
    pub migration: MigrationEnvConfig,
    /// Where outcomes are reported.
    pub outcomes: OutcomesConfig,
    /// When to alert people, and where.
    pub alerts: AlertsConfig,
    /// Configuration of connecting locations in a browser.
    pub connect: ConnectConfig,
    /// The function's stack, which keeps its metrics apart from those of other stacks.
    pub stack_name: String,
}

/// The bucket for lists to import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropConfig {
    /// The bucket's name.
    pub bucket: String,
    /// URL of the queue for S3's events and for the steps of imports.
    pub queue_url: String,
    /// How long the bucket keeps files.
    pub kept: Duration,
}

/// One fault in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// Name of the variable.
    pub name: String,
    /// The problem, and how to fix it; never the value of a secret.
    pub problem: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.problem)
    }
}

/// All faults in the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The faults, sorted by variable name.
    pub faults: Vec<ConfigFault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault(s)", self.faults.len())?;
        self.faults.iter().try_for_each(|fault| write!(f, "; {fault}"))
    }
}

impl Config {
    /// The process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the environment's one home")]
    pub(crate) fn environment() -> BTreeMap<String, String> {
        std::env::vars().collect()
    }

    /// Reads `vars` as the environment of the function that receives webhooks. It sends nothing, so variables that
    /// only other functions need may be missing.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn for_webhooks(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::with(EnvironmentReader::new(vars).without_need_of("BATCH_QUEUE_URL"), &[])
    }

    /// Reads `vars` as the environment of the scheduler, which calls only AWS.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn for_scheduler(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::from_vars(vars).map(Config::without_calls)
    }

    /// Reads `vars` as the environment of the redrive function, which needs both dead-letter queues and calls only
    /// AWS.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn for_redrive(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        let required = ["DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL"];
        Config::with(EnvironmentReader::new(vars), &required).map(Config::without_calls)
    }

    /// Reads `vars` as the environment of the ingest function, which needs a queue for rejected items and calls only
    /// AWS.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn for_ingest(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::with(EnvironmentReader::new(vars), &[INGEST_DEAD_LETTER_QUEUE_URL]).map(Config::without_calls)
    }

    /// Reads `vars` as the environment of the notifier, which reports outcomes and needs the queue of its deliveries.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn for_notifier(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::with(EnvironmentReader::new(vars), &["OUTCOMES_QUEUE_URL"]).map(Config::without_calls)
    }

    /// Reads `vars` as the environment of the importer, which needs a bucket and a queue, and calls only AWS.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn for_importer(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::with(EnvironmentReader::new(vars), &[IMPORT_BUCKET, IMPORT_QUEUE_URL]).map(Config::without_calls)
    }

    /// Reads `vars` as the environment of the HTTP API, which starts migrations, and calls only AWS.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn for_api(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::for_migrations(vars).map(Config::without_calls)
    }

    /// Reads `vars` as the environment of the function that connects locations, which needs a place for credentials.
    /// Of GHL it calls only the token endpoints.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn for_connect(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::with(EnvironmentReader::new(vars), &[CONNECT_SECRETS])
    }

    /// Reads `vars` as the environment of a function that handles migrations, which needs their queue.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn for_migrations(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::with(EnvironmentReader::new(vars), &["MIGRATION_QUEUE_URL"])
    }

    /// For a function that does not call GHL: it needs no root certificates, and starts sooner.
    fn without_calls(self) -> Config {
        Config { ghl: None, ..self }
    }

    /// Address of Lambda's Runtime API; `None` if Lambda did not start this process.
    #[expect(clippy::disallowed_methods, reason = "this is the environment's one home")]
    pub(crate) fn runtime_api() -> Option<String> {
        std::env::var("AWS_LAMBDA_RUNTIME_API").ok().filter(|address| !address.is_empty())
    }

    /// The names of all known variables.
    #[must_use]
    pub fn names() -> BTreeSet<&'static str> {
        let mut vars = EnvironmentReader::new(BTreeMap::new());
        Config::read(&mut vars);
        vars.asked()
    }

    /// The names of all known variables, and whether the process's environment has each.
    #[must_use]
    pub fn variables_set_in_env() -> BTreeMap<&'static str, bool> {
        Config::variables_set(&Config::environment())
    }

    /// The names of all known variables, and whether `vars` has each.
    #[must_use]
    pub fn variables_set(vars: &BTreeMap<String, String>) -> BTreeMap<&'static str, bool> {
        let is_set = |name: &str| vars.get(name).is_some_and(|value| !value.trim().is_empty());
        Config::names().into_iter().map(|name| (name, is_set(name))).collect()
    }

    /// Reads `vars` as the environment. An empty value counts as absent, because `sam local` passes unset variables
    /// as empty ones.
    ///
    /// # Errors
    /// [`ConfigError`] lists every fault.
    pub fn from_vars(vars: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::with(EnvironmentReader::new(vars), &[])
    }

    /// Reads `vars`. The `required` variables must be present, even if other functions can do without them.
    fn with(mut vars: EnvironmentReader, required: &[&'static str]) -> Result<Config, ConfigError> {
        let config = Config::read(&mut vars);
        for name in required {
            vars.required(name);
        }
        vars.finish().map(|()| config)
    }

    fn read(vars: &mut EnvironmentReader) -> Config {
        let pace = Pace {
            limit: NonZeroU32::new(vars.number("GHL_RATE_LIMIT_REQUESTS", 100, 1..=10_000)).unwrap_or(NonZeroU32::MIN),
            window: vars.milliseconds("GHL_RATE_LIMIT_WINDOW", Duration::from_secs(10), 100..=3_600_000),
        };
        let daily_limit = vars.number("GHL_RATE_LIMIT_DAILY", 200_000, 1..=1_000_000_000);
        let default = LocationConfig {
            enabled: true,
            dry_run: vars.boolean("GHL_DRY_RUN", false),
            scope: None,
            day_scope: None,
            pace,
            daily_limit,
            api: vars.choice("GHL_API", Api::V2, &[("v2", Api::V2), ("v1", Api::V1)]),
            credentials: credentials(vars),
            conflict: None,
        };
        let locations = vars.json("GHL_LOCATIONS", |json| Locations::parse(json, &default));
        let locations = locations.unwrap_or_else(|| Locations::new(default)).with_tokens(tokens(vars));
        if let Some(id) = locations.unused_token() {
            let own = CredentialsRef::OfLocation(id.clone());
            let said = format!(
                "has a token of `{id}`; GHL_LOCATIONS must say so: {{\"{id}\": {{\"credentials\": \"{own}\"}}}}"
            );
            vars.fault("GHL_LOCATION_TOKENS", said);
        }
        if let Some((id, error)) = locations.without_own_key() {
            vars.fault("GHL_LOCATIONS", format!("has location `{id}` on API v1, whose {error}"));
        }
        let reads_files = vars.text("AWS_LAMBDA_FUNCTION_NAME").is_none();
        if !reads_files && let Some(of) = locations.in_files().next() {
            let (name, of) = match of {
                Some(id) => ("GHL_LOCATIONS", format!(" for location `{id}`")),
                None => ("GHL_CREDENTIALS", String::new()),
            };
            vars.fault(name, format!("names a file{of}: {NO_FILES}"));
        }
        Config {
            engine: engine(vars),
            aws: aws(vars),
            records_table: vars.required("RECORDS_TABLE"),
            state_table: vars.required("STATE_TABLE"),
            queue_url: vars.required_url("BATCH_QUEUE_URL"),
            dead_letter_queues: DeadLetterQueueUrls {
                dead: vars.url("DEAD_LETTER_QUEUE_URL"),
                parked: vars.url("PARKING_QUEUE_URL"),
            },
            ingest_dead_letter_queue: vars.url(INGEST_DEAD_LETTER_QUEUE_URL),
            drops: drops(vars),
            import_bucket: vars.text(IMPORT_BUCKET),
            ghl: Some(ghl(vars)),
            reads_files,
            locations,
            api_access: ApiAccess::read(vars),
            log_level: vars.choice(
                "LOG_LEVEL",
                LevelFilter::INFO,
                &[
                    ("off", LevelFilter::OFF),
                    ("error", LevelFilter::ERROR),
                    ("warn", LevelFilter::WARN),
                    ("info", LevelFilter::INFO),
                    ("debug", LevelFilter::DEBUG),
                    ("trace", LevelFilter::TRACE),
                ],
            ),
            webhooks: webhooks(vars),
            webhook_keys: webhook_keys(vars),
            migration: MigrationEnvConfig::read(vars),
            outcomes: OutcomesConfig::read(vars),
            alerts: AlertsConfig::read(vars),
            connect: ConnectConfig::read(vars),
            stack_name: vars.text("STACK_NAME").unwrap_or_else(|| "local".to_owned()),
        }
    }
}

fn drops(vars: &mut EnvironmentReader) -> Option<DropConfig> {
    let (bucket, queue_url) = (vars.text(IMPORT_BUCKET), vars.url(IMPORT_QUEUE_URL));
    let days: u64 = vars.number(IMPORT_RETENTION_DAYS, 30, 2..=3650);
    let kept = Duration::from_secs(days * 86_400);
    Some(DropConfig { bucket: bucket?, queue_url: queue_url?, kept })
}

fn engine(vars: &mut EnvironmentReader) -> EngineConfig {
    let defaults = EngineConfig::default();
    let EngineConfig { backoff, breaker, .. } = &defaults;
    let jitter = vars.boolean("GHL_RATE_LIMIT_JITTER", true);
    let jitter_max = vars.milliseconds("GHL_RATE_LIMIT_JITTER_MAX", backoff.jitter, 0..=600_000);
    let base = vars.milliseconds("GHL_RATE_LIMIT_BASE_DELAY", backoff.base, 1..=600_000);
    let max = vars.milliseconds("GHL_RATE_LIMIT_MAX_DELAY", backoff.max, 1..=600_000);
    if max < base {
        vars.fault("GHL_RATE_LIMIT_MAX_DELAY", "is less than GHL_RATE_LIMIT_BASE_DELAY");
    }
    EngineConfig {
        backoff: Backoff {
            max_retries: vars.number("GHL_RATE_LIMIT_MAX_RETRIES", backoff.max_retries.into(), 0..=20),
            base,
            max,
            jitter: if jitter { jitter_max } else { Duration::ZERO },
        },
        breaker: BreakerRules {
            threshold: vars.number("GHL_CIRCUIT_THRESHOLD", breaker.threshold.into(), 1..=100),
            reset: vars.milliseconds("GHL_CIRCUIT_RESET_TIMEOUT", breaker.reset, 1..=3_600_000),
        },
        adopt: vars.choice("GHL_RATE_LIMIT_ADOPT", defaults.adopt, &AdoptLimits::ALL),
        batch_size: vars.number("GHL_SYNC_BATCH_SIZE", defaults.batch_size.into(), 1..=500),
        concurrency: vars.number("GHL_SYNC_CONCURRENCY", defaults.concurrency.into(), 1..=100),
        max_rounds: vars.number("GHL_SYNC_MAX_ATTEMPTS", defaults.max_rounds.into(), 1..=100),
        ..defaults
    }
}

fn aws(vars: &mut EnvironmentReader) -> AwsConfig {
    let access_key = vars.required("AWS_ACCESS_KEY_ID");
    let secret_key = vars.required("AWS_SECRET_ACCESS_KEY");
    let session_token = vars.text("AWS_SESSION_TOKEN");
    AwsConfig {
        region: vars.required("AWS_REGION"),
        credentials: Credentials::new(access_key, secret_key, session_token, None, "environment"),
        dynamodb_endpoint: vars.url("AWS_ENDPOINT_URL_DYNAMODB"),
        sqs_endpoint: vars.url("AWS_ENDPOINT_URL_SQS"),
        s3_endpoint: vars.url("AWS_ENDPOINT_URL_S3"),
        ssm_endpoint: vars.url("AWS_ENDPOINT_URL_SSM"),
        secrets_manager_endpoint: vars.url("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        eventbridge_endpoint: vars.url("AWS_ENDPOINT_URL_EVENTBRIDGE"),
        sns_endpoint: vars.url("AWS_ENDPOINT_URL_SNS"),
        retries: true,
        interceptor: None,
    }
}

/// The tokens in the environment: those of single locations, and the one for all others.
fn tokens(vars: &mut EnvironmentReader) -> EnvTokens {
    let of_one = vars.json("GHL_LOCATION_TOKENS", |json| {
        let tokens: BTreeMap<LocationId, String> =
            serde_json::from_str(json).map_err(|error| match error.classify() {
                // The parser's own message may quote a token.
                Category::Data => format!("expected {{\"LOCATION_ID\": \"TOKEN\"}} (column {})", error.column()),
                _ => error.to_string(),
            })?;
        let is_bad = |token: &str| token.is_empty() || token.chars().any(|c| c.is_whitespace() || c.is_control());
        match tokens.iter().find(|(_, token)| is_bad(token)) {
            Some((id, _)) => Err(format!("the token of `{id}` is empty or has white space in it")),
            None => Ok(tokens.into_iter().map(|(id, token)| (id, Secret::new(token))).collect()),
        }
    });
    EnvTokens { of_all: vars.text("GHL_TOKEN").map(Secret::new), of_one: of_one.unwrap_or_default() }
}

/// The fault omits the given text, which may be a token.
fn credentials(vars: &mut EnvironmentReader) -> Option<CredentialsRef> {
    let reference = vars.json("GHL_CREDENTIALS", str::parse)?;
    if vars.text("GHL_TOKEN").is_some() && reference != CredentialsRef::Default {
        vars.fault("GHL_CREDENTIALS", "is set, and so is GHL_TOKEN; only one of them can be for all locations");
    }
    Some(reference)
}

fn ghl(vars: &mut EnvironmentReader) -> ClientConfig {
    let defaults = ClientConfig::default();
    let any = vars.boolean(ALLOW_INSECURE_URL, false);
    let mut url = |name| {
        let url = vars.url(name)?;
        if !any && !is_secure(&url) {
            vars.fault(name, format!("{INSECURE}; {ALLOW_INSECURE_URL}=true sends it anyway"));
        }
        Some(url)
    };
    ClientConfig {
        v2_base_url: url("GHL_BASE_URL").unwrap_or(defaults.v2_base_url),
        v1_base_url: url("GHL_V1_BASE_URL").unwrap_or(defaults.v1_base_url),
    }
}

/// Whether nobody on the network can read requests to `url`: they are encrypted, or stay on this machine.
#[must_use]
pub fn is_secure(url: &str) -> bool {
    // Another parser may accept what this one rejects, and find another host in it.
    let Ok(url) = url.parse::<http::Uri>() else { return url.starts_with("https://") };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = || host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback());
    url.scheme() != Some(&http::uri::Scheme::HTTP) || is_loopback()
}

fn webhooks(vars: &mut EnvironmentReader) -> WebhookRules {
    WebhookRules {
        max_age: vars.milliseconds("GHL_WEBHOOK_MAX_AGE", WebhookRules::default().max_age, 60_000..=315_360_000_000),
        app_id: vars.text("GHL_WEBHOOK_APP_ID"),
    }
}

fn webhook_keys(vars: &mut EnvironmentReader) -> WebhookKeys {
    const NAMES: [&str; 2] = ["GHL_WEBHOOK_PUBLIC_KEYS", "GHL_WEBHOOK_LEGACY_PUBLIC_KEYS"];
    let [current, legacy] = NAMES.map(|name| vars.text(name));
    WebhookKeys::new(current.as_deref(), legacy.as_deref()).unwrap_or_else(|(is_legacy, error)| {
        vars.fault(NAMES[usize::from(is_legacy)], error.to_string());
        WebhookKeys::none()
    })
}

#[cfg(test)]
mod tests;
