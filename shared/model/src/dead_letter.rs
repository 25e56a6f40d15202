//! A message that nobody could handle, as a queue of dead letters shows it.

use std::fmt;

use super::{BatchError, EpochMs, Message};

/// A message that was received too often without being acknowledged.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue's id of it.
    pub id: String,
    /// What it says. It may be anything, so it is never logged.
    pub body: String,
    /// When it was sent, if the queue says so.
    pub sent_at: Option<EpochMs>,
    /// How often it was received, about, if the queue says so.
    pub receives: Option<u64>,
    /// Name of the queue in which it died, if the queue says so.
    pub source: Option<String>,
}

impl DeadLetter {
    /// The message of ours that it is.
    ///
    /// # Errors
    /// [`BatchError`] says why it is none.
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
