//! The queue's function: sends batches of records to GoHighLevel.
//!
//! Some messages ask to reconcile a location instead, or to read its facts. A batch message always succeeds, whatever
//! happens to its records: unsent records are still due. Only a message that is not a batch is reported as failed, so
//! that SQS moves it to the dead-letter queue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsMessage};
use ghl_sync_engine::usecase::{Engine, Event, Invocation};
use ghl_sync_inbound::{FactsReader, Reconciler};
use ghl_sync_model::{Ask, BatchError, EpochMs, Holder, Message};
use ghl_sync_runtime::{NotFromSqs, sqs_messages};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use tracing::{Instrument, info_span};

/// Why an event could not be handled at all. SQS redelivers its messages.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The event is not from SQS.
    #[error(transparent)]
    Event(#[from] NotFromSqs),
    /// A message cannot be reported as failed.
    #[error("a message that is no batch has no messageId")]
    NoMessageId(#[source] BatchError),
}

/// Sends the batches in an SQS event.
///
/// # Errors
/// If the event is not an SQS event.
pub async fn handle(engine: &Engine, event: LambdaEvent<Value>) -> Result<SqsBatchResponse, ConsumerError> {
    let LambdaEvent { payload, context } = event;
    let messages = sqs_messages(payload)?;
    let span = info_span!("batches", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    handle_messages(engine, messages, &context).instrument(span).await
}

async fn handle_messages(
    engine: &Engine,
    messages: Vec<SqsMessage>,
    context: &Context,
) -> Result<SqsBatchResponse, ConsumerError> {
    let handled = messages.iter().enumerate().map(|(index, message)| handle_message(engine, message, index, context));
    let mut response = SqsBatchResponse::default();
    for (message, handled) in messages.iter().zip(futures::future::join_all(handled).await) {
        let Err(batch_error) = handled else {
            continue;
        };
        let id = message.message_id.as_deref().filter(|id| !id.is_empty());
        engine.ports().sink.emit(&Event::NotABatch { message_id: id, error: &batch_error });
        // An empty identifier would fail the whole event.
        match id {
            Some(id) => response.add_failure(id),
            None => return Err(ConsumerError::NoMessageId(batch_error)),
        }
    }
    Ok(response)
}

async fn handle_message(
    engine: &Engine,
    message: &SqsMessage,
    index: usize,
    context: &Context,
) -> Result<(), BatchError> {
    let message = Message::from_json(message.body.as_deref().unwrap_or_default())?;
    let invocation =
        Invocation { holder: Holder::of_invocation(&context.request_id, index), deadline: EpochMs(context.deadline) };
    match message {
        Message::Batch(batch) => drop(engine.sync_batch(&batch, &invocation).await),
        Message::Ask(Ask::Reconcile, location) => {
            Reconciler::new(engine.clone()).reconcile(&location, &invocation).await;
            engine.drop_old_contents(&location, &invocation).await;
        }
        Message::Ask(Ask::Facts, location) => FactsReader::new(engine.clone()).read(&location, &invocation).await,
    }
    Ok(())
}
