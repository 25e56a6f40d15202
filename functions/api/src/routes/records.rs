//! Records: the story of one, where many stand, and another chance for those that failed.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{EpochMs, FailedCursor, ImportStanding, Kind, LocationId, RecordId, RecordKey};
use ghl_sync_operate::items::AsOf;
use ghl_sync_operate::{CauseId, FailedFilter, RecordStatus, ReplayCursor, ReplayError, Replayed as What};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{InPath, LocationPath, imports, unknown_location};
use crate::body::JsonBody;
use crate::problem::{Problem, ProblemKind};
use crate::query::foreign_cursor;
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
    FailedCursor::from_text(text, location).map_err(|_| foreign_cursor())
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
/// than one request: go on with `cursor` until it is null. What fails after the first of these requests is no part of it.
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
    let ports = api.engine.ports();
    let started = ports.clock.now();
    let Wanted { what, mut after, until } = wanted(replay, &location_id, started + api.engine.config().clock_skew)?;
    let mut sum = Replayed::default();
    loop {
        let report = api.operator().replay(&location_id, &what, after.as_ref()).await?;
        sum.replayed += report.replayed;
        sum.skipped += report.skipped;
        sum.not_written += report.not_written;
        after = report.next;
        if after.is_none() || ports.clock.now() >= started + REPLAY_TIME {
            break;
        }
    }
    sum.looked_at = sum.replayed + sum.skipped + sum.not_written;
    let place = match (&what, after) {
        (What::Failed(FailedFilter { import: Some(import), .. }), Some(ReplayCursor::Import(next))) => {
            Some(next.to_text(&location_id, import, ImportStanding::Failed))
        }
        (_, Some(ReplayCursor::Failed(next))) => Some(next.to_text(&location_id)),
        (_, _) => None,
    };
    sum.cursor = place.map(|place| format!("{:x}.{place}", until.0));
    Ok(Json(sum))
}

/// What a replay asks for.
struct Wanted {
    what: What,
    after: Option<ReplayCursor>,
    /// What failed later is no part of it: when it began, as its cursor tells.
    until: EpochMs,
}

fn wanted(replay: Replay, location: &LocationId, now: EpochMs) -> Result<Wanted, Problem> {
    let Replay { all, cause, code, import, kind, since, records, cursor } = replay;
    let invalid = |field, detail: &str| Problem::field(ProblemKind::Invalid, field, detail);
    let has_filter = cause.is_some() || code.is_some() || import.is_some() || kind.is_some() || since.is_some();
    if usize::from(all) + usize::from(has_filter) + usize::from(records.is_some()) != 1 {
        let one = "or some of `cause`, `code`, `import`, `kind` and `since`, or `records` must be given, and only one of the three";
        return Err(invalid("all", one));
    }
    if let Some(records) = records {
        return match cursor {
            Some(_) => Err(invalid("cursor", "does not go with `records`")),
            None => Ok(Wanted { what: What::Records(records), after: None, until: now }),
        };
    }
    let cause = match (cause, code) {
        (Some(_), Some(_)) => return Err(invalid("cause", "does not go with `code`: a cause has one")),
        (cause, code) => cause.or(code.map(CauseId::from)),
    };
    let since = since.map(|AsOf(since)| since);
    if since.is_some_and(|since| since > now) {
        return Err(invalid("since", "is in the future: nothing has failed since"));
    }
    let begun = cursor.as_deref().map(begun).transpose()?;
    let (until, place) = begun.map_or((now, None), |(until, place)| (until, Some(place)));
    let after = match (&import, place) {
        (_, None) => None,
        (None, Some(place)) => Some(ReplayCursor::Failed(cursor_of(place, location)?)),
        (Some(import), Some(place)) => {
            Some(ReplayCursor::Import(imports::cursor_of(place, (location, import, ImportStanding::Failed))?))
        }
    };
    let filter = FailedFilter { cause, import, kind, since, until: Some(until) };
    Ok(Wanted { what: What::Failed(filter), after, until })
}

/// When the replay of this cursor began, and the place in its list.
fn begun(cursor: &str) -> Result<(EpochMs, &str), Problem> {
    let parts = cursor.split_once('.').and_then(|(until, place)| {
        let at = EpochMs(u64::from_str_radix(until, 16).ok()?);
        (format!("{:x}", at.0) == until).then_some((at, place))
    });
    parts.ok_or_else(|| Problem::field(ProblemKind::Invalid, "cursor", "is not one that a replay gave here"))
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
