//! Start-up of the function that receives webhooks. It has no engine: it neither sends anything to GHL nor makes
//! anything due.

use std::sync::Arc;

use ghl_sync_aws::{DynamoInstallations, DynamoItems, DynamoKnownStates, DynamoLocations};
use ghl_sync_engine::ports::Versioned;
use ghl_sync_engine::usecase::EventSink;
use ghl_sync_ghl::webhook::WebhookKeys;
use ghl_sync_inbound::{WebhookPorts, WebhookReceiver};

use crate::config::Config;
use crate::start::{StartError, logging};
use crate::{FunctionSink, StoredLocations, SystemClock};

/// The receiver of webhooks with the real adapters, and its trusted keys.
#[derive(Clone)]
pub struct Webhooks {
    /// The keys that may sign a webhook.
    pub keys: Arc<WebhookKeys>,
    /// Processes verified and parsed webhooks.
    pub receiver: WebhookReceiver,
    /// Receives the events about webhooks, including rejected ones.
    pub sink: Arc<dyn EventSink>,
}

impl Webhooks {
    /// Wires the adapters to the receiver; `sink` receives the events.
    #[must_use]
    pub fn new(config: Config, sink: Arc<dyn EventSink>) -> Webhooks {
        let dynamodb = config.aws.dynamodb();
        let state = config.state_table;
        let items = Arc::new(DynamoItems::new(dynamodb.clone(), state.clone()));
        let registered = DynamoLocations::new(dynamodb.clone(), state.clone());
        let ports = WebhookPorts {
            clock: Arc::new(SystemClock),
            installations: Arc::new(DynamoInstallations::new(dynamodb.clone(), state.clone())),
            known: Arc::new(DynamoKnownStates::new(dynamodb, state)),
            registry: Arc::new(StoredLocations::new(config.locations, Versioned::new(items), registered)),
            sink: sink.clone(),
        };
        let receiver = WebhookReceiver::new(ports, config.webhooks);
        Webhooks { keys: Arc::new(config.webhook_keys), receiver, sink }
    }

    /// Wires everything from the process's environment, with events as log lines and metrics.
    ///
    /// # Errors
    /// Lists every fault in the environment.
    pub fn from_env() -> Result<Webhooks, StartError> {
        let config = logging(Config::for_webhooks(Config::environment()))?;
        let sink = FunctionSink::new(config.stack_name.clone());
        Ok(Webhooks::new(config, Arc::new(sink)))
    }
}
