//! The function that tells what became of records.
//!
//! It has two triggers: the stream of the records table, whose changes become events on a bus and deliveries in a queue; and
//! that queue, whose deliveries are posted to webhooks. Both are answered in part: only what must come again does.

use aws_lambda_events::event::sqs::SqsMessage;
use ghl_sync_aws::{NotFromStream, record_changes};
use ghl_sync_model::EpochMs;
use ghl_sync_notify::{Delivered, DeliveryMessage, Notifier};
use ghl_sync_runtime::{NotFromSqs, sqs_messages};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde_json::Value;
use tracing::{Instrument, info_span};

/// What must come again: of a stream the first change that must, of a queue each message.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Sequence numbers, or ids of messages.
    pub batch_item_failures: Vec<Failed>,
}

/// Something that must come again.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The message's id, or the sequence number of the stream's record.
    pub item_identifier: String,
}

/// Why an event could not be handled at all.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// It is neither from a stream nor from a queue.
    #[error(transparent)]
    Stream(#[from] NotFromStream),
    /// It is malformed.
    #[error(transparent)]
    Queue(#[from] NotFromSqs),
    /// A message cannot be reported as failed.
    #[error("a message that must come again has no messageId")]
    NoMessageId,
}

/// Tells the changes of a stream's event, or delivers the messages of a queue's.
///
/// # Errors
/// When the event is neither.
pub async fn handle(notifier: &Notifier, event: LambdaEvent<Value>) -> Result<Answer, NotifierError> {
    let LambdaEvent { payload, context } = event;
    let span = info_span!("notify", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    if payload["Records"][0]["eventSource"] == "aws:sqs" {
        return deliver(notifier, sqs_messages(payload)?).instrument(span).await;
    }
    let changes = record_changes(&payload)?;
    let again = notifier.tell(&changes, EpochMs(context.deadline)).instrument(span).await;
    Ok(Answer::of(again.map(|first| changes[first].sequence.clone())))
}

async fn deliver(notifier: &Notifier, messages: Vec<SqsMessage>) -> Result<Answer, NotifierError> {
    let (ids, messages): (Vec<String>, Vec<DeliveryMessage>) = messages.into_iter().map(message).unzip();
    let delivered = notifier.deliver(&messages).await;
    let again = ids.into_iter().zip(delivered).filter(|(_, end)| *end == Delivered::Again).map(|(id, _)| id);
    let answer = Answer::of(again);
    // An empty identifier would fail the whole event without a word.
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

impl Answer {
    fn of(failed: impl IntoIterator<Item = String>) -> Answer {
        let failed = failed.into_iter().map(|item_identifier| Failed { item_identifier });
        Answer { batch_item_failures: failed.collect() }
    }
}
