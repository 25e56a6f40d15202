//! How it ended with a record.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use super::{ContentHash, EpochMs, GhlId, RecordKey, Undone};

/// The words in which a failure is reported to people and programs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// GHL's quota is used up for now.
    RateLimited,
    /// The circuit breaker is open.
    CircuitOpen,
    /// It failed in passing, and went on failing as often as it was retried.
    MaxRetriesExceeded,
    /// GHL refuses it as it stands.
    Rejected,
    /// GHL does not accept the location's token.
    Unauthorized,
    /// Nobody knows whether GHL has it.
    Ambiguous,
    /// Our own code failed on it.
    Internal,
    /// An operator withdrew it before it was sent.
    Cancelled,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [ErrorCode; ErrorCode::COUNT] = [
        ErrorCode::RateLimited,
        ErrorCode::CircuitOpen,
        ErrorCode::MaxRetriesExceeded,
        ErrorCode::Rejected,
        ErrorCode::Unauthorized,
        ErrorCode::Ambiguous,
        ErrorCode::Internal,
        ErrorCode::Cancelled,
    ];

    /// The code as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Errors of a record that are remembered, and shown.
pub(super) const REMEMBERED_ERRORS: usize = 5;
/// Longest message of an error that is not the last one, in characters.
const SHORT_MESSAGE: usize = 300;
/// Longest message of the last error, in bytes.
const LONG_MESSAGE: usize = 1024;
/// Longest text of what a dry run would have sent, in bytes.
const MAX_REQUEST: usize = 100_000;

/// What went wrong with a record last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// In one word.
    pub code: ErrorCode,
    /// HTTP status, if GHL answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// In GHL's words, at most 1 KB.
    pub message: String,
    /// When it happened.
    pub at: EpochMs,
}

impl LastError {
    /// The same, with at most 1 KB of its message.
    #[must_use]
    pub fn in_bounds(self) -> LastError {
        LastError { message: cut(self.message, LONG_MESSAGE), ..self }
    }

    /// The same, with at most 300 characters of its message.
    #[must_use]
    pub fn in_short(&self) -> LastError {
        LastError { message: self.message.chars().take(SHORT_MESSAGE).collect(), ..self.clone() }
    }
}

/// How a batch ended for one record: what is written into the outbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// GHL has this version. The record leaves the due index unless it has changed meanwhile.
    Accepted {
        /// GHL's id of it.
        ghl_id: GhlId,
        /// Hash of the content that was sent.
        hash: ContentHash,
        /// Who created it, as far as this batch's answers say.
        provenance: Provenance,
        /// The fields that GHL did not store, by its names.
        not_stored: Vec<String>,
    },
    /// It failed for good: it leaves the due index, and can be replayed.
    Failed {
        /// The error that ended it.
        error: LastError,
        /// GHL's id of it, where one was learned on the way.
        ghl_id: Option<GhlId>,
        /// Who created what has that id.
        provenance: Provenance,
    },
    /// It comes back later, and this counts as an attempt.
    Retry {
        /// When it is tried again.
        due_at: EpochMs,
        /// The error that it was put off for.
        error: LastError,
        /// Nothing may be written again before (a call without an answer may still arrive).
        not_before: Option<EpochMs>,
        /// GHL's id of it, where one was learned on the way.
        ghl_id: Option<GhlId>,
        /// Who created what has that id.
        provenance: Provenance,
    },
    /// It comes back later, and this does not count: it waits for another record, or for a late call. Its attempts and
    /// errors are those with which it was loaded.
    Wait {
        /// When to look again.
        due_at: EpochMs,
        /// The record whose GHL id it waits for.
        waits_for: Option<RecordKey>,
        /// Nothing may be written again before.
        not_before: Option<EpochMs>,
        /// GHL's id of it, where one was learned on the way.
        ghl_id: Option<GhlId>,
        /// Who created what has that id.
        provenance: Provenance,
        /// What GHL had under the id with which it was loaded is gone: nobody shall ask for it again.
        is_gone: bool,
    },
    /// It waits for a record that is not due itself: it leaves the due index until that one has its GHL id. Its attempts
    /// and errors are those with which it was loaded.
    Await {
        /// The record whose GHL id it waits for.
        record: RecordKey,
    },
    /// GHL has deleted it, as somebody asked. So is the record, unless it was put again meanwhile.
    Deleted,
    /// What its import wrote is turned back, as far as that could be done. The record leaves the due index, and counts as
    /// one that GHL has not accepted.
    Undone(Undone),
    /// The location is in dry run: this is what would have been sent. The record leaves the due index; putting it
    /// again makes it due. Its attempts and errors are those with which it was loaded.
    WouldSend {
        /// The request, as text.
        request: String,
        /// Whether the record stays due (the dry run was of one batch only).
        stays_due: bool,
    },
}

impl Outcome {
    /// The same, with texts of a length that fits into the record's item whatever its payload: what was accepted can be
    /// written down.
    #[must_use]
    pub fn in_bounds(mut self) -> Outcome {
        match &mut self {
            Outcome::Failed { error, .. } | Outcome::Retry { error, .. } => *error = error.clone().in_bounds(),
            Outcome::WouldSend { request, .. } => {
                let bytes = request.len();
                if bytes > MAX_REQUEST {
                    *request = cut(std::mem::take(request), MAX_REQUEST);
                    let shown = request.len();
                    *request += &format!("\n… (the first {shown} of {bytes} bytes)");
                }
            }
            Outcome::Accepted { .. }
            | Outcome::Wait { .. }
            | Outcome::Await { .. }
            | Outcome::Deleted
            | Outcome::Undone(_) => {}
        }
        self
    }
}

/// At most the first `bytes` of `text`, and no part of a character.
fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// Who created a record of GHL. Only what is [`Created`](Provenance::Created) may ever be deleted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provenance {
    /// GHL did not say, or its answer got lost.
    #[default]
    Unknown,
    /// GHL said that our call created it.
    Created,
    /// GHL said that it was there before our call.
    Found,
}
