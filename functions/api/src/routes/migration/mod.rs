//! Migrations of one location into another.

mod config;
mod connection;
mod control;
mod read;
mod report;

use axum::http::StatusCode;
use axum::{Extension, Json};
use ghl_sync_migrate::{CommandError, MigrationView, StartError};
use ghl_sync_model::{Migration, MigrationId, MigrationReport, OverrideError, SettingsError};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::InPath;
use crate::access::Caller;
use crate::problem::{FieldProblem, Problem, ProblemKind};
use crate::service::Api;
use crate::wire::MigrationDocument;

/// All paths below `/api/v1/migration`.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(read::list))
        .routes(routes!(config::config))
        .routes(routes!(config::update))
        .routes(routes!(config::environment))
        .routes(routes!(connection::test_connection))
        .routes(routes!(read::summary))
        .routes(routes!(read::status))
        .routes(routes!(read::mapping))
        .routes(routes!(report::findings))
        .routes(routes!(report::report))
        .routes(routes!(control::start))
        .routes(routes!(control::preview))
        .routes(routes!(control::approve))
        .routes(routes!(control::pause))
        .routes(routes!(control::resume))
        .routes(routes!(control::cancel))
        .routes(routes!(control::rollback))
}

/// The path of a migration.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct MigrationPath {
    /// Its id, as the answer to its start says.
    #[param(inline, example = "mig-19f2c3a4b5c-00c0ffee")]
    migration_id: MigrationId,
}

type MigrationInPath = InPath<MigrationPath>;

/// Who asks, for the audit.
fn name(caller: Option<&Extension<Caller>>) -> Option<&str> {
    caller.map(|Extension(caller)| caller.name.as_str())
}

/// What was asked for will be done.
type Accepted = Result<(StatusCode, Json<MigrationDocument>), Problem>;

async fn accepted(api: &Api, migration: Migration) -> Accepted {
    Ok((StatusCode::ACCEPTED, Json(document(api, api.migrator.view(migration)).await?)))
}

async fn document(api: &Api, view: MigrationView) -> Result<MigrationDocument, Problem> {
    let settings = api.migrator.settings_of(&view.migration).await?;
    Ok(MigrationDocument::new(view, settings))
}

async fn view_of(api: &Api, id: &MigrationId) -> Result<MigrationView, Problem> {
    api.migrator.status(id).await?.ok_or_else(unknown_migration)
}

async fn report_of(api: &Api, id: &MigrationId) -> Result<MigrationReport, Problem> {
    api.migrator.report(id).await?.ok_or_else(unknown_migration)
}

fn unknown_migration() -> Problem {
    Problem::new(ProblemKind::UnknownMigration, "GET /api/v1/migration lists those that there are")
}

fn overrides(errors: Vec<OverrideError>) -> Problem {
    let field_problem = |OverrideError { part, entry, reason }: OverrideError| FieldProblem {
        index: None,
        field: format!("overrides.{}.{}", part.as_str(), entry.chars().take(100).collect::<String>()),
        detail: reason,
    };
    Problem {
        kind: ProblemKind::Invalid,
        detail: "the decisions about the mapping cannot be followed; nothing was changed".into(),
        errors: errors.into_iter().map(field_problem).collect(),
    }
}

fn setting(parent: &str, SettingsError { field, reason }: SettingsError) -> Problem {
    Problem::field(ProblemKind::Invalid, format!("{parent}{field}"), reason)
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Problem {
        let invalid = |field: &str, detail: &str| Problem::field(ProblemKind::Invalid, field, detail);
        match error {
            StartError::SameLocation => invalid("target", "is the same as `source`"),
            StartError::NotEnabled { field, .. } => {
                invalid(field, "is a location that is unknown or not enabled; PUT its settings first")
            }
            StartError::Settings(wrong) => setting("settings.", wrong),
            busy @ StartError::TargetIsBusy { .. } => Problem::new(ProblemKind::NotNow, busy.to_string()),
            StartError::Id(_) => Problem::new(ProblemKind::Internal, "no name could be made for it"),
            StartError::Port(failed) => failed.into(),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Problem {
        match error {
            CommandError::Unknown(_) => unknown_migration(),
            CommandError::Settings(wrong) => setting("", wrong),
            CommandError::Overrides(wrong) => overrides(wrong),
            CommandError::Port(failed) => failed.into(),
            not_now => Problem::new(ProblemKind::NotNow, not_now.to_string()),
        }
    }
}
