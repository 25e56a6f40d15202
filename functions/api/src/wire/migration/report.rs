//! The results of a migration: for each kind, and for each record with a finding.

use ghl_sync_model::{
    CallCount, FieldDifference, Finding, Kind, KindReport, MappingSummary, MigrationReport, MigrationStage,
    MigrationStatus, NotCarried, PartReport, Problem, ReportVerify, RolledBack, Time,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::ForecastDocument;

/// The results of a migration so far.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MigrationReportDocument {
    /// Id of the migration, from the response to its start.
    migration_id: String,
    /// The location that was read.
    source: String,
    /// The location that was written to.
    target: String,
    /// Where the migration stands.
    status: MigrationStatus,
    /// Its current stage.
    stage: MigrationStage,
    /// Why it is not done; null if it is.
    reason: Option<String>,
    /// Whether it only previewed and wrote nothing.
    dry_run: bool,
    /// Contacts.
    contacts: KindReport,
    /// Opportunities.
    opportunities: KindReport,
    /// Custom fields.
    custom_fields: PartReport,
    /// Custom values.
    custom_values: PartReport,
    /// Tags.
    tags: PartReport,
    /// Users.
    users: PartReport,
    /// Pipelines.
    pipelines: PartReport,
    /// Stages.
    stages: PartReport,
    /// Share of the structure that is mapped.
    readiness_percent: u8,
    /// The mapping's numbers; null before it is made.
    mapping: Option<MappingSummary>,
    /// The forecast; null before the mapping is made.
    forecast: Option<ForecastDocument>,
    /// The result of comparing both sides again; null before. `findings` lists the records.
    verify: Option<ReportVerify>,
    /// What the rollback deleted; null without a rollback.
    rolled_back: Option<RolledBack>,
    /// Calls in both locations during the migration, including those of other work through this system.
    ghl: CallCount,
    /// Duration so far, including waits for people.
    seconds: f64,
    /// When it was requested.
    started_at: Time,
    /// When it ended.
    finished_at: Option<Time>,
}

impl From<MigrationReport> for MigrationReportDocument {
    fn from(report: MigrationReport) -> MigrationReportDocument {
        MigrationReportDocument {
            migration_id: report.migration_id.into(),
            source: report.source.into(),
            target: report.target.into(),
            status: report.status,
            stage: report.stage,
            reason: report.reason,
            dry_run: report.dry_run,
            contacts: report.contacts,
            opportunities: report.opportunities,
            custom_fields: report.custom_fields,
            custom_values: report.custom_values,
            tags: report.tags,
            users: report.users,
            pipelines: report.pipelines,
            stages: report.stages,
            readiness_percent: report.readiness_percent,
            mapping: report.mapping,
            forecast: report.forecast.map(ForecastDocument::from),
            verify: report.verify,
            rolled_back: report.rolled_back,
            ghl: report.ghl,
            seconds: report.seconds,
            started_at: Time(report.started_at),
            finished_at: Time::maybe(report.finished_at),
        }
    }
}

/// Findings about single records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Findings {
    /// In the order in which the source was read.
    pub(crate) findings: Vec<FindingDocument>,
    /// Number of the next page; null on the last page.
    pub(crate) next: Option<u32>,
}

/// A finding about one record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingDocument {
    /// Kind of the record.
    kind: Kind,
    /// Its id in the source.
    source_id: String,
    /// Its id in the target, if it has one.
    target_id: Option<String>,
    /// The problem with the record.
    problem: FindingProblem,
}

/// The problem with a record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
enum FindingProblem {
    /// It is not in the target.
    Missing {
        /// Why, as far as known.
        reason: String,
    },
    /// It is in the target, with different content.
    Different {
        /// The differences.
        fields: Vec<FieldDifference>,
    },
    /// GHL accepted it, but its response showed that it did not store all of it.
    NotStored {
        /// The fields, by GHL's names.
        fields: Vec<String>,
    },
    /// It shares its counterpart in the target with another record of the source.
    Merged {
        /// Id of the other record in the source.
        with: String,
    },
    /// It has data that GHL lets nobody write, or that has no place in the target.
    NotCarried {
        /// When it was created; in the target that is the time of the migration.
        created_at: Option<Time>,
        /// Further e-mail addresses and phone numbers, files, the lost reason of an opportunity, and its followers.
        #[schema(value_type = Object)]
        extra: NotCarried,
        /// Fields that were left out, by name, and why.
        fields: Vec<String>,
    },
}

impl From<Finding> for FindingDocument {
    fn from(Finding { kind, source_id, target_id, problem }: Finding) -> FindingDocument {
        let problem = match problem {
            Problem::Missing { reason } => FindingProblem::Missing { reason },
            Problem::Different { fields } => FindingProblem::Different { fields },
            Problem::NotStored { fields } => FindingProblem::NotStored { fields },
            Problem::Merged { with } => FindingProblem::Merged { with: with.into() },
            Problem::NotCarried { created_at, extra, fields } => {
                FindingProblem::NotCarried { created_at: Time::maybe(created_at), extra, fields }
            }
        };
        FindingDocument { kind, source_id: source_id.into(), target_id: target_id.map(String::from), problem }
    }
}
