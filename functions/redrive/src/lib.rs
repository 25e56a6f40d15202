//! The dead-letter queue's function.
//!
//! It takes SQS events of that queue: tells of each message, wakes the location of each that is ours, and parks what
//! is not. And by hand `{"redrive": {…}}`, which goes through whatever lies in both queues, as a dry run unless it says
//! otherwise.

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

/// Why an event could not be handled at all. SQS brings its messages again.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The event is neither from SQS nor an order.
    #[error("{0}; by hand {{\"redrive\": {{\"dry_run\": true}}}}")]
    Event(NotFromSqs),
    /// A message cannot be reported as failed, should it have to.
    #[error("a message has no messageId")]
    NoMessageId,
    /// The order by hand has a fault.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The queues cannot be read.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What whoever invoked it is told.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To the queue: which messages must come again.
    Messages(SqsBatchResponse),
    /// To a person: what was found and done.
    Report(RedriveReport),
}

/// Handles the messages of an SQS event, or the order of a person.
///
/// # Errors
/// When the event is neither, or the queues do not answer a person.
pub async fn handle(engine: &Engine, event: LambdaEvent<Value>) -> Result<Answer, RedriveError> {
    let LambdaEvent { payload, context } = event;
    let span = info_span!("redrive", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    let handled = async {
        match order::read(&payload)? {
            Some(order) => Ok(Answer::Report(
                Operator::new(engine.clone()).redrive_by_hand(&order, EpochMs(context.deadline)).await?,
            )),
            None => Ok(Answer::Messages(letters(engine, payload).await?)),
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
