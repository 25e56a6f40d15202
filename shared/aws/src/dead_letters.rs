//! The dead-letter queue and the parking queue in SQS.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use futures::future::try_join_all;
use ghl_sync_engine::ports::{DeadLetterQueue, DeadLetters, PortError, Receipt, TakenDeadLetter};
use ghl_sync_model::{DeadLetter, EpochMs};

/// How long to poll an empty queue for messages. Without waiting, SQS checks only some of its servers.
const WAIT_S: i32 = 1;
/// Message attribute of a parked message: its original id. SQS assigns another id to the copy.
const DIED_AS: &str = "DiedAs";
/// Message attribute of a parked message: the queue in which it died.
const DIED_IN: &str = "DiedIn";

/// URLs of the two queues, if known.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterQueueUrls {
    /// The dead-letter queue.
    pub dead: Option<String>,
    /// The parking queue.
    pub parked: Option<String>,
}

/// Implements [`DeadLetters`] with two SQS queues.
#[derive(Debug, Clone)]
pub struct SqsDeadLetters {
    client: Client,
    urls: DeadLetterQueueUrls,
}

impl SqsDeadLetters {
    /// Uses the queues at `urls`.
    #[must_use]
    pub fn new(client: Client, urls: DeadLetterQueueUrls) -> Self {
        SqsDeadLetters { client, urls }
    }

    fn url(&self, queue: DeadLetterQueue, action: &'static str) -> Result<&str, PortError> {
        let (url, variable) = match queue {
            DeadLetterQueue::Dead => (&self.urls.dead, "DEAD_LETTER_QUEUE_URL"),
            DeadLetterQueue::Parked => (&self.urls.parked, "PARKING_QUEUE_URL"),
        };
        url.as_deref().ok_or_else(|| PortError::new(action, format!("{variable} is not set")))
    }

    /// Number of messages in the queue at `url`, including those in flight.
    async fn depth_of(&self, url: &str) -> Result<u64, PortError> {
        use QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
        let request = self.client.get_queue_attributes().queue_url(url);
        let request = request.attribute_names(ApproximateNumberOfMessages);
        let request = request.attribute_names(ApproximateNumberOfMessagesNotVisible);
        let answer = request.send().await.map_err(|error| PortError::new("dead_letters.depth", error))?;
        Ok(answer.attributes.iter().flatten().filter_map(|(_, count)| count.parse::<u64>().ok()).sum())
    }
}

#[async_trait]
impl DeadLetters for SqsDeadLetters {
    async fn depth(&self) -> Result<Option<u64>, PortError> {
        let urls = [&self.urls.dead, &self.urls.parked].into_iter().flatten();
        let depths = try_join_all(urls.map(|url| self.depth_of(url))).await?;
        Ok((!depths.is_empty()).then(|| depths.into_iter().sum()))
    }

    async fn park(&self, letter: &DeadLetter) -> Result<(), PortError> {
        let failed = |error| PortError { action: "dead_letters.park", source: error };
        let url = self.url(DeadLetterQueue::Parked, "dead_letters.park")?;
        let mut request = self.client.send_message().queue_url(url).message_body(&letter.body);
        for (name, value) in [(DIED_AS, Some(&letter.id)), (DIED_IN, letter.source.as_ref())] {
            if let Some(value) = value {
                let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
                request = request.message_attributes(name, value.map_err(|error| failed(error.into()))?);
            }
        }
        request.send().await.map(drop).map_err(|error| failed(error.into()))
    }

    async fn take(
        &self,
        queue: DeadLetterQueue,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<Vec<TakenDeadLetter>, PortError> {
        let url = self.url(queue, "dead_letters.take")?;
        let request = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(limit).unwrap_or(i32::MAX).clamp(1, 10))
            .wait_time_seconds(WAIT_S)
            .visibility_timeout(i32::try_from(hidden_for.as_secs()).unwrap_or(i32::MAX))
            .message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = request.send().await.map_err(|error| PortError::new("dead_letters.take", error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(|message| taken(queue, message)).collect())
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), PortError> {
        let url = self.url(receipt.queue, "dead_letters.delete")?;
        let request = self.client.delete_message().queue_url(url).receipt_handle(&receipt.handle);
        request.send().await.map(drop).map_err(|error| PortError::new("dead_letters.delete", error))
    }

    async fn put_back(&self, receipt: &Receipt) -> Result<(), PortError> {
        let url = self.url(receipt.queue, "dead_letters.put_back")?;
        let request = self.client.change_message_visibility().queue_url(url).receipt_handle(&receipt.handle);
        let request = request.visibility_timeout(0);
        request.send().await.map(drop).map_err(|error| PortError::new("dead_letters.put_back", error))
    }
}

fn taken(queue: DeadLetterQueue, message: Message) -> TakenDeadLetter {
    let Message { message_id, receipt_handle, body, attributes, .. } = message;
    let attribute = |name: &str| attributes.as_ref()?.get(&MessageSystemAttributeName::from(name)).map(String::as_str);
    let letter = dead_letter(message_id.unwrap_or_default(), body.unwrap_or_default(), attribute);
    TakenDeadLetter { letter, receipt: Receipt { queue, handle: receipt_handle.unwrap_or_default() } }
}

/// Converts an SQS message to a dead-letter message. `attribute` looks up the message's system attributes.
pub fn dead_letter<'a>(id: String, body: String, attribute: impl Fn(&str) -> Option<&'a str>) -> DeadLetter {
    let number = |name| attribute(name)?.parse::<u64>().ok();
    let source = attribute("DeadLetterQueueSourceArn").and_then(|arn| arn.rsplit(':').next());
    DeadLetter {
        id,
        body,
        sent_at: number("SentTimestamp").map(EpochMs),
        receives: number("ApproximateReceiveCount"),
        source: source.filter(|name| !name.is_empty()).map(str::to_owned),
    }
}
