//! Lists of contacts, uploaded without access to the bucket.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ghl_sync_drop::{ListName, ListPage, Lists, ListsError, MAX_LISTS, RowsFile};
use ghl_sync_model::{ListCursor, LocationId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{InPath, KnownLocation, LocationPath, unknown_location};
use crate::body::JsonBody;
use crate::problem::{ApiProblem, ProblemKind};
use crate::query::{InQuery, foreign_cursor, within};
use crate::service::ApiState;
use crate::wire::{FileLink, HandInList, HandedInList, ListDocument, ListMapping, ListsOfLocation};

/// Number of lists on a page, unless the request sets a limit.
const DEFAULT_PAGE: u32 = 20;

/// The path of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ListPath {
    /// Id of the location (sub-account) in GHL.
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// Name of the list: the last part of its key in the bucket.
    #[param(value_type = String, max_length = 255, example = "20261130-194501-3fa9c1-contacts.csv")]
    list: ListName,
}

/// Makes room for a list of contacts.
///
/// Upload the file (CSV, XLSX and the like, 64 MiB at most) to the link in the response by `PUT`, without a key. The
/// list is held: the importer reads it and reports on it, but sends nothing until its mapping allows it. It is mapped
/// by the location's settings.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/lists",
    operation_id = "hand_in_list",
    tag = "lists",
    params(LocationPath),
    request_body = HandInList,
    responses((status = 201, description = "The link for the upload", body = HandedInList)),
)]
pub(crate) async fn hand_in(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(HandInList { name, size, undoable }): JsonBody<HandInList>,
) -> Result<(StatusCode, Json<HandedInList>), ApiProblem> {
    let handed_in = lists(&api)?.hand_in(&location_id, &name, size, undoable).await?;
    Ok((StatusCode::CREATED, Json(handed_in.into())))
}

/// The part of the lists to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListsQuery {
    /// `cursor` of the previous page.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Most lists of the page.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// Lists the lists of a location that are in the bucket.
///
/// Newest first, uploaded here or dropped into the bucket, as long as the bucket keeps them. A list appears once the
/// importer has seen it, some seconds after its file arrives, with the state that the importer stored last. A page may
/// hold fewer lists than requested, and still not be the last; `cursor` is null on the last one.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/lists",
    operation_id = "list_lists",
    tag = "lists",
    params(LocationPath, ListsQuery),
    responses((status = 200, description = "A page of lists", body = ListsOfLocation)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    location: KnownLocation,
    InQuery(ListsQuery { cursor, limit }): InQuery<ListsQuery>,
) -> Result<Json<ListsOfLocation>, ApiProblem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_PAGE), 1, MAX_LISTS)?;
    let after = cursor.map(|cursor| ListCursor::from_text(&cursor, &location.id)).transpose();
    let after = after.map_err(|_| foreign_cursor())?;
    let ListPage { lists: found, next } = lists(&api)?.listed(&location.id, after, limit).await?;
    let cursor = next.map(|next| next.to_text(&location.id));
    Ok(Json(ListsOfLocation { lists: found.into_iter().map(Into::into).collect(), cursor }))
}

/// Tells how a list stands.
///
/// Includes lists that were dropped into the bucket, except those in folders.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/lists/{list}",
    operation_id = "list_status",
    tag = "lists",
    params(ListPath),
    responses((status = 200, description = "The status of the list", body = ListDocument)),
)]
pub(crate) async fn status(
    State(api): State<ApiState>,
    InPath(ListPath { location_id, list }): InPath<ListPath>,
) -> Result<Json<ListDocument>, ApiProblem> {
    let status = lists(&api)?.look(&location_id, &list).await?;
    Ok(Json(ListDocument::of(&list, status)))
}

/// Sets how a list is read, and whether it is held.
///
/// Replaces the list's mapping. The importer then reads the list again; it imports the list if there is no `hold` and
/// no open question.
#[utoipa::path(
    put,
    path = "/v1/locations/{location_id}/lists/{list}/mapping",
    operation_id = "map_list",
    tag = "lists",
    params(ListPath),
    request_body = ListMapping,
    responses((status = 200, description = "The status of the list", body = ListDocument)),
)]
pub(crate) async fn map(
    State(api): State<ApiState>,
    InPath(ListPath { location_id, list }): InPath<ListPath>,
    JsonBody(mapping): JsonBody<ListMapping>,
) -> Result<Json<ListDocument>, ApiProblem> {
    let lists = lists(&api)?;
    lists.set_mapping(&location_id, &list, &mapping.as_map()).await?;
    let status = lists.look(&location_id, &list).await?;
    Ok(Json(ListDocument::of(&list, status)))
}

/// Tells where the results of a list are.
///
/// A CSV file with one line per contact: its row, its record, its status, its id in GHL, and its error. The link works
/// for 15 minutes, without a key. The results exist once the list, with its current file and mapping, is `done`.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/lists/{list}/results",
    operation_id = "list_results",
    tag = "lists",
    params(ListPath),
    responses((status = 200, description = "A link to results.csv", body = FileLink)),
)]
pub(crate) async fn results(
    State(api): State<ApiState>,
    InPath(ListPath { location_id, list }): InPath<ListPath>,
) -> Result<Json<FileLink>, ApiProblem> {
    Ok(Json(lists(&api)?.rows(&location_id, &list, RowsFile::Results).await?.into()))
}

/// Tells where the rejects of a list are.
///
/// A CSV file with the rows that were, or would be, left out or lose a cell, and why: correct and upload it again. The
/// link works for 15 minutes, without a key. The rejects exist once the list, with its current file and mapping, is
/// `held` or `done`.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/lists/{list}/rejects",
    operation_id = "list_rejects",
    tag = "lists",
    params(ListPath),
    responses((status = 200, description = "A link to rejects.csv", body = FileLink)),
)]
pub(crate) async fn rejects(
    State(api): State<ApiState>,
    InPath(ListPath { location_id, list }): InPath<ListPath>,
) -> Result<Json<FileLink>, ApiProblem> {
    Ok(Json(lists(&api)?.rows(&location_id, &list, RowsFile::Rejects).await?.into()))
}

fn lists(api: &ApiState) -> Result<&Lists, ApiProblem> {
    let missing = "the stack has no bucket for lists; deploy it with the parameter ImportBucketName";
    api.lists.as_ref().ok_or_else(|| ApiProblem::new(ProblemKind::NotNow, missing))
}

impl From<ListsError> for ApiProblem {
    fn from(error: ListsError) -> ApiProblem {
        match error {
            ListsError::UnknownLocation(_) => unknown_location(),
            ListsError::UnknownList | ListsError::NoSuchFile => {
                ApiProblem::new(ProblemKind::UnknownList, error.to_string())
            }
            ListsError::Invalid { field, reason } => ApiProblem::field(ProblemKind::Invalid, field, reason),
            ListsError::Port(failed) => failed.into(),
        }
    }
}
