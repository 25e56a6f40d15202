//! The importer: a message of its queue says that a file was put into the bucket, or is one step of an import.
//!
//! A step that was made, or that is out of date, is done with: how far the import is stands in its checkpoint. A message
//! that must come again is reported as failed, so that SQS brings it again and nothing but it.

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ghl_sync_drop::{Handled, Importer};
use ghl_sync_model::EpochMs;
use ghl_sync_runtime::{NotFromSqs, causes, sqs_messages};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tracing::{Instrument, error, info_span};

/// Why an event could not be handled at all. SQS brings its messages again.
#[derive(Debug, thiserror::Error)]
pub enum ImporterError {
    /// The event is not from SQS.
    #[error(transparent)]
    Event(#[from] NotFromSqs),
    /// A message cannot be reported as failed.
    #[error("a message that must come again has no messageId")]
    NoMessageId,
}

/// Makes the steps of an SQS event. Those that must come again are in the answer.
///
/// # Errors
/// When the event is not an SQS event.
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
        // An empty identifier would fail the whole event without a word.
        if id.is_empty() {
            return Err(ImporterError::NoMessageId);
        }
        response.add_failure(id);
    }
    Ok(response)
}
