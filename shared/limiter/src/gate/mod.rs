//! The gate of one rate scope: the complete state that decides about calls, stored as one item.
//!
//! To change it, read it, apply one or more of these transitions, and store it if nobody else has written in between.
//!
//! ```text
//!             plan                take_run              finish
//!   idle ───────────► planned ───────────────► running ─────────► idle (or planned again, in the same write)
//!     ▲                  │ plan expires           │ run expires: a crash
//!     └──────────────────┴────────────────────────┘
//! ```

mod operator;
mod quota;
mod signal;
mod times;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::signal::Signal;
use super::{Admission, Breaker, Daily, Hold, Ledger, Pacing, Pause, PauseReason, Rules, WaitReason, WaitUntil};
use ghl_sync_model::{EpochMs, Generation, Holder, Pace, Priority};

/// A plan whose message is overdue by this much is given up, and another batch is planned.
const PLAN_GRACE: Duration = Duration::from_secs(60);
/// Wait before asking again for a part of a shared day, if none was left.
const ALLOT_AGAIN: Duration = Duration::from_secs(5);
/// Longest planned duration of a batch, so that it ends well within the function's time.
const BATCH_SPAN: Duration = Duration::from_secs(20);

/// The gate of one rate scope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gate {
    generation: Generation,
    /// Number of batches planned so far. It decides whose turn it is among the scope's locations.
    #[serde(default)]
    turn: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
    /// Time of the next check if there is neither a plan nor a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wake_at: Option<EpochMs>,
    /// Consecutive runs that ended by expiry.
    #[serde(default)]
    crashes: u32,
    /// Until then, GHL's search may not show what a crashed run created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_doubt_until: Option<EpochMs>,
    /// Notes of callers by name, each with its expiry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    memos: BTreeMap<String, EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pause: Option<Pause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<Hold>,
    /// How often a location of the scope was made safer. Runs that began before that make no further call.
    #[serde(default, skip_serializing_if = "is_zero")]
    stops: u64,
    #[serde(default)]
    breaker: Breaker,
    #[serde(default)]
    ledger: Ledger,
    #[serde(default)]
    pacing: Pacing,
    #[serde(default)]
    daily: Daily,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A planned batch whose message is on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// When the message should arrive.
    pub starts_at: EpochMs,
    /// When the plan is given up.
    pub expires_at: EpochMs,
}

/// A batch that is being sent. While it is live, no other invocation calls GHL for this scope's batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The invocation that sends it.
    pub holder: Holder,
    /// When the run is dead and none of its requests can still arrive: its function's deadline + D.
    pub until: EpochMs,
}

/// When the next batch can start, and how much it may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Time of the first call.
    pub at: EpochMs,
    /// Why no call goes out earlier.
    pub reason: Option<WaitReason>,
    /// Number of records that get permits without a long wait; at least 1.
    pub records: u32,
    /// Most of these that may have normal or low priority: the rest of the day is reserved for high.
    pub common: u32,
    /// Most of these that may have low priority: the rest of the day is reserved for high and normal.
    pub low: u32,
    /// When the day starts over.
    pub day_resets_at: EpochMs,
}

impl Opening {
    /// An opening that is limited only by its time.
    #[must_use]
    pub fn only_at(at: EpochMs, reason: WaitReason) -> Opening {
        Opening { at, reason: Some(reason), records: 1, common: u32::MAX, low: u32::MAX, day_resets_at: EpochMs::NEVER }
    }

    /// When records of `priority` may go again, if the rest of the day is reserved for more urgent ones.
    #[must_use]
    pub fn kept_back_until(&self, priority: Priority) -> Option<EpochMs> {
        let allowed = match priority {
            Priority::High => u32::MAX,
            Priority::Normal => self.common,
            Priority::Low => self.low,
        };
        (allowed == 0).then_some(self.day_resets_at)
    }
}

/// Why a run was refused. The message that asked for it is out of date, and is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeRefused {
    /// A newer batch has been planned since.
    Stale {
        /// Its generation.
        current: Generation,
    },
    /// Another invocation is running.
    RunLive {
        /// The latest end of its run.
        until: EpochMs,
    },
}

/// The answer to a request for permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leased {
    /// The earliest time of each call, ascending; at least one.
    Permits(Vec<EpochMs>),
    /// One call, from this time on, tests whether GHL is up. Nobody else calls until it is over.
    Probe(EpochMs),
    /// No permits now.
    Wait(WaitUntil),
}

impl Gate {
    /// When the next batch can start, and how much it may send.
    #[must_use]
    pub fn opening(&self, now: EpochMs, rules: &Rules) -> Opening {
        let (mut at, mut reason) = (now, None);
        let mut later = |at: &mut EpochMs, time: EpochMs, why: WaitReason| {
            if time > *at {
                *at = time;
                reason = Some(why);
            }
        };
        if let Some(pause) = self.pause {
            later(&mut at, pause.until, WaitReason::Pause(pause.reason));
        }
        if let Some(hold) = &self.hold {
            later(&mut at, hold.ends_at(), WaitReason::Pause(PauseReason::Operator));
        }
        if let Admission::WaitUntil(time) = self.breaker.admit(at) {
            later(&mut at, time, WaitReason::Breaker);
        }
        if self.daily_left(at, rules) == 0 {
            let reset = self.day_resets_at(at, rules);
            later(&mut at, reset, WaitReason::DailyQuota);
        }
        let pace = self.pace(at, rules);
        let next = self.ledger.next_at(at, pace, rules.clock_skew).max(self.pacing.next_at(at));
        later(&mut at, next, WaitReason::Pace);
        let [common, low] = [Priority::Normal, Priority::Low]
            .map(|priority| u32::try_from(self.daily_left_for(at, priority, rules)).unwrap_or(u32::MAX));
        let day_resets_at = self.day_resets_at(at, rules);
        Opening { at, reason, records: self.runway(at, rules), common, low, day_resets_at }
    }

    /// Number of records that get permits from `at` on without a gap longer than the rules' patience.
    fn runway(&self, at: EpochMs, rules: &Rules) -> u32 {
        let most = (rules.batch_size >> self.crashes.min(31)).min(self.breaker.batch_limit());
        let most = u64::from(most).min(self.daily_left(at, rules)).max(1);
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let pace = self.pace(at, rules);
        let permits = self.permits(at, rules, pace, most, at + BATCH_SPAN);
        let gaps = permits.windows(2).take_while(|pair| pair[1].since(pair[0]) <= rules.patience).count();
        u32::try_from(gaps + 1).unwrap_or(u32::MAX).min(most)
    }

    /// The burst quota in force now, reduced while the host recovers.
    fn pace(&self, now: EpochMs, rules: &Rules) -> Pace {
        let pace = self.allowed_pace(now, rules);
        let limit = u64::from(pace.limit.get()) * u64::from(rules.percent) / 100;
        let limit = u32::try_from(limit).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        Pace { limit: limit.min(pace.limit), ..pace }
    }

    /// The permits that could be leased now.
    fn permits(&self, now: EpochMs, rules: &Rules, pace: Pace, want: u32, horizon: EpochMs) -> Vec<EpochMs> {
        let times = self.ledger.available(now, pace, rules.clock_skew, want, horizon);
        self.pacing.space(times, pace, horizon)
    }

    /// Reaps a run that has expired: its invocation crashed. (All other transitions do this first.)
    pub fn reap_expired_run(&mut self, now: EpochMs, rules: &Rules) {
        if let Some(run) = self.run.take_if(|run| run.until <= now) {
            self.crashes = self.crashes.saturating_add(1);
            self.in_doubt_until = Some(run.until + rules.search_lag);
        }
    }

    /// Whether there is an expired run that was not reaped yet.
    #[must_use]
    pub fn has_expired_run(&self, now: EpochMs) -> bool {
        self.run.as_ref().is_some_and(|run| run.until <= now)
    }

    /// Plans a batch whose message arrives at `starts_at`, and makes every earlier message stale. Returns the batch's
    /// generation.
    pub fn plan(&mut self, now: EpochMs, starts_at: EpochMs, rules: &Rules) -> Generation {
        self.reap_expired_run(now, rules);
        self.generation = self.generation.next();
        self.turn = self.turn.wrapping_add(1);
        self.plan = Some(Plan { starts_at, expires_at: starts_at.max(now) + PLAN_GRACE });
        self.wake_at = None;
        self.generation
    }

    /// Notes that there is nothing to send before `wake_at` (or at all).
    pub fn rest(&mut self, now: EpochMs, wake_at: Option<EpochMs>, rules: &Rules) {
        self.reap_expired_run(now, rules);
        self.plan = None;
        self.wake_at = wake_at.filter(|time| *time != EpochMs::NEVER);
    }

    /// Drops the plan because its message is lost, and makes the gate due for a check. Should the message arrive all
    /// the same, it counts as the current one until the next plan. Returns whether there was a plan.
    pub fn lose_plan(&mut self, now: EpochMs) -> bool {
        let lost = self.plan.take().is_some();
        if lost {
            self.wake_at = Some(now);
        }
        lost
    }

    /// Starts the run of the batch of `generation` whose message arrived. A message without a generation may run if
    /// nobody else does.
    ///
    /// # Errors
    /// [`TakeRefused`] if the message is out of date.
    pub fn take_run(
        &mut self,
        now: EpochMs,
        generation: Option<Generation>,
        run: Run,
        rules: &Rules,
    ) -> Result<(), TakeRefused> {
        if generation.is_some_and(|generation| generation != self.generation) {
            return Err(TakeRefused::Stale { current: self.generation });
        }
        if let Some(live) = self.live_run(now) {
            return Err(TakeRefused::RunLive { until: live.until });
        }
        self.reap_expired_run(now, rules);
        if generation.is_none() {
            self.generation = self.generation.next();
        }
        self.plan = None;
        self.wake_at = None;
        self.run = Some(run);
        Ok(())
    }

    /// Leases up to `want` permits to the run's holder, from the calls that the day has left for `priority`.
    pub fn lease(&mut self, now: EpochMs, run: &Run, want: u32, priority: Priority, rules: &Rules) -> Leased {
        if let Some(wait) = self.blocked(now) {
            return Leased::Wait(wait);
        }
        let probe = self.breaker.admit(now) == Admission::Probe;
        let left = match self.day_admits(now, priority, 0, rules) {
            Ok(left) => left,
            Err(wait) => return Leased::Wait(wait),
        };
        // Of a shared day, lease no more than was allotted.
        let allotted =
            self.daily.share(now).map_or(0, |share| share.calls).saturating_sub(u64::from(self.ledger.out_at(now)));
        let left = if rules.day_scope.is_some() { left.min(allotted) } else { left };
        if left == 0 {
            return Leased::Wait(WaitUntil { at: now + ALLOT_AGAIN, reason: WaitReason::DailyQuota });
        }
        let want = if probe { 1 } else { want.max(1).min(u32::try_from(left).unwrap_or(u32::MAX)) };
        // The last permit must leave its request enough time.
        let last_start = run.until - rules.late_arrival - rules.request_timeout;
        let horizon = (now + rules.lease_ahead).min(last_start);
        let pace = self.pace(now, rules);
        let configured = self.configured_pace(rules);
        self.ledger.prune(now, pace.window.max(configured.window).max(rules.pace.window) + rules.clock_skew);
        // A dead holder's permits may expire within the horizon: calls after that are leased only then.
        let want = want.min(configured.limit.get().saturating_sub(self.ledger.out()));
        let permits = self.permits(now, rules, pace, want, horizon);
        let Some(last) = permits.last().copied() else {
            let at = self.ledger.next_at(now, pace, rules.clock_skew).max(self.pacing.next_at(now));
            let reason = if at > last_start { WaitReason::Deadline } else { WaitReason::Pace };
            return Leased::Wait(WaitUntil { at, reason });
        };
        self.ledger.lend(&run.holder, u32::try_from(permits.len()).unwrap_or(u32::MAX), run.until);
        self.pacing.leased(&permits, pace);
        if probe {
            self.breaker.probe(last + rules.request_timeout + 2 * rules.late_arrival);
            return Leased::Probe(last);
        }
        Leased::Permits(permits)
    }

    /// What prevents any call now, with or without permits.
    #[must_use]
    pub fn blocked(&self, now: EpochMs) -> Option<WaitUntil> {
        self.paused(now).or_else(|| match self.breaker.admit(now) {
            Admission::WaitUntil(at) => Some(WaitUntil { at, reason: WaitReason::Breaker }),
            Admission::Calls | Admission::Probe => None,
        })
    }

    /// The pause of the whole scope, if any; an operator's takes precedence over GHL's.
    #[must_use]
    pub fn paused(&self, now: EpochMs) -> Option<WaitUntil> {
        if let Some(hold) = self.held(now) {
            return Some(WaitUntil { at: hold.ends_at(), reason: WaitReason::Pause(PauseReason::Operator) });
        }
        let pause = self.pause.filter(|pause| pause.until > now)?;
        Some(WaitUntil { at: pause.until, reason: WaitReason::Pause(pause.reason) })
    }

    /// Notes that others found GHL down: the next call is a probe.
    pub fn suspect(&mut self, now: EpochMs) {
        self.breaker.suspect(now);
    }

    /// Returns unused permits, so that whoever leases next need not wait for their times.
    pub fn give_back(&mut self, now: EpochMs, holder: &Holder, unused: u32, rules: &Rules) {
        let unused = self.ledger.take_back(holder, unused);
        self.pacing.given_back(unused, self.pace(now, rules));
    }

    /// Ends the batch. Its message, should it arrive again, is stale.
    pub fn finish(&mut self, now: EpochMs, holder: &Holder, rules: &Rules) {
        if self.run.as_ref().is_some_and(|run| run.holder == *holder) {
            self.run = None;
            self.crashes = 0;
            self.generation = self.generation.next();
            self.breaker.return_probe(now);
            self.breaker.batch_ended(rules.batch_size);
            self.pacing.relax(now);
        }
    }

    /// Whether `holder` has the run.
    #[must_use]
    pub fn is_run_of(&self, holder: &Holder) -> bool {
        self.run.as_ref().is_some_and(|run| run.holder == *holder)
    }

    /// The run in progress.
    #[must_use]
    pub fn live_run(&self, now: EpochMs) -> Option<&Run> {
        self.run.as_ref().filter(|run| run.until > now)
    }

    /// The plan whose message is on the way.
    #[must_use]
    pub fn live_plan(&self, now: EpochMs) -> Option<Plan> {
        self.plan.filter(|plan| plan.expires_at > now)
    }

    /// When this gate is next due for a check: when a run or a plan expires, or when work becomes due.
    #[must_use]
    pub fn next_check_at(&self) -> Option<EpochMs> {
        match (&self.run, self.plan) {
            (Some(run), _) => Some(run.until),
            (None, Some(plan)) => Some(plan.expires_at),
            (None, None) => self.wake_at,
        }
    }

    /// Consecutive runs that ended by expiry.
    #[must_use]
    pub fn crashes(&self) -> u32 {
        self.crashes
    }

    /// Number of batches planned. It decides whose turn it is among the scope's locations.
    #[must_use]
    pub fn turn(&self) -> u64 {
        self.turn
    }

    /// The generation of the last batch.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The circuit breaker.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The last pause that the system set, over or not.
    #[must_use]
    pub fn pause(&self) -> Option<Pause> {
        self.pause
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was learned about the pace.
    #[must_use]
    pub fn pacing(&self) -> &Pacing {
        &self.pacing
    }

    /// The daily quota.
    #[must_use]
    pub fn daily(&self) -> &Daily {
        &self.daily
    }

    /// Until then, GHL's search may not show what a crashed run created, so nothing may be created that a search would
    /// have to find first.
    #[must_use]
    pub fn in_doubt_until(&self) -> Option<EpochMs> {
        self.in_doubt_until
    }

    /// Whether the note `name` is still valid.
    #[must_use]
    pub fn remembers(&self, name: &str, now: EpochMs) -> bool {
        self.memos.get(name).is_some_and(|until| now < *until)
    }
}

#[cfg(test)]
mod tests;
