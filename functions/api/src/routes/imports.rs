//! Imports: their details and status, cancelling and undoing them.

use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use ghl_sync_model::{ImportCursor, ImportId, ImportStanding, LocationId};
use ghl_sync_operate::{ImportError, ImportStatus, MAX_RECENT_IMPORTS, UndoCursor};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{InPath, LocationPath, unknown_location};
use crate::access::Caller;
use crate::body::{JsonBody, MaybeJsonBody};
use crate::problem::{ApiProblem, ProblemKind};
use crate::query::{InQuery, foreign_cursor, within};
use crate::service::ApiState;
use crate::wire::{
    CancelImport, ImportListDocument, ImportUpdateRequest, ListedImport, RecentImports, UndoAsked, UndoImport,
    Withdrawn,
};

/// Most time that one cancel or undo request works: API Gateway stops waiting after 30 s.
const CANCEL_TIME: Duration = Duration::from_secs(15);

/// Number of listed imports, unless the request sets a limit.
const DEFAULT_RECENT: u32 = 20;

/// The path of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ImportPath {
    /// Id of the location (sub-account) in GHL.
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// Your own id of the import.
    #[param(inline, example = "contacts-csv-5f1c09e2")]
    import_id: ImportId,
}

/// How many imports to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecentImportsQuery {
    /// Most imports.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// Lists the most recent imports of all locations.
///
/// Newest first, of the last 30 days. A key that is bound to locations sees those of its own locations among the last
/// 500. An import that began a moment ago may be missing.
#[utoipa::path(
    get,
    path = "/v1/imports",
    operation_id = "recent_imports",
    tag = "imports",
    params(RecentImportsQuery),
    responses((status = 200, description = "The imports", body = RecentImports)),
)]
pub(crate) async fn recent(
    State(api): State<ApiState>,
    Extension(caller): Extension<Caller>,
    InQuery(RecentImportsQuery { limit }): InQuery<RecentImportsQuery>,
) -> Result<Json<RecentImports>, ApiProblem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_RECENT), 1, MAX_RECENT_IMPORTS)?;
    let imports = api.operator().recent_imports(caller.own(), limit).await?;
    Ok(Json(RecentImports { imports: imports.into_iter().map(Into::into).collect() }))
}

/// Begins an import, or updates its details.
///
/// Fields that the body leaves out stay as they are. Put items under the import with `?import=` and its id; an unknown
/// import begins with its first items. A cancelled or undone import takes no items and no updates until its `state` is
/// set to `open`. An import is kept for 400 days after its last update.
#[utoipa::path(
    put,
    path = "/v1/locations/{location_id}/imports/{import_id}",
    tag = "imports",
    params(ImportPath),
    request_body = ImportUpdateRequest,
    responses((status = 200, description = "The import", body = ListedImport)),
)]
pub(crate) async fn tell(
    State(api): State<ApiState>,
    InPath(ImportPath { location_id, import_id }): InPath<ImportPath>,
    JsonBody(told): JsonBody<ImportUpdateRequest>,
) -> Result<Json<ListedImport>, ApiProblem> {
    let import = api.operator().tell_import(&location_id, &import_id, &told.into()).await?;
    Ok(Json(import.summary(&import_id).into()))
}

/// Lists the last imports of a location.
///
/// Newest first, at most 200. Older ones are still available by id.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/imports",
    operation_id = "list_imports",
    tag = "imports",
    params(LocationPath),
    responses((status = 200, description = "The imports", body = ImportListDocument)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
) -> Result<Json<ImportListDocument>, ApiProblem> {
    let imports = api.operator().imports(&location_id).await?;
    Ok(Json(ImportListDocument { imports: imports.into_iter().map(ListedImport::from).collect() }))
}

/// Tells how an import stands.
///
/// A record belongs to the import that put its current content, so the counts add up to the records that no later put
/// has taken over. `records?import=` lists the records themselves.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/imports/{import_id}",
    tag = "imports",
    params(ImportPath),
    responses((status = 200, description = "The status of the import", body = ImportStatus)),
)]
pub(crate) async fn status(
    State(api): State<ApiState>,
    InPath(ImportPath { location_id, import_id }): InPath<ImportPath>,
) -> Result<Json<ImportStatus>, ApiProblem> {
    Ok(Json(api.operator().import(&location_id, &import_id).await?))
}

/// Cancels an import: withdraws what was not sent.
///
/// The import takes no more items, and its pending records become failed (`CANCELLED`): a replay brings them back. Once
/// the request returns, no call starts for a withdrawn record; calls in progress finish normally. A large number takes
/// several requests: continue with `cursor` until it is null.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/imports/{import_id}/cancel",
    tag = "imports",
    params(ImportPath),
    request_body = CancelImport,
    responses((status = 200, description = "The result of the cancellation", body = Withdrawn)),
)]
pub(crate) async fn cancel(
    State(api): State<ApiState>,
    InPath(ImportPath { location_id, import_id }): InPath<ImportPath>,
    MaybeJsonBody(CancelImport { cursor }): MaybeJsonBody<CancelImport>,
) -> Result<Json<Withdrawn>, ApiProblem> {
    let list = (&location_id, &import_id, ImportStanding::Pending);
    let after = cursor.map(|cursor| cursor_of(&cursor, list)).transpose()?;
    let enough = api.engine.ports().clock.now() + CANCEL_TIME;
    let after = after.map(|cursor| cursor.key);
    let report = api.operator().cancel_import(&location_id, &import_id, after, enough).await?;
    Ok(Json(Withdrawn {
        withdrawn: report.withdrawn,
        skipped: report.skipped,
        not_written: report.not_written,
        cursor: report.next.map(|next| next.to_text(&location_id, &import_id, ImportStanding::Pending)),
    }))
}

/// Undoes an import: deletes in GHL what it created, and restores what it changed.
///
/// Only an import that began with `undoable` can be undone, for 30 days. It takes no more items and sends nothing more.
/// Its records become due for the undo, which goes field by field: a field is restored if GHL still has the value that
/// the import wrote. Fields that somebody changed since stay, and so does consent. The import's `undo` counts what was
/// undone and what was left, and `records?import=…&state=left` lists the fields and the reasons. A large number takes
/// several requests: continue with `cursor` until it is null.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/imports/{import_id}/undo",
    operation_id = "undo_import",
    tag = "imports",
    params(ImportPath),
    request_body = UndoImport,
    responses((status = 200, description = "The result of the request", body = UndoAsked)),
)]
pub(crate) async fn undo(
    State(api): State<ApiState>,
    InPath(ImportPath { location_id, import_id }): InPath<ImportPath>,
    MaybeJsonBody(UndoImport { cursor }): MaybeJsonBody<UndoImport>,
) -> Result<Json<UndoAsked>, ApiProblem> {
    let place = |text: String| UndoCursor::from_text(&text, &location_id, &import_id).ok_or_else(foreign_cursor);
    let after = cursor.map(place).transpose()?;
    let enough = api.engine.ports().clock.now() + CANCEL_TIME;
    let report = api.operator().undo_import(&location_id, &import_id, after, enough).await?;
    Ok(Json(UndoAsked {
        asked: report.asked,
        skipped: report.skipped,
        not_undoable: report.not_undoable,
        not_written: report.not_written,
        cursor: report.next.map(|next| next.to_text(&location_id, &import_id)),
    }))
}

/// Reads a cursor of the import's records with one status.
pub(super) fn cursor_of(
    text: &str,
    (location, import, standing): (&LocationId, &ImportId, ImportStanding),
) -> Result<ImportCursor, ApiProblem> {
    ImportCursor::from_text(text, location, import, standing).map_err(|_| foreign_cursor())
}

impl From<ImportError> for ApiProblem {
    fn from(error: ImportError) -> ApiProblem {
        match error {
            ImportError::UnknownLocation(_) => unknown_location(),
            ImportError::Unknown(_) => ApiProblem::new(
                ProblemKind::UnknownImport,
                "the location has no such import, or it was not updated for 400 days",
            ),
            ImportError::Cancelled(_) => ApiProblem::new(
                ProblemKind::NotNow,
                "the import was cancelled; PUT its `state` as `open` to go on with it",
            ),
            ImportError::Undone(_) => ApiProblem::new(
                ProblemKind::NotNow,
                "the import was undone; PUT its `state` as `open` to begin it anew",
            ),
            ImportError::NotUndoable(_, why) => {
                ApiProblem::new(ProblemKind::NotNow, format!("the import cannot be undone: {why}"))
            }
            ImportError::Invalid { field, reason } => ApiProblem::field(ProblemKind::Invalid, field, reason),
            ImportError::Port(failed) => failed.into(),
        }
    }
}
