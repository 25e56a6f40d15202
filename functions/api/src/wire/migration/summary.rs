//! A migration in numbers.

use ghl_sync_model::{
    CallCount, KindReport, MappingSummary, MigrationReport, MigrationStage, MigrationStatus, PartReport, ReportVerify,
    Time,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A migration in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MigrationSummary {
    /// Its id, as its start answered it.
    migration_id: String,
    /// The location that is read.
    source: String,
    /// The location that is written to.
    target: String,
    /// How it stands.
    status: MigrationStatus,
    /// Where it is.
    stage: MigrationStage,
    /// Why it does not go on; null while it does.
    reason: Option<String>,
    /// Whether it only looks.
    dry_run: bool,
    /// Contacts.
    contacts: RecordCounts,
    /// Opportunities.
    opportunities: RecordCounts,
    /// Custom fields.
    custom_fields: PartCounts,
    /// Custom values.
    custom_values: PartCounts,
    /// Tags.
    tags: PartCounts,
    /// Users.
    users: PartCounts,
    /// Pipelines.
    pipelines: PartCounts,
    /// Stages of pipelines.
    stages: PartCounts,
    /// What becomes of the structure; null before the mapping is made.
    smart_mapping_report: Option<SmartMapping>,
    /// What reading both sides again showed; null before.
    verify: Option<ReportVerify>,
    /// Calls in both locations while it ran.
    ghl: CallCount,
    /// How long it took, or has taken, waiting for people included.
    duration_minutes: f64,
    /// When it was asked for.
    started_at: Time,
    /// When it ended.
    finished_at: Option<Time>,
}

/// What became of records of a kind.
#[derive(Debug, Serialize, ToSchema)]
struct RecordCounts {
    /// How many the source has.
    total_count: u64,
    /// How many GHL has accepted in the target; those that a rollback deleted again included.
    migrated_count: u64,
    /// How many a rollback has deleted again.
    deleted_count: u64,
    /// How many failed for good.
    failed_count: u64,
    /// How many were withdrawn before GHL had accepted them, because the migration was cancelled.
    withdrawn_count: u64,
    /// How many wait for a contact that failed.
    blocked_count: u64,
    /// How many could not be put, or were left out.
    skipped_count: u64,
    /// How many are still under way.
    open_count: u64,
}

impl RecordCounts {
    fn new(counted: KindReport, deleted: u64) -> RecordCounts {
        let KindReport { source, migrated, failed, withdrawn, blocked, skipped, open } = counted;
        RecordCounts {
            total_count: source,
            migrated_count: migrated,
            deleted_count: deleted,
            failed_count: failed,
            withdrawn_count: withdrawn,
            blocked_count: blocked,
            skipped_count: skipped,
            open_count: open,
        }
    }
}

/// What became of a part of the structure.
#[derive(Debug, Serialize, ToSchema)]
struct PartCounts {
    /// How many the source has.
    total_count: u64,
    /// How many have a counterpart in the target, or will be made there.
    mapped_count: u64,
    /// How many are in the target now: found there or made.
    migrated_count: u64,
    /// How many of them were made.
    created_count: u64,
    /// How many could not be made.
    failed_count: u64,
}

impl PartCounts {
    fn new(PartReport { source, migrated, created, failed }: PartReport, mapped: Option<u64>) -> PartCounts {
        PartCounts {
            total_count: source,
            mapped_count: mapped.unwrap_or(0),
            migrated_count: migrated,
            created_count: created,
            failed_count: failed,
        }
    }
}

/// What becomes of the structure.
#[derive(Debug, Serialize, ToSchema)]
struct SmartMapping {
    /// The numbers.
    summary: MappingSummary,
}

impl From<MigrationReport> for MigrationSummary {
    fn from(report: MigrationReport) -> MigrationSummary {
        let mapping = report.mapping;
        let deleted = report.rolled_back.unwrap_or_default();
        let part = |counted, mapped: fn(&MappingSummary) -> u64| PartCounts::new(counted, mapping.as_ref().map(mapped));
        MigrationSummary {
            custom_fields: part(report.custom_fields, |summary| summary.fields_mapped),
            custom_values: part(report.custom_values, |summary| summary.values_mapped),
            tags: part(report.tags, |summary| summary.tags_mapped),
            users: part(report.users, |summary| summary.users_mapped),
            pipelines: part(report.pipelines, |summary| summary.pipelines_mapped),
            stages: part(report.stages, |summary| summary.stages_mapped),
            migration_id: report.migration_id.into(),
            source: report.source.into(),
            target: report.target.into(),
            status: report.status,
            stage: report.stage,
            reason: report.reason,
            dry_run: report.dry_run,
            contacts: RecordCounts::new(report.contacts, deleted.contacts),
            opportunities: RecordCounts::new(report.opportunities, deleted.opportunities),
            smart_mapping_report: mapping.map(|summary| SmartMapping { summary }),
            verify: report.verify,
            ghl: report.ghl,
            duration_minutes: report.seconds / 60.0,
            started_at: Time(report.started_at),
            finished_at: Time::maybe(report.finished_at),
        }
    }
}
