//! Failures: the selection of failed records, and the results of actions on them.

use ghl_sync_model::{ErrorCode, ImportId, Kind, RecordKey};
use ghl_sync_operate::items::AsOf;
use ghl_sync_operate::{CauseId, LeftAlone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Selects failed records: `records`, or those that match all given filters among `cause`, `code`, `import`, `kind` and
/// `since`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Dismiss, example = json!({ "cause": "REJECTED.0f4c1a90be27" }))]
pub(crate) struct FailureSelection {
    /// Only records whose last error has this cause: the `id` of a cause that `failures` lists, or a code.
    #[schema(value_type = Option<String>, pattern = "^[A-Z_]{1,40}([.][0-9a-f]{12})?$", example = "REJECTED.0f4c1a90be27")]
    pub(crate) cause: Option<CauseId>,
    /// Only records whose last error has this code.
    pub(crate) code: Option<ErrorCode>,
    /// Only records that belong to this import.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$", example = "contacts-csv-5f1c09e2")]
    pub(crate) import: Option<ImportId>,
    /// Only records of this kind.
    pub(crate) kind: Option<Kind>,
    /// Only records that failed at this time or later.
    #[schema(value_type = Option<AsOf>)]
    pub(crate) since: Option<AsOf>,
    /// Exactly these records.
    #[schema(value_type = Option<Vec<String>>, max_items = 500, example = json!(["contact#crm-42"]))]
    pub(crate) records: Option<Vec<RecordKey>>,
    /// `cursor` of the previous response to the same request; not with `records`.
    pub(crate) cursor: Option<String>,
}

/// Selects the failed records to replay: `all`, or `records`, or those that match all given filters among `cause`,
/// `code`, `import`, `kind` and `since`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "cause": "REJECTED", "since": "2026-11-22T02:30:00Z" }))]
pub(crate) struct Replay {
    /// All failed records.
    #[serde(default)]
    pub(crate) all: bool,
    /// Only records whose last error has this cause: the `id` of a cause that `failures` lists, or a code.
    #[schema(value_type = Option<String>, pattern = "^[A-Z_]{1,40}([.][0-9a-f]{12})?$", example = "REJECTED.0f4c1a90be27")]
    pub(crate) cause: Option<CauseId>,
    /// Only records whose last error has this code.
    pub(crate) code: Option<ErrorCode>,
    /// Only records that belong to this import.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$", example = "contacts-csv-5f1c09e2")]
    pub(crate) import: Option<ImportId>,
    /// Only records of this kind.
    pub(crate) kind: Option<Kind>,
    /// Only records that failed at this time or later.
    #[schema(value_type = Option<AsOf>)]
    pub(crate) since: Option<AsOf>,
    /// Exactly these records.
    #[schema(value_type = Option<Vec<String>>, max_items = 500, example = json!(["contact#crm-42"]))]
    pub(crate) records: Option<Vec<RecordKey>>,
    /// `cursor` of the previous response to the same replay; not with `records`.
    pub(crate) cursor: Option<String>,
}

impl Replay {
    /// Splits into `all` and the selection.
    pub(crate) fn split(self) -> (bool, FailureSelection) {
        let Replay { all, cause, code, import, kind, since, records, cursor } = self;
        (all, FailureSelection { cause, code, import, kind, since, records, cursor })
    }
}

/// The result of a replay.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// Records that are due again.
    pub(crate) replayed: u64,
    /// Records that stayed unchanged: not failed, unknown, not selected, or unreadable.
    pub(crate) skipped: u64,
    /// Records that could not be written; replay again.
    pub(crate) not_written: u64,
    /// Records that were examined: the sum of the above.
    pub(crate) looked_at: u64,
    /// `cursor` for the next request if there are more records than the time allowed; null once all were seen.
    pub(crate) cursor: Option<String>,
}

/// Selects the failed records to mend, and how: `records`, or those that match all given filters among `cause`, `code`,
/// `import`, `kind` and `since`; and `without`, `set`, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "cause": "REJECTED.0f4c1a90be27", "kind": "opportunity", "set": { "pipelineId": "pipe_sales", "pipelineStageId": "stage_new" },
}))]
pub(crate) struct Mend {
    /// Only records whose last error has this cause: the `id` of a cause that `failures` lists, or a code.
    #[schema(value_type = Option<String>, pattern = "^[A-Z_]{1,40}([.][0-9a-f]{12})?$", example = "REJECTED.0f4c1a90be27")]
    pub(crate) cause: Option<CauseId>,
    /// Only records whose last error has this code.
    pub(crate) code: Option<ErrorCode>,
    /// Only records that belong to this import.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$", example = "contacts-csv-5f1c09e2")]
    pub(crate) import: Option<ImportId>,
    /// Only records of this kind.
    pub(crate) kind: Option<Kind>,
    /// Only records that failed at this time or later.
    #[schema(value_type = Option<AsOf>)]
    pub(crate) since: Option<AsOf>,
    /// Exactly these records.
    #[schema(value_type = Option<Vec<String>>, max_items = 500, example = json!(["contact#crm-42"]))]
    pub(crate) records: Option<Vec<RecordKey>>,
    /// `cursor` of the previous response to the same request; not with `records`.
    pub(crate) cursor: Option<String>,
    /// Fields to leave out; GHL keeps its values of them. By name, or `customFields.` and the id or key of a custom
    /// field. Fields that say whether a person may be contacted are not allowed.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["customFields.f1"]))]
    pub(crate) without: Vec<String>,
    /// Fields to set, as in a put of the record. In `customFields` only the named ones change. Fields that identify the
    /// record or its owner are not allowed; of the consent fields only `dnd: true` is.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({ "pipelineId": "pipe_sales", "pipelineStageId": "stage_new" }))]
    pub(crate) set: Map<String, Value>,
}

impl Mend {
    /// Splits into the selection, the fields to leave out, and the fields to set.
    pub(crate) fn split(self) -> (FailureSelection, Vec<String>, Map<String, Value>) {
        let Mend { cause, code, import, kind, since, records, cursor, without, set } = self;
        (FailureSelection { cause, code, import, kind, since, records, cursor }, without, set)
    }
}

/// The result of a mend.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Mended {
    /// Records that have new content now, and are due.
    pub(crate) mended: u64,
    /// Records that stayed unchanged.
    pub(crate) skipped: u64,
    /// Reasons for the skipped records.
    pub(crate) why: LeftAlone,
    /// Records that could not be written; mend again.
    pub(crate) not_written: u64,
    /// Records that were examined: mended, skipped and not written.
    pub(crate) looked_at: u64,
    /// `cursor` for the next request if there are more records than the time allowed; null once all were seen.
    pub(crate) cursor: Option<String>,
}

/// The result of a dismissal.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Dismissed {
    /// Records that are forgotten.
    pub(crate) dismissed: u64,
    /// Records that stayed unchanged.
    pub(crate) skipped: u64,
    /// Reasons for the skipped records.
    pub(crate) why: LeftAlone,
    /// Records that could not be written; dismiss again.
    pub(crate) not_written: u64,
    /// Records that were examined: dismissed, skipped and not written.
    pub(crate) looked_at: u64,
    /// `cursor` for the next request if there are more records than the time allowed; null once all were seen.
    pub(crate) cursor: Option<String>,
}
