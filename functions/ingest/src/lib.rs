//! The ingest queue's function: puts the records in its messages.
//!
//! A message is one item or a list of items, in the format of the HTTP API. Refused items are set aside with the
//! reason. A message that could not be stored is reported as failed, so that SQS redelivers only that message.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsMessage};
use ghl_sync_model::EpochMs;
use ghl_sync_operate::intake::{IngestMessage, Intake};
use ghl_sync_runtime::{NotFromSqs, sqs_messages};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tracing::{Instrument, info_span};

/// Why an event could not be handled at all. SQS redelivers its messages.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The event is not from SQS.
    #[error(transparent)]
    Event(#[from] NotFromSqs),
    /// A message cannot be reported as failed.
    #[error("a message that must come again has no messageId")]
    NoMessageId,
}

/// Puts the messages of an SQS event. Returns the messages to retry.
///
/// # Errors
/// If the event is not an SQS event.
pub async fn handle(intake: &Intake, event: LambdaEvent<Value>) -> Result<SqsBatchResponse, IngestError> {
    let LambdaEvent { payload, context } = event;
    let messages: Vec<IngestMessage> = sqs_messages(payload)?.into_iter().map(message).collect();
    let span = info_span!("ingest", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    let done = intake.take(&messages, EpochMs(context.deadline)).instrument(span).await;
    let mut response = SqsBatchResponse::default();
    for (message, _) in messages.iter().zip(done).filter(|(_, done)| !done) {
        // An empty identifier would silently fail the whole event.
        if message.id.is_empty() {
            return Err(IngestError::NoMessageId);
        }
        response.add_failure(&message.id);
    }
    Ok(response)
}

fn message(message: SqsMessage) -> IngestMessage {
    let SqsMessage { message_id, body, attributes, message_attributes, .. } = message;
    let text = |name: &str| message_attributes.get(name)?.string_value.clone();
    IngestMessage {
        id: message_id.unwrap_or_default(),
        body: body.unwrap_or_default(),
        sent_at: attributes.get("SentTimestamp").and_then(|ms| ms.parse().ok()).map(EpochMs),
        location_id: text("location_id"),
        import: text("import"),
        as_of: text("as_of"),
    }
}
