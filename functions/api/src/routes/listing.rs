//! Records in lists: those that stand somewhere, those that somebody looks for, and the causes of failures.

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{FailedCursor, InvalidCursor, Kind, RecordCursor, RecordId};
use ghl_sync_operate::{FailedRecords, Failures, RecordFilter, RecordPage, RecordState, SearchText};
use serde::Deserialize;
use utoipa::IntoParams;

use super::records::status_of;
use super::{KnownLocation, LocationPath};
use crate::problem::{Problem, ProblemKind};
use crate::query::InQuery;
use crate::service::Api;
use crate::wire::RecordList;

const DEFAULT_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;
/// Longest text that is looked for, in characters.
const LONGEST_TEXT: usize = 200;

/// Which records to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    /// Where they stand. Those that failed come with the oldest failure first, all others by kind and id.
    #[param(inline, nullable = false)]
    state: Option<RecordState>,
    /// What they are.
    #[param(inline, nullable = false)]
    kind: Option<Kind>,
    /// What somebody looks for: the beginning of words of a name, a company or an e-mail address, at least five digits of
    /// a phone number, or the whole of your id or GHL's.
    #[param(nullable = false, max_length = 200, example = "ann lee")]
    q: Option<String>,
    /// Together with `kind`: your own id of one record, as it is, whatever characters it has.
    #[param(inline, nullable = false, example = "crm-42")]
    id: Option<RecordId>,
    /// Where the page before ended.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Most records of the page.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists records, or looks for one.
///
/// A page reads a bounded part of the location: it may hold fewer records than asked for, or none, and still not be the
/// last; `cursor` is null on the last one. With `kind` and `id` the list is the story of that one record: an id that a path
/// cannot carry (such as `..`, or one with a `?` behind API Gateway, which cuts paths there) is asked for in this way.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/records",
    tag = "records",
    params(LocationPath, Listing),
    responses((status = 200, description = "A page of them", body = RecordList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    location: KnownLocation,
    InQuery(listing): InQuery<Listing>,
) -> Result<Json<RecordList>, Problem> {
    let Listing { state, kind, q, id, cursor, limit } = listing;
    if let Some(id) = id {
        if state.is_some() || cursor.is_some() || limit.is_some() || q.is_some() {
            return Err(invalid("id", "goes with none of state, q, cursor and limit: it names one record"));
        }
        let kind = kind.ok_or_else(|| invalid("kind", "is missing; `id` goes with it"))?;
        let story = status_of(&api, &location.id, kind, id).await?;
        return Ok(Json(RecordList { records: vec![story], cursor: None }));
    }
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(invalid("limit", &format!("must be a whole number from 1 to {LARGEST_PAGE}")));
    }
    match q {
        None if state == Some(RecordState::Failed) && kind.is_none() => failed(&api, &location, cursor, limit).await,
        None => filtered(&api, &location, &RecordFilter { state, kind, text: None }, cursor, limit).await,
        Some(q) => {
            let text = SearchText::new(&q).filter(|_| q.chars().count() <= LONGEST_TEXT);
            let text = text.ok_or_else(|| {
                invalid("q", &format!("must have a letter or a digit, and at most {LONGEST_TEXT} characters"))
            })?;
            let filter = RecordFilter { state, kind, text: Some(text) };
            found(&api, &location, q.trim(), &filter, cursor, limit).await
        }
    }
}

/// By the index of failures, which costs nothing for what did not fail.
async fn failed(
    api: &Api,
    location: &KnownLocation,
    cursor: Option<String>,
    limit: u32,
) -> Result<Json<RecordList>, Problem> {
    let after = cursor.map(|cursor| FailedCursor::from_text(&cursor, &location.id)).transpose().map_err(no_cursor)?;
    let FailedRecords { records, next } = api.operator().failed_records(&location.id, after.as_ref(), limit).await?;
    Ok(Json(RecordList { records, cursor: next.map(|next| next.to_text(&location.id)) }))
}

async fn filtered(
    api: &Api,
    location: &KnownLocation,
    filter: &RecordFilter,
    cursor: Option<String>,
    limit: u32,
) -> Result<Json<RecordList>, Problem> {
    let after = cursor.map(|cursor| RecordCursor::from_text(&cursor, &location.id)).transpose().map_err(no_cursor)?;
    let RecordPage { records, next } = api.operator().records(&location.id, filter, after, limit as usize).await?;
    Ok(Json(RecordList { records, cursor: next.map(|next| next.to_text(&location.id)) }))
}

/// The first page begins with what has the text as its id.
async fn found(
    api: &Api,
    location: &KnownLocation,
    q: &str,
    filter: &RecordFilter,
    cursor: Option<String>,
    limit: u32,
) -> Result<Json<RecordList>, Problem> {
    let is_first = cursor.is_none();
    let of_id = api.operator().records_of_id(&location.id, q).await?;
    let Json(mut page) = filtered(api, location, filter, cursor, limit).await?;
    page.records.retain(|record| of_id.iter().all(|named| named.key != record.key));
    if is_first {
        let wanted = of_id.into_iter().filter(|record| {
            filter.kind.is_none_or(|kind| record.kind == kind) && filter.state.is_none_or(|state| record.state == state)
        });
        page.records.splice(0..0, wanted);
    }
    Ok(Json(page))
}

/// Tells why records failed.
///
/// Records that failed in the same way are one cause, whatever ids, numbers and addresses GHL's message names. At most
/// 1,000 failed records are looked at.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/failures",
    tag = "records",
    params(LocationPath),
    responses((status = 200, description = "The causes", body = Failures)),
)]
pub(crate) async fn failures(State(api): State<Api>, location: KnownLocation) -> Result<Json<Failures>, Problem> {
    Ok(Json(api.operator().failures(&location.id).await?))
}

fn invalid(field: &str, detail: &str) -> Problem {
    Problem::field(ProblemKind::Invalid, field, detail.to_owned())
}

fn no_cursor(_: InvalidCursor) -> Problem {
    invalid("cursor", "is not one that a page before gave here")
}
