//! How it stands with everything: what `/v1/overview`, `/health` and `/metrics` tell.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use strum::IntoStaticStr;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::everybody::Everybody;
use crate::health::judge;
use crate::{CountersView, Operator};
use ghl_sync_engine::counts::{Counts, Minute};
use ghl_sync_engine::ports::{Backlog, PortError, Tallied, Versioned};
pub use ghl_sync_engine::standing::LocationState;
use ghl_sync_engine::standing::{Standing, Urgency};
use ghl_sync_limiter::{PauseReason, WaitReason};
use ghl_sync_model::{EpochMs, LocationId, LocationProfile, OverviewCursor, Reach, ScopeId, Time};

/// Locations in trouble that Prometheus is told of, each with series of its own.
const TROUBLED_SERIES: usize = 200;
/// Locations with the largest backlogs that it is told of, likewise.
const BACKLOG_SERIES: usize = 50;

/// Everything that a dashboard shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Overview {
    /// When this was found out.
    pub time: Time,
    /// How it is.
    #[serde(rename = "status")]
    pub health: Health,
    /// Why it is not `ok`.
    // One sentence each, without secrets.
    #[cfg_attr(feature = "openapi", schema(example = json!(["GHL fails for loc_demo: its breaker is open"])))]
    pub reasons: Vec<String>,
    /// The last tick of the scheduler; null before the first.
    pub last_tick: Option<LastTick>,
    /// Messages in the dead-letter queue and the parking queue; null if it cannot be asked.
    pub dead_letters: Option<u64>,
    /// The counters of all locations together.
    #[serde(serialize_with = "CountersView::serialize_of")]
    #[cfg_attr(feature = "openapi", schema(value_type = CountersView))]
    pub totals: Counts,
    /// All locations in numbers.
    pub summary: Summary,
    /// A page of the locations: those in trouble first, then those with the most to do.
    pub locations: Vec<LocationOverview>,
    /// Where the page ended; null on the last one.
    pub cursor: Option<String>,
}

/// All locations in numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Summary {
    /// How many there are.
    pub locations: u64,
    /// How many somebody should look at.
    pub in_trouble: u64,
    /// How many are known of, but were not written down yet: they are missing here until the next sweep.
    pub not_told: u64,
    /// How many do what: by state.
    pub states: BTreeMap<&'static str, u64>,
    /// What is due in all of them.
    pub due: DueView,
    /// What failed for good in all of them.
    pub failed: Tallied,
}

/// Which locations are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewPage {
    /// Those that somebody should look at, and no others.
    pub only_troubled: bool,
    /// Those in whose id, scope, own name or tags this is found, whatever its case.
    pub text: Option<String>,
    /// Where the page before ended.
    pub after: Option<OverviewCursor>,
    /// Most locations of the page.
    pub limit: usize,
    /// As if there were these locations only; `None` for all.
    pub own: Option<Arc<Reach>>,
}

impl Default for OverviewPage {
    fn default() -> OverviewPage {
        OverviewPage { only_troubled: false, text: None, after: None, limit: 50, own: None }
    }
}

/// How it is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Status))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Health {
    /// All is well.
    Ok,
    /// It runs, and something wants to be looked at.
    Degraded,
    /// Something stands still.
    Failing,
}

impl Health {
    /// The word, as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// When the scheduler ran last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct LastTick {
    /// When the scheduler ran last.
    pub at: Time,
    /// How long ago, in seconds.
    pub age_s: f64,
}

/// A location, with its counters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct LocationOverview {
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(inline))]
    #[expect(missing_docs, reason = "the document would show it beside the description of LocationStatus")]
    pub location: LocationStatus,
    /// Its counters since the beginning.
    #[serde(serialize_with = "CountersView::serialize_of")]
    #[cfg_attr(feature = "openapi", schema(value_type = CountersView))]
    pub counters: Counts,
    /// The last 60 minutes in which anything happened, oldest first.
    pub minutes: Vec<Minute>,
}

/// How a location is.
// Breaker, pause and quota are those of its scope, which it may share.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Location))]
pub struct LocationStatus {
    /// GHL's id of the location.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub id: LocationId,
    /// Its name: the one that was set here, or else GHL's; null if neither is known.
    #[cfg_attr(feature = "openapi", schema(example = "Dentist Berlin"))]
    pub name: Option<String>,
    /// Its tags, as they were set here.
    pub tags: Vec<String>,
    /// The rate scope that its calls count toward.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub scope: ScopeId,
    /// Whether it is synced at all.
    pub enabled: bool,
    /// What it does now.
    pub state: LocationState,
    /// Its circuit breaker.
    pub breaker: BreakerView,
    /// Why nobody calls; null if somebody may.
    pub pause: Option<PauseView>,
    /// What keeps the next call from going out now; null if nothing does.
    pub waits_for: Option<WaitView>,
    /// What is left of GHL's quota.
    pub quota: QuotaView,
    /// What is due.
    pub due: DueView,
    /// What failed for good.
    pub failed: Tallied,
    /// When all that is due will be sent, at this pace; null if nothing is due, or nobody knows.
    pub forecast: Option<Forecast>,
    /// When it stood so. While it sends, that is some seconds ago, while it waits up to a minute; while it rests, it may
    /// be long ago, and nothing has changed since.
    pub as_of: Time,
}

/// A circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Breaker))]
pub struct BreakerView {
    /// Its state: `closed` (calls go out), `open` (no calls) or `half_open` (one call finds out whether GHL is up again).
    #[cfg_attr(feature = "openapi", schema(example = "closed"))]
    pub state: &'static str,
    /// When the next call may try whether GHL is up; null while it is closed.
    pub retry_at: Option<Time>,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = PauseState))]
pub struct PauseView {
    /// Why: `operator`, `throttled` or `credentials`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "operator"))]
    pub reason: PauseReason,
    /// Its end; null if it lasts until it is lifted.
    pub until: Option<Time>,
    /// The operator's words.
    pub note: Option<String>,
}

/// A wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Wait))]
pub struct WaitView {
    /// What for: `pace`, `operator`, `throttled`, `credentials`, `breaker`, `daily_quota`, `backoff`, …
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "pace"))]
    pub reason: WaitReason,
    /// Until when; null if nobody knows.
    pub until: Option<Time>,
}

/// GHL's quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Quota))]
pub struct QuotaView {
    /// The short window.
    pub burst: BurstQuota,
    /// The day.
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
    /// Calls per window as it is configured; `limit` is less while GHL says or shows that it allows less.
    pub configured: u64,
    /// Calls per window as GHL's headers told last, be it less or more; null before they told any.
    pub told_limit: Option<u64>,
    /// Length of that window, in milliseconds.
    pub told_window_ms: Option<u64>,
    /// Calls left in the window that ends now.
    pub left: u64,
}

/// The quota of the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct DailyQuota {
    /// Calls per day.
    // The configured limit or GHL's own, whichever is less, or as `GHL_RATE_LIMIT_ADOPT` says.
    pub limit: u64,
    /// The scope whose day it is: that of the location's calls, or one that other scopes share.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub scope: ScopeId,
    /// Calls per day as they are configured; `limit` is less while GHL allows less.
    pub configured: u64,
    /// Calls per day as GHL's headers told last, be it less or more; null before they told any.
    pub told_daily_limit: Option<u64>,
    /// Calls made since the last reset.
    pub used: u64,
    /// Calls left.
    pub left: u64,
    /// Of these, so many are kept for records of high priority.
    pub reserve: u64,
    /// The next reset.
    pub resets_at: Option<Time>,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Due))]
pub struct DueView {
    /// How many records.
    pub count: u64,
    /// There are more; they were not counted.
    pub capped: bool,
    /// Since when the oldest is due; null if none is.
    pub oldest_at: Option<Time>,
}

/// When a backlog will be gone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Forecast {
    /// When nothing waits any more, at the pace of the last minutes.
    pub empty_at: Time,
    /// In so many seconds.
    pub seconds: f64,
    /// More is due than was counted: it takes longer.
    pub at_least: bool,
}

impl Operator {
    /// How it stands with everything that is known of: in numbers, and location by location on a page. It asks no location,
    /// but reads what was written down of each. With `own` of the page it is as if there were those locations only.
    ///
    /// # Errors
    /// When a store fails; then nobody knows.
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

    /// The same as numbers for Prometheus: of the locations only those in trouble and those with the largest backlogs, so
    /// many of each that the series stay bounded, by id and without their counters.
    ///
    /// # Errors
    /// When a store fails; then nobody knows.
    pub async fn series(&self, own: Option<&Reach>) -> Result<Overview, PortError> {
        let (everybody, mut overview) = self.in_numbers(own).await?;
        let now = everybody.time;
        let mut standings: Vec<&(LocationId, Standing)> = everybody.standings.iter().collect();
        standings.sort_by_cached_key(|(id, standing)| (standing.urgency(now), Reverse(standing.due.tallied.count), id));
        let troubled = standings.iter().filter(|(_, standing)| standing.urgency(now) != Urgency::Fine);
        let mut told: BTreeMap<&LocationId, &Standing> =
            troubled.take(TROUBLED_SERIES).map(|(id, standing)| (id, standing)).collect();
        standings.sort_by_cached_key(|(id, standing)| (Reverse(standing.due.tallied.count), id));
        told.extend(standings.iter().take(BACKLOG_SERIES).map(|(id, standing)| (id, standing)));
        let located = told.into_iter().map(|(id, standing)| LocationOverview {
            location: LocationStatus::of(id.clone(), standing, now),
            counters: Counts::default(),
            minutes: Vec::new(),
        });
        overview.locations = located.collect();
        Ok(overview)
    }

    /// How it stands with `location`, by asking it; `None` if it is not known.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn location_overview(&self, location: &LocationId) -> Result<Option<LocationOverview>, PortError> {
        let Some(standing) = self.engine.standing(location).await? else {
            return Ok(None);
        };
        let now = standing.at;
        let (counted, profile) = futures::try_join!(self.ports().counters.of(location, now), self.profile(location))?;
        let location = LocationStatus::of(location.clone(), &standing, now).called(profile);
        Ok(Some(LocationOverview { location, counters: counted.total, minutes: counted.minutes }))
    }

    /// An overview without locations, and those.
    async fn in_numbers(&self, own: Option<&Reach>) -> Result<(Everybody, Overview), PortError> {
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

/// Where a location comes in the overview.
fn place_of(id: &LocationId, standing: &Standing, now: EpochMs) -> OverviewCursor {
    let backlog = standing.due.tallied.count.saturating_add(standing.failed.count);
    OverviewCursor { rank: standing.urgency(now).rank(), backlog, location: id.clone() }
}

/// Those in trouble first, then those with the most to do.
fn order(place: &OverviewCursor) -> (u8, Reverse<u64>, &LocationId) {
    (place.rank, Reverse(place.backlog), &place.location)
}

/// `text` is in lower case.
fn is_called(id: &LocationId, standing: &Standing, text: &str) -> bool {
    let own = standing.name.iter().chain(&standing.tags).map(String::as_str);
    own.chain([id.as_str(), standing.scope.as_str()]).any(|name| name.to_lowercase().contains(text))
}

impl LastTick {
    pub(crate) fn at(at: Option<EpochMs>, now: EpochMs) -> Option<LastTick> {
        at.map(|at| LastTick { at: Time(at), age_s: seconds(now.since(at)) })
    }
}

impl LocationStatus {
    /// What is true at `now` of a location that stood so.
    #[must_use]
    pub fn of(id: LocationId, standing: &Standing, now: EpochMs) -> LocationStatus {
        let note = |reason| match (reason, &standing.hold) {
            (PauseReason::Operator, Some(hold)) => hold.note.clone(),
            _ => None,
        };
        let pause = standing.pause_at(now);
        let forecast = standing.empty_at.map(|empty_at| Forecast {
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

    /// The same, by GHL's name if it has none of our own.
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
