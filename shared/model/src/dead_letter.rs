//! Messages in a dead-letter queue.

use std::fmt;

use super::{BatchError, EpochMs, Message};

/// A message that was received too often without being acknowledged.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue's id of the message.
    pub id: String,
    /// The message body. It may contain anything, so it is never logged.
    pub body: String,
    /// When it was sent, if the queue reports it.
    pub sent_at: Option<EpochMs>,
    /// Approximate number of receives, if the queue reports it.
    pub receives: Option<u64>,
    /// Name of the queue in which it died, if the queue reports it.
    pub source: Option<String>,
}

impl DeadLetter {
    /// Parses the body as one of our messages.
    ///
    /// # Errors
    /// [`BatchError`] says why the body is not one.
    pub fn message(&self) -> Result<Message, BatchError> {
        Message::from_json(&self.body)
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeadLetter { id, body, sent_at, receives, source } = self;
        let mut shown = f.debug_struct("DeadLetter");
        shown.field("id", id).field("bytes", &body.len()).field("sent_at", sent_at);
        shown.field("receives", receives).field("source", source).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_letter_says_is_not_shown_by_its_debug_form() {
        let body = "ada@secret.example".to_owned();
        let letter = DeadLetter { id: "m".to_owned(), body, sent_at: None, receives: Some(5), source: None };
        let shown = format!("{letter:?}");
        assert!(shown.contains("bytes: 18") && !shown.contains("ada"), "{shown}");
    }
}
