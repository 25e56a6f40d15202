//! Records: the story of one, where many stand, and another chance for those that failed.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{FailedCursor, ImportStanding, Kind, LocationId, RecordId, RecordKey};
use ghl_sync_operate::{RecordStatus, ReplayCursor, ReplayError, Replayed as What};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{InPath, LocationPath, imports, unknown_location};
use crate::body::JsonBody;
use crate::problem::{Problem, ProblemKind};
use crate::service::Api;
use crate::wire::{Lookup, Outcomes, Replay, Replayed};

/// Longest that one request replays: API Gateway stops waiting after 30 s.
const REPLAY_TIME: Duration = Duration::from_secs(15);
/// Most records that are looked up at once.
const LARGEST_LOOKUP: usize = 500;

/// The path of a record.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RecordPath {
    /// GHL's id of the location (sub-account).
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// What it is.
    #[param(inline)]
    kind: Kind,
    /// Your own id of it.
    #[param(inline, example = "crm-42")]
    record_id: RecordId,
}

impl RecordPath {
    /// Of which location, and which record.
    pub(crate) fn split(self) -> (LocationId, RecordKey) {
        (self.location_id, RecordKey { kind: self.kind, id: self.record_id })
    }
}

/// Tells the whole story of a record.
///
/// Where it stands, what went wrong last in GHL's own words, what it waits for now, and when it should go out.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/records/{kind}/{*record_id}",
    tag = "records",
    params(RecordPath),
    responses((status = 200, description = "Its story", body = RecordStatus)),
)]
pub(crate) async fn record_status(
    State(api): State<Api>,
    InPath(RecordPath { location_id, kind, record_id }): InPath<RecordPath>,
) -> Result<Json<RecordStatus>, Problem> {
    status_of(&api, &location_id, kind, record_id).await.map(Json)
}

pub(super) async fn status_of(
    api: &Api,
    location: &LocationId,
    kind: Kind,
    id: RecordId,
) -> Result<RecordStatus, Problem> {
    let story = api.operator().record_status(location, &RecordKey { kind, id }).await?;
    let unknown = || Problem::new(ProblemKind::UnknownRecord, "it was never put into this location");
    story.ok_or_else(unknown)
}

fn cursor_of(text: &str, location: &LocationId) -> Result<FailedCursor, Problem> {
    FailedCursor::from_text(text, location)
        .map_err(|_| Problem::field(ProblemKind::Invalid, "cursor", "is not one that a page before gave here"))
}

/// Tells where many records stand.
///
/// For whoever has put them and waits. Records that were never put are left out. A record that is neither `due` nor
/// `waiting` has come to its end, until it is put or replayed again.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/records/lookup",
    tag = "records",
    params(LocationPath),
    request_body = Lookup,
    responses((status = 200, description = "Where they stand", body = Outcomes)),
)]
pub(crate) async fn lookup(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(Lookup { records }): JsonBody<Lookup>,
) -> Result<Json<Outcomes>, Problem> {
    if !(1..=LARGEST_LOOKUP).contains(&records.len()) {
        let detail = format!("must list 1 to {LARGEST_LOOKUP} records");
        return Err(Problem::field(ProblemKind::Invalid, "records", detail));
    }
    let keys: Vec<RecordKey> = BTreeSet::from_iter(records).into_iter().collect();
    let records = api.operator().outcomes(&location_id, &keys).await?;
    Ok(Json(Outcomes { records }))
}

/// Gives failed records another chance.
///
/// They are due again with their attempts counted anew, and an idle location starts at once. A great many take more
/// than one request: go on with `cursor` until it is null.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/replay",
    tag = "records",
    params(LocationPath),
    request_body = Replay,
    responses((status = 200, description = "What was replayed", body = Replayed)),
)]
pub(crate) async fn replay(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(replay): JsonBody<Replay>,
) -> Result<Json<Replayed>, Problem> {
    let (what, mut after) = what(replay, &location_id)?;
    let clock = &api.engine.ports().clock;
    let enough = clock.now() + REPLAY_TIME;
    let mut sum = Replayed::default();
    loop {
        let report = api.operator().replay(&location_id, &what, after.as_ref()).await?;
        sum.replayed += report.replayed;
        sum.skipped += report.skipped;
        sum.not_written += report.not_written;
        after = report.next;
        if after.is_none() || clock.now() >= enough {
            break;
        }
    }
    sum.cursor = match (&what, after) {
        (What::Import(import, _), Some(ReplayCursor::Import(next))) => {
            Some(next.to_text(&location_id, import, ImportStanding::Failed))
        }
        (_, Some(ReplayCursor::Failed(next))) => Some(next.to_text(&location_id)),
        (_, _) => None,
    };
    Ok(Json(sum))
}

fn what(replay: Replay, location: &LocationId) -> Result<(What, Option<ReplayCursor>), Problem> {
    let Replay { all, code, import, records, cursor } = replay;
    let invalid = |field: &str, detail: &str| Err(Problem::field(ProblemKind::Invalid, field, detail));
    let failed = |cursor: Option<String>| {
        Ok::<_, Problem>(cursor.map(|cursor| cursor_of(&cursor, location)).transpose()?.map(ReplayCursor::Failed))
    };
    match (all, code, import, records) {
        (true, None, None, None) => Ok((What::All, failed(cursor)?)),
        (false, Some(code), None, None) => Ok((What::Code(code), failed(cursor)?)),
        (false, code, Some(import), None) => {
            let list = (location, &import, ImportStanding::Failed);
            let after = cursor.map(|cursor| imports::cursor_of(&cursor, list)).transpose()?;
            Ok((What::Import(import, code), after.map(ReplayCursor::Import)))
        }
        (false, None, None, Some(_)) if cursor.is_some() => invalid("cursor", "goes with `all`, `code` or `import`"),
        (false, None, None, Some(records)) => Ok((What::Records(records), None)),
        _ => invalid("all", "or `code` or `import` (or both) or `records` must be given, and only one of them"),
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Problem {
        match error {
            ReplayError::Unknown(_) => unknown_location(),
            ReplayError::TooMany(_) => Problem::field(ProblemKind::Invalid, "records", "lists more than 500"),
            ReplayError::Port(failed) => failed.into(),
        }
    }
}
