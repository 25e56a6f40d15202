//! The overall state for `/v1/overview`, `/health` and `/metrics`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::everybody::AllStandings;
use crate::health_state::{Health, LastTick, judge};
use crate::{CountersView, Operator};
use ghl_sync_engine::counts::{Counts, Minute};
use ghl_sync_engine::ports::{Backlog, PortError, Tallied, Versioned};
pub use ghl_sync_engine::standing::LocationState;
use ghl_sync_engine::standing::{Standing, Urgency};
use ghl_sync_limiter::{PauseReason, WaitReason};
use ghl_sync_model::{EpochMs, LocationId, LocationProfile, OverviewCursor, Reach, ScopeId, Time};

/// Most locations in trouble that Prometheus gets series for.
const TROUBLED_SERIES: usize = 200;
/// Most locations, by backlog, that Prometheus gets series for.
const BACKLOG_SERIES: usize = 50;

/// Everything that a dashboard shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Overview {
    /// When the overview was made.
    pub time: Time,
    /// The overall state.
    #[serde(rename = "status")]
    pub health: Health,
    /// Why the state is not `ok`.
    // One sentence each, without secrets.
    #[cfg_attr(feature = "openapi", schema(example = json!(["GHL fails for loc_demo: its breaker is open"])))]
    pub reasons: Vec<String>,
    /// The last tick of the scheduler; null before the first.
    pub last_tick: Option<LastTick>,
    /// Messages in the dead-letter queue and the parking queue; null if unknown.
    pub dead_letters: Option<u64>,
    /// The counters of all locations together.
    #[serde(serialize_with = "CountersView::serialize_of")]
    #[cfg_attr(feature = "openapi", schema(value_type = CountersView))]
    pub totals: Counts,
    /// Totals over all locations.
    pub summary: Summary,
    /// A page of the locations: those in trouble first, then those with the largest backlogs.
    pub locations: Vec<LocationOverview>,
    /// Cursor of the next page; null on the last one.
    pub cursor: Option<String>,
}

/// Totals over all locations.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Summary {
    /// Number of locations.
    pub locations: u64,
    /// Locations that need attention.
    pub in_trouble: u64,
    /// Known locations without a stored standing: they are missing here until the next sweep.
    pub not_told: u64,
    /// Number of locations by state.
    pub states: BTreeMap<&'static str, u64>,
    /// Records that are due in all locations.
    pub due: DueView,
    /// Records that failed permanently in all locations.
    pub failed: Tallied,
}

/// Filter and position of a page of the overview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewPage {
    /// Only locations that need attention.
    pub only_troubled: bool,
    /// Locations with this text in their id, scope, own name or tags, in any case.
    pub text: Option<String>,
    /// Where the previous page ended.
    pub after: Option<OverviewCursor>,
    /// Most locations of the page.
    pub limit: usize,
    /// Limits the overview to these locations; `None` for all.
    pub own: Option<Arc<Reach>>,
}

impl Default for OverviewPage {
    fn default() -> OverviewPage {
        OverviewPage { only_troubled: false, text: None, after: None, limit: 50, own: None }
    }
}

/// A location with its counters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct LocationOverview {
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(inline))]
    #[expect(missing_docs, reason = "the document would show it beside the description of LocationStatus")]
    pub location: LocationStatus,
    /// Counters since the beginning.
    #[serde(serialize_with = "CountersView::serialize_of")]
    #[cfg_attr(feature = "openapi", schema(value_type = CountersView))]
    pub counters: Counts,
    /// The last 60 minutes in which anything happened, oldest first.
    pub minutes: Vec<Minute>,
}

/// The state of a location.
// Breaker, pause and quota belong to its scope, which it may share.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Location))]
pub struct LocationStatus {
    /// GHL's id of the location.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub id: LocationId,
    /// Its name: the one set here, or else GHL's; null if neither is known.
    #[cfg_attr(feature = "openapi", schema(example = "Dentist Berlin"))]
    pub name: Option<String>,
    /// The tags that were set here.
    pub tags: Vec<String>,
    /// The rate scope that its calls count toward.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub scope: ScopeId,
    /// Whether it is synced at all.
    pub enabled: bool,
    /// Its state now.
    pub state: LocationState,
    /// Its circuit breaker.
    pub breaker: BreakerView,
    /// Why no calls are made; null if it is not paused.
    pub pause: Option<PauseView>,
    /// What delays the next call; null if nothing does.
    pub waits_for: Option<WaitView>,
    /// GHL's quota and what is left of it.
    pub quota: QuotaView,
    /// Records that are due.
    pub due: DueView,
    /// Records that failed permanently.
    pub failed: Tallied,
    /// When all due records will have been sent, at this pace; null if nothing is due, or it cannot be estimated.
    pub forecast: Option<BacklogForecast>,
    /// When this state was stored: some seconds ago while it sends, up to a minute ago while it waits. While it is
    /// idle, it may be long ago, and nothing has changed since.
    pub as_of: Time,
}

/// A circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Breaker))]
pub struct BreakerView {
    /// State: `closed` (calls go out), `open` (no calls) or `half_open` (one call tests whether GHL is up again).
    #[cfg_attr(feature = "openapi", schema(example = "closed"))]
    pub state: &'static str,
    /// When the next call may test whether GHL is up; null while the breaker is closed.
    pub retry_at: Option<Time>,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = PauseState))]
pub struct PauseView {
    /// Reason: `operator`, `throttled` or `credentials`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "operator"))]
    pub reason: PauseReason,
    /// End of the pause; null if it lasts until it is lifted.
    pub until: Option<Time>,
    /// The operator's note.
    pub note: Option<String>,
}

/// A wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Wait))]
pub struct WaitView {
    /// Reason: `pace`, `operator`, `throttled`, `credentials`, `breaker`, `daily_quota`, `backoff`, …
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "pace"))]
    pub reason: WaitReason,
    /// End of the wait; null if unknown.
    pub until: Option<Time>,
}

/// GHL's quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Quota))]
pub struct QuotaView {
    /// Quota of the short window.
    pub burst: BurstQuota,
    /// Quota of the day.
    pub daily: DailyQuota,
}

/// The quota of the short window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct BurstQuota {
    /// Calls per window.
    pub limit: u64,
    /// Length of the window, in milliseconds.
    pub window_ms: u64,
    /// Configured calls per window; `limit` is lower while GHL reports or shows that it allows less.
    pub configured: u64,
    /// Calls per window in GHL's latest headers, lower or higher; null before the first.
    pub told_limit: Option<u64>,
    /// Length of GHL's window, in milliseconds.
    pub told_window_ms: Option<u64>,
    /// Calls left in the window that ends now.
    pub left: u64,
}

/// The quota of the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct DailyQuota {
    /// Calls per day.
    // The configured limit or GHL's own, whichever is lower, or as `GHL_RATE_LIMIT_ADOPT` says.
    pub limit: u64,
    /// The scope whose day is counted: the location's own scope, or one that other scopes share.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub scope: ScopeId,
    /// Configured calls per day; `limit` is lower while GHL allows less.
    pub configured: u64,
    /// Calls per day in GHL's latest headers, lower or higher; null before the first.
    pub told_daily_limit: Option<u64>,
    /// Calls made since the last reset.
    pub used: u64,
    /// Calls that are left.
    pub left: u64,
    /// The part of `left` that is reserved for records of high priority.
    pub reserve: u64,
    /// Time of the next reset.
    pub resets_at: Option<Time>,
}

/// Records that are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Due))]
pub struct DueView {
    /// Number of records.
    pub count: u64,
    /// Whether there are more than were counted.
    pub capped: bool,
    /// Since when the oldest one has been due; null if none is.
    pub oldest_at: Option<Time>,
}

/// An estimate of when a backlog will be gone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Forecast))]
pub struct BacklogForecast {
    /// When nothing will be waiting any more, at the current pace.
    pub empty_at: Time,
    /// Seconds until then.
    pub seconds: f64,
    /// Whether more is due than was counted, so that it takes longer.
    pub at_least: bool,
}

impl Operator {
    /// The overall state: in totals, and by location on a page. It reads the stored standing of each location and
    /// queries none. With `own` in the page, only those locations count.
    ///
    /// # Errors
    /// If a store fails; the state is then unknown.
    pub async fn overview(&self, page: &OverviewPage) -> Result<Overview, PortError> {
        let (everybody, mut overview) = self.in_numbers(page.own.as_deref()).await?;
        let now = everybody.time;
        let text = page.text.as_deref().map(str::to_lowercase);
        let mut shown: Vec<(OverviewCursor, &Standing)> = everybody
            .standings
            .iter()
            .filter(|(_, standing)| !page.only_troubled || standing.urgency(now) != Urgency::Fine)
            .filter(|(id, standing)| text.as_deref().is_none_or(|text| is_called(id, standing, text)))
            .map(|(id, standing)| (place_of(id, standing, now), standing))
            .filter(|(place, _)| page.after.as_ref().is_none_or(|after| order(place) > order(after)))
            .collect();
        shown.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
        let is_last = shown.len() <= page.limit;
        shown.truncate(page.limit);
        overview.cursor = shown.last().filter(|_| !is_last).map(|(place, _)| place.to_text());
        let ids: Vec<LocationId> = shown.iter().map(|(place, _)| place.location.clone()).collect();
        let profiles: Versioned<LocationProfile> = Versioned::new(self.ports().items.clone());
        let (counted, profiles) =
            futures::try_join!(self.ports().counters.of_each(&ids, now), profiles.load_each(&ids))?;
        let located = shown.into_iter().zip(counted).zip(profiles).map(|(((place, standing), counted), profile)| {
            let location = LocationStatus::of(place.location, standing, now).called(profile.map(|it| it.value));
            LocationOverview { location, counters: counted.total, minutes: counted.minutes }
        });
        overview.locations = located.collect();
        Ok(overview)
    }

    /// The overview as numbers for Prometheus. It contains only the locations in trouble and those with the largest
    /// backlogs, a limited number of each so that the series stay bounded, by id and without their counters.
    ///
    /// # Errors
    /// If a store fails; the state is then unknown.
    pub async fn series(&self, own: Option<&Reach>) -> Result<Overview, PortError> {
        let (everybody, mut overview) = self.in_numbers(own).await?;
        let now = everybody.time;
        let mut standings: Vec<&(LocationId, Standing)> = everybody.standings.iter().collect();
        standings.sort_by_cached_key(|(id, standing)| (standing.urgency(now), Reverse(standing.due.tallied.count), id));
        let troubled = standings.iter().filter(|(_, standing)| standing.urgency(now) != Urgency::Fine);
        let mut included: BTreeMap<&LocationId, &Standing> =
            troubled.take(TROUBLED_SERIES).map(|(id, standing)| (id, standing)).collect();
        standings.sort_by_cached_key(|(id, standing)| (Reverse(standing.due.tallied.count), id));
        included.extend(standings.iter().take(BACKLOG_SERIES).map(|(id, standing)| (id, standing)));
        let located = included.into_iter().map(|(id, standing)| LocationOverview {
            location: LocationStatus::of(id.clone(), standing, now),
            counters: Counts::default(),
            minutes: Vec::new(),
        });
        overview.locations = located.collect();
        Ok(overview)
    }

    /// The current state of `location`, read from the stores; `None` if it is unknown.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn location_overview(&self, location: &LocationId) -> Result<Option<LocationOverview>, PortError> {
        let Some(standing) = self.engine.standing(location).await? else {
            return Ok(None);
        };
        let now = standing.at;
        let (counted, profile) = futures::try_join!(self.ports().counters.of(location, now), self.profile(location))?;
        let location = LocationStatus::of(location.clone(), &standing, now).called(profile);
        Ok(Some(LocationOverview { location, counters: counted.total, minutes: counted.minutes }))
    }

    /// The standings of all locations, and an overview without a page of locations.
    async fn in_numbers(&self, own: Option<&Reach>) -> Result<(AllStandings, Overview), PortError> {
        let (last_tick, dead_letters, everybody) = futures::try_join!(
            self.ports().counters.last_tick(),
            self.ports().dead_letters.depth(),
            self.everybody(own),
        )?;
        let time = everybody.time;
        let (mut totals, mut summary) = (Counts::default(), Summary::default());
        let mut due = Backlog::default();
        for (_, standing) in &everybody.standings {
            totals.merge(&standing.sums);
            due = due.and(standing.due);
            summary.failed.count += standing.failed.count;
            summary.failed.capped |= standing.failed.capped;
            summary.in_trouble += u64::from(standing.urgency(time) != Urgency::Fine);
            *summary.states.entry(standing.state(time).as_str()).or_default() += 1;
        }
        summary.due = due.into();
        summary.locations = everybody.standings.len() as u64;
        summary.not_told = everybody.not_told;
        let (health, reasons) = judge(time, last_tick, dead_letters, &everybody.standings);
        let last_tick = LastTick::at(last_tick, time);
        let (locations, cursor) = (Vec::new(), None);
        let time = Time(time);
        let overview = Overview { time, health, reasons, last_tick, dead_letters, totals, summary, locations, cursor };
        Ok((everybody, overview))
    }
}

/// The position of a location in the overview.
fn place_of(id: &LocationId, standing: &Standing, now: EpochMs) -> OverviewCursor {
    let backlog = standing.due.tallied.count.saturating_add(standing.failed.count);
    OverviewCursor { rank: standing.urgency(now).rank(), backlog, location: id.clone() }
}

/// Sort order: locations in trouble first, then those with the largest backlogs.
fn order(place: &OverviewCursor) -> (u8, Reverse<u64>, &LocationId) {
    (place.rank, Reverse(place.backlog), &place.location)
}

/// Whether a name of the location contains `text`, which must be in lower case.
fn is_called(id: &LocationId, standing: &Standing, text: &str) -> bool {
    let own = standing.name.iter().chain(&standing.tags).map(String::as_str);
    own.chain([id.as_str(), standing.scope.as_str()]).any(|name| name.to_lowercase().contains(text))
}

impl LocationStatus {
    /// The status at `now` of a location with this standing.
    #[must_use]
    pub fn of(id: LocationId, standing: &Standing, now: EpochMs) -> LocationStatus {
        let note = |reason| match (reason, &standing.hold) {
            (PauseReason::Operator, Some(hold)) => hold.note.clone(),
            _ => None,
        };
        let pause = standing.pause_at(now);
        let forecast = standing.empty_at.map(|empty_at| BacklogForecast {
            empty_at: Time(empty_at),
            seconds: seconds(now.until(empty_at)),
            at_least: standing.due.tallied.capped,
        });
        LocationStatus {
            id,
            name: standing.name.clone(),
            tags: standing.tags.clone(),
            scope: standing.scope.clone(),
            enabled: standing.enabled,
            state: standing.state(now),
            breaker: BreakerView { state: standing.breaker.as_str(), retry_at: Time::maybe(standing.retry_at) },
            pause: pause.map(|(reason, until)| PauseView {
                reason,
                until: Time::maybe(Some(until)),
                note: note(reason),
            }),
            waits_for: standing
                .waits_at(now)
                .map(|(reason, until)| WaitView { reason, until: Time::maybe(Some(until)) }),
            quota: QuotaView { burst: burst(standing, now), daily: daily(standing, now) },
            due: standing.due.into(),
            failed: standing.failed,
            forecast,
            as_of: Time(standing.at),
        }
    }

    /// The same, with GHL's name if it has none of our own.
    fn called(self, profile: Option<LocationProfile>) -> LocationStatus {
        LocationStatus { name: self.name.or_else(|| profile?.name), ..self }
    }
}

fn burst(standing: &Standing, now: EpochMs) -> BurstQuota {
    let burst = &standing.burst;
    BurstQuota {
        limit: burst.pace.limit.get().into(),
        window_ms: milliseconds(burst.pace.window),
        configured: burst.configured,
        told_limit: burst.told.map(|told| told.limit.get().into()),
        told_window_ms: burst.told.map(|told| milliseconds(told.window)),
        left: standing.burst_left(now),
    }
}

fn daily(standing: &Standing, now: EpochMs) -> DailyQuota {
    let day = standing.day_at(now);
    DailyQuota {
        limit: day.limit,
        scope: standing.day_scope.as_ref().unwrap_or(&standing.scope).clone(),
        configured: day.configured,
        told_daily_limit: day.told,
        used: day.used,
        left: day.left,
        reserve: day.reserve,
        resets_at: Time::maybe(Some(day.resets_at)),
    }
}

impl From<Backlog> for DueView {
    fn from(Backlog { tallied: Tallied { count, capped }, oldest_at }: Backlog) -> DueView {
        DueView { count, capped, oldest_at: Time::maybe(oldest_at) }
    }
}

/// Seconds of a duration, to the millisecond.
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1000.0
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
