//! The ingest queue's dead letters in SQS.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::MessageAttributeValue;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::is_noncharacter;
use ghl_sync_operate::intake::{RefusedItems, RefusedLetter};

/// Implements [`RefusedItems`] with an SQS queue.
#[derive(Debug, Clone)]
pub struct SqsRefusedItems {
    client: Client,
    queue_url: String,
}

impl SqsRefusedItems {
    /// Uses the queue at `queue_url`.
    #[must_use]
    pub fn new(client: Client, queue_url: impl Into<String>) -> Self {
        SqsRefusedItems { client, queue_url: queue_url.into() }
    }
}

#[async_trait]
impl RefusedItems for SqsRefusedItems {
    async fn put_aside(&self, refused: &RefusedLetter<'_>) -> Result<(), PortError> {
        let failed = |error| PortError { action: "refused_items.put_aside", source: error };
        let RefusedLetter { message, body, reason, as_of } = refused;
        // Uses the same attributes as the ingest function, so that the message can be sent again unchanged.
        let attributes = [
            ("reason", Some(reason)),
            ("message_id", Some(&message.id)),
            ("location_id", message.location_id.as_ref()),
            ("import", message.import.as_ref()),
            ("as_of", as_of.as_ref()),
        ];
        let mut request = self.client.send_message().queue_url(&self.queue_url).message_body(body);
        for (name, value) in attributes {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                request = request.message_attributes(name, text(value).map_err(|error| failed(error.into()))?);
            }
        }
        request.send().await.map(drop).map_err(|error| failed(error.into()))
    }
}

fn text(value: &str) -> Result<MessageAttributeValue, BuildError> {
    let is_carried = |c: char| !c.is_control() && !is_noncharacter(c);
    let value: String = value.chars().map(|c| if is_carried(c) { c } else { '?' }).collect();
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}
