//! Mirrors: how one stands, and what committing a run did.

use ghl_sync_model::{Mirror, MirrorRun, RecordKey, RunId, Time};
use ghl_sync_operate::Committed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a mirror stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MirrorState {
    /// The run that was committed last; null before the first.
    pub(crate) committed: Option<CommittedRun>,
}

/// A run that counts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommittedRun {
    /// Its id, which whoever sent it chose.
    pub(crate) run: RunId,
    /// How many contacts it had.
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

/// The end of a run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "parts": 1, "on_missing": "keep" }))]
pub(crate) struct CommitMirror {
    /// In how many parts it was sent.
    #[schema(minimum = 1, maximum = 100)]
    pub(crate) parts: u32,
    /// What is done about contacts that the run before had and this one has not: `keep` (nothing, which is so unless said),
    /// `tag:NAME` (they get that tag), `untag:NAME` (they lose it) or `delete` (in GHL, and then here).
    #[schema(example = "tag:left")]
    pub(crate) on_missing: Option<String>,
    /// Nothing is done if more than this share of the contacts before are missing; 0.05 unless said.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) max_missing: Option<f64>,
    /// What the request before answered as `done`.
    #[schema(maximum = 500_000)]
    pub(crate) done: Option<u64>,
}

/// What a commit did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MirrorCommitted {
    /// Contacts of the run.
    pub(crate) present: u64,
    /// Contacts of the run before.
    pub(crate) before: u64,
    /// Those of them that this one has not.
    pub(crate) missing: u64,
    /// How many of the missing have been dealt with.
    pub(crate) done: u64,
    /// Those that were tagged, or are to be deleted; by this request.
    pub(crate) changed: u64,
    /// Those that could not be dealt with; by this request. They are missing again in the next run.
    pub(crate) left: Vec<LeftOver>,
    /// The run counts. If not, there is more to do: go on with `done`.
    pub(crate) complete: bool,
}

/// A contact that could not be dealt with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeftOver {
    /// Kind and your id of it, as `contact#ID`.
    #[schema(value_type = String, example = "contact#crm-42")]
    pub(crate) record: RecordKey,
    /// Why it could not be dealt with, in words.
    pub(crate) detail: String,
}

impl From<Committed> for MirrorCommitted {
    fn from(Committed { present, before, missing, done, changed, left, complete }: Committed) -> MirrorCommitted {
        let left = left.into_iter().map(|(record, detail)| LeftOver { record, detail }).collect();
        MirrorCommitted { present, before, missing, done, changed, left, complete }
    }
}
