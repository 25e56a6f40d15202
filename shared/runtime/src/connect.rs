//! What the function starts with that connects locations in a browser. It may put credentials where they are kept, and
//! reads none but the key of the app.

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

/// What connects locations, with the real adapters.
#[derive(Clone)]
pub struct Connecting {
    /// The engine. It makes no calls to GHL here.
    pub engine: Engine,
    /// Who may use the stack.
    pub access: ApiAccess,
    /// Where the app's id and key are, if there is an app.
    pub app: Option<CredentialsRef>,
    /// Where GHL asks people for their consent, without a slash at the end.
    pub consent_url: String,
    /// What the names of the secrets begin with, without a slash at the end.
    pub secrets: String,
    /// Where the app's key is read.
    pub store: Arc<dyn SecretStore>,
    /// Where credentials are put.
    pub vault: Arc<dyn SecretVault>,
    /// Where consent becomes a grant.
    pub endpoint: Arc<dyn ConsentEndpoint>,
}

impl Connecting {
    /// Wires the adapters, over an engine that is there.
    ///
    /// # Errors
    /// When the environment does not say what is needed, or the client of GHL cannot be made.
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

    /// The same, from the process's environment, with events as log lines and metrics.
    ///
    /// # Errors
    /// Lists every fault of the environment.
    pub fn from_env() -> Result<Connecting, StartError> {
        let config = logging(Config::for_connect(Config::environment()))?;
        let sink = FunctionSink::new(config.stack_name.clone());
        let engine = Runtime::without_calls(config.clone(), Arc::new(sink))?.engine;
        Connecting::new(config, engine)
    }
}

/// The same without a host of API v1, which is never asked here: root certificates are needed for hosts by TLS only.
fn only_v2(ghl: ClientConfig) -> ClientConfig {
    ClientConfig { v1_base_url: ghl.v2_base_url.clone(), ..ghl }
}
