//! What is done to failed records, many at once: another chance, other content, or an end.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{EpochMs, FailedCursor, ImportStanding, LocationId};
use ghl_sync_operate::items::{AsOf, ItemFault};
use ghl_sync_operate::{CauseId, Change, Chosen, ChosenCursor, ChosenError, FailedFilter};

use super::{InPath, LocationPath, imports, unknown_location};
use crate::body::JsonBody;
use crate::problem::{Problem, ProblemKind};
use crate::query::foreign_cursor;
use crate::service::Api;
use crate::wire::{Dismissed, Mend, Mended, Replay, Replayed, Which};

/// Longest that one request works: API Gateway stops waiting after 30 s.
const LONGEST: Duration = Duration::from_secs(15);

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
    let (all, which) = replay.split();
    let mut way = Way::begin(&api, location_id, which, Some(all))?;
    let mut sum = Replayed::default();
    loop {
        let report = api.operator().replay(&way.location, &way.what, way.after.as_ref()).await?;
        sum.replayed += report.replayed;
        sum.skipped += report.skipped;
        sum.not_written += report.not_written;
        if !way.goes_on(&api, report.next) {
            break;
        }
    }
    sum.looked_at = sum.replayed + sum.skipped + sum.not_written;
    sum.cursor = way.cursor();
    Ok(Json(sum))
}

/// Mends failed records: leaves fields out or sets them, and sends the rest.
///
/// Each record gets its new content and is due in one write, as if it had been put so: under its own import, and with its
/// attempts counted anew. A record that was put again meanwhile stays as it is, and so does what cannot be mended in this
/// way: `why` counts them by the reason. What is left out stays in GHL as it is. A great many take more than one request: go
/// on with `cursor` until it is null. What fails again after the first of these requests is no part of it.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/failures/mend",
    operation_id = "mend_failures",
    tag = "records",
    params(LocationPath),
    request_body = Mend,
    responses((status = 200, description = "What was mended", body = Mended)),
)]
pub(crate) async fn mend(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(mend): JsonBody<Mend>,
) -> Result<Json<Mended>, Problem> {
    let (which, without, set) = mend.split();
    let kind = which.kind;
    let mut way = Way::begin(&api, location_id, which, None)?;
    let change = Change::new(without, set, kind);
    let change = change.map_err(|ItemFault { field, detail }| Problem::field(ProblemKind::Invalid, &field, detail))?;
    let mut sum = Mended::default();
    loop {
        let report = api.operator().mend(&way.location, &way.what, &change, way.after.as_ref()).await?;
        sum.mended += report.mended;
        sum.why.add(&report.left);
        sum.not_written += report.not_written;
        if !way.goes_on(&api, report.next) {
            break;
        }
    }
    sum.skipped = sum.why.sum();
    sum.looked_at = sum.mended + sum.skipped + sum.not_written;
    sum.cursor = way.cursor();
    Ok(Json(sum))
}

/// Dismisses failed records: forgets them here.
///
/// What deleting each of them does, unless it was put again meanwhile: what is kept of it here goes, and nothing changes in
/// GHL. What failed to be deleted in GHL, or to be undone, stays: `why` counts it. A great many take more than one request:
/// go on with `cursor` until it is null.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/failures/dismiss",
    operation_id = "dismiss_failures",
    tag = "records",
    params(LocationPath),
    request_body = Which,
    responses((status = 200, description = "What was dismissed", body = Dismissed)),
)]
pub(crate) async fn dismiss(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(which): JsonBody<Which>,
) -> Result<Json<Dismissed>, Problem> {
    let mut way = Way::begin(&api, location_id, which, None)?;
    let mut sum = Dismissed::default();
    loop {
        let report = api.operator().dismiss(&way.location, &way.what, way.after.as_ref()).await?;
        sum.dismissed += report.dismissed;
        sum.why.add(&report.left);
        sum.not_written += report.not_written;
        if !way.goes_on(&api, report.next) {
            break;
        }
    }
    sum.skipped = sum.why.sum();
    sum.looked_at = sum.dismissed + sum.skipped + sum.not_written;
    sum.cursor = way.cursor();
    Ok(Json(sum))
}

/// The way through the failed records that a request is about.
struct Way {
    location: LocationId,
    what: Chosen,
    after: Option<ChosenCursor>,
    /// What failed later is no part of it: when the first request began, as its cursor tells.
    until: EpochMs,
    /// When this request ends at the latest.
    enough: EpochMs,
}

impl Way {
    fn begin(api: &Api, location: LocationId, which: Which, all: Option<bool>) -> Result<Way, Problem> {
        let started = api.engine.ports().clock.now();
        let now = started + api.engine.config().clock_skew;
        let (what, after, until) = chosen(which, all, &location, now)?;
        Ok(Way { location, what, after, until, enough: started + LONGEST })
    }

    /// Whether there is more, and time for it.
    fn goes_on(&mut self, api: &Api, next: Option<ChosenCursor>) -> bool {
        self.after = next;
        self.after.is_some() && api.engine.ports().clock.now() < self.enough
    }

    /// Where the next request goes on; `None` when all was seen.
    fn cursor(&self) -> Option<String> {
        let place = match (&self.what, &self.after) {
            (Chosen::Failed(FailedFilter { import: Some(import), .. }), Some(ChosenCursor::Import(next))) => {
                Some(next.to_text(&self.location, import, ImportStanding::Failed))
            }
            (_, Some(ChosenCursor::Failed(next))) => Some(next.to_text(&self.location)),
            (_, _) => None,
        };
        place.map(|place| format!("{:x}.{place}", self.until.0))
    }
}

/// What a request asks for (where `all` can be asked for, whether it is), where it goes on, and until when what failed is a part of it.
fn chosen(
    which: Which,
    all: Option<bool>,
    location: &LocationId,
    now: EpochMs,
) -> Result<(Chosen, Option<ChosenCursor>, EpochMs), Problem> {
    let Which { cause, code, import, kind, since, records, cursor } = which;
    let invalid = |field, detail: &str| Problem::field(ProblemKind::Invalid, field, detail);
    let has_filter = cause.is_some() || code.is_some() || import.is_some() || kind.is_some() || since.is_some();
    if usize::from(all == Some(true)) + usize::from(has_filter) + usize::from(records.is_some()) != 1 {
        return Err(match all {
            Some(_) => invalid(
                "all",
                "or some of `cause`, `code`, `import`, `kind` and `since`, or `records` must be given, and only one of the three",
            ),
            None => invalid(
                "records",
                "or some of `cause`, `code`, `import`, `kind` and `since` must be given, and not both",
            ),
        });
    }
    if let Some(records) = records {
        return match cursor {
            Some(_) => Err(invalid("cursor", "does not go with `records`")),
            None => Ok((Chosen::Records(records), None, now)),
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
        (None, Some(place)) => Some(ChosenCursor::Failed(cursor_of(place, location)?)),
        (Some(import), Some(place)) => {
            Some(ChosenCursor::Import(imports::cursor_of(place, (location, import, ImportStanding::Failed))?))
        }
    };
    let filter = FailedFilter { cause, import, kind, since, until: Some(until) };
    Ok((Chosen::Failed(filter), after, until))
}

/// When the first request of this cursor began, and the place in its list.
fn begun(cursor: &str) -> Result<(EpochMs, &str), Problem> {
    let parts = cursor.split_once('.').and_then(|(until, place)| {
        let at = EpochMs(u64::from_str_radix(until, 16).ok()?);
        (format!("{:x}", at.0) == until).then_some((at, place))
    });
    parts.ok_or_else(|| Problem::field(ProblemKind::Invalid, "cursor", "is not one that an answer gave here"))
}

fn cursor_of(text: &str, location: &LocationId) -> Result<FailedCursor, Problem> {
    FailedCursor::from_text(text, location).map_err(|_| foreign_cursor())
}

impl From<ChosenError> for Problem {
    fn from(error: ChosenError) -> Problem {
        match error {
            ChosenError::Unknown(_) => unknown_location(),
            ChosenError::TooMany(_) => Problem::field(ProblemKind::Invalid, "records", "lists more than 500"),
            ChosenError::Port(failed) => failed.into(),
        }
    }
}
