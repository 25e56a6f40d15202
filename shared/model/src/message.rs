//! What the messages on the queue ask for.

use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::BATCH_VERSION;
use super::{Batch, BatchError, LocationId};

/// A message on the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Send these records.
    Batch(Batch),
    /// Read what changed in GHL.
    Reconcile(LocationId),
}

impl Message {
    /// What it asks for, as it is written in reports.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Message::Batch(_) => "batch",
            Message::Reconcile(_) => "reconcile",
        }
    }

    /// Whom it concerns.
    #[must_use]
    pub fn location_id(&self) -> &LocationId {
        match self {
            Message::Batch(batch) => &batch.location_id,
            Message::Reconcile(location) => location,
        }
    }

    /// The message body.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Message::Batch(batch) => batch.to_json(),
            Message::Reconcile(location) => json!({ "v": BATCH_VERSION, "reconcile": location }).to_string(),
        }
    }

    /// Reads a message body.
    ///
    /// # Errors
    /// [`BatchError`] says what is wrong with it, and names the field.
    pub fn from_json(body: &str) -> Result<Message, BatchError> {
        #[derive(Deserialize)]
        struct V1 {
            reconcile: LocationId,
        }
        match serde_json::from_str::<Value>(body) {
            Ok(value) if value["v"] == BATCH_VERSION && value.get("reconcile").is_some() => {
                let V1 { reconcile } = crate::json::from_value(value).map_err(BatchError::Field)?;
                Ok(Message::Reconcile(reconcile))
            }
            _ => Batch::from_json(body).map(Message::Batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_a_bad_location_is_named() {
        let location = LocationId::new("loc1").unwrap();
        let batch = Batch::new(location.clone());
        for message in [Message::Batch(batch), Message::Reconcile(location)] {
            assert_eq!(Message::from_json(&message.to_json()).unwrap(), message);
        }
        let text = r#"{"reconcile":"loc1","v":1}"#;
        assert_eq!(Message::Reconcile("loc1".parse().unwrap()).to_json(), text);
        assert!(matches!(Message::from_json(r#"{"v":1,"reconcile":"a b"}"#), Err(BatchError::Field(_))));
        assert!(matches!(Message::from_json(r#"{"v":2,"reconcile":"loc1"}"#), Err(BatchError::Version { .. })));
    }
}
