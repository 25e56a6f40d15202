//! Imports: what is told of them, how they stand, and withdrawing what was not sent.

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
use crate::problem::{Problem, ProblemKind};
use crate::query::{InQuery, foreign_cursor, within};
use crate::service::Api;
use crate::wire::{
    CancelImport, ImportList, ListedImport, RecentImports, ToldOfImport, UndoAsked, UndoImport, Withdrawn,
};

/// Longest that one request withdraws, or asks for undoing: API Gateway stops waiting after 30 s.
const CANCEL_TIME: Duration = Duration::from_secs(15);

/// Imports that are listed unless more are asked for.
const DEFAULT_RECENT: u32 = 20;

/// The path of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ImportPath {
    /// GHL's id of the location (sub-account).
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
pub(crate) struct HowMany {
    /// Most imports.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// Lists the imports that began last, of all locations.
///
/// The newest first, of the last 30 days. A caller that is bound sees those of its own locations among the last 500. One
/// that began a moment ago may be missing.
#[utoipa::path(
    get,
    path = "/v1/imports",
    operation_id = "recent_imports",
    tag = "imports",
    params(HowMany),
    responses((status = 200, description = "The imports", body = RecentImports)),
)]
pub(crate) async fn recent(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    InQuery(HowMany { limit }): InQuery<HowMany>,
) -> Result<Json<RecentImports>, Problem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_RECENT), 1, MAX_RECENT_IMPORTS)?;
    let imports = api.operator().recent_imports(caller.own(), limit).await?;
    Ok(Json(RecentImports { imports: imports.into_iter().map(Into::into).collect() }))
}

/// Begins an import, or tells how far it has come.
///
/// What the body leaves out stays as it is. Items are put under the import with `?import=` and its id; one that nobody has
/// told of begins with its first items. A cancelled or undone import takes no items, and nothing is told of it, until its `state`
/// is set to `open`. An import is kept for 400 days after it was told of last.
#[utoipa::path(
    put,
    path = "/v1/locations/{location_id}/imports/{import_id}",
    tag = "imports",
    params(ImportPath),
    request_body = ToldOfImport,
    responses((status = 200, description = "It is written down", body = ListedImport)),
)]
pub(crate) async fn tell(
    State(api): State<Api>,
    InPath(ImportPath { location_id, import_id }): InPath<ImportPath>,
    JsonBody(told): JsonBody<ToldOfImport>,
) -> Result<Json<ListedImport>, Problem> {
    let import = api.operator().tell_import(&location_id, &import_id, &told.into()).await?;
    Ok(Json(import.summary(&import_id).into()))
}

/// Lists the last imports of a location.
///
/// The newest first, at most 200. Others can still be asked for by their id.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/imports",
    operation_id = "list_imports",
    tag = "imports",
    params(LocationPath),
    responses((status = 200, description = "The imports", body = ImportList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
) -> Result<Json<ImportList>, Problem> {
    let imports = api.operator().imports(&location_id).await?;
    Ok(Json(ImportList { imports: imports.into_iter().map(ListedImport::from).collect() }))
}

/// Tells how an import stands.
///
/// A record belongs to the import that put its present content, so the counts add up to the records that no later put
/// has taken over. The records themselves are listed by `records?import=`.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/imports/{import_id}",
    tag = "imports",
    params(ImportPath),
    responses((status = 200, description = "How it stands", body = ImportStatus)),
)]
pub(crate) async fn status(
    State(api): State<Api>,
    InPath(ImportPath { location_id, import_id }): InPath<ImportPath>,
) -> Result<Json<ImportStatus>, Problem> {
    Ok(Json(api.operator().import(&location_id, &import_id).await?))
}

/// Cancels an import: withdraws what was not sent.
///
/// The import takes no more items, and its pending records stand as failed (`CANCELLED`): a replay brings them back. When
/// this is answered, no call begins any more for one that was withdrawn; what was on its way ends as it ends. A great
/// many take more than one request: go on with `cursor` until it is null.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/imports/{import_id}/cancel",
    tag = "imports",
    params(ImportPath),
    request_body = CancelImport,
    responses((status = 200, description = "What was withdrawn", body = Withdrawn)),
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    InPath(ImportPath { location_id, import_id }): InPath<ImportPath>,
    MaybeJsonBody(CancelImport { cursor }): MaybeJsonBody<CancelImport>,
) -> Result<Json<Withdrawn>, Problem> {
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

/// Undoes an import: what it created is deleted in GHL, and what it changed goes back to what it was.
///
/// Only an import that was begun with `undoable` can be undone, for 30 days. It takes no more items, and nothing of it is
/// sent any more. Its records become due for being undone: field by field, where GHL still shows what the import wrote; what
/// somebody changed since stays, and so does consent. The import's `undo` counts what was undone and what was left, and
/// `records?import=…&state=left` says which fields, and why. A great many take more than one request: go on with `cursor`
/// until it is null.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/imports/{import_id}/undo",
    operation_id = "undo_import",
    tag = "imports",
    params(ImportPath),
    request_body = UndoImport,
    responses((status = 200, description = "What was asked for", body = UndoAsked)),
)]
pub(crate) async fn undo(
    State(api): State<Api>,
    InPath(ImportPath { location_id, import_id }): InPath<ImportPath>,
    MaybeJsonBody(UndoImport { cursor }): MaybeJsonBody<UndoImport>,
) -> Result<Json<UndoAsked>, Problem> {
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

/// The place in the list of an import's records that stand at the same.
pub(super) fn cursor_of(
    text: &str,
    (location, import, standing): (&LocationId, &ImportId, ImportStanding),
) -> Result<ImportCursor, Problem> {
    ImportCursor::from_text(text, location, import, standing).map_err(|_| foreign_cursor())
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Problem {
        match error {
            ImportError::UnknownLocation(_) => unknown_location(),
            ImportError::Unknown(_) => {
                Problem::new(ProblemKind::UnknownImport, "nobody has told of it in this location, or not for 400 days")
            }
            ImportError::Cancelled(_) => Problem::new(
                ProblemKind::NotNow,
                "the import was cancelled; PUT its `state` as `open` to go on with it",
            ),
            ImportError::Undone(_) => {
                Problem::new(ProblemKind::NotNow, "the import was undone; PUT its `state` as `open` to begin it anew")
            }
            ImportError::NotUndoable(_, why) => {
                Problem::new(ProblemKind::NotNow, format!("the import cannot be undone: {why}"))
            }
            ImportError::Invalid { field, reason } => Problem::field(ProblemKind::Invalid, field, reason),
            ImportError::Port(failed) => failed.into(),
        }
    }
}
