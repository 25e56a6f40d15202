//! Lists of contacts, handed in without access to the bucket.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ghl_sync_drop::{ListName, ListPage, Lists, ListsError, MAX_LISTS, RowsFile};
use ghl_sync_model::{ListCursor, LocationId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{InPath, KnownLocation, LocationPath, unknown_location};
use crate::body::JsonBody;
use crate::problem::{Problem, ProblemKind};
use crate::query::{InQuery, foreign_cursor, within};
use crate::service::Api;
use crate::wire::{FileLink, HandInList, HandedInList, ListDocument, ListMapping, ListsOfLocation};

/// Lists of a page unless more are asked for.
const DEFAULT_PAGE: u32 = 20;

/// The path of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ListPath {
    /// GHL's id of the location (sub-account).
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// What the list is called: the last part of its key in the bucket.
    #[param(value_type = String, max_length = 255, example = "20261130-194501-3fa9c1-contacts.csv")]
    list: ListName,
}

/// Makes room for a list of contacts.
///
/// The answer's link takes the file (CSV, XLSX and the like, 64 MiB at most) by `PUT`, without a key. The list is held: it
/// is read and told of, and nothing is sent before its mapping says so. It is mapped as the location's settings say.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/lists",
    operation_id = "hand_in_list",
    tag = "lists",
    params(LocationPath),
    request_body = HandInList,
    responses((status = 201, description = "Where the file goes", body = HandedInList)),
)]
pub(crate) async fn hand_in(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(HandInList { name, size, undoable }): JsonBody<HandInList>,
) -> Result<(StatusCode, Json<HandedInList>), Problem> {
    let handed_in = lists(&api)?.hand_in(&location_id, &name, size, undoable).await?;
    Ok((StatusCode::CREATED, Json(handed_in.into())))
}

/// Which part of the lists.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// Where the page before ended.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Most lists of the page.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// Lists the lists of a location that are in the bucket.
///
/// The newest first: handed in, or dropped there, as long as the bucket keeps them. A list is here once the importer has seen
/// it, some seconds after its file is there, and as the importer has written it down last. A page may hold fewer lists than
/// asked for, and still not be the last; `cursor` is null on the last one.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/lists",
    operation_id = "list_lists",
    tag = "lists",
    params(LocationPath, Part),
    responses((status = 200, description = "A page of them", body = ListsOfLocation)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    location: KnownLocation,
    InQuery(Part { cursor, limit }): InQuery<Part>,
) -> Result<Json<ListsOfLocation>, Problem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_PAGE), 1, MAX_LISTS)?;
    let after = cursor.map(|cursor| ListCursor::from_text(&cursor, &location.id)).transpose();
    let after = after.map_err(|_| foreign_cursor())?;
    let ListPage { lists: found, next } = lists(&api)?.listed(&location.id, after, limit).await?;
    let cursor = next.map(|next| next.to_text(&location.id));
    Ok(Json(ListsOfLocation { lists: found.into_iter().map(Into::into).collect(), cursor }))
}

/// Tells how a list stands.
///
/// Lists that were dropped into the bucket are told of as well, but for those in folders.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/lists/{list}",
    operation_id = "list_status",
    tag = "lists",
    params(ListPath),
    responses((status = 200, description = "How it stands", body = ListDocument)),
)]
pub(crate) async fn status(
    State(api): State<Api>,
    InPath(ListPath { location_id, list }): InPath<ListPath>,
) -> Result<Json<ListDocument>, Problem> {
    let status = lists(&api)?.look(&location_id, &list).await?;
    Ok(Json(ListDocument::of(&list, status)))
}

/// Says how a list is read, and whether it is held.
///
/// It replaces the list's mapping. The list is then read anew; without `hold`, and with no question open, it is imported.
#[utoipa::path(
    put,
    path = "/v1/locations/{location_id}/lists/{list}/mapping",
    operation_id = "map_list",
    tag = "lists",
    params(ListPath),
    request_body = ListMapping,
    responses((status = 200, description = "How it stands", body = ListDocument)),
)]
pub(crate) async fn map(
    State(api): State<Api>,
    InPath(ListPath { location_id, list }): InPath<ListPath>,
    JsonBody(mapping): JsonBody<ListMapping>,
) -> Result<Json<ListDocument>, Problem> {
    let lists = lists(&api)?;
    lists.set_mapping(&location_id, &list, &mapping.as_map()).await?;
    let status = lists.look(&location_id, &list).await?;
    Ok(Json(ListDocument::of(&list, status)))
}

/// Tells where the results of a list are.
///
/// They are a CSV file with one line a contact: its row, its record, how it stands, GHL's id of it, and what went wrong. The
/// link is good for 15 minutes, without a key. They are there once the list, as it and its mapping are now, is `done`.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/lists/{list}/results",
    operation_id = "list_results",
    tag = "lists",
    params(ListPath),
    responses((status = 200, description = "A link to results.csv", body = FileLink)),
)]
pub(crate) async fn results(
    State(api): State<Api>,
    InPath(ListPath { location_id, list }): InPath<ListPath>,
) -> Result<Json<FileLink>, Problem> {
    Ok(Json(lists(&api)?.rows(&location_id, &list, RowsFile::Results).await?.into()))
}

/// Tells where the rejects of a list are.
///
/// They are a CSV file with the rows that were, or would be, left out or lose a cell, and why: to be corrected and handed in
/// again. The link is good for 15 minutes, without a key. They are there once the list, as it and its mapping are now, is
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
    State(api): State<Api>,
    InPath(ListPath { location_id, list }): InPath<ListPath>,
) -> Result<Json<FileLink>, Problem> {
    Ok(Json(lists(&api)?.rows(&location_id, &list, RowsFile::Rejects).await?.into()))
}

fn lists(api: &Api) -> Result<&Lists, Problem> {
    let missing = "the stack has no bucket for lists; deploy it with the parameter ImportBucketName";
    api.lists.as_ref().ok_or_else(|| Problem::new(ProblemKind::NotNow, missing))
}

impl From<ListsError> for Problem {
    fn from(error: ListsError) -> Problem {
        match error {
            ListsError::UnknownLocation(_) => unknown_location(),
            ListsError::UnknownList | ListsError::NoSuchFile => {
                Problem::new(ProblemKind::UnknownList, error.to_string())
            }
            ListsError::Invalid { field, reason } => Problem::field(ProblemKind::Invalid, field, reason),
            ListsError::Port(failed) => failed.into(),
        }
    }
}
