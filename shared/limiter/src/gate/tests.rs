use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::{BreakerRules, PauseReason};
use ghl_sync_model::{AdoptLimits, Quota, RetryAfter};

pub(super) const T0: EpochMs = EpochMs(1_000_000_000);

pub(super) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn rules() -> Rules {
    Rules {
        pace: Pace { limit: NonZeroU32::new(100).unwrap(), window: s(10) },
        daily_limit: 200_000,
        daily_reserve: 0,
        adopt: AdoptLimits::Lower,
        day_scope: None,
        clock_skew: Duration::from_millis(50),
        late_arrival: s(5),
        request_timeout: s(10),
        search_lag: s(30),
        percent: 100,
        breaker: BreakerRules { threshold: 5, reset: s(60) },
        batch_size: 50,
        lease_size: 25,
        lease_ahead: Duration::from_millis(2500),
        patience: Duration::from_millis(2500),
    }
}

fn when(opening: Opening) -> (EpochMs, Option<WaitReason>, u32) {
    (opening.at, opening.reason, opening.records)
}

pub(super) fn run(name: &str, now: EpochMs) -> Run {
    Run { holder: Holder::new(name).unwrap(), until: now + s(65) }
}

fn taken() -> (Gate, Run) {
    let mut gate = Gate::default();
    let generation = gate.plan(T0, T0, &rules());
    let run = run("a", T0);
    gate.take_run(T0, Some(generation), run.clone(), &rules()).unwrap();
    (gate, run)
}

pub(super) fn permits(leased: Leased) -> Vec<EpochMs> {
    match leased {
        Leased::Permits(permits) => permits,
        Leased::Probe(at) => panic!("a probe at {at}"),
        Leased::Wait(wait) => panic!("{wait:?}"),
    }
}

pub(super) fn waits(leased: Leased) -> WaitUntil {
    match leased {
        Leased::Wait(wait) => wait,
        Leased::Permits(permits) => panic!("{} permits", permits.len()),
        Leased::Probe(at) => panic!("a probe at {at}"),
    }
}

pub(super) fn finished(run: &Run, at: EpochMs) -> Signal {
    Signal::Finished { holder: run.holder.clone(), at, told_daily: false }
}

#[test]
fn a_message_runs_once_and_is_stale_ever_after() {
    let mut gate = Gate::default();
    let generation = gate.plan(T0, T0, &rules());
    gate.take_run(T0, Some(generation), run("a", T0), &rules()).unwrap();
    let twin = gate.take_run(T0, Some(generation), run("b", T0), &rules());
    assert_eq!(twin, Err(TakeRefused::RunLive { until: T0 + s(65) }));
    gate.finish(T0 + s(3), &Holder::new("a").unwrap(), &rules());
    let late = gate.take_run(T0 + s(4), Some(generation), run("b", T0), &rules());
    assert!(matches!(late, Err(TakeRefused::Stale { .. })));
}

#[test]
fn a_newer_plan_makes_the_older_message_stale() {
    let mut gate = Gate::default();
    let old = gate.plan(T0, T0 + s(600), &rules());
    let new = gate.plan(T0, T0, &rules());
    assert_eq!(gate.take_run(T0, Some(old), run("a", T0), &rules()), Err(TakeRefused::Stale { current: new }));
    gate.take_run(T0, Some(new), run("a", T0), &rules()).unwrap();
}

#[test]
fn a_message_sent_by_hand_runs_if_nobody_else_does() {
    let (mut gate, _) = taken();
    assert!(gate.take_run(T0, None, run("b", T0), &rules()).is_err());
    gate.finish(T0, &Holder::new("a").unwrap(), &rules());
    let planned = gate.plan(T0, T0, &rules());
    gate.take_run(T0, None, run("b", T0), &rules()).unwrap();
    assert!(gate.take_run(T0 + s(70), Some(planned), run("c", T0), &rules()).is_err(), "the plan was overtaken");
}

#[test]
fn a_run_that_expired_is_taken_over_with_half_the_batch_and_its_creates_in_doubt() {
    let (mut gate, first) = taken();
    let dead = first.until;
    assert_eq!(gate.next_check_at(), Some(dead));
    for (crashes, records) in [(1, 25), (2, 12), (3, 6), (4, 3), (5, 1), (6, 1)] {
        let now = dead + s(100 * crashes);
        let generation = gate.plan(now, now, &rules());
        assert_eq!(gate.opening(now, &rules()).records, records);
        assert!(gate.in_doubt_until().unwrap() > now - s(100));
        gate.take_run(now, Some(generation), run("next", now), &rules()).unwrap();
    }
    let now = dead + s(600);
    gate.finish(now, &Holder::new("next").unwrap(), &rules());
    assert_eq!(gate.opening(now, &rules()).records, 50, "a run that ends well ends the suspicion");
}

#[test]
fn a_batch_is_as_large_as_the_permits_that_are_near() {
    let (mut gate, run) = taken();
    assert_eq!(gate.opening(T0, &rules()).records, 50);
    for _ in 0..3 {
        permits(gate.lease(T0, &run, 25, Priority::High, &rules()));
    }
    (0..75).for_each(|_| gate.learn(&finished(&run, T0 + s(1)), &rules()));
    assert_eq!(when(gate.opening(T0 + s(1), &rules())), (T0 + s(1), None, 25));
    assert_eq!(permits(gate.lease(T0 + s(1), &run, 50, Priority::High, &rules())).len(), 25);
    (0..25).for_each(|_| gate.learn(&finished(&run, T0 + s(2)), &rules()));
    let next = gate.opening(T0 + s(2), &rules());
    assert_eq!((next.at, next.reason), (EpochMs(T0.0 + 11_050), Some(WaitReason::Pace)));
}

#[test]
fn a_pause_holds_for_everybody_and_is_never_shortened() {
    let (mut gate, run) = taken();
    gate.learn(&Signal::Throttled { at: T0, until: T0 + s(30), daily: false }, &rules());
    gate.learn(&Signal::Throttled { at: T0, until: T0 + s(10), daily: false }, &rules());
    let wait = WaitUntil { at: T0 + s(30), reason: WaitReason::Pause(PauseReason::Throttled) };
    assert_eq!(waits(gate.lease(T0, &run, 1, Priority::High, &rules())), wait);
    assert_eq!(gate.opening(T0, &rules()).at, T0 + s(30));
    assert!(gate.blocked(T0 + s(30)).is_none());
}

#[test]
fn an_open_breaker_lets_one_record_through_when_its_time_has_come() {
    let (mut gate, run) = taken();
    (0..5).for_each(|operation| gate.learn(&Signal::Trouble { operation, at: T0 }, &rules()));
    assert_eq!(waits(gate.lease(T0, &run, 5, Priority::High, &rules())).reason, WaitReason::Breaker);
    let reset = T0 + s(60);
    assert_eq!(when(gate.opening(T0, &rules())), (reset, Some(WaitReason::Breaker), 1));
    let prober = super::Run { holder: run.holder.clone(), until: reset + s(65) };
    assert_eq!(gate.lease(reset, &prober, 5, Priority::High, &rules()), Leased::Probe(reset));
    assert_eq!(waits(gate.lease(reset, &prober, 5, Priority::High, &rules())).reason, WaitReason::Breaker);
    gate.learn(&Signal::Answered, &rules());
    assert_eq!(permits(gate.lease(reset, &prober, 5, Priority::High, &rules())).len(), 5);
    assert_eq!(gate.opening(reset, &rules()).records, 5, "it starts again small");
}

#[test]
fn a_probe_that_found_nothing_to_send_leaves_the_next_one_free_to_go() {
    let (mut gate, run) = taken();
    (0..5).for_each(|operation| gate.learn(&Signal::Trouble { operation, at: T0 }, &rules()));
    let reset = T0 + s(60);
    let prober = super::Run { holder: run.holder.clone(), until: reset + s(65) };
    assert_eq!(gate.lease(reset, &prober, 1, Priority::High, &rules()), Leased::Probe(reset));
    gate.give_back(reset, &run.holder, 1, &rules());
    gate.finish(reset + s(1), &run.holder, &rules());
    assert_eq!(when(gate.opening(reset + s(1), &rules())), (reset + s(1), None, 1));
}

#[test]
fn the_daily_quota_ends_at_its_last_call_and_begins_again_at_the_reset() {
    let rules = Rules { daily_limit: 3, ..rules() };
    let (mut gate, run) = taken();
    assert_eq!(permits(gate.lease(T0, &run, 10, Priority::High, &rules)).len(), 3);
    (0..3).for_each(|_| gate.learn(&finished(&run, T0 + s(1)), &rules));
    let wait = waits(gate.lease(T0 + s(2), &run, 1, Priority::High, &rules));
    assert_eq!(wait, WaitUntil { at: T0 + s(1) + s(86_400), reason: WaitReason::DailyQuota });
    assert_eq!(gate.opening(T0 + s(2), &rules).reason, Some(WaitReason::DailyQuota));
    let told = Quota {
        daily_limit: Some(200_000),
        daily_remaining: Some(0),
        daily_reset: Some(RetryAfter::Delay(s(500))),
        ..Quota::default()
    };
    gate.learn(&Signal::Told { at: T0 + s(2), quota: told, ours: 0..=0 }, &rules);
    assert_eq!(waits(gate.lease(T0 + s(2), &run, 1, Priority::High, &rules)).at, T0 + s(502));
}

#[test]
fn permits_end_before_the_lease_does_with_time_for_the_request() {
    let (mut gate, run) = taken();
    // `until` is the deadline + 5 s; a request takes up to 10 s and may arrive 5 s later.
    let last = run.until - s(15);
    assert_eq!(permits(gate.lease(last, &run, 1, Priority::High, &rules())), [last]);
    let late = last + Duration::from_millis(1);
    assert_eq!(waits(gate.lease(late, &run, 1, Priority::High, &rules())).reason, WaitReason::Deadline);
}

#[test]
fn no_more_permits_are_out_than_the_limit_although_a_dead_holders_lease_ends_within_the_horizon() {
    let pace = Pace { limit: NonZeroU32::new(2).unwrap(), window: s(1) };
    let rules = Rules { pace, lease_ahead: s(5), ..rules() };
    let mut gate = Gate::default();
    let dead = Run { until: T0 + s(62), ..run("dead", T0) };
    assert_eq!(permits(gate.lease(T0, &dead, 2, Priority::High, &rules)).len(), 2);
    let heir = run("heir", T0 + s(60));
    let wait = waits(gate.lease(T0 + s(60), &heir, 2, Priority::High, &rules));
    assert_eq!((wait.reason, gate.ledger().out()), (WaitReason::Pace, 2));
    // One window after the lease's end, and no later.
    assert_eq!(wait.at, dead.until + pace.window + rules.clock_skew);
    assert_eq!(permits(gate.lease(wait.at, &heir, 2, Priority::High, &rules)), [wait.at; 2]);
    assert_eq!(gate.ledger().out(), 2);
}

#[test]
fn the_stored_form_of_a_busy_gate_fits_into_one_write_unit() {
    let (mut gate, run) = taken();
    permits(gate.lease(T0, &run, 75, Priority::High, &Rules { lease_size: 75, ..rules() }));
    (0..75).for_each(|i| gate.learn(&finished(&run, T0 + Duration::from_millis(33 * i)), &rules()));
    permits(gate.lease(T0 + s(3), &run, 25, Priority::High, &rules()));
    let json = serde_json::to_string(&gate).unwrap();
    assert!(json.len() < 900, "{} bytes: {json}", json.len());
    assert_eq!(serde_json::from_str::<Gate>(&json).unwrap(), gate);
}

#[test]
fn a_gate_of_an_earlier_version_without_some_fields_is_still_read() {
    let gate: Gate = serde_json::from_str(r#"{"generation":7}"#).unwrap();
    assert_eq!(gate.generation(), Generation(7));
}

/// Invocations, ticks and the passing of time, in any order.
#[derive(Debug, Clone)]
enum Step {
    Plan,
    Take { by: u8, stale: bool, by_hand: bool },
    Lease { by: u8, want: u32 },
    Trouble(u32),
    Answered,
    Throttled(u64),
    Finish { by: u8 },
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Plan),
        (0u8..3, any::<bool>(), any::<bool>()).prop_map(|(by, stale, by_hand)| Step::Take { by, stale, by_hand }),
        (0u8..3, 1u32..60).prop_map(|(by, want)| Step::Lease { by, want }),
        (0u32..8).prop_map(Step::Trouble),
        Just(Step::Answered),
        (0u64..20).prop_map(Step::Throttled),
        (0u8..3).prop_map(|by| Step::Finish { by }),
        (1u64..40_000).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn whatever_happens_there_is_one_run_one_probe_and_somebody_who_looks(steps in steps()) {
        let rules = rules();
        let mut gate = Gate::default();
        let mut now = T0;
        let mut message = None;
        let mut runs: [Option<Run>; 3] = [None, None, None];
        let mut probe_until: Option<EpochMs> = None;
        let mut last_generation = gate.generation();
        for step in steps {
            match step {
                Step::Plan => {
                    if gate.live_run(now).is_none() {
                        message = Some(gate.plan(now, now, &rules));
                    }
                }
                Step::Take { by, stale, by_hand } => {
                    let generation = match (by_hand, message) {
                        (true, _) => None,
                        (false, Some(Generation(message))) => Some(Generation(message - u64::from(stale))),
                        (false, None) => continue,
                    };
                    let live = gate.live_run(now).cloned();
                    let new = run(&format!("{by}-{}", now.0), now);
                    if gate.take_run(now, generation, new.clone(), &rules).is_ok() {
                        prop_assert!(live.is_none(), "two runs at once");
                        prop_assert!(generation.is_none() || generation == Some(last_generation), "a stale message ran");
                        runs[usize::from(by)] = Some(new);
                    }
                }
                Step::Lease { by, want } => {
                    let Some(run) = runs[usize::from(by)].clone().filter(|run| gate.is_run_of(&run.holder)) else { continue };
                    let permits = match gate.lease(now, &run, want, Priority::High, &rules) {
                        Leased::Permits(permits) => permits,
                        Leased::Probe(at) => {
                            prop_assert!(probe_until.is_none_or(|until| until <= now), "two probes at once");
                            probe_until = Some(at + rules.request_timeout);
                            vec![at]
                        }
                        Leased::Wait(_) => continue,
                    };
                    prop_assert!(!permits.is_empty() && permits.len() <= want as usize);
                    prop_assert!(
                        permits.iter().all(|at| *at + rules.request_timeout + rules.late_arrival <= run.until)
                    );
                    prop_assert!(gate.pause().is_none_or(|pause| pause.until <= now), "a permit in a pause");
                }
                Step::Trouble(operation) => {
                    gate.learn(&Signal::Trouble { operation, at: now }, &rules);
                    probe_until = None;
                }
                Step::Answered => {
                    gate.learn(&Signal::Answered, &rules);
                    probe_until = None;
                }
                Step::Throttled(seconds) => {
                    gate.learn(&Signal::Throttled { at: now, until: now + s(seconds), daily: false }, &rules);
                }
                Step::Finish { by } => {
                    if let Some(run) = runs[usize::from(by)].take() {
                        let was_its = gate.is_run_of(&run.holder);
                        gate.finish(now, &run.holder, &rules);
                        if was_its {
                            probe_until = None;
                        }
                        prop_assert!(!gate.is_run_of(&run.holder));
                    }
                }
                Step::Pass(ms) => now = now + Duration::from_millis(ms),
            }
            prop_assert!(gate.generation() >= last_generation, "the fencing token went back");
            last_generation = gate.generation();
            if gate.live_run(now).is_some() || gate.live_plan(now).is_some() {
                prop_assert!(gate.next_check_at().is_some(), "nobody would notice its death");
            }
            prop_assert!(gate.ledger().out() <= 100);
        }
    }
}

#[test]
fn a_lost_plan_is_looked_at_at_once_and_a_run_is_left_alone() {
    let mut gate = Gate::default();
    let generation = gate.plan(T0, T0 + s(600), &rules());
    assert!(gate.lose_plan(T0 + s(1)));
    assert_eq!((gate.live_plan(T0 + s(1)), gate.next_check_at()), (None, Some(T0 + s(1))));
    // The message arrives all the same: it runs, unless another batch was planned.
    assert_eq!(gate.clone().take_run(T0 + s(2), Some(generation), run("a", T0 + s(2)), &rules()), Ok(()));
    let newer = gate.plan(T0 + s(2), T0 + s(2), &rules());
    let refused = gate.take_run(T0 + s(3), Some(generation), run("a", T0 + s(3)), &rules());
    assert_eq!(refused, Err(TakeRefused::Stale { current: newer }));

    let (mut running, run) = taken();
    assert!(!running.lose_plan(T0 + s(1)));
    assert_eq!((running.live_run(T0 + s(1)), running.next_check_at()), (Some(&run), Some(run.until)));
}
