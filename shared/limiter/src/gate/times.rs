//! Corrects times in a gate that no correct clock can have written, because they lie too far ahead.
//!
//! They come from a host whose clock was wrong, or from before the clock was set back. Without a correction, nobody
//! would call until those times. Each is cut to the latest time that its kind allows, so that a wrong clock costs no
//! more than the longest wait of that kind. Calls that may still count are not at risk: anything sent before now is
//! counted within D.

use std::time::Duration;

use super::{Gate, PLAN_GRACE};
use crate::{Pause, PauseReason, Rules};
use ghl_sync_model::EpochMs;

/// Lambda stops a function after 15 minutes, so no run and no lease is longer.
const LONGEST_RUN: Duration = Duration::from_secs(900);
/// A message is delayed by at most 15 minutes, and planned a little before it arrives.
const LONGEST_DELAY: Duration = Duration::from_secs(960);

impl PauseReason {
    /// The longest pause for this reason, however long GHL asked us to wait. An operator's pause is unlimited.
    #[must_use]
    pub fn longest(self) -> Duration {
        match self {
            // GHL counts by the day: anything further ahead is a mistake, or a number in another unit.
            PauseReason::Throttled => Duration::from_secs(24 * 3600),
            // After this, the token is tried again.
            PauseReason::Credentials => Duration::from_secs(300),
            // Each try may write into somebody else's account.
            PauseReason::OtherLocation => Duration::from_secs(3600),
            PauseReason::Operator => Duration::MAX,
        }
    }
}

impl Gate {
    /// Cuts times that are further ahead than their kind allows. Returns whether anything changed.
    pub fn correct_times(&mut self, now: EpochMs, rules: &Rules) -> bool {
        let before = self.clone();
        let latest = |span: Duration| now + span + rules.clock_skew;
        let in_flight = LONGEST_RUN + rules.late_arrival;
        if let Some(plan) = &mut self.plan
            && plan.starts_at > latest(LONGEST_DELAY)
        {
            (plan.starts_at, plan.expires_at) = (now, now + PLAN_GRACE);
        }
        if let Some(run) = &mut self.run {
            run.until = run.until.min(latest(in_flight));
        }
        self.in_doubt_until = self.in_doubt_until.map(|time| time.min(latest(in_flight + rules.search_lag)));
        self.pause = self.pause.map(|pause| pause.corrected(now, rules.clock_skew));
        if let Some(hold) = &mut self.hold {
            hold.since = hold.since.min(latest(Duration::ZERO));
        }
        self.breaker.correct_times(latest(rules.longest_break()), latest(rules.longest_probe()));
        // A call that was given up is settled D later, plus a millisecond because completion times are rounded up.
        let counted_by = latest(rules.late_arrival + Duration::from_millis(1));
        self.ledger.correct_times(counted_by, latest(in_flight));
        let spaced_ahead = rules.lease_ahead + 2 * self.pacing.quota(self.configured_pace(rules)).window;
        let longest_pause = PauseReason::Throttled.longest() + rules.clock_skew;
        self.pacing.correct_times(latest(Duration::ZERO), spaced_ahead, longest_pause);
        self.daily.correct_times(latest(Duration::ZERO));
        *self != before
    }
}

impl Pause {
    /// A pause that begins in the future comes from a clock that was ahead: start it now, with the same length.
    fn corrected(self, now: EpochMs, clock_skew: Duration) -> Pause {
        let mut pause = self;
        if pause.since > now + clock_skew {
            pause.until = now + pause.since.until(pause.until);
            pause.since = now;
        }
        pause.until = pause.until.min(now + pause.reason.longest() + clock_skew);
        pause
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gate::tests::{T0, finished, permits, rules, run, s};
    use crate::{Hold, Leased, Signal};
    use ghl_sync_model::{Priority, Quota, RetryAfter};

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);
    /// These tests do not measure the gate to the millisecond.
    const SMALL: Duration = Duration::from_secs(1);

    /// How long after `now` the first call can be made by a caller that asks whenever the gate says.
    fn first_call(gate: &Gate, now: EpochMs) -> Duration {
        let mut gate = gate.clone();
        let mut at = now;
        for _ in 0..100 {
            gate.correct_times(at, &rules());
            let run = run("next", at);
            match gate.lease(at, &run, 1, Priority::High, &rules()) {
                Leased::Permits(times) => return now.until(times[0]),
                Leased::Probe(time) => return now.until(time),
                Leased::Wait(wait) => at = wait.at.max(at + Duration::from_millis(1)),
            }
        }
        now.until(at)
    }

    #[test]
    fn a_gate_whose_times_are_right_stays_as_it_is() {
        let mut gate = busy();
        let before = gate.clone();
        assert!(!gate.correct_times(T0 + s(1), &rules()));
        assert_eq!(gate, before);
    }

    /// A gate at T0 with all of its parts in use.
    fn busy() -> Gate {
        let mut gate = Gate::default();
        let generation = gate.plan(T0, T0, &rules());
        let run = run("a", T0);
        gate.take_run(T0, Some(generation), run.clone(), &rules()).unwrap();
        permits(gate.lease(T0, &run, 100, Priority::High, &rules()));
        for _ in 0..60 {
            gate.learn(&finished(&run, T0 + s(5)), &rules());
        }
        let quota = Quota {
            max: Some(100),
            remaining: Some(0),
            interval: Some(s(10)),
            daily_limit: Some(200_000),
            daily_remaining: Some(1000),
            daily_reset: Some(RetryAfter::Delay(s(80_000))),
            ..Quota::default()
        };
        gate.learn(&Signal::Told { at: T0, quota, ours: 0..=60 }, &rules());
        gate.learn(&Signal::Throttled { at: T0, until: T0 + s(10), daily: false }, &rules());
        gate.learn(&Signal::InDoubt { until: T0 + s(95) }, &rules());
        gate
    }

    #[test]
    fn after_the_clock_was_set_back_an_hour_calls_go_on_within_a_window() {
        let mut gate = Gate::default();
        let run = run("a", T0);
        permits(gate.lease(T0, &run, 100, Priority::High, &rules()));
        (0..100).for_each(|_| gate.learn(&finished(&run, T0 + s(1)), &rules()));
        let now = T0 + s(1) - HOUR;
        // The window, D, twice ε, and a millisecond to round up.
        assert_eq!(first_call(&gate, now), s(15) + Duration::from_millis(101));
    }

    #[test]
    fn a_pause_told_by_a_clock_that_was_ahead_is_as_long_as_it_was() {
        for (asked, ahead) in [(s(30), HOUR), (s(300), DAY), (2 * HOUR, DAY), (30 * DAY, DAY)] {
            let mut gate = Gate::default();
            gate.learn(&Signal::Throttled { at: T0, until: T0 + asked, daily: true }, &rules());
            let waits = first_call(&gate, T0 - ahead);
            assert!(waits <= asked.min(DAY) + SMALL, "{asked:?} asked, {waits:?} waited");
        }
    }

    #[test]
    fn no_signal_pauses_longer_than_its_kind_may() {
        let far = T0 + 50 * 365 * DAY;
        let signals = [
            (Signal::Throttled { at: T0, until: far, daily: false }, DAY),
            (Signal::Throttled { at: T0, until: far, daily: true }, DAY),
            (Signal::AskedToWait { at: T0, until: far }, DAY),
            (Signal::Unauthorized { at: T0 }, s(300)),
        ];
        for (signal, longest) in signals {
            let mut gate = Gate::default();
            gate.learn(&signal, &rules());
            let waits = first_call(&gate, T0);
            assert!(waits <= longest, "{signal:?}: {waits:?}");
        }
        let mut gate = Gate::default();
        let quota = Quota {
            daily_limit: Some(200_000),
            daily_remaining: Some(0),
            daily_reset: Some(RetryAfter::At(far)),
            ..Quota::default()
        };
        gate.learn(&Signal::Told { at: T0, quota, ours: 0..=0 }, &rules());
        assert!(first_call(&gate, T0) <= DAY, "a daily reset");
    }

    #[test]
    fn what_an_older_build_stored_of_a_pause_is_cut_too() {
        let stored = r#"{"generation":1,"pause":{"until":3567000000000,"reason":"throttled"},
            "daily":{"used":5,"resets_at":3567000000000,"told_limit":5}}"#;
        let mut gate: Gate = serde_json::from_str(stored).unwrap();
        let now = EpochMs(1_795_000_000_000);
        assert!(gate.correct_times(now, &rules()));
        assert!(first_call(&gate, now) <= DAY + SMALL);
    }

    #[test]
    fn to_resume_lifts_every_pause() {
        for signal in [
            Signal::Throttled { at: T0, until: T0 + 20 * HOUR, daily: false },
            Signal::AskedToWait { at: T0, until: T0 + 20 * HOUR },
            Signal::Unauthorized { at: T0 },
        ] {
            let mut gate = Gate::default();
            gate.learn(&signal, &rules());
            gate.hold(T0, Hold { since: T0, until: None, note: None });
            gate.resume(T0 + s(1));
            assert_eq!(gate.blocked(T0 + s(1)), None, "{signal:?}");
        }
    }

    #[test]
    fn new_credentials_lift_the_pause_for_refused_ones_and_no_other() {
        for (signal, is_lifted) in [
            (Signal::Throttled { at: T0, until: T0 + 20 * HOUR, daily: false }, false),
            (Signal::AskedToWait { at: T0, until: T0 + 20 * HOUR }, false),
            (Signal::Unauthorized { at: T0 }, true),
        ] {
            let mut gate = Gate::default();
            gate.learn(&signal, &rules());
            gate.credentials_changed(T0 + s(1));
            assert_eq!(gate.blocked(T0 + s(1)).is_none(), is_lifted, "{signal:?}");
            gate.hold(T0, Hold { since: T0, until: None, note: None });
            gate.credentials_changed(T0 + s(2));
            assert!(gate.held(T0 + s(2)).is_some(), "an operator's hold stands");
        }
    }

    /// Events in the history of a gate.
    #[derive(Debug, Clone)]
    enum Happens {
        Calls(u32),
        Throttled(u64),
        Unauthorized,
        Trouble,
        DayUsedUp(u64),
        Planned(u64),
        Taken,
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            (1..150u32).prop_map(Happens::Calls),
            (0..100_000u64).prop_map(Happens::Throttled),
            Just(Happens::Unauthorized),
            Just(Happens::Trouble),
            (0..100_000u64).prop_map(Happens::DayUsedUp),
            (0..900u64).prop_map(Happens::Planned),
            Just(Happens::Taken),
        ]
    }

    /// The gate after these events, and the longest wait that they can explain.
    fn after(history: &[Happens]) -> (Gate, Duration) {
        let mut gate = Gate::default();
        // A full window whose calls may have been given up.
        let mut longest = s(10) + rules().late_arrival + 4 * rules().clock_skew;
        for (n, happened) in history.iter().enumerate() {
            let run = run(&format!("h{n}"), T0);
            match happened {
                Happens::Calls(count) => {
                    if let Leased::Permits(times) = gate.lease(T0, &run, *count, Priority::High, &rules()) {
                        // Half of them are never settled.
                        times.iter().take(times.len() / 2).for_each(|_| gate.learn(&finished(&run, T0), &rules()));
                        longest = longest.max(LONGEST_RUN + s(10) + rules().late_arrival + 4 * rules().clock_skew);
                    }
                }
                Happens::Throttled(seconds) => {
                    gate.learn(&Signal::Throttled { at: T0, until: T0 + s(*seconds), daily: false }, &rules());
                    longest = longest.max(s(*seconds).min(DAY) + s(10));
                }
                Happens::Unauthorized => {
                    gate.learn(&Signal::Unauthorized { at: T0 }, &rules());
                    longest = longest.max(s(300));
                }
                Happens::Trouble => {
                    (0..5).for_each(|n| gate.learn(&Signal::Trouble { operation: n, at: T0 }, &rules()));
                    longest = longest.max(rules().longest_break());
                }
                Happens::DayUsedUp(seconds) => {
                    let quota = Quota {
                        daily_limit: Some(1000),
                        daily_remaining: Some(0),
                        daily_reset: Some(RetryAfter::Delay(s(*seconds))),
                        ..Quota::default()
                    };
                    gate.learn(&Signal::Told { at: T0, quota, ours: 0..=0 }, &rules());
                    longest = longest.max(DAY);
                }
                Happens::Planned(seconds) => {
                    gate.plan(T0, T0 + s(*seconds), &rules());
                }
                Happens::Taken => {
                    let _refused = gate.take_run(T0, None, run, &rules());
                }
            }
        }
        (gate, longest)
    }

    proptest! {
        #[test]
        fn after_any_jump_of_the_clock_calls_are_made_again_within_the_longest_wait_of_their_kind(
            history in prop::collection::vec(happens(), 0..8), jump in -86_400_000..=86_400_000i64,
        ) {
            let (mut gate, longest) = after(&history);
            let now = EpochMs(T0.0.saturating_add_signed(jump));
            gate.correct_times(now, &rules());
            let waits = first_call(&gate, now);
            prop_assert!(waits <= longest + SMALL, "{waits:?} of at most {longest:?}");
            // A run or a plan that lies too far ahead is also given up in time.
            let given_up = now + LONGEST_DELAY + PLAN_GRACE + SMALL;
            prop_assert!(gate.live_run(given_up).is_none() && gate.live_plan(given_up).is_none());
        }

        /// However far the clock is set back, calls sent before are counted: no window of true time holds more than the
        /// limit. (Calls forgotten because a clock was set forward cannot be known.)
        #[test]
        fn a_clock_that_is_set_back_never_lets_more_calls_into_a_window_than_the_limit(
            steps in prop::collection::vec((0..4_000u64, 1..120u32, 0..7_200_000u64, 0..4u8), 1..25),
        ) {
            let mut gate = Gate::default();
            // True time moves on; the clock falls behind it by more with each jump.
            let (mut truth, mut behind) = (T0 + 30 * DAY, Duration::ZERO);
            let mut sent: Vec<EpochMs> = Vec::new();
            for (n, (pause, want, back, jumps)) in steps.into_iter().enumerate() {
                truth = truth + Duration::from_millis(pause);
                if jumps == 0 {
                    behind += Duration::from_millis(back);
                }
                let now = truth - behind;
                gate.correct_times(now, &rules());
                let run = run(&format!("h{n}"), now);
                if let Leased::Permits(times) = gate.lease(now, &run, want, Priority::High, &rules()) {
                    for at in times {
                        truth = truth.max(at + behind);
                        sent.push(truth);
                        gate.learn(&finished(&run, (truth - behind) + Duration::from_millis(1)), &rules());
                    }
                }
            }
            for (n, first) in sent.iter().enumerate() {
                let within = sent[n..].iter().filter(|at| first.until(**at) < s(10)).count();
                prop_assert!(within <= 100, "{within} calls in a window");
            }
        }
    }
}
