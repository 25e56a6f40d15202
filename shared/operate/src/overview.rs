//! How it stands with everything: what `/v1/overview`, `/health` and `/metrics` tell.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use strum::IntoStaticStr;

use crate::Operator;
use ghl_sync_engine::counts::{Counted, Counts, Minute};
use ghl_sync_engine::ports::{Backlog, PortError, Tallied};
use ghl_sync_limiter::{Gate, Opening, PauseReason, Rules, WaitReason, WaitUntil};
use ghl_sync_model::{EpochMs, LocationId, LocationSettings, Pace, Priority};

/// Records that are counted of each priority, and of the failed: more are "at least so many".
const CAP: u32 = 1000;
/// Locations looked at at once.
const AT_ONCE: usize = 8;
/// A pause that is longer than this is told.
const LONG_PAUSE: Duration = Duration::from_secs(3600);
/// A tick that is older than this has been missed several times.
pub(super) const TICK_OVERDUE: Duration = Duration::from_secs(300);

/// How it stands with everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// When it was so.
    pub time: EpochMs,
    /// All in one word.
    pub health: Health,
    /// Why it is not [`Health::Ok`], one sentence each, without secrets.
    pub reasons: Vec<String>,
    /// When the scheduler ran last, if it ever did.
    pub last_tick: Option<EpochMs>,
    /// Messages that could not be handled, if it is known which queue holds them.
    pub dead_letters: Option<u64>,
    /// The counters of all locations together.
    pub totals: Counts,
    /// The locations, by id.
    pub locations: Vec<LocationOverview>,
}

/// All in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Health {
    /// All is well.
    Ok,
    /// Somebody should look, but records flow, or somebody wants them not to.
    Degraded,
    /// Records do not flow.
    Failing,
}

impl Health {
    /// The word, as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How much is asked of the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Gates and backlogs.
    State,
    /// The counters too.
    Counters,
}

/// How it stands with one location.
#[derive(Debug, Clone, PartialEq)]
pub struct LocationOverview {
    /// Which.
    pub location_id: LocationId,
    /// Its settings. Breaker, pause and quota are those of its scope, which it may share.
    pub settings: LocationSettings,
    /// In one word.
    pub state: LocationState,
    /// The circuit breaker.
    pub breaker: BreakerView,
    /// A pause of the scope.
    pub pause: Option<PauseView>,
    /// What stands in the way of the next call; `until` may be [`EpochMs::NEVER`].
    pub waits_for: Option<WaitUntil>,
    /// The burst quota.
    pub burst: BurstQuota,
    /// The daily quota.
    pub daily: DailyQuota,
    /// What is due, now or later.
    pub due: Backlog,
    /// What stands as failed.
    pub failed: Tallied,
    /// When all that is due should be sent; `None` without anything due, or if nobody can say.
    pub forecast: Option<Forecast>,
    /// What was counted, if it was asked for.
    pub counters: Counts,
    /// The last minutes, if they were asked for.
    pub minutes: Vec<Minute>,
}

/// A location in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum LocationState {
    /// Nothing is due.
    Idle,
    /// A batch is under way.
    Syncing,
    /// Records are due, and wait for something.
    Waiting,
    /// An operator has paused it.
    Paused,
    /// It is not enabled, or its token is not accepted.
    Stopped,
}

impl LocationState {
    /// The word, as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The circuit breaker of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerView {
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// When the next call may find out whether GHL is up.
    pub retry_at: Option<EpochMs>,
}

/// A pause of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseView {
    /// Why.
    pub reason: PauseReason,
    /// Its end; `None` if it has to be lifted.
    pub until: Option<EpochMs>,
    /// The operator's own words.
    pub note: Option<String>,
}

/// The burst quota of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BurstQuota {
    /// What is kept to now.
    pub pace: Pace,
    /// What is configured.
    pub configured: Pace,
    /// What GHL told last, be it less or more.
    pub told: Option<Pace>,
    /// Calls left in the window that ends now.
    pub left: u32,
}

/// The daily quota of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyQuota {
    /// What is kept to now: the configured limit or GHL's own, whichever is less, or as `GHL_RATE_LIMIT_ADOPT` says.
    pub limit: u64,
    /// What is configured.
    pub configured: u64,
    /// What GHL told last, be it less or more.
    pub told: Option<u64>,
    /// Calls made since the last reset.
    pub used: u64,
    /// Calls left.
    pub left: u64,
    /// Of these, kept for high priority.
    pub reserve: u64,
    /// When the count starts anew.
    pub resets_at: EpochMs,
}

/// When all that is due should be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// At about this time.
    pub empty_at: EpochMs,
    /// There is more than was counted: it takes longer.
    pub at_least: bool,
}

impl Operator {
    /// How it stands with everything that is known of.
    ///
    /// # Errors
    /// When a store fails; then nobody knows.
    pub async fn overview(&self, detail: Detail) -> Result<Overview, PortError> {
        let time = self.ports().clock.now();
        let ids = self.ports().registry.locations().await?;
        let overviews = futures::stream::iter(ids)
            .map(|location| async move { self.location_overview(&location, detail).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<_>>();
        let (last_tick, dead_letters, locations) =
            futures::try_join!(self.ports().counters.last_tick(), self.ports().dead_letters.depth(), overviews)?;
        let mut locations: Vec<LocationOverview> = locations.into_iter().flatten().collect();
        locations.sort_by(|a, b| a.location_id.cmp(&b.location_id));
        let mut totals = Counts::default();
        locations.iter().for_each(|location| totals.merge(&location.counters));
        let (health, reasons) = judge(time, last_tick, dead_letters, &locations);
        Ok(Overview { time, health, reasons, last_tick, dead_letters, totals, locations })
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
        Ok(Some(LocationOverview {
            location_id: location.clone(),
            state: view.state(settings.enabled, due_total.tallied.count),
            breaker: BreakerView { state: entry.gate.breaker().as_str(), retry_at: entry.gate.breaker().retry_at() },
            pause: view.pause(),
            waits_for: view.waits_for(most_urgent),
            burst: view.burst(),
            daily: view.daily(),
            due: due_total,
            failed,
            forecast: self.forecast(&settings, &view, due_total, &counted.total),
            settings,
            counters: counted.total,
            minutes: counted.minutes,
        }))
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
        let rate = view.burst().pace.rate().min(f64::from(self.engine.config().concurrency) / call);
        let calls = records as f64 * calls_per_record;
        let today = view.gate.daily_left(opens_at, view.rules) as f64;
        let empty_at = if calls <= today {
            opens_at + Duration::from_secs_f64(calls / rate)
        } else {
            let limit = view.daily().limit.max(1) as f64;
            let days = ((calls - today) / limit).floor();
            let rest = (calls - today) - days * limit;
            view.gate.day_resets_at(opens_at, view.rules)
                + Duration::from_secs_f64((days * DAY_S + rest / rate).min(MAX_S))
        };
        Some(Forecast { empty_at, at_least: due.tallied.capped })
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
            return Some(PauseView { reason: PauseReason::Operator, until: hold.until, note: hold.note.clone() });
        }
        let pause = self.gate.pause().filter(|pause| pause.until > self.now)?;
        Some(PauseView { reason: pause.reason, until: Some(pause.until), note: None })
    }

    fn waits_for(&self, most_urgent: Option<Priority>) -> Option<WaitUntil> {
        let kept_back = most_urgent.and_then(|priority| self.opening.kept_back_until(priority));
        match (self.opening.reason, kept_back) {
            (None | Some(WaitReason::Pace), Some(at)) => Some(WaitUntil { at, reason: WaitReason::DailyQuota }),
            (reason, _) => reason.map(|reason| WaitUntil { at: self.opening.at, reason }),
        }
    }

    fn burst(&self) -> BurstQuota {
        let configured = self.rules.pace;
        let pace = self.gate.allowed_pace(self.now, self.rules);
        let counted = self.gate.ledger().counted_since(self.now - pace.window);
        let left = pace.limit.get().saturating_sub(counted);
        BurstQuota { pace, configured, told: self.gate.pacing().told(), left }
    }

    fn daily(&self) -> DailyQuota {
        let daily = self.gate.daily();
        DailyQuota {
            limit: self.gate.daily_limit(self.rules),
            configured: self.rules.daily_limit,
            told: daily.told_limit(),
            used: daily.used(self.now),
            left: self.gate.daily_left(self.now, self.rules),
            reserve: self.rules.daily_reserve,
            resets_at: self.gate.day_resets_at(self.now, self.rules),
        }
    }
}

impl PauseView {
    /// Why somebody should look at it; `None` if it is short, and nobody's fault.
    fn wants_a_look(&self, id: &LocationId, now: EpochMs) -> Option<(Health, String)> {
        let until = self.until.map_or_else(String::new, |until| format!(" until {}", until.to_rfc3339()));
        match self.reason {
            PauseReason::Operator => Some((Health::Degraded, format!("{id} is paused by an operator"))),
            PauseReason::Credentials => Some((Health::Degraded, format!("the token of {id} is not accepted"))),
            PauseReason::OtherLocation => Some((
                Health::Failing,
                format!("GHL answered for another location than {id}: its token may be of somebody else's account"),
            )),
            PauseReason::Throttled => {
                let is_long = self.until.is_some_and(|until| now.until(until) > LONG_PAUSE);
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
    for location in locations.iter().filter(|location| location.settings.enabled) {
        let id = &location.location_id;
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
