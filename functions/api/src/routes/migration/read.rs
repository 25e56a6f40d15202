//! The status, mapping and summary of migrations.

use axum::Json;
use axum::extract::State;
use ghl_sync_migrate::MappingView;
use ghl_sync_model::MigrationId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{MigrationInPath, MigrationPath, document, report_of, view_of};
use crate::problem::{ApiProblem, ProblemKind};
use crate::query::{InQuery, within};
use crate::routes::InPath;
use crate::service::ApiState;
use crate::wire::{MigrationDocument, MigrationSummary, Migrations};

const DEFAULT_LIST: u32 = 20;
const LONGEST_LIST: u32 = 100;

/// How many migrations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MigrationListQuery {
    /// Most migrations.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// Lists the migrations.
///
/// Newest first, each with its progress.
#[utoipa::path(
    get,
    operation_id = "list_migrations",
    path = "/api/v1/migration",
    tag = "migration",
    params(MigrationListQuery),
    responses((status = 200, description = "The migrations with their progress", body = Migrations)),
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    InQuery(MigrationListQuery { limit }): InQuery<MigrationListQuery>,
) -> Result<Json<Migrations>, ApiProblem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_LIST), 1, LONGEST_LIST)?;
    let migrations = api.migrator.list(limit).await?;
    Ok(Json(Migrations { migrations }))
}

/// Which migration to summarize.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct SummaryQuery {
    /// Id of the migration; without it, the newest one.
    #[param(nullable = false)]
    migration_id: Option<String>,
}

/// Summarizes a migration.
///
/// The newest one, or the one in the query.
#[utoipa::path(
    get,
    operation_id = "migration_summary",
    path = "/api/v1/migration/summary",
    tag = "migration",
    params(SummaryQuery),
    responses((status = 200, description = "The summary", body = MigrationSummary)),
)]
pub(super) async fn summary(
    State(api): State<ApiState>,
    InQuery(SummaryQuery { migration_id }): InQuery<SummaryQuery>,
) -> Result<Json<MigrationSummary>, ApiProblem> {
    let id = match migration_id {
        Some(id) => MigrationId::new(id)
            .map_err(|wrong| ApiProblem::field(ProblemKind::Invalid, "migration_id", wrong.to_string()))?,
        None => {
            let newest = api.migrator.list(1).await?.into_iter().next();
            newest.ok_or_else(|| ApiProblem::new(ProblemKind::UnknownMigration, "none was ever started"))?.migration_id
        }
    };
    Ok(Json(report_of(&api, &id).await?.into()))
}

/// Tells how a migration stands.
///
/// Its stage and progress, in numbers and in words; its forecast; its current settings; and who requested what.
#[utoipa::path(
    get,
    operation_id = "migration_status",
    path = "/api/v1/migration/status/{migration_id}",
    tag = "migration",
    params(MigrationPath),
    responses((status = 200, description = "The status of the migration", body = MigrationDocument)),
)]
pub(super) async fn status(
    State(api): State<ApiState>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
) -> Result<Json<MigrationDocument>, ApiProblem> {
    let view = view_of(&api, &migration_id).await?;
    Ok(Json(document(&api, view).await?))
}

/// Shows the mapping.
///
/// The counterpart of each field, value, tag, user, pipeline and stage of the source, with its confidence and the
/// reason. A person must decide about items with the action `ask`, as part of the approval; `targets` lists the
/// choices.
#[utoipa::path(
    get,
    operation_id = "migration_mapping",
    path = "/api/v1/migration/{migration_id}/mapping",
    tag = "migration",
    params(MigrationPath),
    responses((status = 200, description = "The mapping", body = MappingView)),
)]
pub(super) async fn mapping(
    State(api): State<ApiState>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
) -> Result<Json<MappingView>, ApiProblem> {
    view_of(&api, &migration_id).await?;
    let mapping = api.migrator.mapping(&migration_id).await?;
    let not_yet =
        || ApiProblem::new(ProblemKind::NotNow, "the mapping is not made yet; its status tells how far it is");
    Ok(Json(mapping.ok_or_else(not_yet)?))
}
