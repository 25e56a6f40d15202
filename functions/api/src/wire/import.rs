//! Imports: updates of their details, and their short forms in lists.

use std::collections::BTreeMap;

use ghl_sync_model::{ImportId, ImportState, ImportSummary, LocationId, Time};
use ghl_sync_operate::{ImportUpdate, RecentImport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Details of an import. Absent or null fields stay as they are.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ToldOfImport, example = json!({ "name": "contacts.csv", "rows": 1200, "problems": { "not_a_date": 3 } }))]
pub(crate) struct ImportUpdateRequest {
    /// A name for people, such as that of the file.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Progress of the import: `complete` once all of its items were put. `open` continues it, also after it was
    /// cancelled or undone.
    state: Option<ImportUpdateState>,
    /// Rows of the source.
    #[schema(maximum = 1_000_000_000_000_u64)]
    rows: Option<u64>,
    /// Records made from the rows.
    #[schema(maximum = 1_000_000_000_000_u64)]
    records: Option<u64>,
    /// What was left out or altered: the number of cases, by a name for each kind of problem. At most 50 kinds.
    problems: Option<BTreeMap<String, u64>>,
    /// The names of its files. At most 20.
    #[schema(max_items = 20)]
    files: Option<Vec<String>>,
    /// Whether puts from now on can be undone. Before each write, the record's state in GHL is read and kept, which
    /// takes one more call per record.
    undoable: Option<bool>,
}

/// States that a caller can set.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ToldState)]
enum ImportUpdateState {
    /// More items may come.
    Open,
    /// All of its items were put.
    Complete,
}

impl From<ImportUpdateRequest> for ImportUpdate {
    fn from(told: ImportUpdateRequest) -> ImportUpdate {
        let ImportUpdateRequest { name, state, rows, records, problems, files, undoable } = told;
        let state = state.map(|state| match state {
            ImportUpdateState::Open => ImportState::Open,
            ImportUpdateState::Complete => ImportState::Complete,
        });
        ImportUpdate { name, state, rows, records, problems, files, undoable }
    }
}

/// An import in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedImport {
    /// Id of the import: the one to put records under, and the last part of its path.
    #[schema(value_type = String, example = "contacts-csv-5f1c09e2")]
    id: ImportId,
    /// Its name for people.
    name: Option<String>,
    /// State of the import: `open`, `complete`, `cancelled` or `undone`.
    #[schema(value_type = String, example = "complete")]
    state: ImportState,
    /// When it began.
    created_at: Time,
    /// When it was completed, cancelled or undone; null while it is open.
    finished_at: Option<Time>,
}

/// The most recent imports.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecentImports {
    /// The newest first.
    pub(crate) imports: Vec<ImportSomewhere>,
}

/// An import in short, with its location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecentImport)]
pub(crate) struct ImportSomewhere {
    /// Id of the location (sub-account) in GHL.
    #[schema(value_type = String, example = "loc_demo")]
    location_id: LocationId,
    #[serde(flatten)]
    import: ListedImport,
}

impl From<RecentImport> for ImportSomewhere {
    fn from(RecentImport { location, summary }: RecentImport) -> ImportSomewhere {
        ImportSomewhere { location_id: location, import: summary.into() }
    }
}

impl From<ImportSummary> for ListedImport {
    fn from(import: ImportSummary) -> ListedImport {
        let ImportSummary { id, name, state, created_at, finished_at } = import;
        ListedImport { id, name, state, created_at: Time(created_at), finished_at: Time::maybe(finished_at) }
    }
}

/// The last imports of a location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportList)]
pub(crate) struct ImportListDocument {
    /// The newest first.
    #[schema(max_items = 200)]
    pub(crate) imports: Vec<ListedImport>,
}

/// Request to cancel an import.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({}))]
pub(crate) struct CancelImport {
    /// `cursor` of the previous response.
    pub(crate) cursor: Option<String>,
}

/// Request to undo an import.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({}))]
pub(crate) struct UndoImport {
    /// `cursor` of the previous response.
    pub(crate) cursor: Option<String>,
}

/// The result of a request to undo an import.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UndoAsked {
    /// Records that are due for the undo now.
    pub(crate) asked: u64,
    /// Records that are due already, that ended or were put again at this very moment, or that are unreadable.
    pub(crate) skipped: u64,
    /// Records that were put before the import was undoable, and those already marked for deletion.
    pub(crate) not_undoable: u64,
    /// Records that could not be written; ask again.
    pub(crate) not_written: u64,
    /// `cursor` for the next request if there are more records than the time allowed; null once all were seen.
    pub(crate) cursor: Option<String>,
}

/// The result of cancelling an import.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Withdrawn {
    /// Records that were withdrawn: they are failed now, and can be replayed.
    pub(crate) withdrawn: u64,
    /// Records that ended or were put again at this very moment, or that are unreadable.
    pub(crate) skipped: u64,
    /// Records that could not be written; cancel again.
    pub(crate) not_written: u64,
    /// `cursor` for the next request if there are more records than the time allowed; null once all were seen.
    pub(crate) cursor: Option<String>,
}
