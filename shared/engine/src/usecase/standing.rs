//! Determines the standing of a location and stores it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Engine, FannedOut};
use crate::counts::{Counter, Counts, RecordCount};
use crate::ports::{Backlog, PortError};
use crate::standing::{BreakerState, Burst, Day, Standing, Urgency};
use ghl_sync_limiter::{Gate, Opening, Rules, WaitReason};
use ghl_sync_model::{EpochMs, LocationId, LocationSettings, Priority, ScopeId};

/// Counting stops at this number, for each priority and for failed records.
const CAP: u32 = 1000;
/// While a location sends, its standing is stored no more often than this; the last one is always stored.
pub(super) const TOLD_EVERY: Duration = Duration::from_secs(9);
/// A standing older than this is from before the current batch: the location was at rest.
const LONG_AGO: Duration = Duration::from_secs(60);
/// Counters that cause the standing to be stored at once.
const TROUBLE: [Counter; 3] =
    [Counter::BreakerOpens, Counter::CredentialsRefused, Counter::Records(RecordCount::Failed)];
/// Number of locations that this process remembers.
const REMEMBERED: usize = 10_000;

/// Assumed duration of a call before any was measured.
const TYPICAL_CALL: Duration = Duration::from_millis(250);
const DAY_S: f64 = 86_400.0;
/// The furthest estimate of `empty_at`, in seconds: ten years.
const MAX_S: f64 = 3650.0 * DAY_S;

/// When this process last stored each location's standing, and how urgent it was.
#[derive(Debug, Clone, Default)]
pub(super) struct LastStandings(Arc<Mutex<HashMap<LocationId, (EpochMs, Urgency)>>>);

impl LastStandings {
    /// Notes that somebody else stored the standing at `told_at`, unless this process has its own entry.
    fn meet(&self, location: &LocationId, told_at: EpochMs) {
        let mut standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        standings.entry(location.clone()).or_insert((told_at, Urgency::Fine));
    }

    /// The last time, if not after `now`, and the urgency. A clock that was set back must not keep an entry fresh for
    /// long.
    fn before(&self, location: &LocationId, now: EpochMs) -> Option<(EpochMs, Urgency)> {
        let standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        standings.get(location).copied().filter(|(at, _)| *at <= now)
    }

    fn note(&self, location: &LocationId, standing: &Standing) {
        let mut standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if standings.len() >= REMEMBERED {
            standings.clear();
        }
        standings.insert(location.clone(), (standing.at, standing.urgency(standing.at)));
    }
}

/// What a batch leaves behind.
#[derive(Debug, Default)]
pub(super) struct BatchLeftovers {
    /// The gate, if the batch wrote it.
    pub(super) gate: Option<Gate>,
    /// When the next batch starts, if its message was sent.
    pub(super) next_at: Option<EpochMs>,
}

impl Engine {
    /// The current standing of `location`, read from the stores; `None` if the location is unknown.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn standing(&self, location: &LocationId) -> Result<Option<Standing>, PortError> {
        let Some(settings) = self.ports.registry.location(location).await? else {
            return Ok(None);
        };
        let gate = self.gate(&settings.scope, &self.config.rules(&settings)).await?.gate;
        self.standing_at(location, settings, &gate).await.map(Some)
    }

    /// The current standing of `location`, with a gate that was just read or written.
    async fn standing_at(
        &self,
        location: &LocationId,
        settings: LocationSettings,
        gate: &Gate,
    ) -> Result<Standing, PortError> {
        let rules = self.config.rules(&settings);
        let (due, failed, sums) = futures::try_join!(
            self.ports.outbox.backlog(location, CAP),
            self.ports.outbox.count_failed(location, CAP),
            self.ports.counters.sums(location),
        )?;
        let now = self.ports.clock.now();
        let by_priority = || Priority::ALL.into_iter().zip(due);
        let most_urgent = by_priority().find(|(_, backlog)| backlog.tallied.count > 0).map(|(priority, _)| priority);
        let due = due.into_iter().fold(Backlog::default(), Backlog::and);
        let opening = gate.opening(now, &rules);
        let at = Moment { gate, opening, rules: &rules, now };
        Ok(Standing {
            at: now,
            day_scope: settings.day_scope.clone().filter(|scope| *scope != settings.scope),
            name: settings.labels.name.clone(),
            tags: settings.labels.tags.clone(),
            credentials_expire_at: settings.labels.credentials_expire_at,
            enabled: settings.enabled,
            run_until: gate.live_run(now).map(|run| run.until),
            hold: gate.held(now).cloned(),
            pause: gate.pause().filter(|pause| pause.until > now),
            breaker: BreakerState::from(gate.breaker()),
            retry_at: gate.breaker().retry_at(),
            waits: at.waits(most_urgent),
            burst: at.burst(),
            day: at.day(),
            due,
            failed,
            empty_at: self.empty_at(&settings, &at, due, &sums),
            sums,
            scope: settings.scope,
        })
    }

    /// The standing of `location` after `counts`, to be stored together with them. `None` if the next batch will store
    /// one soon enough and the location neither was nor is in trouble, if the location is unknown, or if a store fails:
    /// a standing that is not stored does no harm.
    pub(super) async fn standing_after(
        &self,
        location: &LocationId,
        counts: &Counts,
        BatchLeftovers { gate, next_at }: BatchLeftovers,
    ) -> Option<Standing> {
        let was_fine_at = match self.last_standings.before(location, self.ports.clock.now()) {
            Some((at, Urgency::Fine)) => Some(at),
            _ => None,
        };
        let next_tells = next_at.zip(was_fine_at).is_some_and(|(next_at, told_at)| next_at < told_at + TOLD_EVERY);
        if next_tells && !TROUBLE.into_iter().any(|counter| counts.get(counter) > 0) {
            return None;
        }
        let standing = async {
            let Some(gate) = gate else { return self.standing(location).await };
            match self.ports.registry.location(location).await? {
                Some(settings) => self.standing_at(location, settings, &gate).await.map(Some),
                None => Ok(None),
            }
        };
        let mut standing = standing.await.unwrap_or_else(|error| {
            self.port_failed(location.clone(), &error);
            None
        })?;
        standing.sums.merge(counts);
        self.last_standings.note(location, &standing);
        Some(standing)
    }

    /// Stores the current standing of `location`.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn tell_standing(&self, location: &LocationId) -> Result<Option<Standing>, PortError> {
        let Some(standing) = self.standing(location).await? else { return Ok(None) };
        self.ports.counters.tell(location, &standing).await?;
        self.last_standings.note(location, &standing);
        Ok(Some(standing))
    }

    /// Stores the standings of the locations of `scope` after a change to all of them. If that fails, the sweep repairs
    /// it.
    pub async fn tell_standings_of(&self, scope: &ScopeId) {
        if let Err(error) = self.tell_members(scope, Duration::ZERO).await {
            self.port_failed(scope.clone(), &error);
        }
    }

    /// Starts `scope` if it has work, and stores the standings of its locations.
    ///
    /// # Errors
    /// If a store or the queue fails.
    pub async fn start_and_tell(&self, scope: &ScopeId) -> Result<FannedOut, PortError> {
        let started = self.start(scope).await?;
        self.tell_standings_of(scope).await;
        Ok(started)
    }

    /// Stores the standings of a scope that has due records but will not send soon. Locations without due records were
    /// stored at the end of their last batch.
    pub(super) async fn tell_who_waits(&self, scope: &ScopeId, fanned_out: &FannedOut) {
        if self.waits(fanned_out)
            && let Err(error) = self.tell_members(scope, TOLD_EVERY).await
        {
            self.port_failed(scope.clone(), &error);
        }
    }

    /// Whether records are due, but no batch will start within the longest time that a standing may stay outdated.
    pub(super) fn waits(&self, fanned_out: &FannedOut) -> bool {
        match fanned_out {
            FannedOut::Planned { delay, .. } => *delay > TOLD_EVERY,
            FannedOut::Busy { starts_at } => starts_at.is_some_and(|at| self.ports.clock.now().until(at) > TOLD_EVERY),
            FannedOut::Idle { wake_at } => wake_at.is_some(),
            FannedOut::NotEnabled => false,
        }
    }

    /// Stores the standing of a location after a put, so that it shows at once. If that fails, the tick repairs it.
    pub(super) async fn tell_what_was_put(&self, location: &LocationId) {
        if let Err(error) = self.tell_standing(location).await {
            self.port_failed(location.clone(), &error);
        }
    }

    async fn tell_members(&self, scope: &ScopeId, age: Duration) -> Result<(), PortError> {
        for location in self.ports.registry.members(scope).await? {
            let now = self.ports.clock.now();
            if self.last_standings.before(&location, now).is_none_or(|(at, _)| now.since(at) >= age) {
                self.tell_standing(&location).await?;
            }
        }
        Ok(())
    }

    /// Stores the standing of `location` repeatedly while its batch runs. Never returns.
    pub(super) async fn keep_telling(&self, location: &LocationId) {
        let now = self.ports.clock.now();
        let told_at = match self.last_standings.before(location, now) {
            Some((at, _)) => at,
            // Another host's clock may be ahead.
            None => self.told_at(location).await.map_or(now, |told_at| told_at.min(now)),
        };
        self.last_standings.meet(location, told_at);
        let mut due_at = if now.since(told_at) > LONG_AGO { now } else { told_at } + TOLD_EVERY;
        loop {
            self.ports.clock.sleep_until(due_at).await;
            if let Err(error) = self.tell_standing(location).await {
                self.port_failed(location.clone(), &error);
            }
            due_at = self.ports.clock.now() + TOLD_EVERY;
        }
    }

    async fn told_at(&self, location: &LocationId) -> Option<EpochMs> {
        self.ports.counters.told_at(location).await.unwrap_or_else(|error| {
            self.port_failed(location.clone(), &error);
            None
        })
    }

    /// Estimates when all due records will have been sent: at the current pace, from the time the gate opens; calls
    /// beyond the daily quota continue the next day.
    fn empty_at(&self, settings: &LocationSettings, at: &Moment<'_>, due: Backlog, sums: &Counts) -> Option<EpochMs> {
        let records = due.tallied.count;
        let opens_at = at.opening.at;
        if records == 0 || !settings.enabled || opens_at == EpochMs::NEVER {
            return None;
        }
        let sent = sums.records(RecordCount::Succeeded) + sums.records(RecordCount::Failed);
        let calls_per_record = if sent == 0 { 1.0 } else { (sums.calls() as f64 / sent as f64).max(1.0) };
        let call = sums.average_call().unwrap_or(TYPICAL_CALL).as_secs_f64().max(0.001);
        let pace = at.gate.allowed_pace(at.now, at.rules);
        let rate = pace.rate().min(f64::from(self.config.concurrency) / call);
        let calls = records as f64 * calls_per_record;
        let today = at.gate.daily_left(opens_at, at.rules) as f64;
        if calls <= today {
            return Some(opens_at + Duration::from_secs_f64(calls / rate));
        }
        let limit = at.gate.daily_limit(at.rules).max(1) as f64;
        let days = ((calls - today) / limit).floor();
        let rest = (calls - today) - days * limit;
        let then = Duration::from_secs_f64((days * DAY_S + rest / rate).min(MAX_S));
        Some(at.gate.day_resets_at(opens_at, at.rules) + then)
    }
}

/// A gate at a point in time.
struct Moment<'a> {
    gate: &'a Gate,
    opening: Opening,
    rules: &'a Rules,
    now: EpochMs,
}

impl Moment<'_> {
    fn waits(&self, most_urgent: Option<Priority>) -> Option<(WaitReason, EpochMs)> {
        let kept_back = most_urgent.and_then(|priority| self.opening.kept_back_until(priority));
        Some(match (self.opening.reason, kept_back) {
            (None | Some(WaitReason::Pace), Some(at)) => (WaitReason::DailyQuota, at),
            (reason, _) => (reason?, self.opening.at),
        })
    }

    fn burst(&self) -> Burst {
        let pace = self.gate.allowed_pace(self.now, self.rules);
        let used = self.gate.ledger().counted_since(self.now - pace.window);
        let configured = self.rules.pace.limit.get().into();
        Burst { pace, configured, told: self.gate.pacing().told(), used: used.into() }
    }

    fn day(&self) -> Day {
        let daily = self.gate.daily();
        Day {
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
