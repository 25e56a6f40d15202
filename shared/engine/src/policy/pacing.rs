//! What the answers teach about the pace: other users of the quota, limits that GHL told, and servers that count
//! otherwise than the ledger assumes.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{EpochMs, Pace, Quota};

/// Calls to an unexpectedly strict server are spaced this much wider than its limit says (in percent): with 102, one
/// that counts by two counters still refuses a call now and then, and each refusal costs more than the two percent.
const SPACING_PERCENT: u32 = 104;
/// A limit that was lowered recovers by this share of the configured one (a 50th) in each window.
const RECOVERY_PARTS: u32 = 50;
/// What others used is given back in equal parts over so many windows.
const OTHERS_WINDOWS: u32 = 5;
/// What passed unused of the last such part of a window is made up for.
const CATCH_UP: u32 = 33;
/// What was learned of a server's way of counting is tried again after this long without another sign of it.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 3600);

/// What was learned about one scope's quota.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pacing {
    /// The quota that GHL told, where it is smaller than the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Pace>,
    /// What others used of the quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    others: Option<Others>,
    /// Evenly spaced calls, after a 429 that the ledger did not expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spaced: Option<Spaced>,
    /// When a window was last seen to begin anew as a whole: it does not slide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reset_seen_at: Option<EpochMs>,
}

/// Calls in a window that were not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Others {
    calls: u32,
    at: EpochMs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Spaced {
    /// When the next call may go.
    next_at: EpochMs,
    /// The last 429, or lowering of the limit.
    at: EpochMs,
    /// When the pause that it asked for is over.
    #[serde(default)]
    resumes_at: EpochMs,
    /// The limit at that time.
    limit: NonZeroU32,
}

impl Pacing {
    /// The quota to keep to now: never more than `configured`.
    #[must_use]
    pub fn pace(&self, now: EpochMs, configured: Pace) -> Pace {
        let mut pace = self.quota(configured);
        let others = self.others(now, pace.window);
        pace.limit = at_least_one(pace.limit.get().saturating_sub(others));
        if let Some(spaced) = self.spaced {
            pace.limit = pace.limit.min(spaced.limit_at(now, configured));
        }
        pace
    }

    /// The quota that GHL told, where it is smaller than the configured one.
    #[must_use]
    pub fn told(&self) -> Option<Pace> {
        self.told
    }

    /// The quota, whoever uses it.
    fn quota(&self, configured: Pace) -> Pace {
        match self.told {
            Some(told) if told.window == configured.window => {
                Pace { limit: told.limit.min(configured.limit), ..configured }
            }
            Some(told) if told.rate() < configured.rate() => told,
            _ => configured,
        }
    }

    /// Whether others use the quota, too.
    #[must_use]
    pub fn is_shared(&self, now: EpochMs, configured: Pace) -> bool {
        self.others(now, self.quota(configured).window) > 0
    }

    /// Whether the server's windows slide, as far as was seen.
    #[must_use]
    pub fn slides(&self, now: EpochMs) -> bool {
        self.reset_seen_at.is_none_or(|at| now.since(at) > REMEMBERED_FOR)
    }

    /// Whether calls are evenly spaced.
    #[must_use]
    pub fn is_spaced(&self) -> bool {
        self.spaced.is_some()
    }

    /// Spreads `permits` (ascending times from which on each may be used) evenly, if that is the mode; drops those that
    /// would come after `horizon`.
    #[must_use]
    pub fn space(&self, permits: Vec<EpochMs>, pace: Pace, horizon: EpochMs) -> Vec<EpochMs> {
        let Some(spaced) = self.spaced else {
            return permits;
        };
        let mut next = spaced.next_at;
        let mut kept = Vec::with_capacity(permits.len());
        for permit in permits {
            next = next.max(permit - pace.window / CATCH_UP);
            let at = permit.max(next);
            if at > horizon {
                break;
            }
            kept.push(at);
            next = next + self.interval(pace);
        }
        kept
    }

    /// Takes note of the permits that [`Pacing::space`] gave.
    pub fn leased(&mut self, permits: &[EpochMs], pace: Pace) {
        let interval = self.interval(pace);
        if let Some(spaced) = &mut self.spaced {
            for permit in permits {
                spaced.next_at = spaced.next_at.max(*permit - pace.window / CATCH_UP) + interval;
            }
        }
    }

    /// Takes note that `count` of the permits that [`Pacing::space`] gave were not used.
    pub fn given_back(&mut self, count: u32, pace: Pace) {
        let interval = self.interval(pace);
        if let Some(spaced) = &mut self.spaced {
            spaced.next_at = spaced.next_at - interval * count;
        }
    }

    fn interval(&self, pace: Pace) -> Duration {
        // Beside others, what they leave unused decides, and not how the server counts.
        let percent = if self.others.is_some() { 100 } else { SPACING_PERCENT };
        pace.window * percent / 100 / pace.limit.get()
    }

    /// The first time that the spacing allows.
    #[must_use]
    pub fn next_at(&self, now: EpochMs) -> EpochMs {
        self.spaced.map_or(now, |spaced| spaced.next_at.max(now))
    }

    /// Takes over what an answer told. `ours` are the fewest and the most calls of ours that the server can have
    /// counted in the window before it.
    pub fn observe(&mut self, now: EpochMs, quota: &Quota, ours: &RangeInclusive<u32>, configured: Pace) {
        let Some(max) = quota.max.and_then(NonZeroU32::new) else {
            return;
        };
        let told = Pace { limit: max, window: quota.interval.filter(|w| !w.is_zero()).unwrap_or(configured.window) };
        self.told = Some(told).filter(|told| told.rate() < configured.rate());
        if let Some(remaining) = quota.remaining {
            let used = max.get().saturating_sub(remaining);
            if used < *ours.start() {
                self.reset_seen_at = Some(now);
            }
            let others = used.saturating_sub(*ours.end());
            // Up at once, down slowly: an answer that shows fewer may be older, or the window may have just begun.
            if others > 0 && others >= self.others(now, told.window) {
                self.others = Some(Others { calls: others, at: now });
            }
        }
        if self.others.is_some_and(|known| self.others(now, told.window) == 0 && known.at < now) {
            self.others = None;
        }
    }

    /// GHL answered 429 although the ledger allowed the call. Nobody calls before `resumes_at`.
    pub fn throttled(&mut self, now: EpochMs, resumes_at: EpochMs, configured: Pace) {
        let quota = self.quota(configured);
        let pace = self.pace(now, configured);
        let others = self.others(now, quota.window);
        match &mut self.spaced {
            // This server does not count as the ledger assumes: no more bursts.
            None => self.spaced = Some(Spaced { next_at: now, at: now, resumes_at, limit: quota.limit }),
            // One volley of 429s is one lesson.
            Some(spaced) if now.since(spaced.at) < pace.window => {
                spaced.resumes_at = spaced.resumes_at.max(resumes_at);
            }
            // Others took what we thought was ours; that is kept free for them from now on.
            Some(spaced) if others > 0 => (spaced.at, spaced.resumes_at) = (now, resumes_at),
            Some(spaced) => {
                spaced.limit = at_least_one(pace.limit.get() * 4 / 5);
                (spaced.at, spaced.resumes_at) = (now, resumes_at);
            }
        }
    }

    /// Forgets the spacing when there was no 429 for a day.
    pub fn relax(&mut self, now: EpochMs) {
        if self.spaced.is_some_and(|spaced| now.since(spaced.at) > REMEMBERED_FOR) {
            self.spaced = None;
        }
    }

    /// What to keep free for others: what they used, a little less with each window since, nothing in the end.
    fn others(&self, now: EpochMs, window: Duration) -> u32 {
        let Some(others) = self.others else {
            return 0;
        };
        let span = (window * OTHERS_WINDOWS).as_millis().max(1);
        let left = span.saturating_sub(now.since(others.at).as_millis());
        u32::try_from((u128::from(others.calls) * left).div_ceil(span)).unwrap_or(u32::MAX)
    }
}

impl Spaced {
    /// It recovers while calls are made: that nobody was refused in a pause teaches nothing.
    fn limit_at(&self, now: EpochMs, configured: Pace) -> NonZeroU32 {
        let called_since = self.at.max(self.resumes_at);
        let windows = now.since(called_since).as_millis() / configured.window.as_millis().max(1);
        let step = (configured.limit.get() / RECOVERY_PARTS).max(1);
        let recovered = u32::try_from(windows).unwrap_or(u32::MAX).saturating_mul(step);
        at_least_one(self.limit.get().saturating_add(recovered).min(configured.limit.get()))
    }
}

fn at_least_one(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
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
        // An answer that shows fewer changes nothing yet.
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
        // The rest of the volley is the same lesson.
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
        let lessons = [T0, T0 + 10 * W, T0 + 20 * W, T0 + 30 * W];
        let limits = lessons.map(|at| {
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
}
