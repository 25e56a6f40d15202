//! The function that publishes outcomes of records.
//!
//! It has two triggers: the stream of the records table, whose changes become events on a bus and deliveries in a
//! queue; and that queue, whose deliveries are posted to webhooks. Both get a partial batch response: only failed items
//! are retried.

use aws_lambda_events::event::sqs::SqsMessage;
use ghl_sync_aws::{NotFromStream, record_changes};
use ghl_sync_model::EpochMs;
use ghl_sync_notify::{Delivered, DeliveryMessage, Notifier};
use ghl_sync_runtime::{NotFromSqs, sqs_messages};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde_json::Value;
use tracing::{Instrument, info_span};

/// Items to retry: the first failed change of a stream, or each failed message of a queue.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotifierAnswer {
    /// Sequence numbers, or message ids.
    pub batch_item_failures: Vec<Failed>,
}

/// An item to retry.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// Message id, or sequence number of the stream record.
    pub item_identifier: String,
}

/// Why an event could not be handled at all.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// It comes neither from a stream nor from a queue.
    #[error(transparent)]
    Stream(#[from] NotFromStream),
    /// It is malformed.
    #[error(transparent)]
    Queue(#[from] NotFromSqs),
    /// A message cannot be reported as failed.
    #[error("a message that must come again has no messageId")]
    NoMessageId,
}

/// Publishes the changes in a stream event, or delivers the messages of a queue event.
///
/// # Errors
/// If the event is neither.
pub async fn handle(notifier: &Notifier, event: LambdaEvent<Value>) -> Result<NotifierAnswer, NotifierError> {
    let LambdaEvent { payload, context } = event;
    let span = info_span!("notify", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    if payload["Records"][0]["eventSource"] == "aws:sqs" {
        return deliver(notifier, sqs_messages(payload)?).instrument(span).await;
    }
    let changes = record_changes(&payload)?;
    let again = notifier.tell(&changes, EpochMs(context.deadline)).instrument(span).await;
    Ok(NotifierAnswer::of(again.map(|first| changes[first].sequence.clone())))
}

async fn deliver(notifier: &Notifier, messages: Vec<SqsMessage>) -> Result<NotifierAnswer, NotifierError> {
    let (ids, messages): (Vec<String>, Vec<DeliveryMessage>) = messages.into_iter().map(message).unzip();
    let delivered = notifier.deliver(&messages).await;
    let again = ids.into_iter().zip(delivered).filter(|(_, end)| *end == Delivered::Again).map(|(id, _)| id);
    let answer = NotifierAnswer::of(again);
    // An empty identifier would silently fail the whole event.
    if answer.batch_item_failures.iter().any(|failed| failed.item_identifier.is_empty()) {
        return Err(NotifierError::NoMessageId);
    }
    Ok(answer)
}

fn message(message: SqsMessage) -> (String, DeliveryMessage) {
    let SqsMessage { message_id, receipt_handle, body, attributes, .. } = message;
    let tries = attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    let receipt = receipt_handle.unwrap_or_default();
    (message_id.unwrap_or_default(), DeliveryMessage { receipt, body: body.unwrap_or_default(), tries })
}

impl NotifierAnswer {
    fn of(failed: impl IntoIterator<Item = String>) -> NotifierAnswer {
        let failed = failed.into_iter().map(|item_identifier| Failed { item_identifier });
        NotifierAnswer { batch_item_failures: failed.collect() }
    }
}
