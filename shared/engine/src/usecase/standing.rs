//! Writing down how a location stands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Engine;
use crate::counts::{Counter, Counts, RecordCount};
use crate::ports::{Backlog, PortError};
use crate::standing::{BreakerState, Burst, Day, Standing, Urgency};
use ghl_sync_limiter::{Gate, Opening, Rules, WaitReason};
use ghl_sync_model::{EpochMs, LocationId, LocationSettings, Priority, ScopeId};

/// Records that are counted of each priority, and of the failed: more are "at least so many".
const CAP: u32 = 1000;
/// While a location sends, it is written down no more often than this; what comes last is written down in any case.
pub(super) const TOLD_EVERY: Duration = Duration::from_secs(5);
/// A batch that lasts longer says in between how its location stands.
pub(super) const TOLD_IN_BATCH_EVERY: Duration = Duration::from_secs(9);
/// Trouble is told at once.
const TROUBLE: [Counter; 3] =
    [Counter::BreakerOpens, Counter::CredentialsRefused, Counter::Records(RecordCount::Failed)];
/// So many locations are remembered.
const REMEMBERED: usize = 10_000;

/// A call before any was measured.
const TYPICAL_CALL: Duration = Duration::from_millis(250);
const DAY_S: f64 = 86_400.0;
/// Further than this nobody looks ahead: ten years.
const MAX_S: f64 = 3650.0 * DAY_S;

/// When this process wrote down how locations stand, and how urgent that was.
#[derive(Debug, Clone, Default)]
pub(super) struct LastTold(Arc<Mutex<HashMap<LocationId, (EpochMs, Urgency)>>>);

impl LastTold {
    /// How urgent it was, if it was at `now` less than `span` ago.
    fn within(&self, location: &LocationId, now: EpochMs, span: Duration) -> Option<Urgency> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was put back makes nothing fresh for long.
        told.get(location).filter(|(at, _)| *at <= now && now.since(*at) < span).map(|(_, urgency)| *urgency)
    }

    fn note(&self, location: &LocationId, standing: &Standing) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.clear();
        }
        told.insert(location.clone(), (standing.at, standing.urgency(standing.at)));
    }
}

impl Engine {
    /// How `location` stands now, by asking for all of it; `None` if it is not known.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn standing(&self, location: &LocationId) -> Result<Option<Standing>, PortError> {
        let Some(settings) = self.ports.registry.location(location).await? else {
            return Ok(None);
        };
        let rules = self.config.rules(&settings);
        let (entry, due, failed, sums) = futures::try_join!(
            self.gate(&settings.scope, &rules),
            self.backlog(location),
            self.ports.outbox.count_failed(location, CAP),
            self.ports.counters.sums(location),
        )?;
        let now = self.ports.clock.now();
        let gate = entry.gate;
        let most_urgent = due.iter().find(|(_, backlog)| backlog.tallied.count > 0).map(|(priority, _)| *priority);
        let due = due.iter().fold(Backlog::default(), |sum, (_, backlog)| sum.and(*backlog));
        let opening = gate.opening(now, &rules);
        let at = Moment { gate: &gate, opening, rules: &rules, now };
        Ok(Some(Standing {
            at: now,
            day_scope: settings.day_scope.clone().filter(|scope| *scope != settings.scope),
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
        }))
    }

    /// What is due, by priority.
    async fn backlog(&self, location: &LocationId) -> Result<[(Priority, Backlog); 3], PortError> {
        let count = |priority| async move {
            Ok::<_, PortError>((priority, self.ports.outbox.count_due(location, priority, CAP).await?))
        };
        let [high, normal, low] = Priority::ALL;
        let (high, normal, low) = futures::try_join!(count(high), count(normal), count(low))?;
        Ok([high, normal, low])
    }

    /// How `location` stands after `counts`, to be written down with them. `None` if it was written down a moment ago,
    /// `goes_on` and neither was nor is in trouble; if it is not known, or if nobody can say: a standing that is not told
    /// spoils nothing.
    pub(super) async fn standing_after(
        &self,
        location: &LocationId,
        counts: &Counts,
        goes_on: bool,
    ) -> Option<Standing> {
        let was_fine = self.last_told.within(location, self.ports.clock.now(), TOLD_EVERY) == Some(Urgency::Fine);
        if goes_on && was_fine && !TROUBLE.into_iter().any(|counter| counts.get(counter) > 0) {
            return None;
        }
        let mut standing = self.standing(location).await.unwrap_or_else(|error| {
            self.port_failed(location.clone(), &error);
            None
        })?;
        standing.sums.merge(counts);
        self.last_told.note(location, &standing);
        Some(standing)
    }

    /// Writes down how `location` stands.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn tell_standing(&self, location: &LocationId) -> Result<Option<Standing>, PortError> {
        let Some(standing) = self.standing(location).await? else { return Ok(None) };
        self.ports.counters.tell(location, &standing).await?;
        self.last_told.note(location, &standing);
        Ok(Some(standing))
    }

    /// Writes down how the locations of `scope` stand, after something was done to all of them. Should that fail, the sweep
    /// makes it good.
    pub async fn tell_standings_of(&self, scope: &ScopeId) {
        if let Err(error) = self.tell_members(scope, Duration::ZERO).await {
            self.port_failed(scope.clone(), &error);
        }
    }

    /// Writes down how `location` stands if no batch that would do so is about to begin: what was put shows at once. Should
    /// that fail, the tick makes it good.
    pub async fn tell_if_waiting(&self, location: &LocationId) {
        let told = async {
            let Some(settings) = self.ports.registry.location(location).await? else { return Ok(()) };
            let rules = self.config.rules(&settings);
            let gate = self.gate(&settings.scope, &rules).await?.gate;
            let now = self.ports.clock.now();
            if gate.live_run(now).is_none() && now.until(gate.opening(now, &rules).at) > TOLD_EVERY {
                self.tell_standing(location).await?;
            }
            Ok(())
        };
        if let Err(error) = told.await {
            self.port_failed(location.clone(), &error);
        }
    }

    /// The same for the locations of `scope`, but for those that were written down within `age`.
    pub(super) async fn tell_members(&self, scope: &ScopeId, age: Duration) -> Result<(), PortError> {
        for location in self.ports.registry.members(scope).await? {
            if self.last_told.within(&location, self.ports.clock.now(), age).is_none() {
                self.tell_standing(&location).await?;
            }
        }
        Ok(())
    }

    /// Writes down again and again how `location` stands. Never ends.
    pub(super) async fn keep_telling(&self, location: &LocationId) {
        loop {
            self.ports.clock.sleep_until(self.ports.clock.now() + TOLD_IN_BATCH_EVERY).await;
            if let Err(error) = self.tell_standing(location).await {
                self.port_failed(location.clone(), &error);
            }
        }
    }

    /// The calls that are due, at the pace that is kept to, from the moment on at which the gate opens; what the day
    /// does not allow goes on the next one.
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

/// A gate at one moment.
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
