//! The SQS queues of batches, and of the steps of migrations and imports.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, SendMessageBatchRequestEntry,
};
use futures::StreamExt;
use ghl_sync_drop::DropMessage;
use ghl_sync_drop::ports::StepQueue;
use ghl_sync_engine::ports::{BatchQueue, MAX_DELAY, PortError};
use ghl_sync_migrate::ports::MigrationQueue;
use ghl_sync_model::{Ask, Batch, ConnectionTestOrder, LocationId, Message, MigrationMessage, MigratorMessage};

/// Messages per request: the maximum of SQS.
const REQUEST: usize = 10;
/// Concurrent requests.
const AT_ONCE: usize = 8;

/// Implements [`BatchQueue`] with a standard SQS queue.
#[derive(Debug, Clone)]
pub struct SqsBatchQueue(Sender);

/// Implements [`MigrationQueue`] with a standard SQS queue.
#[derive(Debug, Clone)]
pub struct SqsMigrationQueue(Sender);

/// Implements [`StepQueue`] with a standard SQS queue.
#[derive(Debug, Clone)]
pub struct SqsStepQueue(Sender);

/// Sends messages to one queue.
#[derive(Debug, Clone)]
struct Sender {
    client: Client,
    queue_url: String,
    trace_header: fn() -> Option<String>,
}

impl SqsBatchQueue {
    /// Uses the queue at `queue_url`.
    #[must_use]
    pub fn new(client: Client, queue_url: impl Into<String>) -> Self {
        SqsBatchQueue(Sender { client, queue_url: queue_url.into(), trace_header: || None })
    }

    /// Adds the X-Ray trace header that `of` returns to each message, so that the batch belongs to the trace that
    /// planned it.
    #[must_use]
    pub fn traced(self, of: fn() -> Option<String>) -> Self {
        SqsBatchQueue(Sender { trace_header: of, ..self.0 })
    }
}

impl SqsMigrationQueue {
    /// Uses the queue at `queue_url`.
    #[must_use]
    pub fn new(client: Client, queue_url: impl Into<String>) -> Self {
        SqsMigrationQueue(Sender { client, queue_url: queue_url.into(), trace_header: || None })
    }

    /// Adds the X-Ray trace header that `of` returns to each message.
    #[must_use]
    pub fn traced(self, of: fn() -> Option<String>) -> Self {
        SqsMigrationQueue(Sender { trace_header: of, ..self.0 })
    }
}

impl SqsStepQueue {
    /// Uses the queue at `queue_url`, and adds the X-Ray trace header that `of` returns to each message.
    #[must_use]
    pub fn traced(client: Client, queue_url: impl Into<String>, of: fn() -> Option<String>) -> Self {
        SqsStepQueue(Sender { client, queue_url: queue_url.into(), trace_header: of })
    }
}

#[async_trait]
impl BatchQueue for SqsBatchQueue {
    /// Sends `batch`. The delay is rounded down to seconds: the consumer waits for its permits anyway. A failed send
    /// may still have been delivered, and one that the SDK repeated may be delivered twice.
    async fn send(&self, batch: &Batch, delay: Duration) -> Result<(), PortError> {
        self.0.send("queue.send", batch.to_json(), delay).await
    }

    async fn ask(&self, ask: Ask, location: &LocationId, delay: Duration) -> Result<(), PortError> {
        self.0.send("queue.send", Message::Ask(ask, location.clone()).to_json(), delay).await
    }

    /// Sends ten messages per request, several requests at once.
    async fn ask_all(&self, ask: Ask, asks: &[(LocationId, Duration)]) -> Result<Vec<LocationId>, PortError> {
        let requests: Vec<_> = asks.chunks(REQUEST).map(|asks| self.0.ask(ask, asks)).collect();
        let answers: Vec<_> = futures::stream::iter(requests).buffered(AT_ONCE).collect().await;
        let (mut refused, mut error) = (Vec::new(), None);
        for (answer, asks) in answers.into_iter().zip(asks.chunks(REQUEST)) {
            match answer {
                Ok(indexes) => refused.extend(indexes.into_iter().filter_map(|index| asks.get(index))),
                Err(failed) => {
                    refused.extend(asks);
                    error = Some(failed);
                }
            }
        }
        match error {
            Some(error) if refused.len() == asks.len() => Err(error),
            _ => Ok(refused.into_iter().map(|(location, _)| location.clone()).collect()),
        }
    }
}

#[async_trait]
impl MigrationQueue for SqsMigrationQueue {
    /// Sends `message`. The delay is rounded down to seconds. A failed send may still have been delivered, and one
    /// that the SDK repeated may be delivered twice.
    async fn send(&self, message: &MigrationMessage, delay: Duration) -> Result<(), PortError> {
        self.0.send("migrations.send", message.to_json(), delay).await
    }

    async fn order_connection_test(&self, order: &ConnectionTestOrder) -> Result<(), PortError> {
        let message = MigratorMessage::TestConnection(order.clone());
        self.0.send("migrations.send", message.to_json(), Duration::ZERO).await
    }
}

#[async_trait]
impl StepQueue for SqsStepQueue {
    async fn send(&self, message: &DropMessage, delay: Duration) -> Result<(), PortError> {
        self.0.send("drops.send", message.to_json(), delay).await
    }
}

impl Sender {
    /// Sends at most ten messages in one request. Returns the indexes of the rejected ones.
    async fn ask(&self, ask: Ask, asks: &[(LocationId, Duration)]) -> Result<Vec<usize>, PortError> {
        let failed = |source| PortError { action: "queue.send", source };
        let mut request = self.client.send_message_batch().queue_url(&self.queue_url);
        for (index, (location, delay)) in asks.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(Message::Ask(ask, location.clone()).to_json())
                .delay_seconds(whole_seconds(*delay));
            request = request.entries(entry.build().map_err(|error| failed(error.into()))?);
        }
        let answer = request.send().await.map_err(|error| failed(error.into()))?;
        Ok(answer.failed.iter().filter_map(|entry| entry.id.parse().ok()).collect())
    }

    async fn send(&self, action: &'static str, body: String, delay: Duration) -> Result<(), PortError> {
        let failed = |source| PortError { action, source };
        let mut message = self
            .client
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(body)
            .delay_seconds(whole_seconds(delay));
        if let Some(header) = (self.trace_header)() {
            let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header).build();
            let value = value.map_err(|error| failed(error.into()))?;
            message = message.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
        }
        message.send().await.map(drop).map_err(|error| failed(error.into()))
    }
}

fn whole_seconds(delay: Duration) -> i32 {
    i32::try_from(delay.min(MAX_DELAY).as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_cut_to_whole_seconds_and_to_what_sqs_takes() {
        let cases = [(0, 0), (999, 0), (1_000, 1), (59_999, 59), (900_000, 900), (900_001, 900), (u64::MAX, 900)];
        for (milliseconds, seconds) in cases {
            assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds, "{milliseconds} ms");
        }
    }
}
