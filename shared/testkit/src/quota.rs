//! How a server counts the calls of one quota: exactly, by fixed windows, or by two counters.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::GhlSettings;
use ghl_sync_model::{EpochMs, Pace, Quota, RetryAfter};

/// GHL's day.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How the windows of a burst quota are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// Exactly: no window of any phase holds more than the limit.
    #[default]
    Sliding,
    /// Windows follow each other, each with the whole limit.
    Fixed,
    /// The last fixed window counts in proportion to its overlap with the sliding one.
    Approximate,
}

/// What is used of one quota.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// Calls that were allowed within the last two windows.
    counted: Vec<EpochMs>,
}

/// What is used of one daily quota.
#[derive(Debug, Default)]
pub(super) struct Day {
    began: Option<EpochMs>,
    calls: u64,
}

impl Usage {
    /// Counts a request. Returns whether the quota allows it, and what the headers say.
    pub(super) fn count(&mut self, day: &mut Day, settings: &GhlSettings, now: EpochMs) -> (bool, Quota) {
        let GhlSettings { pace, counting, daily_limit, .. } = settings;
        self.counted.retain(|at| *at + 2 * pace.window > now);
        if day.began.is_none_or(|began| began + DAY <= now) {
            *day = Day { began: Some(now), calls: 0 };
        }
        let day_is_left = daily_limit.is_none_or(|limit| day.calls < limit);
        let allowed = self.remaining(*pace, *counting, now) > 0 && day_is_left;
        if allowed {
            self.counted.push(now);
            day.calls += 1;
        }
        (allowed, self.headers(day, settings, now, allowed))
    }

    fn headers(&self, day: &Day, settings: &GhlSettings, now: EpochMs, allowed: bool) -> Quota {
        let GhlSettings { pace, counting, daily_limit, quota_headers, retry_after, .. } = settings;
        let mut quota = Quota::default();
        if *quota_headers {
            quota.max = Some(pace.limit.get());
            quota.remaining = Some(self.remaining(*pace, *counting, now));
            quota.interval = Some(pace.window);
        }
        if let Some(limit) = daily_limit {
            quota.daily_limit = Some(*limit);
            quota.daily_remaining = Some(limit.saturating_sub(day.calls));
            quota.daily_reset = day.began.map(|began| RetryAfter::Delay(now.until(began + DAY)));
        }
        if !allowed {
            quota.retry_after = retry_after.map(RetryAfter::Delay);
        }
        quota
    }

    /// Calls that are left in the window.
    fn remaining(&self, pace: Pace, counting: Counting, now: EpochMs) -> u32 {
        let window = u64::try_from(pace.window.as_millis()).unwrap_or(u64::MAX).max(1);
        let began = EpochMs(now.0 - now.0 % window);
        let from = |time: EpochMs| self.counted.iter().filter(|at| **at >= time).count() as u64;
        let used = match counting {
            Counting::Sliding => self.counted.iter().filter(|at| **at + pace.window > now).count() as u64,
            Counting::Fixed => from(began),
            Counting::Approximate => {
                let current = from(began);
                let previous = from(began - pace.window) - current;
                current + (previous * (window - now.0 % window)).div_ceil(window)
            }
        };
        pace.limit.get().saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::Setup;

    /// How many of a hundred calls at each of these times are allowed, by a limit of 10 in a second.
    fn allowed(counting: Counting, times: &[u64]) -> Vec<usize> {
        let pace = Pace { limit: NonZeroU32::new(10).unwrap(), window: Duration::from_secs(1) };
        let settings = GhlSettings { pace, counting, ..Setup::default().ghl };
        let (mut usage, mut day) = (Usage::default(), Day::default());
        times
            .iter()
            .map(|at| (0..100).filter(|_| usage.count(&mut day, &settings, EpochMs(100_000 + at)).0).count())
            .collect()
    }

    #[test]
    fn each_way_of_counting_allows_what_its_windows_hold() {
        let times = [900, 999, 1000, 1500, 1899, 1900, 2000];
        assert_eq!(allowed(Counting::Sliding, &times), [10, 0, 0, 0, 0, 10, 0]);
        assert_eq!(allowed(Counting::Fixed, &times), [10, 0, 10, 0, 0, 0, 10]);
        assert_eq!(allowed(Counting::Approximate, &times), [10, 0, 0, 5, 3, 1, 1]);
    }
}
