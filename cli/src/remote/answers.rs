//! What a stack's API is asked and answers, as far as an import needs it. What else it says is passed over, so that a newer
//! stack can be spoken with.

use ghl_sync_model::{Contact, RecordId};
use serde::{Deserialize, Serialize};

/// The settings of a location.
#[derive(Debug, Deserialize)]
pub(super) struct Location {
    pub(super) settings: Settings,
}

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub(super) enabled: bool,
    pub(super) dry_run: bool,
    pub(super) pace: Pace,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Pace {
    pub(super) limit: u64,
    pub(super) window_ms: u64,
}

/// A contact to put.
#[derive(Debug, Serialize)]
pub(super) struct Item<'a> {
    pub(super) id: &'a RecordId,
    pub(super) contact: &'a Contact,
}

/// What became of the items of a put.
#[derive(Debug, Deserialize)]
pub(super) struct Put {
    #[serde(default)]
    pub(super) shared: Vec<Shared>,
    pub(super) items: Vec<PutItem>,
}

/// Contacts that GHL may take for one another.
#[derive(Debug, Deserialize)]
pub(super) struct Shared {
    pub(super) by: String,
    pub(super) records: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PutItem {
    /// Which of the request, from 0.
    pub(super) index: usize,
    /// `stored`, `unchanged`, `refused`, `failed`, or a word of a newer stack.
    pub(super) result: String,
    #[serde(default)]
    pub(super) errors: Vec<FieldProblem>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FieldProblem {
    pub(super) index: Option<usize>,
    #[serde(default)]
    pub(super) field: String,
    #[serde(default)]
    pub(super) detail: String,
}

/// Which records are looked up.
#[derive(Debug, Serialize)]
pub(super) struct Lookup<'a> {
    pub(super) records: Vec<&'a str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Outcomes {
    pub(super) records: Vec<Outcome>,
}

/// Where a record stands.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    /// `KIND#ID`.
    pub(super) record: String,
    pub(super) state: String,
    pub(super) ghl_id: Option<String>,
    #[serde(default)]
    pub(super) not_stored: Vec<String>,
    pub(super) error: Option<OutcomeError>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OutcomeError {
    pub(super) message: String,
}

/// A list of records.
#[derive(Debug, Deserialize)]
pub(super) struct Records {
    pub(super) records: Vec<Status>,
}

/// What there is to tell of a record.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) waits_for: Option<Wait>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Wait {
    /// `batch`, `pace`, `breaker`, `operator`, …
    pub(super) reason: String,
    /// RFC 3339; absent if nobody knows.
    pub(super) until: Option<String>,
}

/// What is wrong with a request (RFC 9457).
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    pub(super) title: Option<String>,
    pub(super) detail: Option<String>,
    /// What API Gateway says instead, where it answers by itself.
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) errors: Vec<FieldProblem>,
}
