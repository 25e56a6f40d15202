//! Failures: which of them, and what was done to them.

use ghl_sync_model::{ErrorCode, ImportId, Kind, RecordKey};
use ghl_sync_operate::items::AsOf;
use ghl_sync_operate::{CauseId, LeftAlone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Which failed records are meant: `records`, or those that are all of `cause`, `code`, `import`, `kind` and `since`, so far
/// as they are given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Dismiss, example = json!({ "cause": "REJECTED.0f4c1a90be27" }))]
pub(crate) struct Which {
    /// Those whose last error has this cause: the `id` of one, as `failures` lists them, or a code.
    #[schema(value_type = Option<String>, pattern = "^[A-Z_]{1,40}([.][0-9a-f]{12})?$", example = "REJECTED.0f4c1a90be27")]
    pub(crate) cause: Option<CauseId>,
    /// Those whose last error has this code.
    pub(crate) code: Option<ErrorCode>,
    /// Those that belong to this import.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$", example = "contacts-csv-5f1c09e2")]
    pub(crate) import: Option<ImportId>,
    /// Those of this kind.
    pub(crate) kind: Option<Kind>,
    /// Those that failed at this time or later.
    #[schema(value_type = Option<AsOf>)]
    pub(crate) since: Option<AsOf>,
    /// These.
    #[schema(value_type = Option<Vec<String>>, max_items = 500, example = json!(["contact#crm-42"]))]
    pub(crate) records: Option<Vec<RecordKey>>,
    /// Where an earlier request for the same ended; not with `records`.
    pub(crate) cursor: Option<String>,
}

/// Which failed records shall have another chance: `all`, or `records`, or those that are all of `cause`, `code`, `import`,
/// `kind` and `since`, so far as they are given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "cause": "REJECTED", "since": "2026-11-22T02:30:00Z" }))]
pub(crate) struct Replay {
    /// All that stand as failed.
    #[serde(default)]
    pub(crate) all: bool,
    /// Those whose last error has this cause: the `id` of one, as `failures` lists them, or a code.
    #[schema(value_type = Option<String>, pattern = "^[A-Z_]{1,40}([.][0-9a-f]{12})?$", example = "REJECTED.0f4c1a90be27")]
    pub(crate) cause: Option<CauseId>,
    /// Those whose last error has this code.
    pub(crate) code: Option<ErrorCode>,
    /// Those that belong to this import.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$", example = "contacts-csv-5f1c09e2")]
    pub(crate) import: Option<ImportId>,
    /// Those of this kind.
    pub(crate) kind: Option<Kind>,
    /// Those that failed at this time or later.
    #[schema(value_type = Option<AsOf>)]
    pub(crate) since: Option<AsOf>,
    /// These.
    #[schema(value_type = Option<Vec<String>>, max_items = 500, example = json!(["contact#crm-42"]))]
    pub(crate) records: Option<Vec<RecordKey>>,
    /// Where an earlier replay of the same ended; not with `records`.
    pub(crate) cursor: Option<String>,
}

impl Replay {
    /// Whether all are meant, and which.
    pub(crate) fn split(self) -> (bool, Which) {
        let Replay { all, cause, code, import, kind, since, records, cursor } = self;
        (all, Which { cause, code, import, kind, since, records, cursor })
    }
}

/// What a replay did.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// Records that are due again.
    pub(crate) replayed: u64,
    /// Records that were left as they are: not failed, unknown, not what was asked for, or unreadable.
    pub(crate) skipped: u64,
    /// Records that could not be written; replay again.
    pub(crate) not_written: u64,
    /// Records that were looked at: all of the above.
    pub(crate) looked_at: u64,
    /// Where to go on: there are more than could be replayed in the time; null when all was seen.
    pub(crate) cursor: Option<String>,
}

/// Which failed records are mended, and how: `records`, or those that are all of `cause`, `code`, `import`, `kind` and
/// `since`, so far as they are given; and `without`, `set`, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "cause": "REJECTED.0f4c1a90be27", "kind": "opportunity", "set": { "pipelineId": "pipe_sales", "pipelineStageId": "stage_new" },
}))]
pub(crate) struct Mend {
    /// Those whose last error has this cause: the `id` of one, as `failures` lists them, or a code.
    #[schema(value_type = Option<String>, pattern = "^[A-Z_]{1,40}([.][0-9a-f]{12})?$", example = "REJECTED.0f4c1a90be27")]
    pub(crate) cause: Option<CauseId>,
    /// Those whose last error has this code.
    pub(crate) code: Option<ErrorCode>,
    /// Those that belong to this import.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$", example = "contacts-csv-5f1c09e2")]
    pub(crate) import: Option<ImportId>,
    /// Those of this kind.
    pub(crate) kind: Option<Kind>,
    /// Those that failed at this time or later.
    #[schema(value_type = Option<AsOf>)]
    pub(crate) since: Option<AsOf>,
    /// These.
    #[schema(value_type = Option<Vec<String>>, max_items = 500, example = json!(["contact#crm-42"]))]
    pub(crate) records: Option<Vec<RecordKey>>,
    /// Where an earlier request for the same ended; not with `records`.
    pub(crate) cursor: Option<String>,
    /// Fields that are left out: in GHL they stay as they are. By name, or `customFields.` and the id or key of one. None
    /// that say whether a person may be contacted.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["customFields.f1"]))]
    pub(crate) without: Vec<String>,
    /// Fields that are set, as a put of such a record has them; of `customFields` those that are named, and the others
    /// stay. None that say who or whose a record is, and of consent only `dnd: true`.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({ "pipelineId": "pipe_sales", "pipelineStageId": "stage_new" }))]
    pub(crate) set: Map<String, Value>,
}

impl Mend {
    /// Which records, the fields that are left out, and those that are set.
    pub(crate) fn split(self) -> (Which, Vec<String>, Map<String, Value>) {
        let Mend { cause, code, import, kind, since, records, cursor, without, set } = self;
        (Which { cause, code, import, kind, since, records, cursor }, without, set)
    }
}

/// What a mend did.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Mended {
    /// Records that have other content now, and are due.
    pub(crate) mended: u64,
    /// Records that were left as they are.
    pub(crate) skipped: u64,
    /// Why they were.
    pub(crate) why: LeftAlone,
    /// Records that could not be written; mend again.
    pub(crate) not_written: u64,
    /// Records that were looked at: mended, skipped and not written.
    pub(crate) looked_at: u64,
    /// Where to go on: there are more than could be mended in the time; null when all was seen.
    pub(crate) cursor: Option<String>,
}

/// What a dismissal did.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Dismissed {
    /// Records that are forgotten.
    pub(crate) dismissed: u64,
    /// Records that were left as they are.
    pub(crate) skipped: u64,
    /// Why they were.
    pub(crate) why: LeftAlone,
    /// Records that could not be written; dismiss again.
    pub(crate) not_written: u64,
    /// Records that were looked at: dismissed, skipped and not written.
    pub(crate) looked_at: u64,
    /// Where to go on: there are more than could be dismissed in the time; null when all was seen.
    pub(crate) cursor: Option<String>,
}
