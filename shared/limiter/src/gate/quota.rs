//! The quotas of a gate: the limits in force, and who may use the last calls of the day.

use super::Gate;
use crate::{Allotment, Rules, WaitReason, WaitUntil};
use ghl_sync_model::{AdoptLimits, EpochMs, Pace, Priority, Quota};

/// Low priority leaves this part of the day's limit, one call in so many, to more urgent records.
const LOW_LEAVES: u64 = 10;
/// Most calls per window that are adopted from GHL's headers; also the bound of our own setting.
const ADOPT_MAX: u32 = 10_000;
/// Each allotment takes one part in this many of what is left of a shared day, …
const ALLOT_PARTS: u64 = 16;
/// … but at least this many calls …
const ALLOT_LEAST: u64 = 25;
/// … and at most this many.
const ALLOT_MOST: u64 = 2000;

impl Gate {
    /// The burst quota to start from: the configured one, or GHL's own if it is adopted.
    #[must_use]
    pub fn configured_pace(&self, rules: &Rules) -> Pace {
        match (rules.adopt, self.pacing.told()) {
            (AdoptLimits::Told, Some(told)) => Pace { limit: told.limit.min(Pace::at_least_one(ADOPT_MAX)), ..told },
            (AdoptLimits::Told | AdoptLimits::Lower, _) => rules.pace,
        }
    }

    /// The burst quota in force now, except while the host recovers.
    #[must_use]
    pub fn allowed_pace(&self, now: EpochMs, rules: &Rules) -> Pace {
        self.pacing.pace(now, self.configured_pace(rules))
    }

    /// Whether other clients use the burst quota.
    #[must_use]
    pub fn is_shared(&self, now: EpochMs, rules: &Rules) -> bool {
        self.pacing.is_shared(now, self.configured_pace(rules))
    }

    /// The daily limit in force.
    #[must_use]
    pub fn daily_limit(&self, rules: &Rules) -> u64 {
        match (rules.adopt, self.daily.told_limit()) {
            (AdoptLimits::Told, Some(told)) => told,
            (AdoptLimits::Told | AdoptLimits::Lower, _) => self.daily.limit(rules.daily_limit),
        }
    }

    /// Calls left of the day, including those that other scopes may use.
    #[must_use]
    pub fn daily_left(&self, now: EpochMs, rules: &Rules) -> u64 {
        let own = self.daily_limit(rules).saturating_sub(self.daily.used(now));
        match self.share(now, rules) {
            Some(share) => own.min(share.calls.saturating_add(share.rest)),
            None => own,
        }
    }

    /// When the day starts over, as counted here or by the gate that shares it.
    #[must_use]
    pub fn day_resets_at(&self, now: EpochMs, rules: &Rules) -> EpochMs {
        let own_left = self.daily_limit(rules).saturating_sub(self.daily.used(now));
        match self.share(now, rules) {
            Some(share) if own_left > 0 => share.resets_at,
            Some(_) | None => self.daily.resets_at(now),
        }
    }

    fn share(&self, now: EpochMs, rules: &Rules) -> Option<Allotment> {
        self.daily.share(now).filter(|_| rules.day_scope.is_some())
    }

    /// Whether a lease of `want` permits needs more of a shared day than was allotted.
    #[must_use]
    pub fn wants_allotment(&self, now: EpochMs, want: u32, rules: &Rules) -> bool {
        let allotted = self.share(now, rules).map_or(0, |share| share.calls);
        rules.day_scope.is_some() && allotted < u64::from(want) + u64::from(self.ledger.out_at(now))
    }

    /// Allots calls of the day that this gate counts to a scope that shares it, in advance, from what is not reserved
    /// from `priority`. `told` is what GHL reported to that scope. A part is a sixteenth of what is left, within
    /// bounds, so that a usual day costs one write per thousand calls, and little is stranded with a scope that does
    /// not need it.
    pub fn allot(&mut self, now: EpochMs, told: Option<&Quota>, priority: Priority, rules: &Rules) -> Allotment {
        if let Some(told) = told {
            self.daily.observe(now, told);
        }
        let own = Rules { day_scope: None, ..rules.clone() };
        let left = self.daily_left_for(now, priority, &own);
        let calls = (left / ALLOT_PARTS).clamp(ALLOT_LEAST, ALLOT_MOST).min(left);
        self.daily.count(now, calls);
        Allotment { calls, rest: self.daily_left(now, &own), resets_at: self.daily.resets_at(now) }
    }

    /// Calls of the day that `priority` may use, ignoring permits that are out.
    #[must_use]
    pub fn daily_left_for(&self, now: EpochMs, priority: Priority, rules: &Rules) -> u64 {
        self.daily_left(now, rules).saturating_sub(self.kept_from(priority, rules))
    }

    /// Calls of the day that `priority` leaves to more urgent records. If GHL allows less than configured, the reserve
    /// shrinks in proportion, so that it never covers the whole day.
    fn kept_from(&self, priority: Priority, rules: &Rules) -> u64 {
        let limit = self.daily_limit(rules);
        let reserve = u128::from(rules.daily_reserve) * u128::from(limit) / u128::from(rules.daily_limit.max(1));
        let reserve = u64::try_from(reserve).unwrap_or(u64::MAX).min(rules.daily_reserve);
        match priority {
            Priority::High => 0,
            Priority::Normal => reserve,
            Priority::Low => reserve.max(limit / LOW_LEAVES),
        }
    }

    /// How many calls of the day are left for `priority`, besides all permits that are out except `unused` of the
    /// caller's own.
    ///
    /// # Errors
    /// If there are none: how long to wait, always later than `now`.
    pub fn day_admits(&self, now: EpochMs, priority: Priority, unused: u32, rules: &Rules) -> Result<u64, WaitUntil> {
        let left = self.daily_left_for(now, priority, rules);
        // Expired permits of a dead holder are not out any more: waiting for them would never end.
        let out = u64::from(self.ledger.out_at(now).saturating_sub(unused));
        if left > out {
            return Ok(left - out);
        }
        let resets_at = self.day_resets_at(now, rules);
        // Permits that others hold may come back unused.
        let at = self.ledger.out_until(now).filter(|_| left > 0).map_or(resets_at, |until| until.min(resets_at));
        Err(WaitUntil { at, reason: WaitReason::DailyQuota })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::gate::tests::{T0, permits, rules, run, s, waits};
    use crate::{Leased, Run, Signal};
    use ghl_sync_model::{Holder, Quota};

    fn told(max: Option<u32>, daily: Option<u64>) -> Signal {
        let quota = Quota {
            max,
            remaining: max,
            interval: Some(s(10)),
            daily_limit: daily,
            daily_remaining: daily,
            ..Quota::default()
        };
        Signal::Told { at: T0, quota, ours: 0..=0 }
    }

    /// A gate with this many calls of the day used.
    fn used(calls: u64) -> Gate {
        let mut gate = Gate::default();
        gate.daily.count(T0, calls);
        gate
    }

    #[test]
    fn a_higher_limit_that_ghl_tells_is_taken_over_only_if_that_is_set() {
        let mut gate = Gate::default();
        gate.learn(&told(Some(300), Some(500_000)), &rules());
        let adopting = Rules { adopt: AdoptLimits::Told, ..rules() };
        let limits = |rules: &Rules| (gate.allowed_pace(T0, rules).limit.get(), gate.daily_limit(rules));
        assert_eq!(limits(&rules()), (100, 200_000));
        assert_eq!(limits(&adopting), (300, 500_000));
        assert_eq!(gate.pacing().told().map(|told| told.limit.get()), Some(300), "it is shown");
        assert_eq!(gate.daily().told_limit(), Some(500_000));
        let mut taken = gate.clone();
        let leased = permits(taken.lease(T0, &run("a", T0), 400, Priority::High, &adopting));
        assert_eq!(leased.len(), 300);
    }

    #[test]
    fn a_lower_limit_that_ghl_tells_is_taken_over_whatever_is_set() {
        for adopt in [AdoptLimits::Lower, AdoptLimits::Told] {
            let rules = Rules { adopt, ..rules() };
            let mut gate = Gate::default();
            gate.learn(&told(Some(25), Some(10_000)), &rules);
            assert_eq!((gate.allowed_pace(T0, &rules).limit.get(), gate.daily_limit(&rules)), (25, 10_000));
            // Without a header, the configured limits apply.
            let gate = Gate::default();
            assert_eq!((gate.allowed_pace(T0, &rules).limit.get(), gate.daily_limit(&rules)), (100, 200_000));
        }
    }

    #[test]
    fn a_limit_beyond_all_bounds_is_not_taken_over_as_it_is() {
        let adopting = Rules { adopt: AdoptLimits::Told, ..rules() };
        let mut gate = Gate::default();
        gate.learn(&told(Some(u32::MAX), Some(u64::MAX)), &adopting);
        assert_eq!(gate.allowed_pace(T0, &adopting).limit.get(), 10_000);
        assert!(matches!(gate.lease(T0, &run("a", T0), 50, Priority::Low, &adopting), Leased::Permits(_)));
        gate.learn(&told(Some(0), Some(0)), &adopting);
        assert!(gate.daily_limit(&adopting) > 0, "a limit of nothing would stop the location for good");
    }

    #[test]
    fn the_last_calls_of_the_day_are_leased_to_the_urgent_only() {
        let day = Rules { daily_limit: 100, ..rules() };
        let reserve = Rules { daily_reserve: 30, ..day.clone() };
        // Columns: calls used, priority, permits given to a lease of 200.
        let cases = [
            (&day, 0, Priority::Low, 90),
            (&day, 85, Priority::Low, 5),
            (&day, 90, Priority::Low, 0),
            (&day, 90, Priority::Normal, 10),
            (&day, 99, Priority::High, 1),
            (&day, 100, Priority::High, 0),
            (&reserve, 0, Priority::Low, 70),
            (&reserve, 69, Priority::Normal, 1),
            (&reserve, 70, Priority::Normal, 0),
            (&reserve, 70, Priority::Low, 0),
            (&reserve, 70, Priority::High, 30),
        ];
        for (rules, calls, priority, expected) in cases {
            let mut gate = used(calls);
            match gate.lease(T0, &run("a", T0), 200, priority, rules) {
                Leased::Permits(permits) => assert_eq!(permits.len(), expected, "{calls} {priority:?}"),
                wait => {
                    assert_eq!(expected, 0, "{calls} {priority:?} {wait:?}");
                    let expected = WaitUntil { at: T0 + s(86_400), reason: WaitReason::DailyQuota };
                    assert_eq!(waits(wait), expected);
                }
            }
        }
    }

    #[test]
    fn the_reserve_shrinks_with_a_lower_limit_of_ghls() {
        let rules = Rules { daily_limit: 1000, daily_reserve: 500, ..rules() };
        let mut gate = Gate::default();
        gate.learn(&told(None, Some(100)), &rules);
        assert_eq!(gate.daily_left_for(T0, Priority::Normal, &rules), 50);
    }

    #[test]
    fn a_day_of_a_handful_of_calls_has_one_for_low_priority() {
        for limit in 1..10 {
            let rules = Rules { daily_limit: limit, ..rules() };
            assert_eq!(Gate::default().daily_left_for(T0, Priority::Low, &rules), limit);
        }
    }

    #[test]
    fn permits_that_others_have_out_are_waited_for_and_not_the_next_day() {
        let rules = Rules { daily_limit: 10, ..rules() };
        let mut gate = Gate::default();
        permits(gate.lease(T0, &run("other", T0), 10, Priority::High, &rules));
        let wait = waits(gate.lease(T0, &run("a", T0), 1, Priority::High, &rules));
        assert_eq!(wait, WaitUntil { at: T0 + s(65), reason: WaitReason::DailyQuota });
    }

    #[test]
    fn permits_of_a_dead_holder_keep_nobody_from_the_day_once_their_time_is_over() {
        let rules = Rules { daily_limit: 10, ..rules() };
        let mut gate = Gate::default();
        permits(gate.lease(T0, &run("dead", T0), 10, Priority::High, &rules));
        let over = T0 + s(65);
        assert_eq!(gate.day_admits(over, Priority::High, 0, &rules), Ok(10));
        assert_eq!(permits(gate.lease(over, &run("a", over), 1, Priority::High, &rules)).len(), 1);
    }

    proptest! {
        /// A wait that is already over would be repeated forever.
        #[test]
        fn whom_the_day_does_not_admit_waits_for_a_time_to_come(
            limit in 1..60u64, used_calls in 0..80u64, leases in prop::collection::vec((0..200u64, 1..20u32), 0..6),
            after in 0..300u64, unused in 0..5u32,
        ) {
            let rules = Rules { daily_limit: limit, ..rules() };
            let mut gate = used(used_calls);
            for (n, (at, want)) in leases.into_iter().enumerate() {
                let now = T0 + s(at);
                gate.lease(now, &run(&format!("r{n}"), now), want, Priority::High, &rules);
            }
            let now = T0 + s(after);
            for priority in Priority::ALL {
                if let Err(wait) = gate.day_admits(now, priority, unused, &rules) {
                    prop_assert!(wait.at > now, "{wait:?} at {now}");
                }
            }
        }

        /// In whatever order leases are taken, permits out and used never reach into the reserve above their priority.
        #[test]
        fn no_order_of_leases_uses_what_is_kept_for_the_more_urgent(
            limit in 1..300u64, reserve in 0..300u64,
            asks in prop::collection::vec((0..3usize, 1..40u32, any::<bool>()), 1..30),
        ) {
            let reserve = reserve.min(limit - 1);
            let pace = Pace { limit: NonZeroU32::new(10_000).unwrap(), window: Duration::from_secs(10) };
            let rules = Rules { pace, daily_limit: limit, daily_reserve: reserve, ..rules() };
            let run: Run = run("a", T0);
            let holder: Holder = run.holder.clone();
            let mut gate = Gate::default();
            for (priority, want, finish) in asks {
                let priority = Priority::ALL[priority];
                let kept = match priority {
                    Priority::High => 0,
                    Priority::Normal => reserve,
                    Priority::Low => reserve.max(limit / 10),
                };
                if let Leased::Permits(permits) = gate.lease(T0, &run, want, priority, &rules) {
                    let taken = gate.daily.used(T0) + u64::from(gate.ledger.out());
                    prop_assert!(taken + kept <= limit, "{} taken, {} kept of {}", taken, kept, limit);
                    for _ in permits.iter().filter(|_| finish) {
                        gate.learn(&Signal::Finished { holder: holder.clone(), at: T0, told_daily: false }, &rules);
                    }
                }
            }
        }
    }
}
