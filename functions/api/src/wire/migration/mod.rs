//! Migrations: status, forecast and results.

mod config;
mod report;
mod summary;

pub(crate) use config::{MigrationConfigDocument, VariableList};
pub(crate) use report::{Findings, MigrationReportDocument};
pub(crate) use summary::MigrationSummary;

use ghl_sync_migrate::MigrationView;
use ghl_sync_model::{
    AuditEntry, Forecast, KindForecast, MappingOverrides, MigrationSettings, MigrationStatus, MigrationSummaryLine,
    Progress, Time,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The status of a migration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MigrationDocument {
    /// Id of the migration, from the response to its start.
    #[schema(example = "mig-19f2c3a4b5c-00c0ffee")]
    migration_id: String,
    /// The location that is read.
    #[schema(example = "loc_source")]
    source: String,
    /// The location that is written to.
    #[schema(example = "loc_target")]
    target: String,
    /// Whether it only previews and writes nothing.
    dry_run: bool,
    /// Whether it continues without approval once the mapping is made, unless the mapping has questions.
    auto_approve: bool,
    /// Whether somebody approved the mapping.
    approved: bool,
    /// Progress of the migration.
    #[serde(flatten)]
    progress: Progress,
    /// Why it is stopped; null while it runs.
    reason: Option<String>,
    /// Forecast of its work and cost; null before the mapping is made.
    forecast: Option<ForecastDocument>,
    /// Its current settings.
    settings: MigrationSettings,
    /// Whether it is cancelled, and is still withdrawing the records that GHL does not have yet.
    withdrawing: bool,
    /// When it was requested.
    created_at: Time,
    /// When it last made a step, or somebody changed it.
    updated_at: Time,
    /// When it ended.
    finished_at: Option<Time>,
    /// Who requested what, oldest first; at most 50.
    audit: Vec<Audit>,
}

impl MigrationDocument {
    pub(crate) fn new(view: MigrationView, settings: MigrationSettings) -> MigrationDocument {
        let MigrationView { migration, progress } = view;
        let withdrawing = migration.goes_on() && migration.status == MigrationStatus::Cancelled;
        MigrationDocument {
            migration_id: migration.id.into(),
            source: migration.source.into(),
            target: migration.target.into(),
            dry_run: migration.dry_run,
            auto_approve: migration.auto_approve,
            approved: migration.approved,
            progress,
            withdrawing,
            reason: migration.reason,
            forecast: migration.forecast.map(ForecastDocument::from),
            settings,
            created_at: Time(migration.created_at),
            updated_at: Time(migration.updated_at),
            finished_at: Time::maybe(migration.finished_at),
            audit: migration.audit.into_iter().map(Audit::from).collect(),
        }
    }
}

/// An action, and who did it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Audit {
    /// When it was done.
    at: Time,
    /// The name of a key, or an AWS principal; null if unknown.
    #[schema(example = "operator")]
    by: Option<String>,
    /// The action: `started`, `approved`, and the like.
    #[schema(example = "paused")]
    action: String,
}

impl From<AuditEntry> for Audit {
    fn from(AuditEntry { at, by, action }: AuditEntry) -> Audit {
        Audit { at: Time(at), by, action }
    }
}

/// All migrations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Migrations {
    /// The newest first.
    pub(crate) migrations: Vec<MigrationSummaryLine>,
}

/// The expected work and cost of a migration, as far as they are known in advance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForecastDocument {
    /// Fields, values, tags and pipelines that will be created.
    structure: KindForecast,
    /// Contacts.
    contacts: KindForecast,
    /// Opportunities.
    opportunities: KindForecast,
    /// All creations.
    creates: u64,
    /// All updates.
    updates: u64,
    /// Everything that is left out.
    skips: u64,
    /// Everything that a person should check.
    conflicts: u64,
    /// Calls that are still to be made, in both locations.
    calls: u64,
    /// Those of the calls that go to the source.
    source_calls: u64,
    /// Those of the calls that go to the target.
    target_calls: u64,
    /// Duration at today's quota.
    seconds: u64,
    /// When it ends, if it begins at once.
    finish_at: Time,
    /// Share of the target's daily quota that it takes; above 100 it takes more than a day.
    daily_share_percent: f64,
}

impl From<Forecast> for ForecastDocument {
    fn from(forecast: Forecast) -> ForecastDocument {
        ForecastDocument {
            structure: forecast.structure,
            contacts: forecast.contacts,
            opportunities: forecast.opportunities,
            creates: forecast.creates,
            updates: forecast.updates,
            skips: forecast.skips,
            conflicts: forecast.conflicts,
            calls: forecast.calls,
            source_calls: forecast.source_calls,
            target_calls: forecast.target_calls,
            seconds: forecast.seconds,
            finish_at: Time(forecast.finish_at),
            daily_share_percent: forecast.daily_share_percent,
        }
    }
}

/// Decisions about the mapping, made with its approval.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "overrides": { "pipelines": { "p-source": "p-target" }, "custom_fields": { "contact.old": "skip" } } }))]
pub(crate) struct Approval {
    /// Decisions about single items. They override earlier ones.
    pub(crate) overrides: MappingOverrides,
}
