//! Imports: what is told of them, and what is said of them in short.

use std::collections::BTreeMap;

use ghl_sync_model::{ImportId, ImportState, ImportSummary, LocationId, Time};
use ghl_sync_operate::{ImportUpdate, RecentImport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is told of an import. What is absent or null stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "name": "contacts.csv", "rows": 1200, "problems": { "not_a_date": 3 } }))]
pub(crate) struct ToldOfImport {
    /// What people call it, such as the name of the file.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// How far it has come: `complete` once all of its items were put. `open` goes on with it, also after it was cancelled or undone.
    state: Option<ToldState>,
    /// Rows of the source.
    #[schema(maximum = 1_000_000_000_000_u64)]
    rows: Option<u64>,
    /// Records that were made of them.
    #[schema(maximum = 1_000_000_000_000_u64)]
    records: Option<u64>,
    /// What was left out or altered: how often, by a name for its kind. At most 50 kinds.
    problems: Option<BTreeMap<String, u64>>,
    /// The names of its files. At most 20.
    #[schema(max_items = 20)]
    files: Option<Vec<String>>,
    /// Whether what is put from now on can be undone. What GHL shows of each record is read and kept before it is written,
    /// which takes one more call a record.
    undoable: Option<bool>,
}

/// States that can be told of an import.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ToldState {
    /// More items may come.
    Open,
    /// All of its items were put.
    Complete,
}

impl From<ToldOfImport> for ImportUpdate {
    fn from(told: ToldOfImport) -> ImportUpdate {
        let ToldOfImport { name, state, rows, records, problems, files, undoable } = told;
        let state = state.map(|state| match state {
            ToldState::Open => ImportState::Open,
            ToldState::Complete => ImportState::Complete,
        });
        ImportUpdate { name, state, rows, records, problems, files, undoable }
    }
}

/// An import in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedImport {
    /// Its id: what records are put under, and what its path ends with.
    #[schema(value_type = String, example = "contacts-csv-5f1c09e2")]
    id: ImportId,
    /// What people call it.
    name: Option<String>,
    /// How far it has come: `open`, `complete`, `cancelled` or `undone`.
    #[schema(value_type = String, example = "complete")]
    state: ImportState,
    /// When it began.
    created_at: Time,
    /// When it was completed, cancelled or undone; null while it is open.
    finished_at: Option<Time>,
}

/// The imports that began last.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecentImports {
    /// The newest first.
    pub(crate) imports: Vec<ImportSomewhere>,
}

/// An import in short, and whose it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecentImport)]
pub(crate) struct ImportSomewhere {
    /// GHL's id of the location (sub-account).
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
pub(crate) struct ImportList {
    /// The newest first.
    #[schema(max_items = 200)]
    pub(crate) imports: Vec<ListedImport>,
}

/// How to cancel an import.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({}))]
pub(crate) struct CancelImport {
    /// Where an earlier request ended.
    pub(crate) cursor: Option<String>,
}

/// How to undo an import.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({}))]
pub(crate) struct UndoImport {
    /// Where an earlier request ended.
    pub(crate) cursor: Option<String>,
}

/// What asking for the undo of an import did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UndoAsked {
    /// Records that are due for being undone now.
    pub(crate) asked: u64,
    /// Records that are so already, ended or were put again in this very moment; and those that cannot be read.
    pub(crate) skipped: u64,
    /// Records that were put before the import was undoable, and those that are to be deleted anyway.
    pub(crate) not_undoable: u64,
    /// Records that could not be written; ask again.
    pub(crate) not_written: u64,
    /// Where to go on: there are more than could be asked for in the time; null when all was seen.
    pub(crate) cursor: Option<String>,
}

/// What cancelling an import did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Withdrawn {
    /// Records that were withdrawn: they stand as failed, and can be replayed.
    pub(crate) withdrawn: u64,
    /// Records that ended, or were put again, in this very moment; and those that cannot be read.
    pub(crate) skipped: u64,
    /// Records that could not be written; cancel again.
    pub(crate) not_written: u64,
    /// Where to go on: there are more than could be withdrawn in the time; null when all was seen.
    pub(crate) cursor: Option<String>,
}
