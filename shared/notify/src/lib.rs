//! Outcome events: tell other systems what became of each record.
//!
//! The outbox's table stream shows every change of a record. [`events_of`] derives the events from a change.
//! [`Notifier::tell`] publishes them on a bus and queues them for the location's webhook, and [`Notifier::deliver`]
//! posts the queued ones until the endpoint accepts them. A log keeps them for clients that poll ([`OutcomeFeed`]).
//! Events hold ids and codes, never record content.

mod address;
mod deliver;
mod endpoint;
mod event;
mod facts;
mod finished;
mod log;
mod policy;
mod ports;
mod signature;
mod tell;

pub use address::is_public;
pub use deliver::{Delivered, DeliveryMessage};
pub use endpoint::EndpointHealth;
pub use event::{FinishedCounts, OutcomeError, OutcomeEvent, OutcomeKind};
pub use facts::{ChangedItem, RecordChange, RecordFacts, undone};
pub use finished::FinishedImport;
pub use log::{FeedError, FeedFrom, KEPT, LogPage, LogPages, OutcomeFeed, OutcomeLog, OutcomePage, SHARDS};
pub use policy::{MAX_TRIES, backoff, events_of};
pub use ports::{DeliveryQueue, EventBus, Post, PostError, Poster, WebhookDelivery};
pub use signature::{InvalidSecret, SigningSecret};
pub use tell::{StreamChange, Unreadable};

use std::collections::HashMap;
use std::sync::Arc;

use ghl_sync_access::ports::SecretStore;
use ghl_sync_engine::ports::{Clock, LocationRegistry, Outbox, Randomness, Versioned};
use ghl_sync_engine::usecase::{EventSink, GateNotice};
use ghl_sync_model::{CredentialsRef, EpochMs, Import, OutcomesWebhook};
use tokio::sync::Mutex;

/// Sends outcome events to a bus, a log and webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    ports: NotifierPorts,
    /// Cached secrets, with the time each was read.
    secrets: Arc<Mutex<HashMap<CredentialsRef, (EpochMs, SigningSecret)>>>,
}

/// The ports that a notifier works with.
#[derive(Clone)]
pub struct NotifierPorts {
    /// Current time.
    pub clock: Arc<dyn Clock>,
    /// Jitter for retries.
    pub randomness: Arc<dyn Randomness>,
    /// The locations and their webhooks.
    pub registry: Arc<dyn LocationRegistry>,
    /// Webhook of locations without one of their own.
    pub webhook: Option<OutcomesWebhook>,
    /// Receives log and metric events.
    pub sink: Arc<dyn EventSink>,
    /// Records, and the counts of an import's records.
    pub outbox: Arc<dyn Outbox>,
    /// Recorded troubles of rate scopes.
    pub notices: Versioned<GateNotice>,
    /// The imports as producers reported them.
    pub imports: Versioned<Import>,
    /// Imports already announced as finished.
    pub finished: Versioned<FinishedImport>,
    /// Health of webhook endpoints.
    pub health: Versioned<EndpointHealth>,
    /// Bus to publish events on; `None` to publish none.
    pub bus: Option<Arc<dyn EventBus>>,
    /// Log of outcomes for clients that poll; `None` to keep none.
    pub log: Option<Arc<dyn OutcomeLog>>,
    /// Queue of pending webhook deliveries.
    pub queue: Arc<dyn DeliveryQueue>,
    /// Store of the webhook secrets.
    pub secrets: Arc<dyn SecretStore>,
    /// Posts to webhook endpoints.
    pub poster: Arc<dyn Poster>,
}

impl Notifier {
    /// A notifier with these ports.
    #[must_use]
    pub fn new(ports: NotifierPorts) -> Notifier {
        Notifier { ports, secrets: Arc::default() }
    }
}
