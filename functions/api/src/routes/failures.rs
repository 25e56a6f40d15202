//! Bulk actions on failed records: retry them, change their content, or dismiss them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{EpochMs, FailedCursor, ImportStanding, LocationId};
use ghl_sync_operate::items::{AsOf, ItemFault};
use ghl_sync_operate::{CauseId, Chosen, ChosenCursor, ChosenError, ContentChange, FailedFilter};

use super::{InPath, LocationPath, imports, unknown_location};
use crate::body::JsonBody;
use crate::problem::{ApiProblem, ProblemKind};
use crate::query::foreign_cursor;
use crate::service::ApiState;
use crate::wire::{Dismissed, FailureSelection, Mend, Mended, Replay, Replayed};

/// Most time that one request works: API Gateway stops waiting after 30 s.
const LONGEST: Duration = Duration::from_secs(15);

/// Gives failed records another chance.
///
/// They become due with their attempts reset, and an idle location starts at once. A large number takes several
/// requests: continue with `cursor` until it is null. Records that fail after the first request are not included.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/replay",
    tag = "records",
    params(LocationPath),
    request_body = Replay,
    responses((status = 200, description = "The result of the replay", body = Replayed)),
)]
pub(crate) async fn replay(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(replay): JsonBody<Replay>,
) -> Result<Json<Replayed>, ApiProblem> {
    let (all, which) = replay.split();
    let mut bulk = BulkAction::begin(&api, location_id, which, Some(all))?;
    let mut sum = Replayed::default();
    loop {
        let report = api.operator().replay(&bulk.location, &bulk.what, bulk.after.as_ref()).await?;
        sum.replayed += report.replayed;
        sum.skipped += report.skipped;
        sum.not_written += report.not_written;
        if !bulk.goes_on(&api, report.next) {
            break;
        }
    }
    sum.looked_at = sum.replayed + sum.skipped + sum.not_written;
    sum.cursor = bulk.cursor();
    Ok(Json(sum))
}

/// Mends failed records: leaves fields out or sets them, and sends the rest.
///
/// One write gives each record its new content and makes it due, as a put would: under its own import, and with its
/// attempts reset. A record stays unchanged if it was put again in the meantime, or if it cannot be mended this way;
/// `why` counts these by reason. GHL keeps its values of the fields that are left out. A large number takes several
/// requests: continue with `cursor` until it is null. Records that fail again after the first request are not included.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/failures/mend",
    operation_id = "mend_failures",
    tag = "records",
    params(LocationPath),
    request_body = Mend,
    responses((status = 200, description = "The result of the mend", body = Mended)),
)]
pub(crate) async fn mend(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(mend): JsonBody<Mend>,
) -> Result<Json<Mended>, ApiProblem> {
    let (which, without, set) = mend.split();
    let kind = which.kind;
    let mut bulk = BulkAction::begin(&api, location_id, which, None)?;
    let change = ContentChange::new(without, set, kind);
    let change =
        change.map_err(|ItemFault { field, detail }| ApiProblem::field(ProblemKind::Invalid, &field, detail))?;
    let mut sum = Mended::default();
    loop {
        let report = api.operator().mend(&bulk.location, &bulk.what, &change, bulk.after.as_ref()).await?;
        sum.mended += report.mended;
        sum.why.add(&report.left);
        sum.not_written += report.not_written;
        if !bulk.goes_on(&api, report.next) {
            break;
        }
    }
    sum.skipped = sum.why.sum();
    sum.looked_at = sum.mended + sum.skipped + sum.not_written;
    sum.cursor = bulk.cursor();
    Ok(Json(sum))
}

/// Dismisses failed records: forgets them here.
///
/// The same as deleting each of them, unless it was put again in the meantime: everything kept here about it is
/// deleted, and nothing changes in GHL. Records whose deletion or undo failed stay: `why` counts them. A large number
/// takes several requests: continue with `cursor` until it is null.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/failures/dismiss",
    operation_id = "dismiss_failures",
    tag = "records",
    params(LocationPath),
    request_body = FailureSelection,
    responses((status = 200, description = "The result of the dismissal", body = Dismissed)),
)]
pub(crate) async fn dismiss(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(which): JsonBody<FailureSelection>,
) -> Result<Json<Dismissed>, ApiProblem> {
    let mut bulk = BulkAction::begin(&api, location_id, which, None)?;
    let mut sum = Dismissed::default();
    loop {
        let report = api.operator().dismiss(&bulk.location, &bulk.what, bulk.after.as_ref()).await?;
        sum.dismissed += report.dismissed;
        sum.why.add(&report.left);
        sum.not_written += report.not_written;
        if !bulk.goes_on(&api, report.next) {
            break;
        }
    }
    sum.skipped = sum.why.sum();
    sum.looked_at = sum.dismissed + sum.skipped + sum.not_written;
    sum.cursor = bulk.cursor();
    Ok(Json(sum))
}

/// The failed records that a request works through, and its position among them.
struct BulkAction {
    location: LocationId,
    what: Chosen,
    after: Option<ChosenCursor>,
    /// Leaves out records that failed later. Set when the first request began, and kept in the cursor.
    until: EpochMs,
    /// Time at which this request stops.
    enough: EpochMs,
}

impl BulkAction {
    fn begin(
        api: &ApiState,
        location: LocationId,
        which: FailureSelection,
        all: Option<bool>,
    ) -> Result<BulkAction, ApiProblem> {
        let started = api.engine.ports().clock.now();
        let now = started + api.engine.config().clock_skew;
        let (what, after, until) = chosen(which, all, &location, now)?;
        Ok(BulkAction { location, what, after, until, enough: started + LONGEST })
    }

    /// Whether there are more records, and time for them.
    fn goes_on(&mut self, api: &ApiState, next: Option<ChosenCursor>) -> bool {
        self.after = next;
        self.after.is_some() && api.engine.ports().clock.now() < self.enough
    }

    /// Cursor for the next request; `None` once all records were seen.
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

/// Reads the selection of a request (`all` is `None` if the request has no such field), the position where it
/// continues, and the latest failure time that it includes.
fn chosen(
    which: FailureSelection,
    all: Option<bool>,
    location: &LocationId,
    now: EpochMs,
) -> Result<(Chosen, Option<ChosenCursor>, EpochMs), ApiProblem> {
    let FailureSelection { cause, code, import, kind, since, records, cursor } = which;
    let invalid = |field, detail: &str| ApiProblem::field(ProblemKind::Invalid, field, detail);
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

/// Splits a cursor into the time when its first request began and its position in the list.
fn begun(cursor: &str) -> Result<(EpochMs, &str), ApiProblem> {
    let parts = cursor.split_once('.').and_then(|(until, place)| {
        let at = EpochMs(u64::from_str_radix(until, 16).ok()?);
        (format!("{:x}", at.0) == until).then_some((at, place))
    });
    parts.ok_or_else(|| ApiProblem::field(ProblemKind::Invalid, "cursor", "is not one that an answer gave here"))
}

fn cursor_of(text: &str, location: &LocationId) -> Result<FailedCursor, ApiProblem> {
    FailedCursor::from_text(text, location).map_err(|_| foreign_cursor())
}

impl From<ChosenError> for ApiProblem {
    fn from(error: ChosenError) -> ApiProblem {
        match error {
            ChosenError::Unknown(_) => unknown_location(),
            ChosenError::TooMany(_) => ApiProblem::field(ProblemKind::Invalid, "records", "lists more than 500"),
            ChosenError::Port(failed) => failed.into(),
        }
    }
}
