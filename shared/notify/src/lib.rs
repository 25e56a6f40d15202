//! Outcomes as events: what became of a record, told to whoever wants to know.
//!
//! The outbox's table stream shows every change of a record. [`events_of`] says which events follow from one;
//! [`Notifier::tell`] publishes them on a bus and queues them for the location's webhook, and [`Notifier::deliver`] posts
//! what was queued until the endpoint has it; and a log keeps them for those who poll ([`OutcomeFeed`]). An event holds
//! ids and codes, never what a record says.

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
pub use facts::{Facts, RecordChange, Seen, undone};
pub use finished::ImportTold;
pub use log::{FeedError, FeedFrom, KEPT, LogPage, LogPages, OutcomeFeed, OutcomeLog, OutcomePage, SHARDS};
pub use policy::{MAX_TRIES, backoff, events_of};
pub use ports::{Delivery, DeliveryQueue, EventBus, Post, PostError, Poster};
pub use signature::{InvalidSecret, SigningSecret};
pub use tell::{Change, Unreadable};

use std::collections::HashMap;
use std::sync::Arc;

use ghl_sync_access::ports::SecretStore;
use ghl_sync_engine::ports::{Clock, EventSink, LocationRegistry, Outbox, Randomness, Versioned};
use ghl_sync_engine::usecase::GateNotice;
use ghl_sync_model::{CredentialsRef, EpochMs, Import, OutcomesWebhook};
use tokio::sync::Mutex;

/// Tells outcomes to a bus and to webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    ports: NotifierPorts,
    /// Secrets that were read, and when.
    secrets: Arc<Mutex<HashMap<CredentialsRef, (EpochMs, SigningSecret)>>>,
}

/// What a notifier works with.
#[derive(Clone)]
pub struct NotifierPorts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub randomness: Arc<dyn Randomness>,
    /// The locations, and which webhook each has.
    pub registry: Arc<dyn LocationRegistry>,
    /// The webhook of locations that have none of their own.
    pub webhook: Option<OutcomesWebhook>,
    /// Hears what happens.
    pub sink: Arc<dyn EventSink>,
    /// The records, and how those of an import stand.
    pub outbox: Arc<dyn Outbox>,
    /// What was noticed of rate scopes.
    pub notices: Versioned<GateNotice>,
    /// What is told of imports.
    pub imports: Versioned<Import>,
    /// Which imports were told finished.
    pub finished: Versioned<ImportTold>,
    /// How the endpoints of webhooks are.
    pub health: Versioned<EndpointHealth>,
    /// Where events are published; `None` if they are not.
    pub bus: Option<Arc<dyn EventBus>>,
    /// Where outcomes are kept for those who poll; `None` if they are not.
    pub log: Option<Arc<dyn OutcomeLog>>,
    /// Where deliveries wait.
    pub queue: Arc<dyn DeliveryQueue>,
    /// Where the secrets of webhooks are.
    pub secrets: Arc<dyn SecretStore>,
    /// Posts to endpoints.
    pub poster: Arc<dyn Poster>,
}

impl Notifier {
    /// One that works with `ports`.
    #[must_use]
    pub fn new(ports: NotifierPorts) -> Notifier {
        Notifier { ports, secrets: Arc::default() }
    }
}
