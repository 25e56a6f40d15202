//! What answers teach about the pace: other users of the quota, limits that GHL reports, and servers that count
//! differently than the ledger assumes.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use ghl_sync_model::{EpochMs, Pace, Quota};

/// How much wider than its limit says calls to an unexpectedly strict server are spaced, in percent: with 102, a server
/// with two counters still rejects a call now and then, and each rejection costs more than two percent.
const SPACING_PERCENT: u32 = 104;
/// A lowered limit recovers by this part of the configured one (a 50th) in each window.
const RECOVERY_PARTS: u32 = 50;
/// Quota that others used is given back in equal parts over this many windows.
const OTHERS_WINDOWS: u32 = 5;
/// Time that passed unused is made up for, up to this part of a window.
const CATCH_UP: u32 = 33;
/// What was learned about a server's counting is tested again this long after the last sign of it.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 3600);
/// The longest window that we believe; also the bound of `window_ms` in the settings.
const WINDOW_MAX: Duration = Duration::from_secs(3600);

/// What was learned about one scope's quota.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pacing {
    /// The last quota that GHL reported, smaller or larger than the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Pace>,
    /// Other clients' recent use of the quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    others: Option<OthersUse>,
    /// Even spacing of calls, after a 429 that the ledger did not expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spaced: Option<Spaced>,
    /// When a window was last seen to reset as a whole, rather than slide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reset_seen_at: Option<EpochMs>,
}

/// Calls in a window that were not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct OthersUse {
    calls: u32,
    at: EpochMs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Spaced {
    /// When the next call may go.
    next_at: EpochMs,
    /// Time of the last 429, or of the last lowering of the limit.
    at: EpochMs,
    /// End of the pause that it asked for.
    #[serde(default)]
    resumes_at: EpochMs,
    /// The limit at that time.
    limit: NonZeroU32,
}

impl Pacing {
    /// The quota in force: never more than `configured`, and never more than others leave of GHL's limit.
    #[must_use]
    pub fn pace(&self, now: EpochMs, configured: Pace) -> Pace {
        let mut pace = self.quota(configured);
        if let Some(free) = self.left_by_others(now, configured) {
            pace = slower(pace, free);
        }
        if let Some(spaced) = self.spaced {
            pace.limit = pace.limit.min(spaced.limit_at(now, configured));
        }
        pace
    }

    /// The last quota that GHL reported, smaller or larger than the configured one.
    #[must_use]
    pub fn told(&self) -> Option<Pace> {
        self.told
    }

    /// What others leave of GHL's limit; `None` if nobody else calls. It is derived from GHL's limit rather than ours:
    /// if ours is smaller, others may use the difference.
    fn left_by_others(&self, now: EpochMs, configured: Pace) -> Option<Pace> {
        let allowed = self.told.unwrap_or(configured);
        let others = self.others(now, allowed.window);
        (others > 0).then(|| Pace { limit: Pace::at_least_one(allowed.limit.get().saturating_sub(others)), ..allowed })
    }

    /// The smaller of the configured quota and the one that GHL reported, regardless of other clients.
    #[must_use]
    pub fn quota(&self, configured: Pace) -> Pace {
        match self.told {
            Some(told) if told.window == configured.window => {
                Pace { limit: told.limit.min(configured.limit), ..configured }
            }
            Some(told) if told.rate() < configured.rate() => told,
            _ => configured,
        }
    }

    /// Whether other clients use the quota.
    #[must_use]
    pub fn is_shared(&self, now: EpochMs, configured: Pace) -> bool {
        self.left_by_others(now, configured).is_some()
    }

    /// Whether the server's windows slide, as far as we have seen.
    #[must_use]
    pub fn slides(&self, now: EpochMs) -> bool {
        self.reset_seen_at.is_none_or(|at| now.since(at) > REMEMBERED_FOR)
    }

    /// Whether calls are evenly spaced.
    #[must_use]
    pub fn is_spaced(&self) -> bool {
        self.spaced.is_some()
    }

    /// Spreads `permits` (ascending earliest times) evenly if calls are spaced, and drops those that would come after
    /// `horizon`.
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

    /// Notes the lease of permits that [`Pacing::space`] returned.
    pub fn leased(&mut self, permits: &[EpochMs], pace: Pace) {
        let interval = self.interval(pace);
        if let Some(spaced) = &mut self.spaced {
            for permit in permits {
                spaced.next_at = spaced.next_at.max(*permit - pace.window / CATCH_UP) + interval;
            }
        }
    }

    /// Notes that `count` of the permits that [`Pacing::space`] returned were not used.
    pub fn given_back(&mut self, count: u32, pace: Pace) {
        let interval = self.interval(pace);
        if let Some(spaced) = &mut self.spaced {
            spaced.next_at = spaced.next_at - interval * count;
        }
    }

    fn interval(&self, pace: Pace) -> Duration {
        // If the quota is shared, the others' unused calls decide, not the server's way of counting.
        let percent = if self.others.is_some() { 100 } else { SPACING_PERCENT };
        pace.window * percent / 100 / pace.limit.get()
    }

    /// The earliest time that the spacing allows.
    #[must_use]
    pub fn next_at(&self, now: EpochMs) -> EpochMs {
        self.spaced.map_or(now, |spaced| spaced.next_at.max(now))
    }

    /// Applies the quota in an answer. `ours` are the fewest and the most of our calls that the server can have counted
    /// in the window before it.
    pub fn observe(&mut self, now: EpochMs, quota: &Quota, ours: &RangeInclusive<u32>, configured: Pace) {
        let Some(max) = quota.max.and_then(NonZeroU32::new) else {
            return;
        };
        let window = quota.interval.filter(|window| !window.is_zero() && *window <= WINDOW_MAX);
        let told = Pace { limit: max, window: window.unwrap_or(configured.window) };
        self.told = Some(told);
        if let Some(remaining) = quota.remaining {
            let used = max.get().saturating_sub(remaining);
            if used < *ours.start() {
                self.reset_seen_at = Some(now);
            }
            let others = used.saturating_sub(*ours.end());
            // Rise at once, fall slowly: an answer that shows fewer may be older, or the window may have just begun.
            if others > 0 && others >= self.others(now, told.window) {
                self.others = Some(OthersUse { calls: others, at: now });
            }
        }
        if self.others.is_some_and(|known| self.others(now, told.window) == 0 && known.at < now) {
            self.others = None;
        }
    }

    /// Notes a 429 for a call that the ledger allowed. Nobody calls before `resumes_at`.
    pub fn throttled(&mut self, now: EpochMs, resumes_at: EpochMs, configured: Pace) {
        let quota = self.quota(configured);
        let pace = self.pace(now, configured);
        let is_shared = self.is_shared(now, configured);
        match &mut self.spaced {
            // This server does not count as the ledger assumes: no more bursts.
            None => self.spaced = Some(Spaced { next_at: now, at: now, resumes_at, limit: quota.limit }),
            // A volley of 429s is one signal.
            Some(spaced) if now.since(spaced.at) < pace.window => {
                spaced.resumes_at = spaced.resumes_at.max(resumes_at);
            }
            // Others took quota that we counted as ours; it is kept free for them from now on.
            Some(spaced) if is_shared => (spaced.at, spaced.resumes_at) = (now, resumes_at),
            Some(spaced) => {
                spaced.limit = Pace::at_least_one(pace.limit.get() * 4 / 5);
                (spaced.at, spaced.resumes_at) = (now, resumes_at);
            }
        }
    }

    /// Cuts times that are further ahead than a correct clock can have written: `ahead` is how far ahead calls are
    /// spaced, `longest_pause` the longest possible pause.
    pub fn correct_times(&mut self, now: EpochMs, ahead: Duration, longest_pause: Duration) {
        if let Some(others) = &mut self.others {
            others.at = others.at.min(now);
        }
        if let Some(spaced) = &mut self.spaced {
            spaced.at = spaced.at.min(now);
            spaced.next_at = spaced.next_at.min(now + ahead);
            spaced.resumes_at = spaced.resumes_at.min(now + longest_pause);
        }
        self.reset_seen_at = self.reset_seen_at.map(|at| at.min(now));
    }

    /// Drops the spacing after a day without a 429.
    pub fn relax(&mut self, now: EpochMs) {
        if self.spaced.is_some_and(|spaced| now.since(spaced.at) > REMEMBERED_FOR) {
            self.spaced = None;
        }
    }

    /// The quota to keep free for others: what they used, less with each window since, and finally nothing.
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
    /// The limit recovers only while calls are made: no rejections during a pause prove nothing.
    fn limit_at(&self, now: EpochMs, configured: Pace) -> NonZeroU32 {
        let called_since = self.at.max(self.resumes_at);
        let windows = now.since(called_since).as_millis() / configured.window.as_millis().max(1);
        let step = (configured.limit.get() / RECOVERY_PARTS).max(1);
        let recovered = u32::try_from(windows).unwrap_or(u32::MAX).saturating_mul(step);
        Pace::at_least_one(self.limit.get().saturating_add(recovered).min(configured.limit.get()))
    }
}

/// The slower of two quotas, so that both are kept. A quota with a longer window is converted to the window of `pace`.
fn slower(pace: Pace, other: Pace) -> Pace {
    if other.window < pace.window {
        return if other.rate() < pace.rate() { other } else { pace };
    }
    let limit = u128::from(other.limit.get()) * pace.window.as_millis() / other.window.as_millis().max(1);
    Pace { limit: Pace::at_least_one(u32::try_from(limit).unwrap_or(u32::MAX)).min(pace.limit), ..pace }
}

#[cfg(test)]
mod tests;
