//! Mirrors: status, and the result of a commit.

use ghl_sync_model::{Mirror, MirrorRun, RecordKey, RunId, Time};
use ghl_sync_operate::CommitReport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The status of a mirror.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MirrorState {
    /// The last committed run; null before the first.
    pub(crate) committed: Option<CommittedRun>,
}

/// A committed run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommittedRun {
    /// Id of the run, chosen by its sender.
    pub(crate) run: RunId,
    /// Number of contacts.
    pub(crate) present: u64,
    /// When it was committed.
    pub(crate) at: Time,
}

impl From<Mirror> for MirrorState {
    fn from(Mirror { committed }: Mirror) -> MirrorState {
        let of_run = |MirrorRun { run, present, at, parts: _ }| CommittedRun { run, present, at: Time(at) };
        MirrorState { committed: committed.map(of_run) }
    }
}

/// Request to commit a run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "parts": 1, "on_missing": "keep" }))]
pub(crate) struct CommitMirror {
    /// Number of parts that were sent.
    #[schema(minimum = 1, maximum = 100)]
    pub(crate) parts: u32,
    /// Action on contacts that the previous run has and this one does not: `keep` (nothing, the default), `tag:NAME`
    /// (add that tag), `untag:NAME` (remove it) or `delete` (in GHL, and then here).
    #[schema(example = "tag:left")]
    pub(crate) on_missing: Option<String>,
    /// Largest share of the previous contacts that may be missing; above it, nothing is done. Default 0.05.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) max_missing: Option<f64>,
    /// `done` of the previous response.
    #[schema(maximum = 500_000)]
    pub(crate) done: Option<u64>,
}

/// The result of a commit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MirrorCommitted {
    /// Contacts of the run.
    pub(crate) present: u64,
    /// Contacts of the previous run.
    pub(crate) before: u64,
    /// Contacts of the previous run that are missing in this one.
    pub(crate) missing: u64,
    /// Missing contacts that have been handled.
    pub(crate) done: u64,
    /// Contacts that this request tagged, untagged or marked for deletion.
    pub(crate) changed: u64,
    /// Contacts that this request could not handle. They are missing again in the next run.
    pub(crate) left: Vec<LeftOver>,
    /// The run is committed. If not, there is more to do: continue with `done`.
    pub(crate) complete: bool,
}

/// A contact that could not be handled.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeftOver {
    /// Kind and your own id, as `contact#ID`.
    #[schema(value_type = String, example = "contact#crm-42")]
    pub(crate) record: RecordKey,
    /// The reason, in words.
    pub(crate) detail: String,
}

impl From<CommitReport> for MirrorCommitted {
    fn from(CommitReport { present, before, missing, done, changed, left, complete }: CommitReport) -> MirrorCommitted {
        let left = left.into_iter().map(|(record, detail)| LeftOver { record, detail }).collect();
        MirrorCommitted { present, before, missing, done, changed, left, complete }
    }
}
