//! Locations in a list, changes of many at once, and the removal of one.

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
use crate::access::{Caller, Subject};
use crate::body::JsonBody;
use crate::problem::{FieldProblem, Problem, ProblemKind};
use crate::query::{InQuery, foreign_cursor, wanted_text, within};
use crate::service::Api;
use crate::wire::{LocationList, PatchItem, PatchLocations, PatchedLocation, PatchedLocations, RemovedLocation};

const DEFAULT_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;
/// Longest text that is looked for, in characters.
const LONGEST_TEXT: usize = 200;
/// Most locations of a change.
const MOST_CHANGES: usize = 100;
/// Furthest that somebody looks ahead, in days.
const FURTHEST_DAYS: u32 = 3650;
const DAY: Duration = Duration::from_secs(86_400);

/// Which locations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Those that do this now.
    #[param(inline, nullable = false)]
    state: Option<LocationState>,
    /// Those that have this tag, in whatever case.
    #[param(nullable = false, max_length = 40, example = "dental")]
    tag: Option<String>,
    /// Those in whose id, name, tags, or GHL's name or company this is found, in whatever case.
    #[param(nullable = false, max_length = 200, example = "berlin")]
    q: Option<String>,
    /// Those that somebody should look at, or those that nobody need look at.
    #[param(nullable = false)]
    trouble: Option<bool>,
    /// Those whose credentials end within so many days, or have ended.
    #[param(nullable = false, minimum = 0, maximum = 3650, example = 30)]
    expires_within_days: Option<u32>,
    /// Where the page before ended.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Most locations of the page.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists locations.
///
/// By id: what is set for each, what GHL calls it, how it stood last, and when its credentials end. A page looks at 500
/// locations at most, so one that looks for something may be short, or empty, and not the last: `cursor` is null on the last
/// one. A key that is bound sees its own locations, as if there were no others.
#[utoipa::path(
    get,
    path = "/v1/locations",
    operation_id = "list_locations",
    tag = "locations",
    params(Wanted),
    responses((status = 200, description = "A page of them", body = LocationList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    InQuery(wanted): InQuery<Wanted>,
) -> Result<Json<LocationList>, Problem> {
    let Wanted { state, tag, q, trouble, expires_within_days, cursor, limit } = wanted;
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
/// Each item of `locations` names a `location_id`, and is else a JSON merge patch of what was set for it, as with one
/// location. With `revision`, only if that is still the one of its settings. Each is done or refused by itself; a location
/// that nobody knew is known from then on.
#[utoipa::path(
    patch,
    path = "/v1/locations",
    tag = "locations",
    request_body = PatchLocations,
    responses(
        (status = 200, description = "All hold from now on", body = PatchedLocations),
        (status = 207, description = "Some do; `locations` says which", body = PatchedLocations),
    ),
)]
pub(crate) async fn patch_locations(
    State(api): State<Api>,
    JsonBody(PatchLocations { locations }): JsonBody<PatchLocations>,
) -> Result<Response, Problem> {
    if locations.is_empty() || locations.len() > MOST_CHANGES {
        return Err(Problem::invalid("locations", format!("must be a list of 1 to {MOST_CHANGES}")));
    }
    let Sorted { items, refused: mut all } = Sorted::of(locations);
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

/// Items that can be tried, each with its place, and those that cannot.
struct Sorted {
    items: Vec<(usize, PatchItem)>,
    refused: Vec<PatchedLocation>,
}

impl Sorted {
    fn of(locations: Vec<Value>) -> Sorted {
        let (mut sorted, mut seen) = (Sorted { items: Vec::new(), refused: Vec::new() }, BTreeSet::new());
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
        Err(wrong) => refused(index, id, Problem::from(wrong).errors),
    }
}

/// Where nothing was done, it is a problem; where some was, the answer says of each what became of it.
fn answer(locations: Vec<PatchedLocation>) -> Result<Response, Problem> {
    let count = |result: &str| locations.iter().filter(|told| told.result == result).count() as u64;
    let [changed, unchanged, refused, failed] = ["changed", "unchanged", "refused", "failed"].map(count);
    let all = locations.len();
    if failed == all as u64 {
        return Err(Problem::new(ProblemKind::Unavailable, "nothing could be stored; send it again"));
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
        return Err(Problem { kind: ProblemKind::Invalid, detail: detail.into(), errors: errors.collect() });
    }
    let status = if refused + failed == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let subject = Extension(Subject(format!("{all} locations, {changed} changed")));
    let told = PatchedLocations { changed, unchanged, refused, failed, locations };
    Ok((status, subject, Json(told)).into_response())
}

/// What is removed besides the settings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhatElse {
    /// All its records as well, and what GHL told of them.
    #[param(inline, nullable = false, default = false)]
    forget_records: Option<bool>,
}

/// Removes a location.
///
/// It is switched off: when the answer comes, no call to GHL begins any more. Then what was set, told and counted of it is
/// deleted, and it is not known any more. With `forget_records=true` its records go first: 15 s a request, so a large location
/// takes several; send the same until `complete`. Without, they are kept and wait, and go on once the location is made known
/// again. In GHL nothing is deleted.
#[utoipa::path(
    delete,
    path = "/v1/locations/{location_id}",
    tag = "locations",
    params(LocationPath, WhatElse),
    responses((status = 200, description = "What was removed", body = RemovedLocation)),
)]
pub(crate) async fn remove_location(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    InQuery(WhatElse { forget_records }): InQuery<WhatElse>,
) -> Result<Json<RemovedLocation>, Problem> {
    let removed = api.operator().remove_location(&location_id, forget_records == Some(true)).await;
    match removed {
        Ok(removal) => Ok(Json(RemovedLocation::new(location_id, removal))),
        Err(PutSettingsError::Changed { .. }) => {
            let detail = "somebody changed the location's settings meanwhile; look at them, then remove it again";
            Err(Problem::new(ProblemKind::NotNow, detail))
        }
        Err(error) => Err(error.into()),
    }
}
