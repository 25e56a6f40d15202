//! Starting, stopping and resuming migrations.

use axum::Extension;
use axum::extract::State;
use ghl_sync_model::{MappingOverrides, MigrationRequest};

use super::{Accepted, MigrationInPath, MigrationPath, accepted, name};
use crate::access::Caller;
use crate::body::{JsonBody, MaybeJsonBody};
use crate::problem::{ApiProblem, ProblemKind};
use crate::routes::InPath;
use crate::service::ApiState;
use crate::wire::{Approval, MigrationDocument};

/// Most bytes of mapping decisions in one request: a migration with all its decisions is one item in DynamoDB.
const MAX_OVERRIDES_BYTES: usize = 100_000;

/// Starts a migration of one location into another.
///
/// Reads both locations, maps one to the other, and waits for approval before it writes anything, unless `auto_approve`
/// is set and the mapping has no questions.
#[utoipa::path(
    post,
    operation_id = "start_migration",
    path = "/api/v1/migration/start",
    tag = "migration",
    request_body = MigrationRequest,
    responses((status = 202, description = "The migration has begun", body = MigrationDocument)),
)]
pub(super) async fn start(
    State(api): State<ApiState>,
    caller: Option<Extension<Caller>>,
    JsonBody(request): JsonBody<MigrationRequest>,
) -> Accepted {
    bounded(&request.overrides)?;
    let migration = api.migrator.start(request, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Shows what a migration would do.
///
/// Reads both locations, maps, forecasts, and stops there: writes nothing to GHL.
#[utoipa::path(
    post,
    operation_id = "preview_migration",
    path = "/api/v1/migration/preview",
    tag = "migration",
    request_body = MigrationRequest,
    responses((status = 202, description = "The preview has begun", body = MigrationDocument)),
)]
pub(super) async fn preview(
    State(api): State<ApiState>,
    caller: Option<Extension<Caller>>,
    JsonBody(request): JsonBody<MigrationRequest>,
) -> Accepted {
    bounded(&request.overrides)?;
    let migration = api.migrator.preview(request, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Approves the mapping.
///
/// Can include decisions about single items; they are checked before anything is written.
#[utoipa::path(
    post,
    operation_id = "approve_migration",
    path = "/api/v1/migration/{migration_id}/approve",
    tag = "migration",
    params(MigrationPath),
    request_body = Option<Approval>,
    responses((status = 202, description = "The migration continues", body = MigrationDocument)),
)]
pub(super) async fn approve(
    State(api): State<ApiState>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
    MaybeJsonBody(Approval { overrides }): MaybeJsonBody<Approval>,
) -> Accepted {
    bounded(&overrides)?;
    let migration = api.migrator.approve(&migration_id, overrides, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Pauses a migration.
///
/// Records already in the target's outbox are still sent.
#[utoipa::path(
    post,
    operation_id = "pause_migration",
    path = "/api/v1/migration/{migration_id}/pause",
    tag = "migration",
    params(MigrationPath),
    responses((status = 202, description = "The migration pauses after its current step", body = MigrationDocument)),
)]
pub(super) async fn pause(
    State(api): State<ApiState>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
) -> Accepted {
    let migration = api.migrator.pause(&migration_id, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Resumes a migration.
///
/// For one that was paused, that failed, or whose questions were answered in GHL itself.
#[utoipa::path(
    post,
    operation_id = "resume_migration",
    path = "/api/v1/migration/{migration_id}/resume",
    tag = "migration",
    params(MigrationPath),
    responses((status = 202, description = "The migration continues", body = MigrationDocument)),
)]
pub(super) async fn resume(
    State(api): State<ApiState>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
) -> Accepted {
    let migration = api.migrator.resume(&migration_id, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Stops a migration for good.
///
/// Everything it wrote stays, and records already in the target's outbox are still sent.
#[utoipa::path(
    post,
    operation_id = "cancel_migration",
    path = "/api/v1/migration/{migration_id}/cancel",
    tag = "migration",
    params(MigrationPath),
    responses((status = 202, description = "The migration is cancelled", body = MigrationDocument)),
)]
pub(super) async fn cancel(
    State(api): State<ApiState>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
) -> Accepted {
    let migration = api.migrator.cancel(&migration_id, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Rolls a migration back.
///
/// Deletes only what it created in its target; what it updated stays as it is.
#[utoipa::path(
    post,
    operation_id = "rollback_migration",
    path = "/api/v1/migration/{migration_id}/rollback",
    tag = "migration",
    params(MigrationPath),
    responses((status = 202, description = "The rollback has begun", body = MigrationDocument)),
)]
pub(super) async fn rollback(
    State(api): State<ApiState>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
) -> Accepted {
    let migration = api.migrator.rollback(&migration_id, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

fn bounded(overrides: &MappingOverrides) -> Result<(), ApiProblem> {
    // Maps of strings: serialization cannot fail.
    let bytes = serde_json::to_vec(overrides).unwrap_or_default().len();
    if bytes > MAX_OVERRIDES_BYTES {
        let detail = format!("is larger than {MAX_OVERRIDES_BYTES} bytes as JSON");
        return Err(ApiProblem::field(ProblemKind::Invalid, "overrides", detail));
    }
    Ok(())
}
