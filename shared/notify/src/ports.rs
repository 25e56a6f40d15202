//! Ports of the notifier.

use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::PortError;

use crate::OutcomeEvent;

/// Publishes events.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Publishes `events`, at most [`EventBus::most`] of them. Returns for each whether the bus accepted it.
    ///
    /// # Errors
    /// When the request fails as a whole and the fate of its events is unknown.
    async fn publish(&self, events: &[&OutcomeEvent]) -> Result<Vec<bool>, PortError>;

    /// Most events per request.
    fn most(&self) -> usize;
}

/// An event waiting to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// The queue message that [`Notifier::deliver`](crate::Notifier::deliver) reads.
    pub body: String,
}

/// Queue of pending deliveries.
#[async_trait]
pub trait DeliveryQueue: Send + Sync {
    /// Queues `deliveries`, at most ten of them. Returns for each whether the queue accepted it.
    ///
    /// # Errors
    /// When the request fails as a whole and the fate of its deliveries is unknown.
    async fn enqueue(&self, deliveries: &[WebhookDelivery]) -> Result<Vec<bool>, PortError>;

    /// Hides the message with this receipt for `rest`, at most 12 hours. The queue then delivers it again.
    async fn postpone(&self, receipt: &str, rest: Duration) -> Result<(), PortError>;
}

/// One request to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post<'a> {
    /// Target URL. It may hold a secret, so it must not be logged.
    pub url: &'a str,
    /// Value of the header `webhook-id`.
    pub id: &'a str,
    /// Value of the header `webhook-timestamp`, in seconds since 1970.
    pub timestamp: u64,
    /// Value of the header `webhook-signature`.
    pub signature: &'a str,
    /// The event as JSON.
    pub body: &'a str,
}

/// Posts to endpoints: no redirects, no retries, in bounded time, and to public addresses only.
#[async_trait]
pub trait Poster: Send + Sync {
    /// Posts, and returns the status of the answer.
    async fn post(&self, post: Post<'_>) -> Result<u16, PostError>;
}

/// Why a post got no answer.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The URL, or the address it resolves to, may not be posted to.
    #[error("{0}")]
    Forbidden(String),
    /// No connection, or no answer in time. The text does not contain the URL.
    #[error("{0}")]
    Unanswered(String),
}
