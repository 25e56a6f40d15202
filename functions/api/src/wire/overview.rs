//! How everything is: `/v1/overview` and `/health`.

use std::collections::BTreeMap;

use ghl_sync_engine::counts::{self, Counter, Counts, ReconcileCount, RecordCount};
use ghl_sync_engine::ports::{Backlog, Tallied};
use ghl_sync_limiter::{WaitReason, WaitUntil};
use ghl_sync_model::EpochMs;
use ghl_sync_operate::LocationState as State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Time, milliseconds, seconds};

/// How it is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// All is well.
    Ok,
    /// It runs, and something wants to be looked at.
    Degraded,
    /// Something stands still.
    Failing,
}

/// How everything is, at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// How it is.
    pub(crate) status: Status,
    /// When this was found out.
    pub(crate) time: Time,
    /// The build that answers.
    #[schema(example = "0.1.0")]
    pub(crate) version: &'static str,
    /// Why it is not `ok`. This and what follows is told to those with a key only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) reasons: Option<Vec<String>>,
    /// The last tick of the scheduler; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) last_tick: Option<LastTick>,
    /// Messages in the dead-letter queue and the parking queue; absent if it cannot be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) dead_letters: Option<u64>,
    /// The locations.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) locations: Option<Vec<Location>>,
}

/// Everything that a dashboard shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Overview {
    /// When this was found out.
    pub(crate) time: Time,
    /// How it is.
    pub(crate) status: Status,
    /// Why it is not `ok`.
    #[schema(example = json!(["breaker of loc_demo is open"]))]
    pub(crate) reasons: Vec<String>,
    /// The last tick of the scheduler; null before the first.
    pub(crate) last_tick: Option<LastTick>,
    /// Messages in the dead-letter queue and the parking queue; null if it cannot be asked.
    pub(crate) dead_letters: Option<u64>,
    /// The counters of all locations together.
    pub(crate) totals: Counters,
    /// The locations.
    pub(crate) locations: Vec<LocationOverview>,
}

/// When the scheduler ran last.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastTick {
    /// When.
    pub(crate) at: Time,
    /// How long ago, in seconds.
    pub(crate) age_s: f64,
}

/// A location, with its counters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LocationOverview {
    #[serde(flatten)]
    #[schema(inline)]
    pub(crate) location: Location,
    /// Its counters since the beginning.
    pub(crate) counters: Counters,
    /// The last 60 minutes in which anything happened, oldest first.
    pub(crate) minutes: Vec<Minute>,
}

/// How a location is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Location {
    /// Its id.
    #[schema(example = "loc_demo")]
    pub(crate) id: String,
    /// The rate scope that its calls count toward.
    #[schema(example = "loc_demo")]
    pub(crate) scope: String,
    /// Whether it is synced at all.
    pub(crate) enabled: bool,
    /// What it does now.
    pub(crate) state: LocationState,
    /// Its circuit breaker.
    pub(crate) breaker: Breaker,
    /// Why nobody calls; null if somebody may.
    pub(crate) pause: Option<PauseState>,
    /// What keeps the next call from going out now; null if nothing does.
    pub(crate) waits_for: Option<Wait>,
    /// What is left of GHL's quota.
    pub(crate) quota: Quota,
    /// What is due.
    pub(crate) due: Due,
    /// What failed for good.
    pub(crate) failed: Tally,
    /// When all that is due will be sent, at this pace; null if nothing is due, or nobody knows.
    pub(crate) forecast: Option<Forecast>,
}

/// What a location does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LocationState {
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

/// A circuit breaker.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Breaker {
    /// Its state: `closed` (calls go out), `open` (no calls) or `half_open` (one call finds out whether GHL is up again).
    #[schema(example = "closed")]
    pub(crate) state: &'static str,
    /// When the next call may try whether GHL is up; null while it is closed.
    pub(crate) retry_at: Option<Time>,
}

/// A pause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PauseState {
    /// Why: `operator`, `throttled` or `credentials`.
    #[schema(example = "operator")]
    pub(crate) reason: &'static str,
    /// Its end; null if it lasts until it is lifted.
    pub(crate) until: Option<Time>,
    /// The operator's words.
    pub(crate) note: Option<String>,
}

/// A wait.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Wait {
    /// What for: `pace`, `operator`, `throttled`, `credentials`, `breaker`, `daily_quota`, `backoff`, …
    #[schema(example = "pace")]
    pub(crate) reason: &'static str,
    /// Until when; null if nobody knows.
    pub(crate) until: Option<Time>,
}

/// GHL's quota.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Quota {
    /// The short window.
    pub(crate) burst: BurstQuota,
    /// The day.
    pub(crate) daily: DailyQuota,
}

/// The quota of the short window.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BurstQuota {
    /// Calls per window.
    pub(crate) limit: u64,
    /// Length of the window, in milliseconds.
    pub(crate) window_ms: u64,
    /// Calls per window as it is configured; `limit` is less while GHL says or shows that it allows less.
    pub(crate) configured: u64,
    /// Calls per window as GHL's headers told last, be it less or more; null before they told any.
    pub(crate) told_limit: Option<u64>,
    /// Length of that window, in milliseconds.
    pub(crate) told_window_ms: Option<u64>,
    /// Calls left in the window that ends now.
    pub(crate) left: u64,
}

/// The quota of the day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DailyQuota {
    /// Calls per day.
    pub(crate) limit: u64,
    /// The scope whose day it is: that of the location's calls, or one that other scopes share.
    #[schema(example = "loc_demo")]
    pub(crate) scope: String,
    /// Calls per day as they are configured; `limit` is less while GHL allows less.
    pub(crate) configured: u64,
    /// Calls per day as GHL's headers told last, be it less or more; null before they told any.
    pub(crate) told_daily_limit: Option<u64>,
    /// Calls made since the last reset.
    pub(crate) used: u64,
    /// Calls left.
    pub(crate) left: u64,
    /// Of these, so many are kept for records of high priority.
    pub(crate) reserve: u64,
    /// The next reset.
    pub(crate) resets_at: Option<Time>,
}

/// What is due.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Due {
    /// How many records.
    pub(crate) count: u64,
    /// There are more; they were not counted.
    pub(crate) capped: bool,
    /// Since when the oldest is due; null if none is.
    pub(crate) oldest_at: Option<Time>,
}

/// A number of records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tally {
    /// How many.
    pub(crate) count: u64,
    /// There are more; they were not counted.
    pub(crate) capped: bool,
}

/// When a backlog will be gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Forecast {
    /// When.
    pub(crate) empty_at: Time,
    /// In so many seconds.
    pub(crate) seconds: f64,
    /// More is due than was counted: it takes longer.
    pub(crate) at_least: bool,
}

/// What was counted since the beginning.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Counters {
    /// Calls to GHL.
    pub(crate) calls: u64,
    /// Calls that GHL answered with 429.
    pub(crate) rate_limit_hits: u64,
    /// Calls that were made again after a failure.
    pub(crate) retry_attempts: u64,
    /// How often the breaker opened.
    pub(crate) circuit_breaker_opens: u64,
    /// Records that GHL has accepted.
    pub(crate) succeeded: u64,
    /// Records that failed for good.
    pub(crate) failed: u64,
    /// Records that were left for a later batch.
    pub(crate) deferred: u64,
    /// Records that were put, and that GHL had already.
    pub(crate) unchanged: u64,
    /// Calls that these would have taken: quota saved.
    pub(crate) calls_saved: u64,
    /// What reconciling did.
    pub(crate) reconciling: Reconciling,
    /// Waits by their reason.
    pub(crate) waits: BTreeMap<&'static str, Waits>,
    /// Mean wait before a call was made again, in milliseconds.
    pub(crate) average_backoff_delay_ms: f64,
    /// Of the records that came to an end, the share that GHL has; null before the first.
    pub(crate) sync_success_rate: Option<f64>,
}

/// What reconciling did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reconciling {
    /// Changed contacts that were read and compared.
    pub(crate) compared: u64,
    /// Last known states that were behind.
    pub(crate) states_repaired: u64,
    /// Records that became due again.
    pub(crate) resent: u64,
    /// Records that GHL's content superseded.
    pub(crate) superseded: u64,
    /// Times that it was put off, because something else needed the quota.
    pub(crate) put_off: u64,
}

/// Waits for one reason.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Waits {
    /// How many.
    pub(crate) count: u64,
    /// Their length together, in milliseconds.
    pub(crate) ms: u64,
}

/// What was counted in one minute.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Minute {
    /// When it began.
    pub(crate) at: Time,
    /// Calls to GHL.
    pub(crate) calls: u64,
    /// Calls that the pace allowed.
    pub(crate) allowed: u64,
    /// Calls that GHL answered with 429.
    pub(crate) rate_limit_hits: u64,
    /// Records that GHL has accepted.
    pub(crate) succeeded: u64,
    /// Records that failed for good.
    pub(crate) failed: u64,
    /// Calls that were made again.
    pub(crate) retries: u64,
    /// Waits of all workers together, in milliseconds.
    pub(crate) wait_ms: u64,
}

impl From<ghl_sync_operate::Health> for Status {
    fn from(health: ghl_sync_operate::Health) -> Status {
        match health {
            ghl_sync_operate::Health::Ok => Status::Ok,
            ghl_sync_operate::Health::Degraded => Status::Degraded,
            ghl_sync_operate::Health::Failing => Status::Failing,
        }
    }
}

impl From<State> for LocationState {
    fn from(state: State) -> LocationState {
        match state {
            State::Idle => LocationState::Idle,
            State::Syncing => LocationState::Syncing,
            State::Waiting => LocationState::Waiting,
            State::Paused => LocationState::Paused,
            State::Stopped => LocationState::Stopped,
        }
    }
}

impl Health {
    /// What everybody may know.
    pub(crate) fn in_short(status: Status, time: EpochMs) -> Health {
        let (reasons, last_tick, dead_letters, locations) = (None, None, None, None);
        let version = env!("CARGO_PKG_VERSION");
        Health { status, time: Time(time), version, reasons, last_tick, dead_letters, locations }
    }

    /// What those with a key may know.
    pub(crate) fn in_full(overview: ghl_sync_operate::Overview) -> Health {
        let now = overview.time;
        Health {
            reasons: Some(overview.reasons),
            last_tick: LastTick::of(overview.last_tick, now),
            dead_letters: overview.dead_letters,
            locations: Some(overview.locations.into_iter().map(|location| Location::of(location, now)).collect()),
            ..Health::in_short(overview.health.into(), now)
        }
    }
}

impl From<ghl_sync_operate::Overview> for Overview {
    fn from(overview: ghl_sync_operate::Overview) -> Overview {
        let now = overview.time;
        Overview {
            time: Time(now),
            status: overview.health.into(),
            reasons: overview.reasons,
            last_tick: LastTick::of(overview.last_tick, now),
            dead_letters: overview.dead_letters,
            totals: Counters::from(&overview.totals),
            locations: overview
                .locations
                .into_iter()
                .map(|mut location| LocationOverview {
                    counters: Counters::from(&location.counters),
                    minutes: std::mem::take(&mut location.minutes).into_iter().map(Minute::from).collect(),
                    location: Location::of(location, now),
                })
                .collect(),
        }
    }
}

impl LastTick {
    fn of(tick: Option<EpochMs>, now: EpochMs) -> Option<LastTick> {
        tick.map(|at| LastTick { at: Time(at), age_s: seconds(now.since(at)) })
    }
}

impl Location {
    fn of(location: ghl_sync_operate::LocationOverview, now: EpochMs) -> Location {
        let ghl_sync_operate::LocationOverview { settings, burst, daily, .. } = location;
        Location {
            id: location.location_id.into(),
            scope: settings.scope.clone().into(),
            enabled: settings.enabled,
            state: location.state.into(),
            breaker: Breaker { state: location.breaker.state, retry_at: Time::maybe(location.breaker.retry_at) },
            pause: location.pause.map(|pause| PauseState {
                reason: pause.reason.as_str(),
                until: Time::maybe(pause.until),
                note: pause.note,
            }),
            waits_for: location.waits_for.map(Wait::from),
            quota: Quota {
                burst: BurstQuota {
                    limit: burst.pace.limit.get().into(),
                    window_ms: milliseconds(burst.pace.window),
                    configured: burst.configured.limit.get().into(),
                    told_limit: burst.told.map(|told| told.limit.get().into()),
                    told_window_ms: burst.told.map(|told| milliseconds(told.window)),
                    left: burst.left.into(),
                },
                daily: DailyQuota {
                    limit: daily.limit,
                    scope: settings.day_scope.unwrap_or_else(|| settings.scope.clone()).into(),
                    configured: daily.configured,
                    told_daily_limit: daily.told,
                    used: daily.used,
                    left: daily.left,
                    reserve: daily.reserve,
                    resets_at: Time::maybe(Some(daily.resets_at)),
                },
            },
            due: location.due.into(),
            failed: location.failed.into(),
            forecast: location.forecast.map(|forecast| Forecast {
                empty_at: Time(forecast.empty_at),
                seconds: seconds(now.until(forecast.empty_at)),
                at_least: forecast.at_least,
            }),
        }
    }
}

impl From<WaitUntil> for Wait {
    fn from(WaitUntil { at, reason }: WaitUntil) -> Wait {
        Wait { reason: reason.as_str(), until: Time::maybe(Some(at)) }
    }
}

impl From<Backlog> for Due {
    fn from(Backlog { tallied, oldest_at }: Backlog) -> Due {
        Due { count: tallied.count, capped: tallied.capped, oldest_at: Time::maybe(oldest_at) }
    }
}

impl From<Tallied> for Tally {
    fn from(Tallied { count, capped }: Tallied) -> Tally {
        Tally { count, capped }
    }
}

impl From<&Counts> for Counters {
    fn from(counts: &Counts) -> Counters {
        let waits = WaitReason::ALL.into_iter().filter_map(|reason| {
            let count = counts.get(Counter::Waits(reason));
            (count > 0).then(|| (reason.as_str(), Waits { count, ms: counts.get(Counter::WaitMs(reason)) }))
        });
        Counters {
            calls: counts.calls(),
            rate_limit_hits: counts.rate_limit_hits(),
            retry_attempts: counts.get(Counter::Retries),
            circuit_breaker_opens: counts.get(Counter::BreakerOpens),
            succeeded: counts.records(RecordCount::Succeeded),
            failed: counts.records(RecordCount::Failed),
            deferred: counts.records(RecordCount::Deferred),
            unchanged: counts.records(RecordCount::Unchanged),
            calls_saved: counts.get(Counter::CallsSaved),
            reconciling: Reconciling {
                compared: counts.reconciled(ReconcileCount::Compared),
                states_repaired: counts.reconciled(ReconcileCount::StateRepaired),
                resent: counts.reconciled(ReconcileCount::Resent),
                superseded: counts.reconciled(ReconcileCount::Superseded),
                put_off: counts.reconciled(ReconcileCount::PutOff),
            },
            waits: waits.collect(),
            average_backoff_delay_ms: counts.average_backoff_delay_ms(),
            sync_success_rate: counts.sync_success_rate(),
        }
    }
}

impl From<counts::Minute> for Minute {
    fn from(minute: counts::Minute) -> Minute {
        Minute {
            at: Time(minute.at),
            calls: minute.calls,
            allowed: minute.allowed,
            rate_limit_hits: minute.rate_limit_hits,
            succeeded: minute.succeeded,
            failed: minute.failed,
            retries: minute.retries,
            wait_ms: minute.wait_ms,
        }
    }
}
