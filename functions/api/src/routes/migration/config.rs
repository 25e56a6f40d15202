//! The settings of all migrations, and the variables of the environment.

use axum::extract::State;
use axum::{Extension, Json};
use ghl_sync_model::MigrationOverlay;

use super::name;
use crate::access::Caller;
use crate::body::JsonBody;
use crate::problem::ApiProblem;
use crate::service::ApiState;
use crate::wire::{MigrationConfigDocument, VariableList};

/// Reads the settings of all migrations.
///
/// The settings in effect, those that somebody has set, and who set them here.
#[utoipa::path(
    get,
    operation_id = "migration_config",
    path = "/api/v1/migration/config",
    tag = "migration",
    responses((status = 200, description = "The settings in effect, and who set them", body = MigrationConfigDocument)),
)]
pub(super) async fn config(State(api): State<ApiState>) -> Result<Json<MigrationConfigDocument>, ApiProblem> {
    let (stored, set) = api.migrator.config().await?;
    Ok(Json(MigrationConfigDocument::new(stored, set)))
}

/// Changes the settings of all migrations.
///
/// Fields that the body leaves out stay as they are. Running migrations use the new settings from their next step on;
/// the settings that a migration was started with stay.
#[utoipa::path(
    post,
    operation_id = "update_migration_config",
    path = "/api/v1/migration/config/update",
    tag = "migration",
    request_body = MigrationOverlay,
    responses((status = 200, description = "The new settings are in effect", body = MigrationConfigDocument)),
)]
pub(super) async fn update(
    State(api): State<ApiState>,
    caller: Option<Extension<Caller>>,
    JsonBody(overlay): JsonBody<MigrationOverlay>,
) -> Result<Json<MigrationConfigDocument>, ApiProblem> {
    api.migrator.set_config(&overlay, name(caller.as_ref())).await?;
    config(State(api)).await
}

/// Lists the environment's variables, and whether each is set.
///
/// Values are never shown.
#[utoipa::path(
    get,
    operation_id = "migration_environment",
    path = "/api/v1/migration/debug/env",
    tag = "migration",
    responses((status = 200, description = "The variables", body = VariableList)),
)]
pub(super) async fn environment(State(api): State<ApiState>) -> Json<VariableList> {
    Json(VariableList::from(&*api.environment))
}
