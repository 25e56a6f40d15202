//! The list of locations, changes of many at once, and the removal of one.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use ghl_sync_engine::standing::LocationState;
use ghl_sync_model::{LocationCursor, LocationId, LocationLabels, SettingsOverlay};
use ghl_sync_operate::items::JsonFault;
use ghl_sync_operate::{ChangedSettings, LocationFilter, PutSettingsError, SettingsChange};
use serde::Deserialize;
use serde_json::Value;
use tracing::error;
use utoipa::IntoParams;

use super::{InPath, LocationPath};
use crate::access::{AuditSubject, Caller};
use crate::body::JsonBody;
use crate::problem::{ApiProblem, FieldProblem, ProblemKind};
use crate::query::{InQuery, foreign_cursor, wanted_text, within};
use crate::service::ApiState;
use crate::wire::{LocationList, PatchItem, PatchLocations, PatchedLocation, PatchedLocations, RemovedLocation};

const DEFAULT_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;
/// Longest search text, in characters.
const LONGEST_TEXT: usize = 200;
/// Most locations in one change request.
const MOST_CHANGES: usize = 100;
/// Most days for `expires_within_days`.
const FURTHEST_DAYS: u32 = 3650;
const DAY: Duration = Duration::from_secs(86_400);

/// Which locations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocationListQuery {
    /// Only locations in this state.
    #[param(inline, nullable = false)]
    state: Option<LocationState>,
    /// Only locations with this tag, in any case.
    #[param(nullable = false, max_length = 40, example = "dental")]
    tag: Option<String>,
    /// Only locations that contain this text in their id, name or tags, or in GHL's name or company, in any case.
    #[param(nullable = false, max_length = 200, example = "berlin")]
    q: Option<String>,
    /// Only locations that need attention (`true`), or only the others (`false`).
    #[param(nullable = false)]
    trouble: Option<bool>,
    /// Only locations whose credentials expire within this many days, or have expired.
    #[param(nullable = false, minimum = 0, maximum = 3650, example = 30)]
    expires_within_days: Option<u32>,
    /// `cursor` of the previous page.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Most locations of the page.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists locations.
///
/// Sorted by id: the settings of each, its name in GHL, its last known status, and when its credentials expire. A page
/// looks at 500 locations at most, so a filtered page may be short or empty, and still not be the last: `cursor` is
/// null on the last one. A key that is bound to locations sees only those.
#[utoipa::path(
    get,
    path = "/v1/locations",
    operation_id = "list_locations",
    tag = "locations",
    params(LocationListQuery),
    responses((status = 200, description = "A page of locations", body = LocationList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    Extension(caller): Extension<Caller>,
    InQuery(wanted): InQuery<LocationListQuery>,
) -> Result<Json<LocationList>, ApiProblem> {
    let LocationListQuery { state, tag, q, trouble, expires_within_days, cursor, limit } = wanted;
    let limit = within("limit", limit.unwrap_or(DEFAULT_PAGE), 1, LARGEST_PAGE)?;
    let days = expires_within_days.map(|days| within("expires_within_days", days, 0, FURTHEST_DAYS)).transpose()?;
    let after = cursor.map(|cursor| LocationCursor::from_text(&cursor)).transpose();
    let after = after.map_err(|_| foreign_cursor())?;
    let filter = LocationFilter {
        state,
        tag: wanted_text("tag", tag, LocationLabels::MAX_TAG)?,
        text: wanted_text("q", q, LONGEST_TEXT)?,
        in_trouble: trouble,
        expires_within: days.map(|days| DAY * days),
        own: caller.reach,
    };
    let page = api.operator().locations(&filter, after.map(|after| after.location), limit as usize).await?;
    Ok(Json(page.into()))
}

/// Changes the settings of many locations.
///
/// Each item of `locations` names a `location_id`; the rest of the item is a JSON merge patch of that location's
/// settings. With `revision`, the change applies only if the settings still have that revision. Each item is applied or
/// refused independently; an unknown location becomes known.
#[utoipa::path(
    patch,
    path = "/v1/locations",
    tag = "locations",
    request_body = PatchLocations,
    responses(
        (status = 200, description = "All changes are in effect", body = PatchedLocations),
        (status = 207, description = "Some changes are in effect; `locations` says which", body = PatchedLocations),
    ),
)]
pub(crate) async fn patch_locations(
    State(api): State<ApiState>,
    JsonBody(PatchLocations { locations }): JsonBody<PatchLocations>,
) -> Result<Response, ApiProblem> {
    if locations.is_empty() || locations.len() > MOST_CHANGES {
        return Err(ApiProblem::invalid("locations", format!("must be a list of 1 to {MOST_CHANGES}")));
    }
    let SortedChanges { items, refused: mut all } = SortedChanges::of(locations);
    let places: Vec<(usize, LocationId)> = items.iter().map(|(index, item)| (*index, item.location.clone())).collect();
    let changes = items.into_iter().map(|(_, PatchItem { location, revision, patch })| SettingsChange {
        location,
        expected: revision,
        change: Box::new(move |set: &SettingsOverlay| patch.onto(set)),
        is_written_anyway: false,
    });
    let done = api.operator().change_settings(changes.collect()).await;
    all.extend(places.into_iter().zip(done).map(|((index, location), done)| told(index, location, done)));
    all.sort_by_key(|told| told.index);
    answer(all)
}

/// The valid items, each with its index in the body, and the results of the refused ones.
struct SortedChanges {
    items: Vec<(usize, PatchItem)>,
    refused: Vec<PatchedLocation>,
}

impl SortedChanges {
    fn of(locations: Vec<Value>) -> SortedChanges {
        let (mut sorted, mut seen) = (SortedChanges { items: Vec::new(), refused: Vec::new() }, BTreeSet::new());
        for (index, item) in locations.into_iter().enumerate() {
            match PatchItem::read(item) {
                Ok(item) if seen.insert(item.location.clone()) => sorted.items.push((index, item)),
                Ok(PatchItem { location, .. }) => {
                    let twice = field("location_id", "is there twice");
                    sorted.refused.push(refused(index, Some(location), vec![twice]));
                }
                Err(faults) => {
                    let errors = faults.into_iter().map(|JsonFault { field: name, detail, .. }| field(&name, &detail));
                    sorted.refused.push(refused(index, None, errors.collect()));
                }
            }
        }
        sorted
    }
}

fn field(name: &str, detail: &str) -> FieldProblem {
    FieldProblem { index: None, field: name.to_owned(), detail: detail.to_owned() }
}

fn refused(index: usize, location_id: Option<LocationId>, errors: Vec<FieldProblem>) -> PatchedLocation {
    PatchedLocation { index, location_id, result: "refused", revision: None, errors }
}

fn told(index: usize, location: LocationId, done: Result<ChangedSettings, PutSettingsError>) -> PatchedLocation {
    let id = Some(location);
    match done {
        Ok(ChangedSettings { view, is_written }) => {
            let result = if is_written { "changed" } else { "unchanged" };
            PatchedLocation { index, location_id: id, result, revision: Some(view.rev), errors: Vec::new() }
        }
        Err(PutSettingsError::Changed { current }) => {
            refused(index, id, vec![field("revision", &format!("is {current} by now; read it again"))])
        }
        Err(PutSettingsError::Port(failed)) => {
            error!(event = "port_failed", action = failed.action, error = ghl_sync_runtime::causes(&failed));
            let errors = vec![field("", "a store did not answer; send it again")];
            PatchedLocation { index, location_id: id, result: "failed", revision: None, errors }
        }
        Err(wrong) => refused(index, id, ApiProblem::from(wrong).errors),
    }
}

/// If nothing was applied, the response is a problem; otherwise it lists the result of each item.
fn answer(locations: Vec<PatchedLocation>) -> Result<Response, ApiProblem> {
    let count = |result: &str| locations.iter().filter(|told| told.result == result).count() as u64;
    let [changed, unchanged, refused, failed] = ["changed", "unchanged", "refused", "failed"].map(count);
    let all = locations.len();
    if failed == all as u64 {
        return Err(ApiProblem::new(ProblemKind::Unavailable, "nothing could be stored; send it again"));
    }
    if refused == all as u64 {
        let errors = locations.into_iter().flat_map(|PatchedLocation { index, errors, .. }| {
            errors.into_iter().map(move |error| {
                let place = format!("locations[{index}]");
                let field = if error.field.is_empty() { place } else { format!("{place}.{}", error.field) };
                FieldProblem { index: None, field, detail: error.detail }
            })
        });
        let detail = format!("none of the {all} changes is accepted");
        return Err(ApiProblem { kind: ProblemKind::Invalid, detail: detail.into(), errors: errors.collect() });
    }
    let status = if refused + failed == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let subject = Extension(AuditSubject(format!("{all} locations, {changed} changed")));
    let told = PatchedLocations { changed, unchanged, refused, failed, locations };
    Ok((status, subject, Json(told)).into_response())
}

/// What to remove besides the settings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemovalQuery {
    /// Removes all its records as well, and GHL's copies of them.
    #[param(inline, nullable = false, default = false)]
    forget_records: Option<bool>,
}

/// Removes a location.
///
/// The location is switched off: once the request returns, no call to GHL starts. Then its settings, status and counts
/// are deleted, and it is no longer known. With `forget_records=true` its records are deleted first, for up to 15 s per
/// request, so a large location takes several: repeat the request until `complete`. Without it, the records are kept
/// and wait until the location is made known again. Nothing is deleted in GHL.
#[utoipa::path(
    delete,
    path = "/v1/locations/{location_id}",
    tag = "locations",
    params(LocationPath, RemovalQuery),
    responses((status = 200, description = "The result of the removal", body = RemovedLocation)),
)]
pub(crate) async fn remove_location(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    InQuery(RemovalQuery { forget_records }): InQuery<RemovalQuery>,
) -> Result<Json<RemovedLocation>, ApiProblem> {
    let removed = api.operator().remove_location(&location_id, forget_records == Some(true)).await;
    match removed {
        Ok(removal) => Ok(Json(RemovedLocation::new(location_id, removal))),
        Err(PutSettingsError::Changed { .. }) => {
            let detail = "somebody changed the location's settings meanwhile; look at them, then remove it again";
            Err(ApiProblem::new(ProblemKind::NotNow, detail))
        }
        Err(error) => Err(error.into()),
    }
}
