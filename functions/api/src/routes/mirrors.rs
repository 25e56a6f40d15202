//! Mirrors: a source sends its complete list in parts, and commits it.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use ghl_sync_model::{LocationId, MirrorName, MirrorPartKey, OnMissing, RecordId, RunId};
use ghl_sync_operate::items::ContactItem;
use ghl_sync_operate::{Commit, CommitReport, MAX_PART, MAX_PARTS, MirrorError};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use super::put::put_sorted;
use super::{InPath, KnownLocation};
use crate::body::JsonBody;
use crate::items::{Items, OneOrMore};
use crate::problem::{ApiProblem, ProblemKind};
use crate::query::within;
use crate::service::ApiState;
use crate::wire::{CommitMirror, MirrorCommitted, MirrorState, PutDocument};

/// Largest share of the previous contacts that may be missing, unless the request says otherwise.
const MAX_MISSING: f64 = 0.05;
/// Contacts of a run, at most.
const MAX_PRESENT: u64 = MAX_PARTS as u64 * MAX_PART as u64;
/// Longest tag, in characters.
const LONGEST_TAG: usize = 100;

/// The path of a mirror.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct MirrorPath {
    /// Id of the location (sub-account) in GHL.
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// The name of the list.
    #[param(inline, example = "crm")]
    name: MirrorName,
}

/// The path of a run: one sending of the complete list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RunPath {
    /// Id of the location (sub-account) in GHL.
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// The name of the list.
    #[param(inline, example = "crm")]
    name: MirrorName,
    /// Id of the run, different for each run.
    #[param(inline, example = "2026-11-29")]
    run: RunId,
}

/// The path of a part of a run.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct PartPath {
    /// Id of the location (sub-account) in GHL.
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// The name of the list.
    #[param(inline, example = "crm")]
    name: MirrorName,
    /// Id of the run, different for each run.
    #[param(inline, example = "2026-11-29")]
    run: RunId,
    /// Number of the part, from 0 to 99.
    #[param(maximum = 99)]
    #[serde(deserialize_with = "number")]
    part: u32,
}

/// Reads a number from a path segment.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = Some(&text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or_else(|| D::Error::custom("must be a whole number"))
}

/// Tells how a mirror stands.
///
/// The next run is compared with the last committed one; without one, no contact can be missing.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/mirrors/{name}",
    tag = "mirrors",
    params(MirrorPath),
    responses((status = 200, description = "The last committed run", body = MirrorState)),
)]
pub(crate) async fn mirror(
    State(api): State<ApiState>,
    InPath(MirrorPath { location_id, name }): InPath<MirrorPath>,
) -> Result<Json<MirrorState>, ApiProblem> {
    let mirror = api.operator().mirror(&location_id, &name).await?;
    Ok(Json(mirror.into()))
}

/// Puts a part of a run.
///
/// Its contacts are put as usual: unchanged ones cost nothing. The part's members are stored; until the run is
/// committed, nothing happens to missing contacts. Sending a part again replaces it; a committed run takes no other
/// contacts (409). A part has at most 5,000 items.
#[utoipa::path(
    put,
    path = "/v1/locations/{location_id}/mirrors/{name}/runs/{run}/parts/{part}",
    tag = "mirrors",
    params(PartPath),
    request_body(content(
        (OneOrMore<ContactItem> = "application/json"),
        (ContactItem = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "All items are accepted", body = PutDocument),
        (status = 207, description = "Some items are accepted; `items` says which", body = PutDocument),
    ),
)]
pub(crate) async fn put_part(
    State(api): State<ApiState>,
    location: KnownLocation,
    InPath(PartPath { location_id, name, run, part }): InPath<PartPath>,
    items: Items<ContactItem>,
) -> Result<Response, ApiProblem> {
    if part >= MAX_PARTS {
        return Err(ApiProblem::in_path("part", &format!("must be a whole number below {MAX_PARTS}")));
    }
    let now = api.engine.ports().clock.now();
    let sorted = items.sort(&location.id, location.settings.default_priority, now);
    let count = sorted.records.len() + sorted.refused.len();
    if count > MAX_PART {
        let detail = format!("the part has {count} items; at most {MAX_PART} are allowed");
        return Err(ApiProblem::new(ProblemKind::TooLarge, detail));
    }
    let ids: Vec<RecordId> = sorted.records.iter().map(|record| record.id.clone()).collect();
    let refused = sorted.refused.len() as u64;
    let answer = put_sorted(&api, &location_id, None, sorted).await?;
    let key = MirrorPartKey { location: location_id, name, run, part };
    api.operator().take_mirror_part(&key, ids, refused).await?;
    Ok(answer)
}

/// Ends a run of a mirror.
///
/// Handles the contacts of the last committed run that this run does not have as `on_missing` says. A large number
/// takes several requests: continue with `done` until `complete` is true; until then the earlier run counts. Nothing is
/// done, and the response is 409, if a part was never sent, if items of the run were refused (their contacts are
/// unknown), or if more than `max_missing` are missing.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/mirrors/{name}/runs/{run}/commit",
    tag = "mirrors",
    params(RunPath),
    request_body = CommitMirror,
    responses((status = 200, description = "The result of the commit", body = MirrorCommitted)),
)]
pub(crate) async fn commit(
    State(api): State<ApiState>,
    InPath(RunPath { location_id, name, run }): InPath<RunPath>,
    JsonBody(CommitMirror { parts, on_missing, max_missing, done }): JsonBody<CommitMirror>,
) -> Result<Json<MirrorCommitted>, ApiProblem> {
    within("parts", parts, 1, MAX_PARTS)?;
    let max_missing = max_missing.unwrap_or(MAX_MISSING);
    if !(0.0..=1.0).contains(&max_missing) {
        return Err(ApiProblem::invalid("max_missing", "must be a number from 0 to 1"));
    }
    let done = done.unwrap_or_default();
    if done > MAX_PRESENT {
        return Err(ApiProblem::invalid("done", format!("must be a whole number up to {MAX_PRESENT}")));
    }
    let on_missing = on_missing.as_deref().map_or(Ok(OnMissing::Keep), on_missing_of)?;
    let commit = Commit { run, parts, on_missing, max_missing, done };
    let committed: CommitReport = api.operator().commit_mirror(&location_id, &name, &commit).await?;
    Ok(Json(committed.into()))
}

fn on_missing_of(text: &str) -> Result<OnMissing, ApiProblem> {
    let unknown = || ApiProblem::invalid("on_missing", "must be keep, delete, tag:NAME or untag:NAME");
    match text.split_once(':') {
        None if text == "keep" => Ok(OnMissing::Keep),
        None if text == "delete" => Ok(OnMissing::Delete),
        Some((does, tag)) if !tag.trim().is_empty() && tag.chars().count() <= LONGEST_TAG => match does {
            "tag" => Ok(OnMissing::Tag(tag.trim().to_owned())),
            "untag" => Ok(OnMissing::Untag(tag.trim().to_owned())),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

impl From<MirrorError> for ApiProblem {
    fn from(error: MirrorError) -> ApiProblem {
        let kind = match error {
            MirrorError::Operate(error) => return error.into(),
            MirrorError::PartTooLarge(_) => ProblemKind::TooLarge,
            MirrorError::Committed(_)
            | MirrorError::NoPart(_)
            | MirrorError::Refused(_)
            | MirrorError::TooManyMissing { .. }
            | MirrorError::Overtaken => ProblemKind::NotNow,
        };
        ApiProblem::new(kind, error.to_string())
    }
}
