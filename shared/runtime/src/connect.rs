//! Start-up of the function that connects locations in a browser. It may write credentials, and reads none but the
//! app's secret.

use std::sync::Arc;

use ghl_sync_access::ports::{ConsentEndpoint, SecretStore, SecretVault};
use ghl_sync_aws::{AwsSecrets, SecretsManagerVault};
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Engine;
use ghl_sync_ghl::{ClientConfig, OAuthClient};
use ghl_sync_model::CredentialsRef;

use crate::config::{ApiAccess, CONNECT_SECRETS, Config};
use crate::start::{Runtime, StartError, logging, missing};
use crate::{FunctionSink, SystemClock};

/// Everything that connecting locations needs, with the real adapters.
#[derive(Clone)]
pub struct Connecting {
    /// The engine. It makes no calls to GHL here.
    pub engine: Engine,
    /// Access to the stack's API.
    pub access: ApiAccess,
    /// Where the app's id and secret are stored, if there is an app.
    pub app: Option<CredentialsRef>,
    /// Base URL of GHL's consent page, without a trailing slash.
    pub consent_url: String,
    /// Name prefix of the secrets, without a trailing slash.
    pub secrets: String,
    /// Reads the app's secret.
    pub store: Arc<dyn SecretStore>,
    /// Writes credentials.
    pub vault: Arc<dyn SecretVault>,
    /// Exchanges consent for a grant.
    pub endpoint: Arc<dyn ConsentEndpoint>,
}

impl Connecting {
    /// Wires the adapters to an existing engine.
    ///
    /// # Errors
    /// If the environment lacks a required variable, or the GHL client cannot be created.
    pub fn new(config: Config, engine: Engine) -> Result<Connecting, StartError> {
        let Config { aws, ghl, api_access, connect, .. } = config;
        let access = api_access.ok_or_else(|| {
            missing("API_AUTH", "is missing; expected key, with API_KEYS, iam, or jwt, with API_JWT_ISSUER")
        })?;
        let secrets = connect.secrets.ok_or_else(|| missing(CONNECT_SECRETS, "is missing"))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Connecting {
            engine,
            access,
            app: connect.app,
            consent_url: connect.consent_url,
            secrets,
            vault: Arc::new(SecretsManagerVault::new(&aws, &clock)),
            store: Arc::new(AwsSecrets::new(&aws, clock)),
            endpoint: Arc::new(OAuthClient::new(&only_v2(ghl.unwrap_or_default()))?),
        })
    }

    /// Wires everything from the process's environment, with events as log lines and metrics.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn from_env() -> Result<Connecting, StartError> {
        let config = logging(Config::for_connect(Config::environment()))?;
        let sink = FunctionSink::new(config.stack_name.clone());
        let engine = Runtime::without_calls(config.clone(), Arc::new(sink))?.engine;
        Connecting::new(config, engine)
    }
}

/// Replaces the host of API v1, which is never called here, so that root certificates are loaded only for TLS hosts.
fn only_v2(ghl: ClientConfig) -> ClientConfig {
    ClientConfig { v1_base_url: ghl.v2_base_url.clone(), ..ghl }
}
