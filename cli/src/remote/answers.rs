//! What a stack's API is asked and answers, as far as an import needs it. What else it says is passed over, so that a newer
//! stack can be spoken with.

use std::collections::BTreeMap;

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
    pub(super) result: PutResult,
    #[serde(default)]
    pub(super) errors: Vec<FieldProblem>,
}

/// What became of one item. A word that is not known here may mean anything, so it is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PutResult {
    Stored,
    Unchanged,
    Outdated,
    Refused,
    Failed,
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

/// A page of records.
#[derive(Debug, Deserialize)]
pub(super) struct Records {
    pub(super) records: Vec<Status>,
    /// Where to go on; null on the last page.
    pub(super) cursor: Option<String>,
}

/// What there is to tell of a record.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    /// `KIND#ID`.
    pub(super) record: String,
    pub(super) state: String,
    /// What people call it.
    pub(super) name: Option<String>,
    pub(super) ghl_id: Option<String>,
    pub(super) put_at: Option<String>,
    pub(super) accepted_at: Option<String>,
    pub(super) failed_at: Option<String>,
    pub(super) due_at: Option<String>,
    pub(super) expected_at: Option<String>,
    pub(super) waits_for: Option<Wait>,
    pub(super) last_error: Option<LastError>,
    pub(super) not_stored: Vec<String>,
    pub(super) not_sent: Vec<String>,
    pub(super) shares_ghl_id_with: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LastError {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Wait {
    /// `batch`, `pace`, `breaker`, `operator`, …
    pub(super) reason: String,
    /// RFC 3339; absent if nobody knows.
    pub(super) until: Option<String>,
}

/// How it stands with everything.
#[derive(Debug, Deserialize)]
pub(super) struct Overview {
    /// `ok`, `degraded` or `failing`.
    pub(super) status: String,
    /// Why it is not `ok`.
    pub(super) reasons: Vec<String>,
    pub(super) locations: Vec<LocationStatus>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LocationStatus {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) due: Tally,
    pub(super) failed: Tally,
    pub(super) counters: Counters,
    pub(super) quota: Quota,
    pub(super) waits_for: Option<Wait>,
    pub(super) pause: Option<Pause>,
    pub(super) forecast: Option<Forecast>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Tally {
    pub(super) count: u64,
    /// There are more; they were not counted.
    pub(super) capped: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Counters {
    /// Records that GHL has accepted.
    pub(super) succeeded: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Quota {
    pub(super) daily: DailyQuota,
}

#[derive(Debug, Deserialize)]
pub(super) struct DailyQuota {
    pub(super) left: u64,
    pub(super) limit: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pause {
    /// The words of whoever paused it.
    pub(super) note: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Forecast {
    pub(super) empty_at: String,
}

/// What a replay did, or a mend.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Replayed {
    /// Records that are due again.
    #[serde(alias = "mended")]
    pub(super) replayed: u64,
    pub(super) skipped: u64,
    /// Of a mend: why, by the reason.
    #[serde(default)]
    pub(super) why: BTreeMap<String, u64>,
    pub(super) not_written: u64,
    /// Where to go on; null when all was seen.
    pub(super) cursor: Option<String>,
}

impl Replayed {
    pub(super) fn looked_at(&self) -> u64 {
        self.replayed + self.skipped + self.not_written
    }
}

/// Why records failed.
#[derive(Debug, Deserialize)]
pub(super) struct Failures {
    pub(super) causes: Vec<FailureCause>,
    /// There are more failed records than were looked at.
    pub(super) capped: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct FailureCause {
    /// `None` from a stack that is older than this.
    pub(super) id: Option<String>,
    pub(super) code: String,
    pub(super) status: Option<u16>,
    pub(super) cause: String,
    pub(super) count: u64,
    /// `KIND#ID` of one of them.
    pub(super) example: String,
}

/// The last imports of a location.
#[derive(Debug, Deserialize)]
pub(super) struct Imports {
    pub(super) imports: Vec<ListedImport>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListedImport {
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// `open`, `complete`, `cancelled` or `undone`.
    pub(super) state: String,
    pub(super) created_at: String,
}

/// What there is to tell of an import.
#[derive(Debug, Deserialize)]
pub(super) struct ImportStatus {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) state: String,
    pub(super) created_at: String,
    pub(super) finished_at: Option<String>,
    pub(super) rows: Option<u64>,
    pub(super) records: Option<u64>,
    /// How often what was left out or altered, by kind.
    pub(super) problems: BTreeMap<String, u64>,
    pub(super) files: Vec<String>,
    pub(super) counts: ImportCounts,
    /// Of one that can be undone; a stack of an earlier version tells nothing of it.
    #[serde(default)]
    pub(super) undo: Option<ImportUndo>,
}

/// How far the undo of an import has come.
#[derive(Debug, Deserialize)]
pub(super) struct ImportUndo {
    pub(super) until: String,
    pub(super) undone: Tally,
    pub(super) left: Tally,
}

/// How many records of an import stand where.
#[derive(Debug, Deserialize)]
pub(super) struct ImportCounts {
    pub(super) pending: Tally,
    pub(super) accepted: Tally,
    pub(super) failed: Tally,
    pub(super) other: Tally,
}

/// What asking for the undo of an import did.
#[derive(Debug, Default, Deserialize)]
pub(super) struct UndoAsked {
    pub(super) asked: u64,
    pub(super) skipped: u64,
    pub(super) not_undoable: u64,
    pub(super) not_written: u64,
    /// Where to go on; null when all was seen.
    pub(super) cursor: Option<String>,
}

/// What cancelling an import did.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Withdrawn {
    pub(super) withdrawn: u64,
    pub(super) skipped: u64,
    pub(super) not_written: u64,
    /// Where to go on; null when nothing is pending any more.
    pub(super) cursor: Option<String>,
}

/// What committing a run of a mirror did.
#[derive(Debug, Deserialize)]
pub(super) struct Committed {
    pub(super) missing: u64,
    /// How many of the missing were dealt with.
    pub(super) done: u64,
    /// Those that were tagged, or are to be deleted.
    pub(super) changed: u64,
    pub(super) left: Vec<LeftOver>,
    pub(super) complete: bool,
}

/// A contact that could not be dealt with.
#[derive(Debug, Deserialize)]
pub(super) struct LeftOver {
    /// `KIND#ID`.
    pub(super) record: String,
    pub(super) detail: String,
}

/// What was erased.
#[derive(Debug, Deserialize)]
pub(super) struct Erased {
    pub(super) contacts: Vec<ErasedContact>,
    pub(super) opportunities: Vec<String>,
    pub(super) known_states: u64,
    /// Where to go on; null at the end.
    pub(super) cursor: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ErasedContact {
    /// `KIND#ID`.
    pub(super) record: String,
    pub(super) ghl_id: Option<String>,
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
