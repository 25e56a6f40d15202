//! Mirrors: a source sends its whole list, in parts, and commits it.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use ghl_sync_model::{LocationId, MirrorName, MirrorPartKey, OnMissing, RecordId, RunId};
use ghl_sync_operate::items::ContactItem;
use ghl_sync_operate::{Commit, Committed, MAX_PART, MAX_PARTS, MirrorError};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use super::put::put_sorted;
use super::{InPath, KnownLocation};
use crate::body::JsonBody;
use crate::items::{Items, OneOrMore};
use crate::problem::{Problem, ProblemKind};
use crate::query::within;
use crate::service::Api;
use crate::wire::{CommitMirror, MirrorCommitted, MirrorState, Put};

/// Of those that were there, so many may be missing, unless the request says otherwise.
const MAX_MISSING: f64 = 0.05;
/// Contacts of a run, at most.
const MAX_PRESENT: u64 = MAX_PARTS as u64 * MAX_PART as u64;
/// Longest tag, in characters.
const LONGEST_TAG: usize = 100;

/// The path of a mirror.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct MirrorPath {
    /// GHL's id of the location (sub-account).
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// The name of the list.
    #[param(inline, example = "crm")]
    name: MirrorName,
}

/// The path of a run: one sending of the whole list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RunPath {
    /// GHL's id of the location (sub-account).
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// The name of the list.
    #[param(inline, example = "crm")]
    name: MirrorName,
    /// Which run: another one each time.
    #[param(inline, example = "2026-11-29")]
    run: RunId,
}

/// The path of a part of a run.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct PartPath {
    /// GHL's id of the location (sub-account).
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// The name of the list.
    #[param(inline, example = "crm")]
    name: MirrorName,
    /// Which run: another one each time.
    #[param(inline, example = "2026-11-29")]
    run: RunId,
    /// Which part of it, from 0 to 99.
    #[param(maximum = 99)]
    #[serde(deserialize_with = "number")]
    part: u32,
}

/// A number as a path has it.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = Some(&text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or_else(|| D::Error::custom("must be a whole number"))
}

/// Tells how a mirror stands.
///
/// The run that was committed last is what the next one is compared with; without one, nobody can be missing.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/mirrors/{name}",
    tag = "mirrors",
    params(MirrorPath),
    responses((status = 200, description = "The run that counts", body = MirrorState)),
)]
pub(crate) async fn mirror(
    State(api): State<Api>,
    InPath(MirrorPath { location_id, name }): InPath<MirrorPath>,
) -> Result<Json<MirrorState>, Problem> {
    let mirror = api.operator().mirror(&location_id, &name).await?;
    Ok(Json(mirror.into()))
}

/// Puts a part of a run.
///
/// Its contacts are put as ever: what has not changed costs nothing. Who is in the part is written down; until the run is
/// committed, nothing happens to anybody who is missing. Sending a part again replaces it; a run that is committed takes
/// no other contacts (409). A part has at most 5,000 items.
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
        (status = 202, description = "All items are accepted", body = Put),
        (status = 207, description = "Some items are accepted; `items` says which", body = Put),
    ),
)]
pub(crate) async fn put_part(
    State(api): State<Api>,
    location: KnownLocation,
    InPath(PartPath { location_id, name, run, part }): InPath<PartPath>,
    items: Items<ContactItem>,
) -> Result<Response, Problem> {
    if part >= MAX_PARTS {
        return Err(Problem::in_path("part", &format!("must be a whole number below {MAX_PARTS}")));
    }
    let now = api.engine.ports().clock.now();
    let sorted = items.sort(&location.id, location.settings.default_priority, now);
    let count = sorted.records.len() + sorted.refused.len();
    if count > MAX_PART {
        let detail = format!("the part has {count} items; at most {MAX_PART} are allowed");
        return Err(Problem::new(ProblemKind::TooLarge, detail));
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
/// What the committed run before had and this one has not is dealt with as `on_missing` says. A great many take more than
/// one request: go on with `done` until `complete` is true; until then the run before counts. Nothing is done, and the
/// answer is 409, if a part was never sent, if items of the run were refused (nobody knows who they are), or if more than
/// `max_missing` are missing.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/mirrors/{name}/runs/{run}/commit",
    tag = "mirrors",
    params(RunPath),
    request_body = CommitMirror,
    responses((status = 200, description = "What was done", body = MirrorCommitted)),
)]
pub(crate) async fn commit(
    State(api): State<Api>,
    InPath(RunPath { location_id, name, run }): InPath<RunPath>,
    JsonBody(CommitMirror { parts, on_missing, max_missing, done }): JsonBody<CommitMirror>,
) -> Result<Json<MirrorCommitted>, Problem> {
    within("parts", parts, 1, MAX_PARTS)?;
    let max_missing = max_missing.unwrap_or(MAX_MISSING);
    if !(0.0..=1.0).contains(&max_missing) {
        return Err(Problem::invalid("max_missing", "must be a number from 0 to 1"));
    }
    let done = done.unwrap_or_default();
    if done > MAX_PRESENT {
        return Err(Problem::invalid("done", format!("must be a whole number up to {MAX_PRESENT}")));
    }
    let on_missing = on_missing.as_deref().map_or(Ok(OnMissing::Keep), on_missing_of)?;
    let commit = Commit { run, parts, on_missing, max_missing, done };
    let committed: Committed = api.operator().commit_mirror(&location_id, &name, &commit).await?;
    Ok(Json(committed.into()))
}

fn on_missing_of(text: &str) -> Result<OnMissing, Problem> {
    let unknown = || Problem::invalid("on_missing", "must be keep, delete, tag:NAME or untag:NAME");
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

impl From<MirrorError> for Problem {
    fn from(error: MirrorError) -> Problem {
        let kind = match error {
            MirrorError::Operate(error) => return error.into(),
            MirrorError::PartTooLarge(_) => ProblemKind::TooLarge,
            MirrorError::Committed(_)
            | MirrorError::NoPart(_)
            | MirrorError::Refused(_)
            | MirrorError::TooManyMissing { .. }
            | MirrorError::Overtaken => ProblemKind::NotNow,
        };
        Problem::new(kind, error.to_string())
    }
}
