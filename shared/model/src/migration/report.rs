//! What a migration came to.

use serde::{Deserialize, Serialize};

use super::{Forecast, MappingSummary, MigrationStage, MigrationStatus, Part};
use crate::{EpochMs, LocationId, MigrationId};

/// What a migration came to, or has come to so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationReport {
    /// Which migration.
    pub migration_id: MigrationId,
    /// The location that was read.
    pub source: LocationId,
    /// The location that was written to.
    pub target: LocationId,
    /// How it stands.
    pub status: MigrationStatus,
    /// Where it is.
    pub stage: MigrationStage,
    /// Why it is not done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Whether it only looked.
    pub dry_run: bool,
    /// Contacts.
    pub contacts: KindReport,
    /// Opportunities.
    pub opportunities: KindReport,
    /// Custom fields.
    pub custom_fields: PartReport,
    /// Custom values.
    pub custom_values: PartReport,
    /// Tags.
    pub tags: PartReport,
    /// Users.
    pub users: PartReport,
    /// Pipelines.
    pub pipelines: PartReport,
    /// Stages.
    pub stages: PartReport,
    /// How much of the structure is mapped.
    pub readiness_percent: u8,
    /// The mapping's numbers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mapping: Option<MappingSummary>,
    /// What was expected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forecast: Option<Forecast>,
    /// What reading both sides again showed; `None` before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verify: Option<ReportVerify>,
    /// What was deleted again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rolled_back: Option<RolledBack>,
    /// Calls in both locations while it ran, those of others through this system included.
    pub ghl: CallCount,
    /// How long it took, or has taken, waiting for people included.
    pub seconds: f64,
    /// When it began.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub started_at: EpochMs,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub finished_at: Option<EpochMs>,
}

/// What became of records of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct KindReport {
    /// How many the source has.
    pub source: u64,
    /// How many GHL has accepted in the target.
    pub migrated: u64,
    /// How many failed for good.
    pub failed: u64,
    /// How many were withdrawn before GHL had accepted them, because the migration was cancelled.
    pub withdrawn: u64,
    /// How many wait for a contact that failed. They stay in the outbox: each follows by itself once its contact is
    /// accepted (a replay of it, say), also after the migration is over.
    pub blocked: u64,
    /// How many could not be put, or were left out.
    pub skipped: u64,
    /// How many are still under way.
    pub open: u64,
}

/// What became of the structure, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PartReport {
    /// How many the source has.
    pub source: u64,
    /// How many are in the target now: found there or made.
    pub migrated: u64,
    /// How many of them were made.
    pub created: u64,
    /// How many could not be made.
    pub failed: u64,
}

/// What became of each kind of the structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PartReports([PartReport; Part::ALL.len()]);

impl PartReports {
    /// What became of one kind.
    #[must_use]
    pub fn of(mut self, part: Part) -> PartReport {
        *self.of_mut(part)
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, part: Part) -> &mut PartReport {
        // The order in which they are stored.
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

/// What reading both sides again showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ReportVerify {
    /// Records of the source that were looked for.
    pub checked: u64,
    /// Records that are the same on both sides.
    pub ok: u64,
    /// Records that are not in the target.
    pub missing: u64,
    /// Records that say something else there.
    pub different: u64,
    /// Of those that are missing: records whose pipeline or stage a person left out.
    pub left_out: u64,
    /// Records that share their counterpart with another one.
    pub merged: u64,
    /// Records with something that GHL lets nobody write, or that has no place in the target.
    pub not_carried: u64,
    /// Contacts and opportunities that the target has now.
    pub target_total: u64,
}

/// What was deleted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RolledBack {
    /// Records of contacts; of those that are one contact each counts.
    pub contacts: u64,
    /// Opportunities.
    pub opportunities: u64,
    /// Fields, values, tags and pipelines.
    pub structure: u64,
    /// What was in the target before, what GHL said it had when it was asked to create it, or what another record holds by
    /// now. It stays as it is now.
    pub kept: u64,
    /// What may have been created by a call whose answer was lost. Nobody can prove it, so it stays.
    pub unproven: u64,
    /// What GHL did not let us delete.
    pub failed: u64,
}

/// Calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CallCount {
    /// Calls that were made.
    pub calls: u64,
    /// How many of them met a 429.
    pub status_429: u64,
}
