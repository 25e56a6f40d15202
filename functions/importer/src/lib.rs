//! The importer: a queue message announces a file in the bucket, or is one step of an import.
//!
//! A finished or outdated step succeeds: the checkpoint stores the progress of the import. A message to retry is
//! reported as failed, so that SQS redelivers only that message.

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ghl_sync_drop::{Handled, Importer};
use ghl_sync_model::EpochMs;
use ghl_sync_runtime::{NotFromSqs, causes, sqs_messages};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tracing::{Instrument, error, info_span};

/// Why an event could not be handled at all. SQS redelivers its messages.
#[derive(Debug, thiserror::Error)]
pub enum ImporterError {
    /// The event is not from SQS.
    #[error(transparent)]
    Event(#[from] NotFromSqs),
    /// A message cannot be reported as failed.
    #[error("a message that must come again has no messageId")]
    NoMessageId,
}

/// Runs the steps in an SQS event. Returns the messages to retry.
///
/// # Errors
/// If the event is not an SQS event.
pub async fn handle(importer: &Importer, event: LambdaEvent<Value>) -> Result<SqsBatchResponse, ImporterError> {
    let LambdaEvent { payload, context } = event;
    let messages = sqs_messages(payload)?;
    let span = info_span!("importer", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    let mut response = SqsBatchResponse::default();
    for message in messages {
        let id = message.message_id.unwrap_or_default();
        let body = message.body.unwrap_or_default();
        let handled = importer.handle(&body, EpochMs(context.deadline)).instrument(span.clone()).await;
        if let Err(step_error) = &handled {
            error!(event = "import_step_failed", message_id = id, error = causes(step_error));
        }
        if matches!(handled, Ok(Handled::Done)) {
            continue;
        }
        // An empty identifier would silently fail the whole event.
        if id.is_empty() {
            return Err(ImporterError::NoMessageId);
        }
        response.add_failure(id);
    }
    Ok(response)
}
