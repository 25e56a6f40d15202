//! How migrations stand, and what they came to.

use axum::Json;
use axum::extract::State;
use ghl_sync_migrate::MappingView;
use ghl_sync_model::MigrationId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{MigrationInPath, MigrationPath, document, report_of, view_of};
use crate::problem::{Problem, ProblemKind};
use crate::query::{InQuery, within};
use crate::routes::InPath;
use crate::service::Api;
use crate::wire::{MigrationDocument, MigrationSummary, Migrations};

const DEFAULT_LIST: u32 = 20;
const LONGEST_LIST: u32 = 100;

/// How many migrations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    /// So many at most.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// Lists the migrations.
///
/// The newest first, each with how far it is.
#[utoipa::path(
    get,
    operation_id = "list_migrations",
    path = "/api/v1/migration",
    tag = "migration",
    params(Listing),
    responses((status = 200, description = "How far each is", body = Migrations)),
)]
pub(super) async fn list(
    State(api): State<Api>,
    InQuery(Listing { limit }): InQuery<Listing>,
) -> Result<Json<Migrations>, Problem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_LIST), 1, LONGEST_LIST)?;
    let migrations = api.migrator.list(limit).await?;
    Ok(Json(Migrations { migrations }))
}

/// Which migration to sum up.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Its id; without it, the newest one.
    #[param(nullable = false)]
    migration_id: Option<String>,
}

/// Sums a migration up.
///
/// The newest one, or the one that the query names.
#[utoipa::path(
    get,
    operation_id = "migration_summary",
    path = "/api/v1/migration/summary",
    tag = "migration",
    params(Which),
    responses((status = 200, description = "In numbers", body = MigrationSummary)),
)]
pub(super) async fn summary(
    State(api): State<Api>,
    InQuery(Which { migration_id }): InQuery<Which>,
) -> Result<Json<MigrationSummary>, Problem> {
    let id = match migration_id {
        Some(id) => MigrationId::new(id)
            .map_err(|wrong| Problem::field(ProblemKind::Invalid, "migration_id", wrong.to_string()))?,
        None => {
            let newest = api.migrator.list(1).await?.into_iter().next();
            newest.ok_or_else(|| Problem::new(ProblemKind::UnknownMigration, "none was ever started"))?.migration_id
        }
    };
    Ok(Json(report_of(&api, &id).await?.into()))
}

/// Tells how a migration stands.
///
/// Its stage and how far that is, in numbers and in words; what it is forecast to do; the settings that hold for it now; and
/// who asked for what.
#[utoipa::path(
    get,
    operation_id = "migration_status",
    path = "/api/v1/migration/status/{migration_id}",
    tag = "migration",
    params(MigrationPath),
    responses((status = 200, description = "How far it is", body = MigrationDocument)),
)]
pub(super) async fn status(
    State(api): State<Api>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
) -> Result<Json<MigrationDocument>, Problem> {
    let view = view_of(&api, &migration_id).await?;
    Ok(Json(document(&api, view).await?))
}

/// Tells the mapping.
///
/// What becomes of each field, value, tag, user, pipeline and stage of the source, how sure that is, and why. What has the
/// action `ask` must be decided by a person, with the approval; `targets` lists what there is to choose from.
#[utoipa::path(
    get,
    operation_id = "migration_mapping",
    path = "/api/v1/migration/{migration_id}/mapping",
    tag = "migration",
    params(MigrationPath),
    responses((status = 200, description = "The mapping", body = MappingView)),
)]
pub(super) async fn mapping(
    State(api): State<Api>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
) -> Result<Json<MappingView>, Problem> {
    view_of(&api, &migration_id).await?;
    let mapping = api.migrator.mapping(&migration_id).await?;
    let not_yet = || Problem::new(ProblemKind::NotNow, "the mapping is not made yet; its status tells how far it is");
    Ok(Json(mapping.ok_or_else(not_yet)?))
}
