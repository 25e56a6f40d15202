//! What starts a migration, stops it, and makes it go on.

use axum::Extension;
use axum::extract::State;
use ghl_sync_model::{MappingOverrides, MigrationRequest};

use super::{Accepted, MigrationInPath, MigrationPath, accepted, name};
use crate::access::Caller;
use crate::body::{JsonBody, MaybeJsonBody};
use crate::problem::{Problem, ProblemKind};
use crate::routes::InPath;
use crate::service::Api;
use crate::wire::{Approval, MigrationDocument};

/// Most bytes of what people decide about a mapping at once: a migration is one item of DynamoDB, with all of it.
const MAX_OVERRIDES_BYTES: usize = 100_000;

/// Starts a migration of one location into another.
///
/// It reads both, maps the one to the other, and waits for consent before it writes anything, unless `auto_approve` is
/// set and the mapping has no questions.
#[utoipa::path(
    post,
    operation_id = "start_migration",
    path = "/api/v1/migration/start",
    tag = "migration",
    request_body = MigrationRequest,
    responses((status = 202, description = "It has begun", body = MigrationDocument)),
)]
pub(super) async fn start(
    State(api): State<Api>,
    caller: Option<Extension<Caller>>,
    JsonBody(request): JsonBody<MigrationRequest>,
) -> Accepted {
    bounded(&request.overrides)?;
    let migration = api.migrator.start(request, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Looks what a migration would do.
///
/// It reads both locations, maps, and forecasts, and ends there: GHL is not written to.
#[utoipa::path(
    post,
    operation_id = "preview_migration",
    path = "/api/v1/migration/preview",
    tag = "migration",
    request_body = MigrationRequest,
    responses((status = 202, description = "It has begun to look", body = MigrationDocument)),
)]
pub(super) async fn preview(
    State(api): State<Api>,
    caller: Option<Extension<Caller>>,
    JsonBody(request): JsonBody<MigrationRequest>,
) -> Accepted {
    bounded(&request.overrides)?;
    let migration = api.migrator.preview(request, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Agrees with the mapping.
///
/// With decisions about single things, if need be; they are looked at before anything is written.
#[utoipa::path(
    post,
    operation_id = "approve_migration",
    path = "/api/v1/migration/{migration_id}/approve",
    tag = "migration",
    params(MigrationPath),
    request_body = Option<Approval>,
    responses((status = 202, description = "It goes on", body = MigrationDocument)),
)]
pub(super) async fn approve(
    State(api): State<Api>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
    MaybeJsonBody(Approval { overrides }): MaybeJsonBody<Approval>,
) -> Accepted {
    bounded(&overrides)?;
    let migration = api.migrator.approve(&migration_id, overrides, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Stops a migration for a while.
///
/// What is in the target's outbox already still goes out.
#[utoipa::path(
    post,
    operation_id = "pause_migration",
    path = "/api/v1/migration/{migration_id}/pause",
    tag = "migration",
    params(MigrationPath),
    responses((status = 202, description = "It stops after the unit of work that is under way", body = MigrationDocument)),
)]
pub(super) async fn pause(
    State(api): State<Api>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
) -> Accepted {
    let migration = api.migrator.pause(&migration_id, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Goes on with a migration.
///
/// One that was paused, that failed, or whose questions were answered in GHL itself.
#[utoipa::path(
    post,
    operation_id = "resume_migration",
    path = "/api/v1/migration/{migration_id}/resume",
    tag = "migration",
    params(MigrationPath),
    responses((status = 202, description = "It goes on", body = MigrationDocument)),
)]
pub(super) async fn resume(
    State(api): State<Api>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
) -> Accepted {
    let migration = api.migrator.resume(&migration_id, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Stops a migration for good.
///
/// What it wrote stays, and what is in the target's outbox already still goes out.
#[utoipa::path(
    post,
    operation_id = "cancel_migration",
    path = "/api/v1/migration/{migration_id}/cancel",
    tag = "migration",
    params(MigrationPath),
    responses((status = 202, description = "It does not go on", body = MigrationDocument)),
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
) -> Accepted {
    let migration = api.migrator.cancel(&migration_id, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

/// Rolls a migration back.
///
/// What it created in its target is deleted, and only that; what it updated stays as it is.
#[utoipa::path(
    post,
    operation_id = "rollback_migration",
    path = "/api/v1/migration/{migration_id}/rollback",
    tag = "migration",
    params(MigrationPath),
    responses((status = 202, description = "It has begun", body = MigrationDocument)),
)]
pub(super) async fn rollback(
    State(api): State<Api>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    caller: Option<Extension<Caller>>,
) -> Accepted {
    let migration = api.migrator.rollback(&migration_id, name(caller.as_ref())).await?;
    accepted(&api, migration).await
}

fn bounded(overrides: &MappingOverrides) -> Result<(), Problem> {
    // Maps of texts: this cannot fail to serialize.
    let bytes = serde_json::to_vec(overrides).unwrap_or_default().len();
    if bytes > MAX_OVERRIDES_BYTES {
        let detail = format!("is larger than {MAX_OVERRIDES_BYTES} bytes as JSON");
        return Err(Problem::field(ProblemKind::Invalid, "overrides", detail));
    }
    Ok(())
}
