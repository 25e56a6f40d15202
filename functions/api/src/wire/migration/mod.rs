//! Migrations: how one stands, what it will do, and what it came to.

mod config;
mod report;
mod summary;

pub(crate) use config::{MigrationConfigDocument, Variables};
pub(crate) use report::{Findings, MigrationReportDocument};
pub(crate) use summary::MigrationSummary;

use ghl_sync_migrate::MigrationView;
use ghl_sync_model::{
    AuditEntry, Forecast, KindForecast, MappingOverrides, MigrationSettings, MigrationStatus, MigrationSummaryLine,
    Progress, Time,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a migration stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MigrationDocument {
    /// Its id, as its start answered it.
    #[schema(example = "mig-19f2c3a4b5c-00c0ffee")]
    migration_id: String,
    /// The location that is read.
    #[schema(example = "loc_source")]
    source: String,
    /// The location that is written to.
    #[schema(example = "loc_target")]
    target: String,
    /// Whether it only looks.
    dry_run: bool,
    /// Whether it goes on without asking once the mapping is made, unless that has questions.
    auto_approve: bool,
    /// Whether somebody agreed with the mapping.
    approved: bool,
    /// How far it is.
    #[serde(flatten)]
    progress: Progress,
    /// Why it does not go on; null while it does.
    reason: Option<String>,
    /// What it will do and cost; null before the mapping is made.
    forecast: Option<ForecastDocument>,
    /// The settings that hold for it now.
    settings: MigrationSettings,
    /// Whether it is cancelled, and what it has put and GHL does not have yet is still being withdrawn.
    withdrawing: bool,
    /// When it was asked for.
    created_at: Time,
    /// When it made a step last, or somebody changed it.
    updated_at: Time,
    /// When it ended.
    finished_at: Option<Time>,
    /// Who asked for what, the oldest first; at most 50.
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

/// Who did what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Audit {
    /// When the step was made.
    at: Time,
    /// Who: the name of a key, or an AWS principal; null if that is unknown.
    #[schema(example = "operator")]
    by: Option<String>,
    /// What was done: `started`, `approved`, and the like.
    #[schema(example = "paused")]
    action: String,
}

impl From<AuditEntry> for Audit {
    fn from(AuditEntry { at, by, action }: AuditEntry) -> Audit {
        Audit { at: Time(at), by, action }
    }
}

/// The migrations there are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Migrations {
    /// The newest first.
    pub(crate) migrations: Vec<MigrationSummaryLine>,
}

/// What a migration will do and cost, as far as it can be known before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForecastDocument {
    /// Fields, values, tags and pipelines that are made.
    structure: KindForecast,
    /// Contacts.
    contacts: KindForecast,
    /// Opportunities.
    opportunities: KindForecast,
    /// All that is created.
    creates: u64,
    /// All that is updated.
    updates: u64,
    /// All that is left out.
    skips: u64,
    /// All that a person should look at.
    conflicts: u64,
    /// Calls that are still to be made, in both locations.
    calls: u64,
    /// Calls of them in the source.
    source_calls: u64,
    /// Calls of them in the target.
    target_calls: u64,
    /// How long that takes at today's quota.
    seconds: u64,
    /// When it is finished, if it begins at once.
    finish_at: Time,
    /// The share of the target's daily quota that it takes; above 100 it takes more than a day.
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

/// What somebody decides about the mapping when they agree with it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "overrides": { "pipelines": { "p-source": "p-target" }, "custom_fields": { "contact.old": "skip" } } }))]
pub(crate) struct Approval {
    /// What shall become of single things, over what was decided before.
    pub(crate) overrides: MappingOverrides,
}
