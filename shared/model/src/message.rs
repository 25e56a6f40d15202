//! Messages on the work queue.

use serde::Deserialize;
use serde_json::{Value, json};
use strum::IntoStaticStr;

use super::batch::BATCH_VERSION;
use super::{Batch, BatchError, LocationId};

/// A message on the work queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Send these records.
    Batch(Batch),
    /// Query GHL about a location.
    Ask(Ask, LocationId),
}

/// A query about a location, besides sending records. The component that wants the answer may have no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Ask {
    /// Which contacts changed: [`Bookmark`](crate::Bookmark) holds the start time.
    Reconcile,
    /// The location's facts: [`LocationFacts`](crate::LocationFacts).
    Facts,
}

impl Ask {
    const ALL: [Ask; 2] = [Ask::Reconcile, Ask::Facts];

    /// The message field that names the location.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Message {
    /// The kind of message, for reports.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Message::Batch(_) => "batch",
            Message::Ask(ask, _) => ask.as_str(),
        }
    }

    /// The location that the message concerns.
    #[must_use]
    pub fn location_id(&self) -> &LocationId {
        match self {
            Message::Batch(batch) => &batch.location_id,
            Message::Ask(_, location) => location,
        }
    }

    /// The message as a body.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Message::Batch(batch) => batch.to_json(),
            Message::Ask(ask, location) => json!({ "v": BATCH_VERSION, ask.as_str(): location }).to_string(),
        }
    }

    /// Parses a message body.
    ///
    /// # Errors
    /// [`BatchError`] describes the problem and names the field.
    pub fn from_json(body: &str) -> Result<Message, BatchError> {
        if let Ok(mut value) = serde_json::from_str::<Value>(body)
            && value["v"] == BATCH_VERSION
        {
            for ask in Ask::ALL {
                if let Some(location) = value.get_mut(ask.as_str()) {
                    let location = LocationId::deserialize(location.take()).map_err(BatchError::Field)?;
                    return Ok(Message::Ask(ask, location));
                }
            }
        }
        Batch::from_json(body).map(Message::Batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_a_bad_location_is_named() {
        let location = LocationId::new("loc1").unwrap();
        let batch = Batch::new(location.clone());
        let asks = Ask::ALL.map(|ask| Message::Ask(ask, location.clone()));
        for message in asks.into_iter().chain([Message::Batch(batch)]) {
            assert_eq!(Message::from_json(&message.to_json()).unwrap(), message);
        }
        for (ask, text) in Ask::ALL.into_iter().zip([r#"{"reconcile":"loc1","v":1}"#, r#"{"facts":"loc1","v":1}"#]) {
            assert_eq!(Message::Ask(ask, location.clone()).to_json(), text);
        }
        assert!(matches!(Message::from_json(r#"{"v":1,"facts":7}"#), Err(BatchError::Field(_))));
        assert!(matches!(Message::from_json(r#"{"v":1,"reconcile":"a b"}"#), Err(BatchError::Field(_))));
        assert!(matches!(Message::from_json(r#"{"v":2,"reconcile":"loc1"}"#), Err(BatchError::Version { .. })));
    }
}
