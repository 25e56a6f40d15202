//! Request and response bodies. Fields may be added, never renamed.

mod audit;
mod credentials;
mod failure;
mod health;
mod import;
mod key;
mod list;
mod location;
mod migration;
mod mirror;
mod record;
mod settings;

pub(crate) use audit::AuditTrail;
pub(crate) use credentials::CredentialsDocument;
pub(crate) use failure::{Dismissed, FailureSelection, Mend, Mended, Replay, Replayed};
pub(crate) use health::HealthDocument;
pub(crate) use import::{
    CancelImport, ImportListDocument, ImportUpdateRequest, ListedImport, RecentImports, UndoAsked, UndoImport,
    Withdrawn,
};
pub(crate) use key::{KeyDocument, KeyList, MadeKey, MakeKey};
pub(crate) use list::{FileLink, HandInList, HandedInList, ListDocument, ListsOfLocation};
pub(crate) use location::{
    LocationList, PatchItem, PatchLocations, PatchedLocation, PatchedLocations, RemovedLocation, SettingsPatch,
};
pub(crate) use migration::{
    Approval, Findings, MigrationConfigDocument, MigrationDocument, MigrationReportDocument, MigrationSummary,
    Migrations, VariableList,
};
pub(crate) use mirror::{CommitMirror, MirrorCommitted, MirrorState};
pub(crate) use record::{
    Erase, ErasedContactDocument, ErasureDocument, Lookup, OutcomeFeedPage, Outcomes, PutDocument, PutItem, PutResult,
    RecordList, SharedContacts,
};
pub(crate) use settings::{ListMapping, LocationDocument, Overrides, PauseRequest};
pub use settings::{SettingsFault, read_settings};
