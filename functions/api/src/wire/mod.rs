//! What is written and read over HTTP. Fields may be added, never renamed.

mod audit;
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
pub(crate) use failure::{Dismissed, Mend, Mended, Replay, Replayed, Which};
pub(crate) use health::Health;
pub(crate) use import::{
    CancelImport, ImportList, ListedImport, RecentImports, ToldOfImport, UndoAsked, UndoImport, Withdrawn,
};
pub(crate) use key::{KeyDocument, KeyList, MadeKey, MakeKey};
pub(crate) use list::{FileLink, HandInList, HandedInList, ListDocument, ListsOfLocation};
pub(crate) use location::{
    CredentialsDocument, LocationList, PatchItem, PatchLocations, PatchedLocation, PatchedLocations, RemovedLocation,
    SettingsPatch,
};
pub(crate) use migration::{
    Approval, Findings, MigrationConfigDocument, MigrationDocument, MigrationReportDocument, MigrationSummary,
    Migrations, Variables,
};
pub(crate) use mirror::{CommitMirror, MirrorCommitted, MirrorState};
pub(crate) use record::{
    Erase, Erased, ErasedContact, Lookup, Outcomes, Put, PutItem, PutResult, RecordList, Shared, ToldOutcomes,
};
pub(crate) use settings::{ListMapping, LocationDocument, Overrides, Pause};
pub use settings::{SettingsFault, read_settings};
