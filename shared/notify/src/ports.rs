//! What a notifier needs of the world.

use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::PortError;

use crate::OutcomeEvent;

/// Where events are published.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Publishes `events`, at most [`EventBus::most`] of them, and says of each whether it was taken.
    ///
    /// # Errors
    /// When nobody knows of any of them.
    async fn publish(&self, events: &[&OutcomeEvent]) -> Result<Vec<bool>, PortError>;

    /// Events that one request may hold.
    fn most(&self) -> usize;
}

/// What waits to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message: see [`Notifier::deliver`](crate::Notifier::deliver).
    pub body: String,
}

/// Where deliveries wait.
#[async_trait]
pub trait DeliveryQueue: Send + Sync {
    /// Queues `deliveries`, at most ten of them, and says of each whether it was taken.
    ///
    /// # Errors
    /// When nobody knows of any of them.
    async fn enqueue(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, PortError>;

    /// Brings the message with this receipt again after `rest`, at most 12 hours, and not before.
    async fn postpone(&self, receipt: &str, rest: Duration) -> Result<(), PortError>;
}

/// One request to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post<'a> {
    /// Where to. It may hold a secret, and is not shown.
    pub url: &'a str,
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`, in seconds since 1970.
    pub timestamp: u64,
    /// `webhook-signature`
    pub signature: &'a str,
    /// The event.
    pub body: &'a str,
}

/// Posts to endpoints: without redirects or repeats, in bounded time, and to public addresses only.
#[async_trait]
pub trait Poster: Send + Sync {
    /// Posts, and returns the status of the answer.
    async fn post(&self, post: Post<'_>) -> Result<u16, PostError>;
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The URL may not be posted to, or leads to an address that may not.
    #[error("{0}")]
    Forbidden(String),
    /// There was no connection, or no answer in time. Without the URL.
    #[error("{0}")]
    Unanswered(String),
}
