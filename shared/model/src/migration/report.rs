//! The report of a migration.

use serde::{Deserialize, Serialize};

use super::{Forecast, MappingSummary, MigrationStage, MigrationStatus, Part};
use crate::{EpochMs, LocationId, MigrationId};

/// The results of a migration, final or so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationReport {
    /// The migration.
    pub migration_id: MigrationId,
    /// The source location.
    pub source: LocationId,
    /// The target location.
    pub target: LocationId,
    /// Where the migration stands: running, waiting for approval, done, …
    pub status: MigrationStatus,
    /// The current stage.
    pub stage: MigrationStage,
    /// Why it is not done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// Results for contacts.
    pub contacts: KindReport,
    /// Results for opportunities.
    pub opportunities: KindReport,
    /// Results for custom fields.
    pub custom_fields: PartReport,
    /// Results for custom values.
    pub custom_values: PartReport,
    /// Results for tags.
    pub tags: PartReport,
    /// Results for users.
    pub users: PartReport,
    /// Results for pipelines.
    pub pipelines: PartReport,
    /// Results for stages.
    pub stages: PartReport,
    /// Share of the structure that is mapped.
    pub readiness_percent: u8,
    /// Totals of the mapping.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mapping: Option<MappingSummary>,
    /// The forecast.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forecast: Option<Forecast>,
    /// Results of the verification; `None` before it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verify: Option<ReportVerify>,
    /// Results of the rollback.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rolled_back: Option<RolledBack>,
    /// Calls in both locations while it ran, including calls that this system made for other purposes.
    pub ghl: CallCount,
    /// Duration, final or so far, including the time spent waiting for people.
    pub seconds: f64,
    /// When it began.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub started_at: EpochMs,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub finished_at: Option<EpochMs>,
}

/// Results for records of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct KindReport {
    /// Records in the source.
    pub source: u64,
    /// Records that GHL accepted in the target.
    pub migrated: u64,
    /// Records that failed for good.
    pub failed: u64,
    /// Records that were withdrawn before GHL accepted them, because the migration was cancelled.
    pub withdrawn: u64,
    /// Records that wait for a contact that failed. They stay in the outbox, and each is sent once its contact is
    /// accepted (after a replay, say), even after the migration is over.
    pub blocked: u64,
    /// Records that could not be put, or were left out.
    pub skipped: u64,
    /// Records still in progress.
    pub open: u64,
}

/// Results for one kind of structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PartReport {
    /// Items in the source.
    pub source: u64,
    /// Items now in the target, found or created there.
    pub migrated: u64,
    /// Items that were created.
    pub created: u64,
    /// Items that could not be created.
    pub failed: u64,
}

/// Results for each kind of structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PartReports([PartReport; Part::ALL.len()]);

impl PartReports {
    /// The results for one kind.
    #[must_use]
    pub fn of(mut self, part: Part) -> PartReport {
        *self.of_mut(part)
    }

    /// The results for one kind, for changing them.
    pub fn of_mut(&mut self, part: Part) -> &mut PartReport {
        // The stored order.
        let [custom_fields, custom_values, tags, users, pipelines, stages] = &mut self.0;
        match part {
            Part::CustomFields => custom_fields,
            Part::CustomValues => custom_values,
            Part::Tags => tags,
            Part::Users => users,
            Part::Pipelines => pipelines,
            Part::Stages => stages,
        }
    }
}

/// Results of the verification, which reads both sides again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ReportVerify {
    /// Source records that were looked up.
    pub checked: u64,
    /// Records that are equal on both sides.
    pub ok: u64,
    /// Records that are missing in the target.
    pub missing: u64,
    /// Records with other values in the target.
    pub different: u64,
    /// Missing records whose pipeline or stage a person left out.
    pub left_out: u64,
    /// Records that share their counterpart with another one.
    pub merged: u64,
    /// Records with data that GHL lets nobody write, or that has no place in the target.
    pub not_carried: u64,
    /// Contacts and opportunities now in the target.
    pub target_total: u64,
}

/// Results of a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RolledBack {
    /// Deleted records of contacts; several records of one contact count separately.
    pub contacts: u64,
    /// Deleted opportunities.
    pub opportunities: u64,
    /// Deleted fields, values, tags and pipelines.
    pub structure: u64,
    /// Kept as they are now: items that were in the target before, that GHL reported as existing when asked to create
    /// them, or that another record uses by now.
    pub kept: u64,
    /// Kept, because a call whose answer was lost may have created them, and nobody can prove it.
    pub unproven: u64,
    /// Items that GHL did not let us delete.
    pub failed: u64,
}

/// Numbers of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CallCount {
    /// Calls made.
    pub calls: u64,
    /// Calls that were answered with 429.
    pub status_429: u64,
}
