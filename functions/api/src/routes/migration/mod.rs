//! Migrations of one location into another.

mod config;
mod connection;
mod control;
mod read;
mod report;

use axum::http::StatusCode;
use axum::{Extension, Json};
use ghl_sync_migrate::{CommandError, MigrationStartError, MigrationView};
use ghl_sync_model::{Migration, MigrationId, MigrationReport, OverrideError, SettingsError};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::InPath;
use crate::access::Caller;
use crate::problem::{ApiProblem, FieldProblem, ProblemKind};
use crate::service::ApiState;
use crate::wire::MigrationDocument;

/// All paths below `/api/v1/migration`.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
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
    /// Id of the migration, from the response to its start.
    #[param(inline, example = "mig-19f2c3a4b5c-00c0ffee")]
    migration_id: MigrationId,
}

type MigrationInPath = InPath<MigrationPath>;

/// Name of the caller, for the audit.
fn name(caller: Option<&Extension<Caller>>) -> Option<&str> {
    caller.map(|Extension(caller)| caller.name.as_str())
}

/// 202: the request will be carried out.
type Accepted = Result<(StatusCode, Json<MigrationDocument>), ApiProblem>;

async fn accepted(api: &ApiState, migration: Migration) -> Accepted {
    Ok((StatusCode::ACCEPTED, Json(document(api, api.migrator.view(migration)).await?)))
}

async fn document(api: &ApiState, view: MigrationView) -> Result<MigrationDocument, ApiProblem> {
    let settings = api.migrator.settings_of(&view.migration).await?;
    Ok(MigrationDocument::new(view, settings))
}

async fn view_of(api: &ApiState, id: &MigrationId) -> Result<MigrationView, ApiProblem> {
    api.migrator.status(id).await?.ok_or_else(unknown_migration)
}

async fn report_of(api: &ApiState, id: &MigrationId) -> Result<MigrationReport, ApiProblem> {
    api.migrator.report(id).await?.ok_or_else(unknown_migration)
}

fn unknown_migration() -> ApiProblem {
    ApiProblem::new(ProblemKind::UnknownMigration, "GET /api/v1/migration lists those that there are")
}

fn overrides(errors: Vec<OverrideError>) -> ApiProblem {
    let field_problem = |OverrideError { part, entry, reason }: OverrideError| FieldProblem {
        index: None,
        field: format!("overrides.{}.{}", part.as_str(), entry.chars().take(100).collect::<String>()),
        detail: reason,
    };
    ApiProblem {
        kind: ProblemKind::Invalid,
        detail: "the decisions about the mapping cannot be followed; nothing was changed".into(),
        errors: errors.into_iter().map(field_problem).collect(),
    }
}

fn setting(parent: &str, SettingsError { field, reason }: SettingsError) -> ApiProblem {
    ApiProblem::field(ProblemKind::Invalid, format!("{parent}{field}"), reason)
}

impl From<MigrationStartError> for ApiProblem {
    fn from(error: MigrationStartError) -> ApiProblem {
        let invalid = |field: &str, detail: &str| ApiProblem::field(ProblemKind::Invalid, field, detail);
        match error {
            MigrationStartError::SameLocation => invalid("target", "is the same as `source`"),
            MigrationStartError::NotEnabled { field, .. } => {
                invalid(field, "is a location that is unknown or not enabled; PUT its settings first")
            }
            MigrationStartError::Settings(wrong) => setting("settings.", wrong),
            busy @ MigrationStartError::TargetIsBusy { .. } => ApiProblem::new(ProblemKind::NotNow, busy.to_string()),
            MigrationStartError::Id(_) => ApiProblem::new(ProblemKind::Internal, "no name could be made for it"),
            MigrationStartError::Port(failed) => failed.into(),
        }
    }
}

impl From<CommandError> for ApiProblem {
    fn from(error: CommandError) -> ApiProblem {
        match error {
            CommandError::Unknown(_) => unknown_migration(),
            CommandError::Settings(wrong) => setting("", wrong),
            CommandError::Overrides(wrong) => overrides(wrong),
            CommandError::Port(failed) => failed.into(),
            not_now => ApiProblem::new(ProblemKind::NotNow, not_now.to_string()),
        }
    }
}
