//! The gate of one rate scope: everything that decides on a call, in one value that is stored in one item.
//!
//! Whoever changes it reads it, applies one or more of these transitions, and stores it if nobody else was faster.
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

/// A message that has not arrived this long after it should have is given up; another is planned.
const PLAN_GRACE: Duration = Duration::from_secs(60);
/// Without a part of a shared day, this long passes before one is asked for again.
const ALLOT_AGAIN: Duration = Duration::from_secs(5);
/// A batch is not planned to go on longer than this, so that it ends well within the function's time.
const BATCH_SPAN: Duration = Duration::from_secs(20);

/// The gate of one rate scope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gate {
    generation: Generation,
    /// Batches planned so far: whose turn it is among the locations of the scope.
    #[serde(default)]
    turn: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
    /// When to look again, with neither plan nor run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wake_at: Option<EpochMs>,
    /// Runs in a row that ended by expiry.
    #[serde(default)]
    crashes: u32,
    /// A crashed run may have created things that GHL's search does not show yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_doubt_until: Option<EpochMs>,
    /// What callers remember with the scope, by a name of theirs: until when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    memos: BTreeMap<String, EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pause: Option<Pause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<Hold>,
    /// How often a location of the scope was made safer: whoever began before that makes no further call.
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

/// A batch that was planned: its message is on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// When it should arrive.
    pub starts_at: EpochMs,
    /// When it is given up.
    pub expires_at: EpochMs,
}

/// A batch that is being sent. While it lives, no other invocation calls GHL for this scope's batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// By whom.
    pub holder: Holder,
    /// After this time it is dead, and none of its requests can arrive any more: its function's deadline + D.
    pub until: EpochMs,
}

/// When the next batch can start, and how much it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The first call can go out then.
    pub at: EpochMs,
    /// What stands in the way until then.
    pub reason: Option<WaitReason>,
    /// For so many records there are permits without a long wait; at least 1.
    pub records: u32,
    /// Of these, so many may be of normal or low priority: the rest of the day is kept for high.
    pub common: u32,
    /// Of these, so many may be of low priority: the rest of the day is kept for high and normal.
    pub low: u32,
    /// When the day begins anew.
    pub day_resets_at: EpochMs,
}

impl Opening {
    /// The gate opens at this time, whatever it lets through then.
    #[must_use]
    pub fn only_at(at: EpochMs, reason: WaitReason) -> Opening {
        Opening { at, reason: Some(reason), records: 1, common: u32::MAX, low: u32::MAX, day_resets_at: EpochMs::NEVER }
    }

    /// When records of `priority` may go again, if the rest of the day is kept for more urgent ones.
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

/// Why a run was refused. The message that asked for it is out of date, and done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeRefused {
    /// A newer batch has been planned since.
    Stale {
        /// Its generation.
        current: Generation,
    },
    /// Another invocation is at it.
    RunLive {
        /// Its run's end, at the latest.
        until: EpochMs,
    },
}

/// Answer to a request for permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leased {
    /// The times from which on each call may be sent, ascending; at least one.
    Permits(Vec<EpochMs>),
    /// One call, from this time on, that finds out whether GHL is up. Nobody else calls until it is over.
    Probe(EpochMs),
    /// None now.
    Wait(WaitUntil),
}

impl Gate {
    /// When the next batch can start, and how much it can do.
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

    /// For how many records there are permits from `at` on without a gap longer than the rules' patience.
    fn runway(&self, at: EpochMs, rules: &Rules) -> u32 {
        let most = (rules.batch_size >> self.crashes.min(31)).min(self.breaker.batch_limit());
        let most = u64::from(most).min(self.daily_left(at, rules)).max(1);
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let pace = self.pace(at, rules);
        let permits = self.permits(at, rules, pace, most, at + BATCH_SPAN);
        let gaps = permits.windows(2).take_while(|pair| pair[1].since(pair[0]) <= rules.patience).count();
        u32::try_from(gaps + 1).unwrap_or(u32::MAX).min(most)
    }

    /// The quota to keep to now.
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

    /// A run that did not end in time is dead: its invocation crashed. (All other transitions do this first.)
    pub fn reap_expired_run(&mut self, now: EpochMs, rules: &Rules) {
        if let Some(run) = self.run.take_if(|run| run.until <= now) {
            self.crashes = self.crashes.saturating_add(1);
            self.in_doubt_until = Some(run.until + rules.search_lag);
        }
    }

    /// Whether there is a run that nobody has buried yet.
    #[must_use]
    pub fn has_expired_run(&self, now: EpochMs) -> bool {
        self.run.as_ref().is_some_and(|run| run.until <= now)
    }

    /// Plans a batch whose message arrives at `starts_at`, and makes every earlier message stale. Returns its
    /// generation.
    pub fn plan(&mut self, now: EpochMs, starts_at: EpochMs, rules: &Rules) -> Generation {
        self.reap_expired_run(now, rules);
        self.generation = self.generation.next();
        self.turn = self.turn.wrapping_add(1);
        self.plan = Some(Plan { starts_at, expires_at: starts_at.max(now) + PLAN_GRACE });
        self.wake_at = None;
        self.generation
    }

    /// Nothing to send before `wake_at` (or at all).
    pub fn rest(&mut self, now: EpochMs, wake_at: Option<EpochMs>, rules: &Rules) {
        self.reap_expired_run(now, rules);
        self.plan = None;
        self.wake_at = wake_at.filter(|time| *time != EpochMs::NEVER);
    }

    /// The plan's message is lost, and somebody looks at once what to send instead. Should it arrive all the same, it is
    /// as good as the next one. Returns whether there was a plan.
    pub fn lose_plan(&mut self, now: EpochMs) -> bool {
        let lost = self.plan.take().is_some();
        if lost {
            self.wake_at = Some(now);
        }
        lost
    }

    /// The batch of `generation` arrived at `holder`, which wants to send it. A message without a generation runs if
    /// nobody else does.
    ///
    /// # Errors
    /// [`TakeRefused`] when the message is out of date.
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

    /// Leases up to `want` permits to the run's holder, of the calls that the day has left for `priority`.
    pub fn lease(&mut self, now: EpochMs, run: &Run, want: u32, priority: Priority, rules: &Rules) -> Leased {
        if let Some(wait) = self.blocked(now) {
            return Leased::Wait(wait);
        }
        let probe = self.breaker.admit(now) == Admission::Probe;
        let left = match self.day_admits(now, priority, 0, rules) {
            Ok(left) => left,
            Err(wait) => return Leased::Wait(wait),
        };
        // Of a shared day, no more than was allotted.
        let allotted =
            self.daily.share(now).map_or(0, |share| share.calls).saturating_sub(u64::from(self.ledger.out_at(now)));
        let left = if rules.day_scope.is_some() { left.min(allotted) } else { left };
        if left == 0 {
            return Leased::Wait(WaitUntil { at: now + ALLOT_AGAIN, reason: WaitReason::DailyQuota });
        }
        let want = if probe { 1 } else { want.max(1).min(u32::try_from(left).unwrap_or(u32::MAX)) };
        // The last permit must still leave its request the time that it may take.
        let last_start = run.until - rules.late_arrival - rules.request_timeout;
        let horizon = (now + rules.lease_ahead).min(last_start);
        let pace = self.pace(now, rules);
        let configured = self.configured_pace(rules);
        self.ledger.prune(now, pace.window.max(configured.window).max(rules.pace.window) + rules.clock_skew);
        // What a dead holder has out may end within the horizon: what could follow is leased then, and no sooner.
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

    /// What stands in the way of any call now, be there permits or not.
    #[must_use]
    pub fn blocked(&self, now: EpochMs) -> Option<WaitUntil> {
        self.paused(now).or_else(|| match self.breaker.admit(now) {
            Admission::WaitUntil(at) => Some(WaitUntil { at, reason: WaitReason::Breaker }),
            Admission::Calls | Admission::Probe => None,
        })
    }

    /// The pause of the whole scope, if there is one now: an operator's before GHL's.
    #[must_use]
    pub fn paused(&self, now: EpochMs) -> Option<WaitUntil> {
        if let Some(hold) = self.held(now) {
            return Some(WaitUntil { at: hold.ends_at(), reason: WaitReason::Pause(PauseReason::Operator) });
        }
        let pause = self.pause.filter(|pause| pause.until > now)?;
        Some(WaitUntil { at: pause.until, reason: WaitReason::Pause(pause.reason) })
    }

    /// Others found GHL to be down: the next call is a probe.
    pub fn suspect(&mut self, now: EpochMs) {
        self.breaker.suspect(now);
    }

    /// Gives permits back that were not used: who leases next need not wait for their time.
    pub fn give_back(&mut self, now: EpochMs, holder: &Holder, unused: u32, rules: &Rules) {
        let unused = self.ledger.take_back(holder, unused);
        self.pacing.given_back(unused, self.pace(now, rules));
    }

    /// The batch is over. Its message, should it arrive again, is stale.
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

    /// The run that is under way.
    #[must_use]
    pub fn live_run(&self, now: EpochMs) -> Option<&Run> {
        self.run.as_ref().filter(|run| run.until > now)
    }

    /// The plan whose message is on the way.
    #[must_use]
    pub fn live_plan(&self, now: EpochMs) -> Option<Plan> {
        self.plan.filter(|plan| plan.expires_at > now)
    }

    /// When somebody should look at this gate: a run or a plan that did not end, or work that becomes due.
    #[must_use]
    pub fn next_check_at(&self) -> Option<EpochMs> {
        match (&self.run, self.plan) {
            (Some(run), _) => Some(run.until),
            (None, Some(plan)) => Some(plan.expires_at),
            (None, None) => self.wake_at,
        }
    }

    /// Runs in a row that ended by expiry.
    #[must_use]
    pub fn crashes(&self) -> u32 {
        self.crashes
    }

    /// How many batches were planned: whose turn it is among the locations of the scope.
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

    /// The pause, over or not.
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

    /// Until then, GHL's search may not show what a crashed run created: nothing is created that a search would have
    /// to find.
    #[must_use]
    pub fn in_doubt_until(&self) -> Option<EpochMs> {
        self.in_doubt_until
    }

    /// Whether the memo of this `name` still holds.
    #[must_use]
    pub fn remembers(&self, name: &str, now: EpochMs) -> bool {
        self.memos.get(name).is_some_and(|until| now < *until)
    }
}

#[cfg(test)]
mod tests;
