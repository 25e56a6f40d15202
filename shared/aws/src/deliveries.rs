//! Webhook deliveries in an SQS queue.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use ghl_sync_engine::ports::PortError;
use ghl_sync_notify::{DeliveryQueue, WebhookDelivery};

/// Implements [`DeliveryQueue`] with SQS.
#[derive(Debug, Clone)]
pub struct SqsDeliveries {
    client: Client,
    queue_url: String,
}

impl SqsDeliveries {
    /// Uses the queue at `queue_url`.
    #[must_use]
    pub fn new(client: Client, queue_url: impl Into<String>) -> Self {
        SqsDeliveries { client, queue_url: queue_url.into() }
    }
}

#[async_trait]
impl DeliveryQueue for SqsDeliveries {
    async fn enqueue(&self, deliveries: &[WebhookDelivery]) -> Result<Vec<bool>, PortError> {
        let mut request = self.client.send_message_batch().queue_url(&self.queue_url);
        for (place, delivery) in deliveries.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(&delivery.body);
            request = request.entries(entry.build().map_err(|error| PortError::new("deliveries.enqueue", error))?);
        }
        let sent = request.send().await.map_err(|error| PortError::new("deliveries.enqueue", error))?;
        let is_sent = |place: usize| sent.successful().iter().any(|entry| entry.id() == place.to_string());
        Ok((0..deliveries.len()).map(is_sent).collect())
    }

    async fn postpone(&self, receipt: &str, rest: Duration) -> Result<(), PortError> {
        let seconds = i32::try_from(rest.as_secs()).unwrap_or(i32::MAX).min(LONGEST_S);
        let request = self.client.change_message_visibility().queue_url(&self.queue_url).receipt_handle(receipt);
        let postponed = request.visibility_timeout(seconds).send().await;
        postponed.map(drop).map_err(|error| PortError::new("deliveries.postpone", error))
    }
}

/// SQS hides a message for at most 12 hours after its receipt; a few minutes of them have passed already.
const LONGEST_S: i32 = 12 * 3600 - 300;
