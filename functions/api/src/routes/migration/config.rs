//! What holds for all migrations, and what the environment says.

use axum::extract::State;
use axum::{Extension, Json};
use ghl_sync_model::MigrationOverlay;

use super::name;
use crate::access::Caller;
use crate::body::JsonBody;
use crate::problem::Problem;
use crate::service::Api;
use crate::wire::{MigrationConfigDocument, Variables};

/// Reads the settings of all migrations.
///
/// What holds, what of that somebody has set, and who set it here.
#[utoipa::path(
    get,
    operation_id = "migration_config",
    path = "/api/v1/migration/config",
    tag = "migration",
    responses((status = 200, description = "What holds, and who set it", body = MigrationConfigDocument)),
)]
pub(super) async fn config(State(api): State<Api>) -> Result<Json<MigrationConfigDocument>, Problem> {
    let (stored, set) = api.migrator.config().await?;
    Ok(Json(MigrationConfigDocument::new(stored, set)))
}

/// Changes the settings of all migrations.
///
/// What the body does not name stays as it is. Migrations under way go by it from their next step on; what a migration
/// was started with stands.
#[utoipa::path(
    post,
    operation_id = "update_migration_config",
    path = "/api/v1/migration/config/update",
    tag = "migration",
    request_body = MigrationOverlay,
    responses((status = 200, description = "They hold from now on", body = MigrationConfigDocument)),
)]
pub(super) async fn update(
    State(api): State<Api>,
    caller: Option<Extension<Caller>>,
    JsonBody(overlay): JsonBody<MigrationOverlay>,
) -> Result<Json<MigrationConfigDocument>, Problem> {
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
    responses((status = 200, description = "Their names", body = Variables)),
)]
pub(super) async fn environment(State(api): State<Api>) -> Json<Variables> {
    Json(Variables::from(&*api.environment))
}
