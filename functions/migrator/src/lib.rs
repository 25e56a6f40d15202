//! The migrations' function: a queue message is one step of a migration, or asks for a test of both accounts.
//!
//! A step that is done, or that another invocation owns, succeeds: the migration's state holds the remaining work. A
//! message is reported as failed only if it is not about a migration, or if a state cannot be read or written. On its
//! schedule the function revives migrations that stopped because their message was lost or their invocation died.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsMessage};
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_migrate::Migrator;
use ghl_sync_model::{EpochMs, Holder, MigrationMessageError, MigratorMessage};
use ghl_sync_runtime::{NotFromSqs, sqs_messages};
use lambda_runtime::{Context, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use tracing::{Instrument, error, info_span};

/// Why an event could not be handled at all. SQS redelivers its messages.
#[derive(Debug, thiserror::Error)]
pub enum MigratorError {
    /// The event is neither from SQS nor from the schedule.
    #[error("{0}; by the schedule {{\"migrations\": \"revive\"}}")]
    Event(NotFromSqs),
    /// A message cannot be reported as failed.
    #[error("a message that is no step of a migration has no messageId")]
    NoMessageId(#[source] StepError),
    /// The stopped migrations cannot be listed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a message is retried.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It is not a step of a migration.
    #[error(transparent)]
    Message(#[from] MigrationMessageError),
    /// A store or a queue failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Response to the invoker.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum MigratorAnswer {
    /// To the queue: the messages to retry.
    Messages(SqsBatchResponse),
    /// To the schedule: the migrations that were revived.
    Revived {
        /// Number of migrations that were sent a message.
        revived: u32,
    },
}

/// Runs the steps in an SQS event, or revives stopped migrations.
///
/// # Errors
/// If the event is neither.
pub async fn handle(migrator: &Migrator, event: LambdaEvent<Value>) -> Result<MigratorAnswer, MigratorError> {
    let LambdaEvent { payload, context } = event;
    let span = info_span!("migrator", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    let handled = async {
        if payload.get("migrations").and_then(Value::as_str) == Some("revive") {
            return Ok(MigratorAnswer::Revived { revived: migrator.revive().await? });
        }
        let messages = sqs_messages(payload).map_err(MigratorError::Event)?;
        steps(migrator, messages, &context).await.map(MigratorAnswer::Messages)
    };
    handled.instrument(span).await
}

async fn steps(
    migrator: &Migrator,
    messages: Vec<SqsMessage>,
    context: &Context,
) -> Result<SqsBatchResponse, MigratorError> {
    let made = messages.iter().enumerate().map(|(index, message)| step(migrator, message, index, context));
    let mut response = SqsBatchResponse::default();
    for (message, made) in messages.iter().zip(futures::future::join_all(made).await) {
        let Err(step_error) = made else {
            continue;
        };
        let id = message.message_id.as_deref().filter(|id| !id.is_empty());
        error!(event = "migration_step_failed", message_id = id, error = ghl_sync_runtime::causes(&step_error));
        // An empty identifier would fail the whole event.
        match id {
            Some(id) => response.add_failure(id),
            None => return Err(MigratorError::NoMessageId(step_error)),
        }
    }
    Ok(response)
}

async fn step(migrator: &Migrator, message: &SqsMessage, index: usize, context: &Context) -> Result<(), StepError> {
    let message = MigratorMessage::from_json(message.body.as_deref().unwrap_or_default())?;
    let invocation =
        Invocation { holder: Holder::of_invocation(&context.request_id, index), deadline: EpochMs(context.deadline) };
    match message {
        MigratorMessage::Step(message) => migrator.step(&message, &invocation).await.map(drop)?,
        MigratorMessage::TestConnection(order) => migrator.answer_connection_test(&order, &invocation).await?,
    }
    Ok(())
}
