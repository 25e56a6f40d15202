use proptest::prelude::*;

use super::*;

const T0: EpochMs = EpochMs(1_000_000_000);
const W: Duration = Duration::from_secs(10);
const CONFIGURED: Pace = Pace { limit: NonZeroU32::new(100).unwrap(), window: W };

fn told(max: u32, remaining: u32) -> Quota {
    Quota { max: Some(max), remaining: Some(remaining), interval: Some(W), ..Quota::default() }
}

fn limit(pacing: &Pacing, now: EpochMs) -> u32 {
    pacing.pace(now, CONFIGURED).limit.get()
}

#[test]
fn a_smaller_limit_that_ghl_tells_is_taken_over_at_once_and_a_larger_one_never() {
    let mut pacing = Pacing::default();
    pacing.observe(T0, &told(25, 24), &(0..=1), CONFIGURED);
    assert_eq!(limit(&pacing, T0), 25);
    pacing.observe(T0, &told(500, 499), &(0..=1), CONFIGURED);
    assert_eq!(limit(&pacing, T0), 100);
}

#[test]
fn a_told_quota_of_another_window_counts_when_its_rate_is_lower() {
    let mut pacing = Pacing::default();
    let minute = Duration::from_secs(60);
    pacing.observe(T0, &Quota { interval: Some(minute), ..told(100, 99) }, &(0..=1), CONFIGURED);
    assert_eq!(pacing.pace(T0, CONFIGURED), Pace { window: minute, ..CONFIGURED });
}

#[test]
fn what_others_use_is_kept_free_at_once_and_given_back_slowly() {
    let mut pacing = Pacing::default();
    pacing.observe(T0, &told(100, 50), &(0..=20), CONFIGURED);
    assert_eq!(limit(&pacing, T0), 70);
    // An answer that shows fewer calls changes nothing yet.
    pacing.observe(T0, &told(100, 80), &(0..=20), CONFIGURED);
    assert_eq!(limit(&pacing, T0), 70);
    assert_eq!(limit(&pacing, T0 + W), 76);
    assert_eq!(limit(&pacing, T0 + 4 * W), 94);
    assert!(pacing.is_shared(T0 + 4 * W, CONFIGURED));
    assert_eq!(limit(&pacing, T0 + 5 * W), 100);
    assert!(!pacing.is_shared(T0 + 5 * W, CONFIGURED));
}

#[test]
fn our_own_calls_are_not_taken_for_those_of_others() {
    let mut pacing = Pacing::default();
    pacing.observe(T0, &told(100, 0), &(0..=100), CONFIGURED);
    assert_eq!(limit(&pacing, T0), 100);
}

#[test]
fn an_unexpected_429_ends_bursts_and_a_second_one_lowers_the_limit_which_recovers() {
    let mut pacing = Pacing::default();
    pacing.throttled(T0, T0, CONFIGURED);
    assert!(pacing.is_spaced());
    assert_eq!(limit(&pacing, T0), 100);
    let permits = pacing.space(vec![T0; 3], CONFIGURED, T0 + W);
    assert_eq!(permits, [T0, EpochMs(T0.0 + 104), EpochMs(T0.0 + 208)]);
    // The rest of the volley is the same signal.
    pacing.throttled(T0 + Duration::from_millis(300), T0 + Duration::from_millis(300), CONFIGURED);
    assert_eq!(limit(&pacing, T0), 100);
    let later = T0 + 2 * W;
    pacing.throttled(later, later, CONFIGURED);
    assert_eq!(limit(&pacing, later), 80);
    assert_eq!(limit(&pacing, later + W), 82);
    assert_eq!(limit(&pacing, later + 20 * W), 100);
}

#[test]
fn a_limit_that_was_lowered_does_not_recover_while_nobody_may_call() {
    let mut pacing = Pacing::default();
    let signals = [T0, T0 + 10 * W, T0 + 20 * W, T0 + 30 * W];
    let limits = signals.map(|at| {
        pacing.throttled(at, at + 10 * W, CONFIGURED);
        limit(&pacing, at + 10 * W)
    });
    assert_eq!(limits, [100, 80, 64, 51]);
    assert_eq!(limit(&pacing, T0 + 45 * W), 61, "five windows in which calls were made");
}

#[test]
fn a_429_while_others_call_ends_bursts_but_lowers_no_limit() {
    let mut pacing = Pacing::default();
    for at in [T0, T0 + 2 * W] {
        pacing.observe(at, &told(100, 0), &(0..=60), CONFIGURED);
        pacing.throttled(at, at, CONFIGURED);
        assert!(pacing.is_spaced());
        assert_eq!(limit(&pacing, at), 60);
    }
}

#[test]
fn spaced_calls_make_up_for_a_moment_that_passed_unused_and_for_no_more() {
    let mut pacing = Pacing::default();
    pacing.throttled(T0, T0, CONFIGURED);
    let later = T0 + W;
    let permits = pacing.space(vec![later; 5], CONFIGURED, later + W);
    let in_ms = [0, 0, 0, 9, 113].map(|ms| later + Duration::from_millis(ms));
    assert_eq!(permits, in_ms);
    pacing.leased(&permits, CONFIGURED);
    assert_eq!(pacing.next_at(later), later + Duration::from_millis(217));
}

#[test]
fn spaced_permits_that_come_back_unused_do_not_hold_up_the_next() {
    let mut pacing = Pacing::default();
    pacing.throttled(T0, T0, CONFIGURED);
    let later = T0 + W;
    let permits = pacing.space(vec![later; 40], CONFIGURED, later + W);
    pacing.leased(&permits, CONFIGURED);
    let next = pacing.next_at(later);
    pacing.given_back(30, CONFIGURED);
    assert_eq!(pacing.next_at(later), next - 30 * Duration::from_millis(104));
    let again = pacing.space(vec![later; 30], CONFIGURED, later + W);
    assert_eq!(again, permits[10..]);
}

#[test]
fn a_window_that_holds_less_than_our_own_calls_does_not_slide() {
    let mut pacing = Pacing::default();
    pacing.observe(T0, &told(100, 60), &(40..=45), CONFIGURED);
    assert!(pacing.slides(T0));
    pacing.observe(T0, &told(100, 99), &(40..=45), CONFIGURED);
    assert!(!pacing.slides(T0 + W));
    assert!(pacing.slides(T0 + REMEMBERED_FOR + W));
}

#[test]
fn after_a_day_without_429_bursts_are_tried_again() {
    let mut pacing = Pacing::default();
    pacing.throttled(T0, T0, CONFIGURED);
    pacing.relax(T0 + REMEMBERED_FOR);
    assert!(pacing.is_spaced());
    pacing.relax(T0 + REMEMBERED_FOR + W);
    assert!(!pacing.is_spaced());
}

fn pace_of(limit: u32) -> Pace {
    Pace { limit: NonZeroU32::new(limit).unwrap(), window: W }
}

/// The pace after one answer with these headers, with `ours` calls of ours in the window.
fn pace_after(configured: u32, max: u32, remaining: u32, ours: u32) -> u32 {
    let mut pacing = Pacing::default();
    pacing.observe(T0, &told(max, remaining), &(0..=ours), pace_of(configured));
    pacing.pace(T0, pace_of(configured)).limit.get()
}

#[test]
fn the_pace_is_the_smaller_of_our_limit_and_what_others_leave_of_ghls() {
    // Columns: our limit, GHL's limit, remaining, our calls in the window; the pace.
    let cases = [
        // Our limit is below GHL's: others may use the difference, and nothing of ours.
        ((90, 100, 10, 0), 10),
        ((90, 100, 0, 10), 10),
        ((90, 100, 95, 0), 90),
        ((90, 100, 85, 10), 90),
        ((90, 100, 50, 20), 70),
        ((10, 100, 10, 0), 10),
        ((10, 100, 50, 0), 10),
        ((10, 100, 95, 0), 10),
        ((10, 100, 5, 0), 5),
        ((10, 100, 0, 0), 1),
        ((5, 10_000, 1, 0), 1),
        // Our limit equals GHL's.
        ((100, 100, 100, 0), 100),
        ((100, 100, 60, 0), 60),
        ((100, 100, 0, 100), 100),
        ((100, 100, 0, 0), 1),
        // Our limit is above GHL's.
        ((100, 25, 25, 0), 25),
        ((100, 25, 20, 0), 20),
        ((100, 25, 0, 25), 25),
        ((100, 25, 0, 5), 5),
        ((100, 25, 0, 0), 1),
    ];
    for ((configured, max, remaining, ours), expected) in cases {
        assert_eq!(pace_after(configured, max, remaining, ours), expected, "{configured} {max} {remaining} {ours}");
    }
}

#[test]
fn what_others_leave_of_a_longer_window_is_brought_to_ours() {
    let minute = Duration::from_secs(60);
    let mut pacing = Pacing::default();
    let quota = Quota { interval: Some(minute), ..told(600, 300) };
    pacing.observe(T0, &quota, &(0..=0), CONFIGURED);
    assert_eq!(pacing.pace(T0, CONFIGURED), pace_of(50));
    let mut pacing = Pacing::default();
    pacing.observe(T0, &Quota { interval: Some(minute), ..told(6000, 300) }, &(0..=0), CONFIGURED);
    assert_eq!(pacing.pace(T0, CONFIGURED), pace_of(50));
}

#[test]
fn an_interval_that_nobody_can_mean_does_not_become_a_window() {
    for interval in [Duration::ZERO, Duration::from_secs(3601), Duration::MAX] {
        let mut pacing = Pacing::default();
        pacing.observe(T0, &Quota { interval: Some(interval), ..told(50, 50) }, &(0..=0), CONFIGURED);
        assert_eq!(pacing.pace(T0, CONFIGURED), pace_of(50), "{interval:?}");
    }
}

proptest! {
    #[test]
    fn others_take_from_ghls_limit_and_never_from_ours(
        configured in 1..300u32, max in 1..300u32, ours in 0..300u32, others in 0..300u32,
    ) {
        let used = (ours.min(configured) + others).min(max);
        let others = used.saturating_sub(ours);
        let expected = configured.min(max - others).max(1);
        prop_assert_eq!(pace_after(configured, max, max - used, ours), expected);
    }
}
