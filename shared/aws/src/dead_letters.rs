//! The dead-letter queue in SQS.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use ghl_sync_engine::ports::{DeadLetters, PortError};

use crate::usage::{Purpose, Usage};

/// The [`DeadLetters`] in an SQS queue, if it is known which one.
#[derive(Debug, Clone)]
pub struct SqsDeadLetters {
    client: Client,
    queue_url: Option<String>,
    usage: Arc<Usage>,
}

impl SqsDeadLetters {
    /// The queue at `queue_url`.
    #[must_use]
    pub fn new(client: Client, queue_url: Option<String>, usage: Arc<Usage>) -> Self {
        SqsDeadLetters { client, queue_url, usage }
    }
}

#[async_trait]
impl DeadLetters for SqsDeadLetters {
    async fn depth(&self) -> Result<Option<u64>, PortError> {
        let Some(url) = &self.queue_url else { return Ok(None) };
        let attribute = QueueAttributeName::ApproximateNumberOfMessages;
        let request = self.client.get_queue_attributes().queue_url(url).attribute_names(attribute.clone());
        let answer = request.customize().interceptor(self.usage.attempts(Purpose::DeadLetters)).send().await;
        let answer = answer.map_err(|error| PortError::new(Purpose::DeadLetters.as_str(), error))?;
        let depth = answer.attributes.and_then(|mut attributes| attributes.remove(&attribute));
        Ok(depth.and_then(|depth| depth.parse().ok()))
    }
}
