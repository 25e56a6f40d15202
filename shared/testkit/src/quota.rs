//! A server's counting of one quota, and its headers.

use std::time::Duration;

use ghl_sync_fake_ghl::{BurstWindow, DayWindow};

use super::GhlSettings;
use ghl_sync_model::{EpochMs, Quota, RetryAfter};

/// Counts a request. Returns whether the quota allows it, and the quota headers.
pub(super) fn count(
    burst: &mut BurstWindow,
    day: &mut DayWindow,
    settings: &GhlSettings,
    now: EpochMs,
) -> (bool, Quota) {
    let GhlSettings { pace, daily_limit, quota_headers, retry_after, .. } = settings;
    let now = Duration::from_millis(now.0);
    burst.advance(now, pace.window);
    day.advance(now);
    let left = |burst: &BurstWindow| burst.remaining(now, pace.window, pace.limit.get());
    let allowed = left(burst) > 0 && daily_limit.is_none_or(|limit| day.used < limit);
    if allowed {
        burst.take(now);
        day.used += 1;
    }
    let mut quota = Quota::default();
    if *quota_headers {
        quota.max = Some(pace.limit.get());
        quota.remaining = Some(left(burst));
        quota.interval = Some(pace.window);
    }
    if let Some(limit) = daily_limit {
        quota.daily_limit = Some(*limit);
        quota.daily_remaining = Some(limit.saturating_sub(day.used));
        quota.daily_reset = Some(RetryAfter::Delay(day.reset(now)));
    }
    if !allowed {
        quota.retry_after = retry_after.map(RetryAfter::Delay);
    }
    (allowed, quota)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use ghl_sync_fake_ghl::WindowKind;
    use ghl_sync_model::Pace;

    use super::*;
    use crate::Setup;

    /// Number of calls allowed out of a hundred at each of these times, with a limit of 10 per second.
    fn allowed(counting: WindowKind, times: &[u64]) -> Vec<usize> {
        let pace = Pace { limit: NonZeroU32::new(10).unwrap(), window: Duration::from_secs(1) };
        let settings = GhlSettings { pace, counting, ..Setup::default().ghl };
        let (mut burst, mut day) = (BurstWindow::of(counting), DayWindow::default());
        times
            .iter()
            .map(|at| (0..100).filter(|_| count(&mut burst, &mut day, &settings, EpochMs(100_000 + at)).0).count())
            .collect()
    }

    #[test]
    fn each_way_of_counting_allows_what_its_windows_hold() {
        let times = [900, 999, 1000, 1500, 1899, 1900, 2000];
        assert_eq!(allowed(WindowKind::Strict, &times), [10, 0, 0, 0, 0, 10, 0]);
        assert_eq!(allowed(WindowKind::Fixed, &times), [10, 0, 10, 0, 0, 0, 10]);
        assert_eq!(allowed(WindowKind::Approximate, &times), [10, 0, 0, 5, 3, 1, 1]);
    }
}
