//! Queries and operations on a running sync, for people and programs: status, overview, settings, pause, replay,
//! imports.
//!
//! All operations are idempotent. Changes of a gate go through the engine's `change_gate`.

mod audit;
mod chosen;
mod connections;
mod counters;
mod dismiss;
mod erase;
mod everybody;
mod failures;
mod health;
mod health_state;
mod imports;
pub mod intake;
pub mod items;
mod keys;
mod location_list;
mod location_removal;
mod locations;
mod mend;
mod mirror;
mod operate;
mod outcomes;
mod overview;
mod pulse;
mod reach;
mod record_status;
mod records;
mod redrive_by_hand;
mod replay;
mod search;
mod sessions;
mod write_each;

pub use audit::{AuditPage, MAX_AUDIT_PAGE};
pub use chosen::{Chosen, ChosenCursor, ChosenError, FailedFilter, MAX_CHOSEN};
pub use counters::{CountersView, Reconciling, Waits};
pub use dismiss::DismissReport;
pub use erase::{DeletionError, Erased, ErasedContact, Person};
pub use failures::{CauseId, FailureCause, Failures, InvalidCause, cause_of};
pub use health::HealthReport;
pub use health_state::{Health, LastTick};
pub use imports::{
    CancelReport, ImportCounts, ImportError, ImportRecordPage, ImportStatus, ImportUndo, ImportUpdate,
    MAX_RECENT_IMPORTS, RecentImport, UndoCursor, UndoReport, take_into_import,
};
pub use keys::{ApiKeyError, NewKey};
pub use location_list::{CredentialsEnd, ListedLocation, ListedLocations, LocationFilter};
pub use location_removal::Removal;
pub use locations::{ChangeSettings, ChangedSettings, LocationView, PutSettingsError, SettingsChange};
pub use mend::{ContentChange, LeftAlone, LeftAloneReason, MAX_FIELDS, MendReport};
pub use mirror::{Commit, CommitReport, MAX_PART, MAX_PARTS, MirrorError};
pub use operate::OperateError;
pub use outcomes::RecordOutcome;
pub use overview::{
    BacklogForecast, BreakerView, BurstQuota, DailyQuota, DueView, LocationOverview, LocationState, LocationStatus,
    Overview, OverviewPage, PauseView, QuotaView, Summary, WaitView,
};
pub use pulse::Pulse;
pub use record_status::{
    LastKnown, RecordError, RecordState, RecordStatus, RecordWait, StateSource, UndoneRecord, WaitsFor,
};
pub use records::{RecordFilter, RecordPage};
pub use redrive_by_hand::{RedriveEnd, RedriveOrder, RedriveReport};
pub use replay::{FailedRecords, ReplayReport};
pub use search::SearchText;

use ghl_sync_engine::usecase::{Engine, Ports};

/// Answers queries about a sync, and operates it. Cheap to clone.
#[derive(Clone)]
pub struct Operator {
    engine: Engine,
}

impl Operator {
    /// An operator that uses `engine` and its ports.
    #[must_use]
    pub fn new(engine: Engine) -> Operator {
        Operator { engine }
    }

    fn ports(&self) -> &Ports {
        self.engine.ports()
    }
}
