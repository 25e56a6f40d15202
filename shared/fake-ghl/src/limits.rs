//! The arithmetic of GHL's limits for one location. Pure: the time is an argument, and must never go back.

use std::collections::VecDeque;
use std::time::Duration;

use super::options::WindowKind;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Limits of one location.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) limit: u32,
    pub(crate) window: Duration,
    pub(crate) kind: WindowKind,
    /// Requests that other clients make in each window.
    pub(crate) others: u32,
    pub(crate) daily_limit: u64,
}

/// The decision on an arriving request, and the counters after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaVerdict {
    /// Set if the request was refused: how long until one could pass.
    pub(crate) refused_for: Option<Duration>,
    /// Requests left in the window.
    pub(crate) remaining: u32,
    /// Requests left on this day.
    pub(crate) daily_remaining: u64,
    /// Time until the day ends.
    pub(crate) daily_reset: Duration,
}

/// Counts the requests of one location.
#[derive(Debug)]
pub(crate) struct LocationQuota {
    limits: Limits,
    arrivals: ArrivalLog,
    burst: BurstWindow,
    day: DayWindow,
    others: OtherClient,
}

impl LocationQuota {
    pub(crate) fn new(limits: Limits) -> Self {
        let burst = BurstWindow::of(limits.kind);
        LocationQuota {
            limits,
            arrivals: ArrivalLog::default(),
            burst,
            day: DayWindow::default(),
            others: OtherClient::default(),
        }
    }

    /// Counts a request that arrives at `now`. A refused one does not use up quota.
    pub(crate) fn arrive(&mut self, now: Duration) -> QuotaVerdict {
        let Limits { limit, window, daily_limit, .. } = self.limits;
        self.let_others_in(now);
        self.arrivals.forget(now, window);
        self.arrivals.add(now);
        let refused_for = self.admit(now);
        QuotaVerdict {
            refused_for,
            remaining: self.burst.remaining(now, window, limit),
            daily_remaining: daily_limit.saturating_sub(self.day.used),
            daily_reset: self.day.reset(now),
        }
    }

    /// Counts the requests of other clients up to `now`. These begin one window before the first request.
    fn let_others_in(&mut self, now: Duration) {
        let Limits { window, others, .. } = self.limits;
        let Some(gap) = window.checked_div(others).filter(|gap| !gap.is_zero()) else { return };
        self.others.since.get_or_insert(now.saturating_sub(window));
        while let Some(at) = self.others.next(gap).filter(|at| *at <= now) {
            let refused = self.admit(at).is_some();
            self.others.sent += 1;
            self.others.refused += u64::from(refused);
        }
    }

    /// Takes one request at `now` from the quota, or returns how long until one could pass.
    fn admit(&mut self, now: Duration) -> Option<Duration> {
        let Limits { limit, window, daily_limit, .. } = self.limits;
        self.burst.advance(now, window);
        self.day.advance(now);
        if self.day.used >= daily_limit {
            Some(self.day.reset(now))
        } else if self.burst.remaining(now, window, limit) == 0 {
            Some(self.burst.next_slot(now, window))
        } else {
            self.burst.take(now);
            self.day.used += 1;
            None
        }
    }

    /// The most requests, refused ones included, that arrived in any half-open window. Every fullest window can be
    /// moved until it ends with one of its requests, so checking at each arrival covers all windows.
    pub(crate) fn busiest(&self) -> usize {
        self.arrivals.busiest
    }

    /// The counts of other clients.
    pub(crate) fn others(&self) -> &OtherClient {
        &self.others
    }
}

/// Another client, which sends one request per gap (window / number of requests), and does not repeat refused ones.
#[derive(Debug, Default)]
pub(crate) struct OtherClient {
    since: Option<Duration>,
    /// Number of requests.
    pub(crate) sent: u32,
    /// Number of refused requests.
    pub(crate) refused: u64,
}

impl OtherClient {
    /// Time of the next request. The times look random within their gaps, but are the same in each run.
    fn next(&self, gap: Duration) -> Option<Duration> {
        const GOLDEN_RATIO: f64 = 0.618_033_988_75;
        let within = gap.mul_f64((f64::from(self.sent) * GOLDEN_RATIO).fract());
        self.since.map(|since| since + gap.saturating_mul(self.sent) + within)
    }
}

/// Arrival times within the window that ends now, and the highest number there ever was.
#[derive(Debug, Default)]
struct ArrivalLog {
    times: VecDeque<Duration>,
    busiest: usize,
}

impl ArrivalLog {
    /// Forgets times outside `(now - window, now]`.
    fn forget(&mut self, now: Duration, window: Duration) {
        while self.times.front().is_some_and(|time| *time + window <= now) {
            self.times.pop_front();
        }
    }

    fn add(&mut self, now: Duration) {
        self.times.push_back(now);
        self.busiest = self.busiest.max(self.times.len());
    }
}

/// The request window, for each kind of counting.
#[derive(Debug)]
pub struct BurstWindow(WindowState);

#[derive(Debug)]
enum WindowState {
    Strict(ArrivalLog),
    Fixed(FixedWindowCounts),
    Approximate(FixedWindowCounts),
}

impl BurstWindow {
    /// An empty window.
    #[must_use]
    pub fn of(kind: WindowKind) -> BurstWindow {
        BurstWindow(match kind {
            WindowKind::Strict => WindowState::Strict(ArrivalLog::default()),
            WindowKind::Fixed => WindowState::Fixed(FixedWindowCounts::default()),
            WindowKind::Approximate => WindowState::Approximate(FixedWindowCounts::default()),
        })
    }

    /// Advances to `now`. Call this before any other method.
    pub fn advance(&mut self, now: Duration, window: Duration) {
        match &mut self.0 {
            WindowState::Strict(trail) => trail.forget(now, window),
            WindowState::Fixed(counters) | WindowState::Approximate(counters) => counters.advance(now, window),
        }
    }

    /// Counts a request.
    pub fn take(&mut self, now: Duration) {
        match &mut self.0 {
            WindowState::Strict(trail) => trail.add(now),
            WindowState::Fixed(counters) | WindowState::Approximate(counters) => counters.current += 1,
        }
    }

    /// Number of requests left of `limit`.
    #[must_use]
    pub fn remaining(&self, now: Duration, window: Duration, limit: u32) -> u32 {
        match &self.0 {
            WindowState::Strict(trail) => limit.saturating_sub(u32::try_from(trail.times.len()).unwrap_or(u32::MAX)),
            WindowState::Fixed(counters) => limit.saturating_sub(counters.current),
            WindowState::Approximate(counters) => counters.remaining(now, window, limit),
        }
    }

    fn next_slot(&self, now: Duration, window: Duration) -> Duration {
        match &self.0 {
            WindowState::Strict(trail) => {
                trail.times.front().map_or(window, |oldest| (*oldest + window).saturating_sub(now))
            }
            WindowState::Fixed(_) => Duration::from_nanos_u128(overlap(now, window)),
            WindowState::Approximate(_) => window,
        }
    }
}

/// The counts of two fixed windows, aligned to multiples of their length.
#[derive(Debug, Default)]
struct FixedWindowCounts {
    window: u128,
    previous: u32,
    current: u32,
}

impl FixedWindowCounts {
    fn advance(&mut self, now: Duration, window: Duration) {
        let index = now.as_nanos() / window.as_nanos().max(1);
        if index != self.window {
            self.previous = if index == self.window + 1 { self.current } else { 0 };
            self.current = 0;
            self.window = index;
        }
    }

    /// The rest of `limit` after `current`, and after `previous` in proportion to its overlap with the sliding
    /// window.
    fn remaining(&self, now: Duration, window: Duration, limit: u32) -> u32 {
        let weighted = (u128::from(self.previous) * overlap(now, window)).div_ceil(window.as_nanos().max(1));
        let counted = weighted + u128::from(self.current);
        u32::try_from(u128::from(limit).saturating_sub(counted)).unwrap_or(u32::MAX)
    }
}

/// Overlap, in nanoseconds, of the sliding window that ends at `now` with the previous fixed window. Equals the time
/// left in the current fixed window.
fn overlap(now: Duration, window: Duration) -> u128 {
    let length = window.as_nanos().max(1);
    length - now.as_nanos() % length
}

/// The 24 hours that start with the first request.
#[derive(Debug, Default)]
pub struct DayWindow {
    since: Option<Duration>,
    /// Number of counted requests.
    pub used: u64,
}

impl DayWindow {
    /// Advances to `now`. Call this before any other method.
    pub fn advance(&mut self, now: Duration) {
        if self.since.is_none_or(|since| since + DAY <= now) {
            *self = DayWindow { since: Some(now), used: 0 };
        }
    }

    /// Time until the day ends.
    #[must_use]
    pub fn reset(&self, now: Duration) -> Duration {
        self.since.map_or(DAY, |since| (since + DAY).saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_millis(100);

    fn allowance(limit: u32, kind: WindowKind) -> LocationQuota {
        LocationQuota::new(Limits { limit, window: WINDOW, kind, others: 0, daily_limit: u64::MAX })
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// The most `times` in any half-open window, counted the slow way.
    fn most_in_any_window(times: &[Duration]) -> usize {
        times.iter().map(|end| times.iter().filter(|t| **t <= *end && **t + WINDOW > *end).count()).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn busiest_equals_the_brute_force_count_of_every_window(gaps in prop::collection::vec(0_u64..40, 1..200)) {
            let mut allowance = allowance(5, WindowKind::Strict);
            let times = times_of(&gaps);
            for time in &times {
                allowance.arrive(*time);
            }
            prop_assert_eq!(allowance.busiest(), most_in_any_window(&times));
        }

        #[test]
        fn strict_admits_exactly_what_leaves_no_window_overfull(gaps in prop::collection::vec(0_u64..40, 1..200)) {
            let mut allowance = allowance(5, WindowKind::Strict);
            let mut admitted = Vec::new();
            for time in times_of(&gaps) {
                let refused = allowance.arrive(time).refused_for.is_some();
                admitted.push(time);
                prop_assert_eq!(refused, most_in_any_window(&admitted) > 5);
                if refused {
                    admitted.pop();
                }
            }
        }

        #[test]
        fn strict_overfills_no_fixed_window(gaps in prop::collection::vec(0_u64..40, 1..200), offset in 0_u64..100) {
            let mut allowance = allowance(5, WindowKind::Strict);
            let mut counts = std::collections::HashMap::new();
            for time in times_of(&gaps) {
                if allowance.arrive(time).refused_for.is_none() {
                    *counts.entry((time + ms(offset)).as_nanos() / WINDOW.as_nanos()).or_insert(0) += 1;
                }
            }
            prop_assert!(counts.values().all(|count| *count <= 5));
        }

        #[test]
        fn fixed_admits_exactly_the_first_of_each_aligned_window(gaps in prop::collection::vec(0_u64..40, 1..200)) {
            let mut allowance = allowance(5, WindowKind::Fixed);
            let mut counts = std::collections::HashMap::new();
            for time in times_of(&gaps) {
                let count = counts.entry(time.as_nanos() / WINDOW.as_nanos()).or_insert(0);
                *count += 1;
                prop_assert_eq!(allowance.arrive(time).refused_for.is_some(), *count > 5);
            }
        }

        #[test]
        fn who_leaves_others_their_part_is_not_refused_and_neither_are_they(
            kind in prop::sample::select(vec![WindowKind::Strict, WindowKind::Fixed]),
            phase in 0_u64..100,
        ) {
            let limits = Limits { limit: 30, window: WINDOW, kind, others: 5, daily_limit: u64::MAX };
            let mut allowance = LocationQuota::new(limits);
            // 20 in each window: the other client's may be one more than five, where a window's edge meets the gaps
            // so.
            for time in (0..5_000).map(|n| ms(1_000 + phase + n)).step_by(5) {
                prop_assert_eq!(allowance.arrive(time).refused_for, None);
            }
            prop_assert_eq!(allowance.others.refused, 0);
            prop_assert!((254..=255).contains(&allowance.others.sent));
            prop_assert_eq!(allowance.busiest(), 20);
        }

        #[test]
        fn a_caller_who_waits_as_told_is_admitted(
            gaps in prop::collection::vec(0_u64..20, 1..50),
            kind in prop::sample::select(vec![WindowKind::Strict, WindowKind::Fixed]),
        ) {
            let mut allowance = allowance(3, kind);
            let mut now = Duration::from_secs(1);
            for gap in gaps {
                now += ms(gap);
                if let Some(wait) = allowance.arrive(now).refused_for {
                    now += wait;
                    prop_assert_eq!(allowance.arrive(now).refused_for, None);
                }
            }
        }
    }

    fn times_of(gaps: &[u64]) -> Vec<Duration> {
        gaps.iter()
            .scan(Duration::from_secs(1), |now, gap| {
                *now += ms(*gap);
                Some(*now)
            })
            .collect()
    }

    #[test]
    fn a_window_is_half_open() {
        let mut allowance = allowance(1, WindowKind::Strict);
        assert_eq!(allowance.arrive(ms(1_000)).refused_for, None);
        assert_eq!(allowance.arrive(ms(1_099)).refused_for, Some(ms(1)));
        assert_eq!(allowance.arrive(ms(1_100)).refused_for, None);
        assert_eq!(allowance.busiest(), 2);
    }

    #[test]
    fn a_fixed_window_begins_anew_at_its_edge() {
        let mut allowance = allowance(2, WindowKind::Fixed);
        assert_eq!(allowance.arrive(ms(1_098)).refused_for, None);
        assert_eq!(allowance.arrive(ms(1_098)).remaining, 0);
        assert_eq!(allowance.arrive(ms(1_099)).refused_for, Some(ms(1)));
        assert_eq!(allowance.arrive(ms(1_100)).remaining, 1);
        assert_eq!(allowance.busiest(), 4);
    }

    #[test]
    fn others_were_there_before_the_first_request() {
        let limits = Limits { limit: 4, window: WINDOW, kind: WindowKind::Strict, others: 2, daily_limit: u64::MAX };
        let mut allowance = LocationQuota::new(limits);
        // The other client's request of 900 has just left the window; that of 981 is in it.
        assert_eq!((allowance.arrive(ms(1_000)).remaining, allowance.others.sent), (2, 2));
    }

    #[test]
    fn what_others_are_refused_is_counted_and_not_sent_again() {
        let limits = Limits { limit: 4, window: WINDOW, kind: WindowKind::Fixed, others: 2, daily_limit: u64::MAX };
        let mut allowance = LocationQuota::new(limits);
        for _ in 0..4 {
            allowance.arrive(ms(1_100));
        }
        // Both requests of the other client find nothing left in this window.
        let at_the_end = allowance.arrive(ms(1_199));
        assert_eq!((at_the_end.remaining, allowance.others.refused), (0, 2));
        // The next window counts only its own requests.
        assert_eq!(allowance.arrive(ms(1_200)).remaining, 3);
    }

    #[test]
    fn approximate_weighs_the_last_window_by_its_overlap() {
        let mut allowance = allowance(10, WindowKind::Approximate);
        for _ in 0..10 {
            assert_eq!(allowance.arrive(ms(1_000)).refused_for, None);
        }
        // An exact window would be empty by now; this kind still counts all ten.
        assert!(allowance.arrive(ms(1_100)).refused_for.is_some());
        // Half of the last window overlaps: five of ten are left, and this request takes one.
        assert_eq!(allowance.arrive(ms(1_150)).remaining, 4);
    }

    #[test]
    fn a_day_lasts_24_hours_from_first_use() {
        let limits = Limits { limit: 10, window: WINDOW, kind: WindowKind::Strict, others: 0, daily_limit: 2 };
        let mut allowance = LocationQuota::new(limits);
        let start = ms(5_000);
        assert_eq!(allowance.arrive(start).daily_remaining, 1);
        assert_eq!(allowance.arrive(start).daily_remaining, 0);
        let refused = allowance.arrive(start + ms(1_000));
        assert_eq!(refused.refused_for, Some(DAY - ms(1_000)));
        assert_eq!(refused.daily_reset, DAY - ms(1_000));
        assert_eq!(allowance.arrive(start + DAY).refused_for, None);
    }
}
