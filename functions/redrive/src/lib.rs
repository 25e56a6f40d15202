//! The dead-letter queue's function.
//!
//! For SQS events of that queue it logs each message, wakes the location of each message that is ours, and parks the
//! others. A person can also send `{"redrive": {…}}`, which goes through the messages in both queues, as a dry run
//! unless the order says otherwise.

mod order;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::Engine;
use ghl_sync_model::{DeadLetter, EpochMs};
use ghl_sync_operate::{Operator, RedriveReport};
use ghl_sync_runtime::{NotFromSqs, dead_letter, sqs_messages};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde_json::Value;
use tracing::{Instrument, info_span};

pub use order::OrderError;

/// Why an event could not be handled at all. SQS redelivers its messages.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The event is neither from SQS nor a redrive order.
    #[error("{0}; by hand {{\"redrive\": {{\"dry_run\": true}}}}")]
    Event(NotFromSqs),
    /// A message has no id, so it could not be reported as failed.
    #[error("a message has no messageId")]
    NoMessageId,
    /// The redrive order is invalid.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The queues cannot be read.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Response to the invoker.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum RedriveAnswer {
    /// To the queue: the messages to retry.
    Messages(SqsBatchResponse),
    /// To a person: what was found and done.
    Report(RedriveReport),
}

/// Handles the messages of an SQS event, or the redrive order of a person.
///
/// # Errors
/// If the event is neither, or the queues fail during an order.
pub async fn handle(engine: &Engine, event: LambdaEvent<Value>) -> Result<RedriveAnswer, RedriveError> {
    let LambdaEvent { payload, context } = event;
    let span = info_span!("redrive", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    let handled = async {
        match order::read(&payload)? {
            Some(order) => Ok(RedriveAnswer::Report(
                Operator::new(engine.clone()).redrive_by_hand(&order, EpochMs(context.deadline)).await?,
            )),
            None => Ok(RedriveAnswer::Messages(letters(engine, payload).await?)),
        }
    };
    handled.instrument(span).await
}

async fn letters(engine: &Engine, event: Value) -> Result<SqsBatchResponse, RedriveError> {
    let messages = sqs_messages(event).map_err(RedriveError::Event)?;
    let letters = messages.into_iter().map(dead_letter).collect::<Option<Vec<DeadLetter>>>();
    let letters = letters.ok_or(RedriveError::NoMessageId)?;
    let mut response = SqsBatchResponse::default();
    for (letter, end) in letters.iter().zip(engine.redrive(&letters).await) {
        if !end.is_done() {
            response.add_failure(&letter.id);
        }
    }
    Ok(response)
}
