//! How it stands with everything: what `/v1/overview`, `/health` and `/metrics` tell.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use strum::IntoStaticStr;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::{CountersView, Operator};
use ghl_sync_engine::counts::{Counted, Counts, Minute};
use ghl_sync_engine::ports::{Backlog, PortError, Tallied};
use ghl_sync_limiter::{Gate, Opening, PauseReason, Rules, WaitReason};
use ghl_sync_model::{EpochMs, LocationId, LocationSettings, Pace, Priority, ScopeId, Time};

/// Records that are counted of each priority, and of the failed: more are "at least so many".
const CAP: u32 = 1000;
/// Locations looked at at once.
const AT_ONCE: usize = 8;
/// A pause that is longer than this is told.
const LONG_PAUSE: Duration = Duration::from_secs(3600);
/// A tick that is older than this has been missed several times.
pub(super) const TICK_OVERDUE: Duration = Duration::from_secs(300);

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
    #[cfg_attr(feature = "openapi", schema(example = json!(["breaker of loc_demo is open"])))]
    pub reasons: Vec<String>,
    /// The last tick of the scheduler; null before the first.
    pub last_tick: Option<LastTick>,
    /// Messages in the dead-letter queue and the parking queue; null if it cannot be asked.
    pub dead_letters: Option<u64>,
    /// The counters of all locations together.
    #[serde(serialize_with = "CountersView::serialize_of")]
    #[cfg_attr(feature = "openapi", schema(value_type = CountersView))]
    pub totals: Counts,
    /// The locations.
    // By id.
    pub locations: Vec<LocationOverview>,
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
    /// When.
    pub at: Time,
    /// How long ago, in seconds.
    pub age_s: f64,
}

/// How much is asked of the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Gates and backlogs.
    State,
    /// The counters too.
    Counters,
}

/// A location, with its counters.
// Both are empty if they were not asked for.
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
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub id: LocationId,
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
}

/// What a location does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LocationState {
    /// Nothing is due.
    Idle,
    /// Records go out.
    Syncing,
    /// Records are due, and wait for something that passes by itself.
    Waiting,
    /// An operator has paused it.
    Paused,
    /// It is not enabled, or GHL does not accept its token.
    Stopped,
}

impl LocationState {
    /// The word, as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    /// When.
    pub empty_at: Time,
    /// In so many seconds.
    pub seconds: f64,
    /// More is due than was counted: it takes longer.
    pub at_least: bool,
}

impl Operator {
    /// How it stands with everything that is known of.
    ///
    /// # Errors
    /// When a store fails; then nobody knows.
    pub async fn overview(&self, detail: Detail) -> Result<Overview, PortError> {
        let ids = self.ports().registry.locations().await?;
        self.overview_of(ids, detail).await
    }

    /// The same, as if there were these locations only.
    ///
    /// # Errors
    /// When a store fails; then nobody knows.
    pub async fn overview_of(&self, ids: Vec<LocationId>, detail: Detail) -> Result<Overview, PortError> {
        let time = self.ports().clock.now();
        let overviews = futures::stream::iter(ids)
            .map(|location| async move { self.location_overview(&location, detail).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<_>>();
        let (last_tick, dead_letters, locations) =
            futures::try_join!(self.ports().counters.last_tick(), self.ports().dead_letters.depth(), overviews)?;
        let mut locations: Vec<LocationOverview> = locations.into_iter().flatten().collect();
        locations.sort_by(|a, b| a.location.id.cmp(&b.location.id));
        let mut totals = Counts::default();
        locations.iter().for_each(|location| totals.merge(&location.counters));
        let (health, reasons) = judge(time, last_tick, dead_letters, &locations);
        let last_tick = last_tick.map(|at| LastTick { at: Time(at), age_s: seconds(time.since(at)) });
        Ok(Overview { time: Time(time), health, reasons, last_tick, dead_letters, totals, locations })
    }

    /// How it stands with `location`; `None` if it is not known.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn location_overview(
        &self,
        location: &LocationId,
        detail: Detail,
    ) -> Result<Option<LocationOverview>, PortError> {
        let Some(settings) = self.ports().registry.location(location).await? else {
            return Ok(None);
        };
        let rules = self.engine.config().rules(&settings);
        let (entry, due, failed, counted) = futures::try_join!(
            self.engine.gate(&settings.scope, &rules),
            self.backlog(location),
            self.ports().outbox.count_failed(location, CAP),
            self.counted(location, detail),
        )?;
        let now = self.ports().clock.now();
        let view = GateView { gate: &entry.gate, opening: entry.gate.opening(now, &rules), rules: &rules, now };
        let due_total = due.iter().fold(Backlog::default(), |sum, (_, backlog)| sum.and(*backlog));
        let most_urgent = due.iter().find(|(_, backlog)| backlog.tallied.count > 0).map(|(priority, _)| *priority);
        let location = LocationStatus {
            id: location.clone(),
            enabled: settings.enabled,
            state: view.state(settings.enabled, due_total.tallied.count),
            breaker: BreakerView {
                state: entry.gate.breaker().as_str(),
                retry_at: Time::maybe(entry.gate.breaker().retry_at()),
            },
            pause: view.pause(),
            waits_for: view.waits_for(most_urgent),
            quota: QuotaView { burst: view.burst(), daily: view.daily(&settings) },
            due: due_total.into(),
            failed,
            forecast: self.forecast(&settings, &view, due_total, &counted.total),
            scope: settings.scope,
        };
        Ok(Some(LocationOverview { location, counters: counted.total, minutes: counted.minutes }))
    }

    /// What is due, by priority.
    async fn backlog(&self, location: &LocationId) -> Result<[(Priority, Backlog); 3], PortError> {
        let count = |priority| async move {
            Ok::<_, PortError>((priority, self.ports().outbox.count_due(location, priority, CAP).await?))
        };
        let [high, normal, low] = Priority::ALL;
        let (high, normal, low) = futures::try_join!(count(high), count(normal), count(low))?;
        Ok([high, normal, low])
    }

    async fn counted(&self, location: &LocationId, detail: Detail) -> Result<Counted, PortError> {
        match detail {
            Detail::State => Ok(Counted::default()),
            Detail::Counters => self.ports().counters.of(location, self.ports().clock.now()).await,
        }
    }

    /// The calls that are due, at the pace that is kept to, from the moment on at which the gate opens; what the day
    /// does not allow goes on the next one.
    fn forecast(
        &self,
        settings: &LocationSettings,
        view: &GateView<'_>,
        due: Backlog,
        counters: &Counts,
    ) -> Option<Forecast> {
        use ghl_sync_engine::counts::RecordCount::{Failed, Succeeded};
        let records = due.tallied.count;
        let opens_at = view.opening.at;
        if records == 0 || !settings.enabled || opens_at == EpochMs::NEVER {
            return None;
        }
        let sent = counters.records(Succeeded) + counters.records(Failed);
        let calls_per_record = if sent == 0 { 1.0 } else { (counters.calls() as f64 / sent as f64).max(1.0) };
        let call = counters.average_call().unwrap_or(TYPICAL_CALL).as_secs_f64().max(0.001);
        let rate = view.pace().rate().min(f64::from(self.engine.config().concurrency) / call);
        let calls = records as f64 * calls_per_record;
        let today = view.gate.daily_left(opens_at, view.rules) as f64;
        let empty_at = if calls <= today {
            opens_at + Duration::from_secs_f64(calls / rate)
        } else {
            let limit = view.gate.daily_limit(view.rules).max(1) as f64;
            let days = ((calls - today) / limit).floor();
            let rest = (calls - today) - days * limit;
            view.gate.day_resets_at(opens_at, view.rules)
                + Duration::from_secs_f64((days * DAY_S + rest / rate).min(MAX_S))
        };
        let seconds = seconds(view.now.until(empty_at));
        Some(Forecast { empty_at: Time(empty_at), seconds, at_least: due.tallied.capped })
    }
}

/// A call before any was measured.
const TYPICAL_CALL: Duration = Duration::from_millis(250);
const DAY_S: f64 = 86_400.0;
/// Further than this nobody looks ahead: ten years.
const MAX_S: f64 = 3650.0 * DAY_S;

/// A gate at one moment.
struct GateView<'a> {
    gate: &'a Gate,
    opening: Opening,
    rules: &'a Rules,
    now: EpochMs,
}

impl GateView<'_> {
    fn state(&self, enabled: bool, due: u64) -> LocationState {
        match self.gate.paused(self.now).map(|wait| wait.reason) {
            _ if !enabled => LocationState::Stopped,
            Some(WaitReason::Pause(PauseReason::Operator)) => LocationState::Paused,
            Some(WaitReason::Pause(PauseReason::Credentials | PauseReason::OtherLocation)) => LocationState::Stopped,
            _ if self.gate.live_run(self.now).is_some() => LocationState::Syncing,
            _ if due > 0 => LocationState::Waiting,
            _ => LocationState::Idle,
        }
    }

    fn pause(&self) -> Option<PauseView> {
        if let Some(hold) = self.gate.held(self.now) {
            return Some(PauseView {
                reason: PauseReason::Operator,
                until: Time::maybe(hold.until),
                note: hold.note.clone(),
            });
        }
        let pause = self.gate.pause().filter(|pause| pause.until > self.now)?;
        Some(PauseView { reason: pause.reason, until: Time::maybe(Some(pause.until)), note: None })
    }

    fn waits_for(&self, most_urgent: Option<Priority>) -> Option<WaitView> {
        let kept_back = most_urgent.and_then(|priority| self.opening.kept_back_until(priority));
        let (at, reason) = match (self.opening.reason, kept_back) {
            (None | Some(WaitReason::Pace), Some(at)) => (at, WaitReason::DailyQuota),
            (reason, _) => (self.opening.at, reason?),
        };
        Some(WaitView { reason, until: Time::maybe(Some(at)) })
    }

    /// What is kept to now.
    fn pace(&self) -> Pace {
        self.gate.allowed_pace(self.now, self.rules)
    }

    fn burst(&self) -> BurstQuota {
        let (pace, told) = (self.pace(), self.gate.pacing().told());
        let counted = self.gate.ledger().counted_since(self.now - pace.window);
        BurstQuota {
            limit: pace.limit.get().into(),
            window_ms: milliseconds(pace.window),
            configured: self.rules.pace.limit.get().into(),
            told_limit: told.map(|told| told.limit.get().into()),
            told_window_ms: told.map(|told| milliseconds(told.window)),
            left: pace.limit.get().saturating_sub(counted).into(),
        }
    }

    fn daily(&self, settings: &LocationSettings) -> DailyQuota {
        let daily = self.gate.daily();
        DailyQuota {
            limit: self.gate.daily_limit(self.rules),
            scope: settings.day_scope.as_ref().unwrap_or(&settings.scope).clone(),
            configured: self.rules.daily_limit,
            told_daily_limit: daily.told_limit(),
            used: daily.used(self.now),
            left: self.gate.daily_left(self.now, self.rules),
            reserve: self.rules.daily_reserve,
            resets_at: Time::maybe(Some(self.gate.day_resets_at(self.now, self.rules))),
        }
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

impl PauseView {
    /// Why somebody should look at it; `None` if it is short, and nobody's fault.
    fn wants_a_look(&self, id: &LocationId, now: EpochMs) -> Option<(Health, String)> {
        let until = self.until.map_or_else(String::new, |until| format!(" until {}", until.0.to_rfc3339()));
        match self.reason {
            PauseReason::Operator => Some((Health::Degraded, format!("{id} is paused by an operator"))),
            PauseReason::Credentials => Some((Health::Degraded, format!("the token of {id} is not accepted"))),
            PauseReason::OtherLocation => Some((
                Health::Failing,
                format!("GHL answered for another location than {id}: its token may be of somebody else's account"),
            )),
            PauseReason::Throttled => {
                let is_long = self.until.is_none_or(|until| now.until(until.0) > LONG_PAUSE);
                is_long.then(|| {
                    (Health::Degraded, format!("{id} is paused{until}: GHL asked to wait (429 or Retry-After)"))
                })
            }
        }
    }
}

fn judge(
    now: EpochMs,
    last_tick: Option<EpochMs>,
    dead_letters: Option<u64>,
    locations: &[LocationOverview],
) -> (Health, Vec<String>) {
    let mut found: Vec<(Health, String)> = Vec::new();
    if let Some(tick) = last_tick.filter(|tick| now.since(*tick) > TICK_OVERDUE) {
        found.push((Health::Failing, format!("the last tick was {} s ago", now.since(tick).as_secs())));
    }
    if let Some(count) = dead_letters.filter(|count| *count > 0) {
        found.push((Health::Degraded, format!("{count} messages in the dead-letter queue and the parking queue")));
    }
    for location in locations.iter().map(|overview| &overview.location).filter(|location| location.enabled) {
        let id = &location.id;
        if location.breaker.state != "closed" {
            found.push((Health::Failing, format!("breaker of {id} is {}", location.breaker.state)));
        }
        found.extend(location.pause.as_ref().and_then(|pause| pause.wants_a_look(id, now)));
        if location.failed.count > 0 {
            let more = if location.failed.capped { "at least " } else { "" };
            found.push((Health::Degraded, format!("{more}{} records of {id} have failed", location.failed.count)));
        }
    }
    found.sort_by_key(|(health, _)| std::cmp::Reverse(*health));
    let health = found.first().map_or(Health::Ok, |(health, _)| *health);
    (health, found.into_iter().map(|(_, reason)| reason).collect())
}
