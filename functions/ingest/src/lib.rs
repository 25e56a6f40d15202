//! The ingest queue's function: puts in what its messages hold.
//!
//! A message is one item or a list of them, as the HTTP API takes them. Refused items are put aside, with the reason; a
//! message that could not be stored is reported as failed, so that SQS brings it again and nothing but it.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsMessage};
use ghl_sync_model::EpochMs;
use ghl_sync_operate::intake::{IngestMessage, Intake};
use ghl_sync_runtime::{NotFromSqs, sqs_messages};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tracing::{Instrument, info_span};

/// Why an event could not be handled at all. SQS brings its messages again.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The event is not from SQS.
    #[error(transparent)]
    Event(#[from] NotFromSqs),
    /// A message cannot be reported as failed.
    #[error("a message that must come again has no messageId")]
    NoMessageId,
}

/// Takes in the messages of an SQS event. Those that must come again are in the answer.
///
/// # Errors
/// When the event is not an SQS event.
pub async fn handle(intake: &Intake, event: LambdaEvent<Value>) -> Result<SqsBatchResponse, IngestError> {
    let LambdaEvent { payload, context } = event;
    let messages: Vec<IngestMessage> = sqs_messages(payload)?.into_iter().map(message).collect();
    let span = info_span!("ingest", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    let done = intake.take(&messages, EpochMs(context.deadline)).instrument(span).await;
    let mut response = SqsBatchResponse::default();
    for (message, _) in messages.iter().zip(done).filter(|(_, done)| !done) {
        // An empty identifier would fail the whole event without a word.
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
