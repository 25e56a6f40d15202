//! The migration of one location into another: requests, findings, decisions and progress.

mod connection;
mod findings;
mod forecast;
mod mapping;
mod message;
mod overrides;
mod page;
mod progress;
mod report;
mod request;
mod settings;
mod stage;
mod state;

pub use connection::{Access, Connection, ConnectionTest, ConnectionTestAnswer, ConnectionTestOrder};
pub use findings::{FieldDifference, Finding, Problem};
pub use forecast::{Forecast, KindForecast};
pub use mapping::{Mapped, MappedTo, MappingReport, MappingSummary, MatchMethod, Part, Suggestion, TypeConflict};
pub use message::{MIGRATION_VERSION, MigrationMessage, MigrationMessageError, MigratorMessage};
pub use overrides::{Choice, MappingOverrides, OverrideError};
pub use page::{
    Created, ExistingContact, ExistingOpportunity, MigrationPage, PageContent, PageKind, Snapshot, SourceContact,
    Structure, Transferred,
};
pub use progress::Progress;
pub use report::{CallCount, KindReport, MigrationReport, PartReport, PartReports, ReportVerify, RolledBack};
pub use request::MigrationRequest;
pub use settings::{AuditEntry, MigrationConfig, MigrationOverlay, MigrationSettings, Preset};
pub use stage::{MigrationStage, MigrationStatus};
pub use state::{
    Account, Migration, MigrationLease, MigrationSummaryLine, OpenPage, Reverted, Scan, Side, Transfer, VerifyState,
    Withdrawal,
};
