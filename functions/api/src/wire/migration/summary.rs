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
    /// Id of the migration, from the response to its start.
    migration_id: String,
    /// The location that is read.
    source: String,
    /// The location that is written to.
    target: String,
    /// Where the migration stands.
    status: MigrationStatus,
    /// Its current stage.
    stage: MigrationStage,
    /// Why it is stopped; null while it runs.
    reason: Option<String>,
    /// Whether it only previews and writes nothing.
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
    /// The mapping of the structure; null before it is made.
    smart_mapping_report: Option<SmartMapping>,
    /// The result of comparing both sides again; null before.
    verify: Option<ReportVerify>,
    /// Calls in both locations during the migration.
    ghl: CallCount,
    /// Duration so far, including waits for people.
    duration_minutes: f64,
    /// When it was requested.
    started_at: Time,
    /// When it ended.
    finished_at: Option<Time>,
}

/// Counts of one kind of records.
#[derive(Debug, Serialize, ToSchema)]
struct RecordCounts {
    /// Number in the source.
    total_count: u64,
    /// Number that GHL accepted in the target, including those that a rollback deleted again.
    migrated_count: u64,
    /// Number that a rollback deleted again.
    deleted_count: u64,
    /// Number that failed for good.
    failed_count: u64,
    /// Number withdrawn before GHL accepted them, because the migration was cancelled.
    withdrawn_count: u64,
    /// Number that wait for a contact that failed.
    blocked_count: u64,
    /// Number that could not be put, or were left out.
    skipped_count: u64,
    /// Number still in progress.
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

/// Counts of one part of the structure.
#[derive(Debug, Serialize, ToSchema)]
struct PartCounts {
    /// Number in the source.
    total_count: u64,
    /// Number that have a counterpart in the target, or will get one.
    mapped_count: u64,
    /// Number in the target now: found there or created.
    migrated_count: u64,
    /// Number that were created.
    created_count: u64,
    /// Number that could not be created.
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

/// The mapping of the structure.
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
