//! Requests and answers of a stack's API, as far as the program needs them. Unknown fields are ignored, so that newer
//! stacks work, too.

use std::collections::BTreeMap;

use ghl_sync_model::{Contact, RecordId};
use serde::{Deserialize, Serialize};

/// A location, reduced to its settings.
#[derive(Debug, Deserialize)]
pub(super) struct LocationAnswer {
    pub(super) settings: SettingsAnswer,
}

#[derive(Debug, Deserialize)]
pub(super) struct SettingsAnswer {
    pub(super) enabled: bool,
    pub(super) dry_run: bool,
    pub(super) pace: PaceAnswer,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct PaceAnswer {
    pub(super) limit: u64,
    pub(super) window_ms: u64,
}

/// A contact to put.
#[derive(Debug, Serialize)]
pub(super) struct PutItemRequest<'a> {
    pub(super) id: &'a RecordId,
    pub(super) contact: &'a Contact,
}

/// Results of the items of a put.
#[derive(Debug, Deserialize)]
pub(super) struct PutAnswer {
    #[serde(default)]
    pub(super) shared: Vec<SharedAnswer>,
    pub(super) items: Vec<PutItemAnswer>,
}

/// Contacts that GHL may merge.
#[derive(Debug, Deserialize)]
pub(super) struct SharedAnswer {
    pub(super) by: String,
    pub(super) records: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PutItemAnswer {
    /// Index of the item in the request, from 0.
    pub(super) index: usize,
    pub(super) result: PutResultAnswer,
    #[serde(default)]
    pub(super) errors: Vec<FieldProblemAnswer>,
}

/// Result of one item. An unknown word could mean anything, so it is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PutResultAnswer {
    Stored,
    Unchanged,
    Outdated,
    Refused,
    Failed,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FieldProblemAnswer {
    pub(super) index: Option<usize>,
    #[serde(default)]
    pub(super) field: String,
    #[serde(default)]
    pub(super) detail: String,
}

/// Records to look up.
#[derive(Debug, Serialize)]
pub(super) struct LookupRequest<'a> {
    pub(super) records: Vec<&'a str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LookupAnswer {
    pub(super) records: Vec<RecordStateAnswer>,
}

/// State of one record, from a lookup.
#[derive(Debug, Deserialize)]
pub(super) struct RecordStateAnswer {
    /// `KIND#ID`.
    pub(super) record: String,
    pub(super) state: String,
    pub(super) ghl_id: Option<String>,
    #[serde(default)]
    pub(super) not_stored: Vec<String>,
    pub(super) error: Option<RecordErrorAnswer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordErrorAnswer {
    pub(super) message: String,
}

/// A page of records.
#[derive(Debug, Deserialize)]
pub(super) struct RecordsAnswer {
    pub(super) records: Vec<Status>,
    /// Cursor of the next page; null on the last.
    pub(super) cursor: Option<String>,
}

/// Status of a record.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    /// `KIND#ID`.
    pub(super) record: String,
    pub(super) state: String,
    /// Display name.
    pub(super) name: Option<String>,
    pub(super) ghl_id: Option<String>,
    pub(super) put_at: Option<String>,
    pub(super) accepted_at: Option<String>,
    pub(super) failed_at: Option<String>,
    pub(super) due_at: Option<String>,
    pub(super) expected_at: Option<String>,
    pub(super) waits_for: Option<Wait>,
    pub(super) last_error: Option<LastErrorAnswer>,
    pub(super) not_stored: Vec<String>,
    pub(super) not_sent: Vec<String>,
    pub(super) shares_ghl_id_with: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LastErrorAnswer {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Wait {
    /// `batch`, `pace`, `breaker`, `operator`, …
    pub(super) reason: String,
    /// RFC 3339; absent if unknown.
    pub(super) until: Option<String>,
}

/// Health of the stack and its locations.
#[derive(Debug, Deserialize)]
pub(super) struct OverviewAnswer {
    /// `ok`, `degraded` or `failing`.
    pub(super) status: String,
    /// Reasons why the status is not `ok`.
    pub(super) reasons: Vec<String>,
    pub(super) locations: Vec<LocationStatusAnswer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LocationStatusAnswer {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) due: TallyAnswer,
    pub(super) failed: TallyAnswer,
    pub(super) counters: CountersAnswer,
    pub(super) quota: QuotaAnswer,
    pub(super) waits_for: Option<Wait>,
    pub(super) pause: Option<PauseAnswer>,
    pub(super) forecast: Option<ForecastAnswer>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct TallyAnswer {
    pub(super) count: u64,
    /// Whether there are more, which were not counted.
    pub(super) capped: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct CountersAnswer {
    /// Records that GHL has accepted.
    pub(super) succeeded: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct QuotaAnswer {
    pub(super) daily: DailyQuotaAnswer,
}

#[derive(Debug, Deserialize)]
pub(super) struct DailyQuotaAnswer {
    pub(super) left: u64,
    pub(super) limit: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct PauseAnswer {
    /// Note of the person who paused it.
    pub(super) note: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ForecastAnswer {
    pub(super) empty_at: String,
}

/// Result of a replay or a mend.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ReplayAnswer {
    /// Records that are due again.
    #[serde(alias = "mended")]
    pub(super) replayed: u64,
    pub(super) skipped: u64,
    /// For a mend, the number of skipped records by reason.
    #[serde(default)]
    pub(super) why: BTreeMap<String, u64>,
    pub(super) not_written: u64,
    /// Cursor to continue from; null when everything was seen.
    pub(super) cursor: Option<String>,
}

impl ReplayAnswer {
    pub(super) fn looked_at(&self) -> u64 {
        self.replayed + self.skipped + self.not_written
    }
}

/// Causes of the failed records.
#[derive(Debug, Deserialize)]
pub(super) struct FailuresAnswer {
    pub(super) causes: Vec<FailureCauseAnswer>,
    /// Whether there are more failed records than were examined.
    pub(super) capped: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct FailureCauseAnswer {
    /// `None` from stacks older than this field.
    pub(super) id: Option<String>,
    pub(super) code: String,
    pub(super) status: Option<u16>,
    pub(super) cause: String,
    pub(super) count: u64,
    /// `KIND#ID` of an example record.
    pub(super) example: String,
}

/// The latest imports of a location.
#[derive(Debug, Deserialize)]
pub(super) struct ImportsAnswer {
    pub(super) imports: Vec<ListedImportAnswer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListedImportAnswer {
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// `open`, `complete`, `cancelled` or `undone`.
    pub(super) state: String,
    pub(super) created_at: String,
}

/// Status of an import.
#[derive(Debug, Deserialize)]
pub(super) struct ImportStatusAnswer {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) state: String,
    pub(super) created_at: String,
    pub(super) finished_at: Option<String>,
    pub(super) rows: Option<u64>,
    pub(super) records: Option<u64>,
    /// Number of values or rows left out or altered, by kind.
    pub(super) problems: BTreeMap<String, u64>,
    pub(super) files: Vec<String>,
    pub(super) counts: ImportCountsAnswer,
    /// Set if the import can be undone; absent from stacks of earlier versions.
    #[serde(default)]
    pub(super) undo: Option<ImportUndoAnswer>,
}

/// Progress of an import's undo.
#[derive(Debug, Deserialize)]
pub(super) struct ImportUndoAnswer {
    pub(super) until: String,
    pub(super) undone: TallyAnswer,
    pub(super) left: TallyAnswer,
}

/// Number of an import's records in each state.
#[derive(Debug, Deserialize)]
pub(super) struct ImportCountsAnswer {
    pub(super) pending: TallyAnswer,
    pub(super) accepted: TallyAnswer,
    pub(super) failed: TallyAnswer,
    pub(super) other: TallyAnswer,
}

/// Result of requesting an import's undo.
#[derive(Debug, Default, Deserialize)]
pub(super) struct UndoAnswer {
    pub(super) asked: u64,
    pub(super) skipped: u64,
    pub(super) not_undoable: u64,
    pub(super) not_written: u64,
    /// Cursor to continue from; null when everything was seen.
    pub(super) cursor: Option<String>,
}

/// Result of cancelling an import.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CancelAnswer {
    pub(super) withdrawn: u64,
    pub(super) skipped: u64,
    pub(super) not_written: u64,
    /// Cursor to continue from; null when nothing is pending any more.
    pub(super) cursor: Option<String>,
}

/// Result of committing a run of a mirror.
#[derive(Debug, Deserialize)]
pub(super) struct CommitAnswer {
    pub(super) missing: u64,
    /// Number of missing contacts dealt with.
    pub(super) done: u64,
    /// Number of contacts tagged, or to be deleted.
    pub(super) changed: u64,
    pub(super) left: Vec<LeftOverAnswer>,
    pub(super) complete: bool,
}

/// A missing contact that could not be dealt with.
#[derive(Debug, Deserialize)]
pub(super) struct LeftOverAnswer {
    /// `KIND#ID`.
    pub(super) record: String,
    pub(super) detail: String,
}

/// Result of erasing a person.
#[derive(Debug, Deserialize)]
pub(super) struct ErasureAnswer {
    pub(super) contacts: Vec<ErasedContactAnswer>,
    pub(super) opportunities: Vec<String>,
    pub(super) known_states: u64,
    /// Cursor to continue from; null at the end.
    pub(super) cursor: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ErasedContactAnswer {
    /// `KIND#ID`.
    pub(super) record: String,
    pub(super) ghl_id: Option<String>,
}

/// The problem with a request (RFC 9457).
#[derive(Debug, Deserialize)]
pub(super) struct ProblemAnswer {
    pub(super) title: Option<String>,
    pub(super) detail: Option<String>,
    /// The error message when API Gateway itself answers.
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) errors: Vec<FieldProblemAnswer>,
}
