//! Outcomes: the result of a batch for one record.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use super::{ContentHash, EpochMs, GhlId, RecordKey, Undone};

/// Error codes, reported to people and programs.
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
    /// Gave up after repeated temporary failures.
    MaxRetriesExceeded,
    /// GHL rejects the record as it is.
    Rejected,
    /// GHL rejects the location's token.
    Unauthorized,
    /// It is unknown whether GHL has the record.
    Ambiguous,
    /// Our own code failed.
    Internal,
    /// An operator cancelled it before it was sent.
    Cancelled,
}

impl ErrorCode {
    /// All codes.
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

    /// The code's name, as reported.
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

/// Number of errors kept and shown per record.
pub(super) const REMEMBERED_ERRORS: usize = 5;
/// Longest message of an earlier error, in characters.
const SHORT_MESSAGE: usize = 300;
/// Longest message of the last error, in bytes.
const LONG_MESSAGE: usize = 1024;
/// Longest text of a dry run's request, in bytes.
const MAX_REQUEST: usize = 100_000;

/// The last error of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// The error's code.
    pub code: ErrorCode,
    /// HTTP status, if GHL answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// GHL's message, at most 1 KB.
    pub message: String,
    /// When it happened.
    pub at: EpochMs,
}

impl LastError {
    /// The same error with at most 1 KB of its message.
    #[must_use]
    pub fn in_bounds(self) -> LastError {
        LastError { message: cut(self.message, LONG_MESSAGE), ..self }
    }

    /// The same error with at most 300 characters of its message.
    #[must_use]
    pub fn in_short(&self) -> LastError {
        LastError { message: self.message.chars().take(SHORT_MESSAGE).collect(), ..self.clone() }
    }
}

/// The result of a batch for one record, as written into the outbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// GHL accepted this version. The record leaves the due index unless it has changed since.
    Accepted {
        /// GHL's id of the record.
        ghl_id: GhlId,
        /// Hash of the content that was sent.
        hash: ContentHash,
        /// Who created it, according to this batch's answers.
        provenance: Provenance,
        /// Fields that GHL did not store, by GHL's names.
        not_stored: Vec<String>,
    },
    /// Failed for good: the record leaves the due index and can be replayed.
    Failed {
        /// The error that ended it.
        error: LastError,
        /// GHL's id of the record, if the batch learned one.
        ghl_id: Option<GhlId>,
        /// Who created the record under that id.
        provenance: Provenance,
    },
    /// To be retried later; this counts as an attempt.
    Retry {
        /// When to try again.
        due_at: EpochMs,
        /// The error that caused the retry.
        error: LastError,
        /// Earliest time of the next write: until then, an unanswered call may still arrive.
        not_before: Option<EpochMs>,
        /// GHL's id of the record, if the batch learned one.
        ghl_id: Option<GhlId>,
        /// Who created the record under that id.
        provenance: Provenance,
    },
    /// To be continued later, without counting as an attempt: it waits for another record, or for an unanswered call.
    /// Attempts and errors stay as loaded.
    Wait {
        /// When to check again.
        due_at: EpochMs,
        /// The record whose GHL id is needed.
        waits_for: Option<RecordKey>,
        /// Earliest time of the next write.
        not_before: Option<EpochMs>,
        /// GHL's id of the record, if the batch learned one.
        ghl_id: Option<GhlId>,
        /// Who created the record under that id.
        provenance: Provenance,
        /// The GHL record under the loaded id is gone: do not query it again.
        is_gone: bool,
    },
    /// Waits for a record that is not due itself: it leaves the due index until that record has its GHL id. Attempts
    /// and errors stay as loaded.
    Await {
        /// The record whose GHL id is needed.
        record: RecordKey,
    },
    /// Deleted in GHL, as requested. The record is deleted, too, unless it was put again since.
    Deleted,
    /// The import's changes are undone as far as possible. The record leaves the due index, and counts as not
    /// accepted by GHL.
    Undone(Undone),
    /// The location is in dry run: this request would have been sent. The record leaves the due index until it is put
    /// again. Attempts and errors stay as loaded.
    WouldSend {
        /// The request, as text.
        request: String,
        /// Whether the record stays due (only this batch was a dry run).
        stays_due: bool,
    },
}

impl Outcome {
    /// The same outcome with its texts cut so that the record's item can hold them, whatever its payload: an
    /// acceptance can always be stored.
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

/// The first `bytes` bytes of `text` at most, cut at a character boundary.
fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// Who created a record in GHL. Only records that are [`Created`](Provenance::Created) may ever be deleted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provenance {
    /// GHL did not say, or its answer was lost.
    #[default]
    Unknown,
    /// GHL reported that our call created it.
    Created,
    /// GHL reported that it existed before our call.
    Found,
}
