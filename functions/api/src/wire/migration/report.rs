//! What a migration came to: for each kind, and for each record that a person should know of.

use ghl_sync_model::{
    CallCount, FieldDifference, Finding, Kind, KindReport, MappingSummary, MigrationReport, MigrationStage,
    MigrationStatus, NotCarried, PartReport, Problem, ReportVerify, RolledBack, Time,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::ForecastDocument;

/// What a migration came to, or has come to so far.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MigrationReportDocument {
    /// Its id, as its start answered it.
    migration_id: String,
    /// The location that was read.
    source: String,
    /// The location that was written to.
    target: String,
    /// How it stands.
    status: MigrationStatus,
    /// Where it is.
    stage: MigrationStage,
    /// Why it is not done; null if it is.
    reason: Option<String>,
    /// Whether it only looked.
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
    /// How much of the structure is mapped.
    readiness_percent: u8,
    /// The mapping's numbers; null before it is made.
    mapping: Option<MappingSummary>,
    /// What was expected; null before the mapping is made.
    forecast: Option<ForecastDocument>,
    /// What reading both sides again showed; null before. `findings` lists the records.
    verify: Option<ReportVerify>,
    /// What was deleted again; null if nothing was to be.
    rolled_back: Option<RolledBack>,
    /// Calls in both locations while it ran, those of others through this system included.
    ghl: CallCount,
    /// How long it took, or has taken, waiting for people included.
    seconds: f64,
    /// When it was asked for.
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

/// Records that a person should know of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Findings {
    /// In the order in which the source was read.
    pub(crate) findings: Vec<FindingDocument>,
    /// The next page; null behind the last.
    pub(crate) next: Option<u32>,
}

/// What a person should know of one record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingDocument {
    /// What it is.
    kind: Kind,
    /// The source's id of it.
    source_id: String,
    /// The target's id of it, if it has one.
    target_id: Option<String>,
    /// What is the matter.
    problem: FindingProblem,
}

/// What is the matter with a record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
enum FindingProblem {
    /// It is not in the target.
    Missing {
        /// Why, as far as it is known.
        reason: String,
    },
    /// It is in the target, and says something else there.
    Different {
        /// Where the two differ.
        fields: Vec<FieldDifference>,
    },
    /// GHL accepted it, and its answer showed that it did not store all of it.
    NotStored {
        /// The fields, by GHL's names.
        fields: Vec<String>,
    },
    /// It shares its counterpart in the target with another one of the source.
    Merged {
        /// The source's id of the other one.
        with: String,
    },
    /// It has something that GHL lets nobody write, or that has no place in the target.
    NotCarried {
        /// When it was created; in the target that is the time of the migration.
        created_at: Option<Time>,
        /// Further e-mail addresses and phone numbers, files, the reason why an opportunity was lost, and its followers.
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
