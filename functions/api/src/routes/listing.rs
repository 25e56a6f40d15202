//! Lists of records: by state, by import, by search, and the causes of failures.

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{
    FailedCursor, ImportCursor, ImportId, ImportStanding, InvalidCursor, Kind, LocationId, RecordCursor, RecordId,
    RecordKey,
};
use ghl_sync_operate::{
    CauseId, FailedRecords, Failures, RecordFilter, RecordPage, RecordState, RecordStatus, SearchText,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::records::status_of;
use super::{KnownLocation, LocationPath};
use crate::problem::ApiProblem;
use crate::query::{InQuery, foreign_cursor, within};
use crate::service::ApiState;
use crate::wire::RecordList;

const DEFAULT_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;
/// Longest search text, in characters.
const LONGEST_TEXT: usize = 200;

/// Which records to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordListQuery {
    /// State of the records. Failed records come with the oldest failure first, all others by kind and id.
    #[param(inline, nullable = false)]
    state: Option<ListedState>,
    /// Only records of this import, the pending ones first.
    #[param(inline, nullable = false, example = "contacts-csv-5f1c09e2")]
    import: Option<ImportId>,
    /// With `state=failed`: only records whose last error has this cause: the `id` of a cause that `failures` lists, or
    /// a code. Unreadable records are not among them.
    #[param(value_type = Option<String>, nullable = false, pattern = "^[A-Z_]{1,40}([.][0-9a-f]{12})?$", example = "REJECTED.0f4c1a90be27")]
    cause: Option<CauseId>,
    /// Kind of the records.
    #[param(inline, nullable = false)]
    kind: Option<Kind>,
    /// Search text: the beginning of words of a name, a company or an e-mail address, at least five digits of a phone
    /// number, or the complete id, yours or GHL's.
    #[param(nullable = false, max_length = 200, example = "ann lee")]
    q: Option<String>,
    /// Together with `kind`: your own id of one record, verbatim, whatever characters it has.
    #[param(inline, nullable = false, example = "crm-42")]
    id: Option<RecordId>,
    /// `cursor` of the previous page.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Most records of the page.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// State of listed records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ListedState {
    /// It will be sent.
    Due,
    /// It will be sent once another record has been sent.
    Waiting,
    /// GHL has its last version.
    Accepted,
    /// It failed for good.
    Failed,
    /// A dry run showed what would have been sent.
    DryRun,
    /// Somebody changed it in GHL, and that content stays.
    Superseded,
    /// Its import was undone.
    Undone,
    /// Of an import: due or waiting.
    Pending,
    /// Of an import: dry run, superseded by content in GHL, or to be deleted.
    Other,
    /// Of an import: it was undone, but not completely.
    Left,
}

impl ListedState {
    /// The equivalent record state; `None` if several states match.
    fn exactly(self) -> Option<RecordState> {
        match self {
            ListedState::Due => Some(RecordState::Due),
            ListedState::Waiting => Some(RecordState::Waiting),
            ListedState::Accepted => Some(RecordState::Accepted),
            ListedState::Failed => Some(RecordState::Failed),
            ListedState::DryRun => Some(RecordState::DryRun),
            ListedState::Superseded => Some(RecordState::Superseded),
            ListedState::Undone => Some(RecordState::Undone),
            ListedState::Pending | ListedState::Other | ListedState::Left => None,
        }
    }

    /// The index entry of an import that holds records of this state.
    fn standing(self) -> ImportStanding {
        match self {
            ListedState::Due | ListedState::Waiting | ListedState::Pending => ImportStanding::Pending,
            ListedState::Accepted => ImportStanding::Accepted,
            ListedState::Failed => ImportStanding::Failed,
            ListedState::DryRun | ListedState::Superseded | ListedState::Other => ImportStanding::Other,
            ListedState::Undone => ImportStanding::Undone,
            ListedState::Left => ImportStanding::Left,
        }
    }
}

/// Lists records, or looks for one.
///
/// A page reads a bounded part of the location: it may hold fewer records than requested, or none, and still not be the
/// last; `cursor` is null on the last one. With `kind` and `id` the list is the status of that one record. Use them for
/// an id that a path cannot carry (such as `..`, or an id with a `?` behind API Gateway, which cuts the path there).
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/records",
    operation_id = "list_records",
    tag = "records",
    params(LocationPath, RecordListQuery),
    responses((status = 200, description = "A page of records", body = RecordList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    location: KnownLocation,
    InQuery(listing): InQuery<RecordListQuery>,
) -> Result<Json<RecordList>, ApiProblem> {
    let RecordListQuery { state, import, cause, kind, q, id, cursor, limit } = listing;
    if cause.is_some()
        && (!matches!(state, Some(ListedState::Failed)) || import.is_some() || kind.is_some() || q.is_some())
    {
        return Err(ApiProblem::invalid("cause", "goes with `state=failed`, and with none of import, kind, q and id"));
    }
    if let Some(id) = id {
        if state.is_some() || import.is_some() || cursor.is_some() || limit.is_some() || q.is_some() {
            return Err(ApiProblem::invalid(
                "id",
                "goes with none of state, import, q, cursor and limit: it names one record",
            ));
        }
        let kind = kind.ok_or_else(|| ApiProblem::invalid("kind", "is missing; `id` goes with it"))?;
        let status = status_of(&api, &location.id, kind, id).await?;
        return Ok(Json(RecordList { records: vec![status], cursor: None }));
    }
    let limit = within("limit", limit.unwrap_or(DEFAULT_PAGE), 1, LARGEST_PAGE)?;
    if let Some(import) = import {
        if q.is_some() {
            return Err(ApiProblem::invalid("q", "does not go with `import`"));
        }
        let wanted = OfImport { import, state, kind };
        return of_import(&api, &location, &wanted, cursor, limit).await;
    }
    if let Some(ListedState::Pending | ListedState::Other) = state {
        return Err(ApiProblem::invalid("state", "is one of an import: name it as `import`"));
    }
    let state = state.and_then(ListedState::exactly);
    match q {
        None if state == Some(RecordState::Failed) && kind.is_none() => {
            failed(&api, &location, cause.as_ref(), cursor, limit).await
        }
        None => filtered(&api, &location, &RecordFilter { state, kind, text: None }, cursor, limit).await,
        Some(q) => {
            let text = SearchText::new(&q).filter(|_| q.chars().count() <= LONGEST_TEXT);
            let text = text.ok_or_else(|| {
                ApiProblem::invalid(
                    "q",
                    format!("must have a letter or a digit, and at most {LONGEST_TEXT} characters"),
                )
            })?;
            let filter = RecordFilter { state, kind, text: Some(text) };
            found(&api, &location, q.trim(), &filter, cursor, limit).await
        }
    }
}

/// Filter for the records of one import.
struct OfImport {
    import: ImportId,
    state: Option<ListedState>,
    kind: Option<Kind>,
}

/// Lists by the index of imports, which groups records by their status.
async fn of_import(
    api: &ApiState,
    location: &KnownLocation,
    OfImport { import, state, kind }: &OfImport,
    cursor: Option<String>,
    limit: u32,
) -> Result<Json<RecordList>, ApiProblem> {
    let one = state.map(|state| [state.standing()]);
    let standings = one.as_ref().map_or(&ImportStanding::ALL[..], |one| &one[..]);
    let exactly = state.and_then(ListedState::exactly);
    let is_wanted = |record: &RecordStatus| {
        kind.is_none_or(|kind| record.kind == kind) && exactly.is_none_or(|state| record.state == state)
    };
    let (from, mut after) = match cursor {
        None => (0, None),
        Some(text) => place_in(&text, &location.id, import, standings)?,
    };
    let mut records = Vec::new();
    for (place, standing) in standings.iter().enumerate().skip(from) {
        let missing = limit.saturating_sub(u32::try_from(records.len()).unwrap_or(limit));
        let page = api.operator().records_of_import(&location.id, import, *standing, after.as_ref(), missing).await?;
        let last = page.records.last().map(|record| record.key.clone());
        records.extend(page.records.into_iter().filter(is_wanted));
        let is_full = records.len() >= limit as usize && place + 1 < standings.len();
        let next = page.next.map(|next| next.key).or(last.filter(|_| is_full));
        if let Some(key) = next {
            let cursor = ImportCursor { key }.to_text(&location.id, import, *standing);
            return Ok(Json(RecordList { records, cursor: Some(cursor) }));
        }
        after = None;
    }
    Ok(Json(RecordList { records, cursor: None }))
}

/// The index in `standings` where the previous page ended, and its last record.
fn place_in(
    text: &str,
    location: &LocationId,
    import: &ImportId,
    standings: &[ImportStanding],
) -> Result<(usize, Option<RecordKey>), ApiProblem> {
    let in_list = |standing: &ImportStanding| ImportCursor::from_text(text, location, import, *standing).ok();
    let found = standings.iter().enumerate().find_map(|(place, standing)| Some((place, in_list(standing)?)));
    found.map(|(place, cursor)| (place, Some(cursor.key))).ok_or_else(|| no_cursor(InvalidCursor))
}

/// Lists by the index of failures, so records that did not fail cost nothing.
async fn failed(
    api: &ApiState,
    location: &KnownLocation,
    cause: Option<&CauseId>,
    cursor: Option<String>,
    limit: u32,
) -> Result<Json<RecordList>, ApiProblem> {
    let after = cursor.map(|cursor| FailedCursor::from_text(&cursor, &location.id)).transpose().map_err(no_cursor)?;
    let FailedRecords { records, next } = match cause {
        Some(cause) => api.operator().failed_for(&location.id, cause, after, limit as usize).await?,
        None => api.operator().failed_records(&location.id, after.as_ref(), limit).await?,
    };
    Ok(Json(RecordList { records, cursor: next.map(|next| next.to_text(&location.id)) }))
}

async fn filtered(
    api: &ApiState,
    location: &KnownLocation,
    filter: &RecordFilter,
    cursor: Option<String>,
    limit: u32,
) -> Result<Json<RecordList>, ApiProblem> {
    let after = cursor.map(|cursor| RecordCursor::from_text(&cursor, &location.id)).transpose().map_err(no_cursor)?;
    let RecordPage { records, next } = api.operator().records(&location.id, filter, after, limit as usize).await?;
    Ok(Json(RecordList { records, cursor: next.map(|next| next.to_text(&location.id)) }))
}

/// Searches records. The first page begins with the records whose id is the text.
async fn found(
    api: &ApiState,
    location: &KnownLocation,
    q: &str,
    filter: &RecordFilter,
    cursor: Option<String>,
    limit: u32,
) -> Result<Json<RecordList>, ApiProblem> {
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
/// Records that failed in the same way share one cause, whatever ids, numbers and addresses GHL's message contains.
/// Looks at 1,000 failed records at most.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/failures",
    tag = "records",
    params(LocationPath),
    responses((status = 200, description = "The causes", body = Failures)),
)]
pub(crate) async fn failures(
    State(api): State<ApiState>,
    location: KnownLocation,
) -> Result<Json<Failures>, ApiProblem> {
    Ok(Json(api.operator().failures(&location.id).await?))
}

fn no_cursor(_: InvalidCursor) -> ApiProblem {
    foreign_cursor()
}
