//! Reading SQS events.

use aws_lambda_events::event::sqs::SqsMessage;
use ghl_sync_model::DeadLetter;
use serde_json::Value;

/// The event is not from SQS.
#[derive(Debug, thiserror::Error)]
#[error(
    "this function expects an SQS event: {{\"Records\": [{{\"messageId\": …, \"eventSource\": \"aws:sqs\", …}}]}}; {found}"
)]
pub struct NotFromSqs {
    /// The problem with the event.
    pub found: String,
}

/// The messages of an SQS event.
///
/// # Errors
/// If the event is not from SQS; the error quotes none of its content.
pub fn sqs_messages(event: Value) -> Result<Vec<SqsMessage>, NotFromSqs> {
    let wrong = |found: &str| NotFromSqs { found: found.to_owned() };
    let Value::Object(mut fields) = event else {
        return Err(wrong("it got something that is not an object"));
    };
    let Some(Value::Array(records)) = fields.remove("Records") else {
        return Err(wrong("it got an object without a list `Records`"));
    };
    records
        .into_iter()
        .map(|record| {
            match record.get("eventSource").and_then(Value::as_str) {
                Some("aws:sqs") => {}
                Some(other) => return Err(wrong(&format!("it got a record of `{other}`"))),
                None => return Err(wrong("it got a record without `eventSource`")),
            }
            ghl_sync_model::json::from_value(record).map_err(|error| wrong(&format!("a record is malformed: {error}")))
        })
        .collect()
}

/// The message as a dead letter; `None` without an id, which is needed to report it as failed.
#[must_use]
pub fn dead_letter(message: SqsMessage) -> Option<DeadLetter> {
    let SqsMessage { message_id, body, attributes, .. } = message;
    let id = message_id.filter(|id| !id.is_empty())?;
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    Some(ghl_sync_aws::dead_letter(id, body.unwrap_or_default(), attribute))
}
