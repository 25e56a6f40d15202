//! What a server counts of one quota, and what its headers say.

use std::time::Duration;

use ghl_sync_fake_ghl::{Burst, Day};

use super::GhlSettings;
use ghl_sync_model::{EpochMs, Quota, RetryAfter};

/// Counts a request. Returns whether the quota allows it, and what the headers say.
pub(super) fn count(burst: &mut Burst, day: &mut Day, settings: &GhlSettings, now: EpochMs) -> (bool, Quota) {
    let GhlSettings { pace, daily_limit, quota_headers, retry_after, .. } = settings;
    let now = Duration::from_millis(now.0);
    burst.advance(now, pace.window);
    day.advance(now);
    let left = |burst: &Burst| burst.remaining(now, pace.window, pace.limit.get());
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

    /// How many of a hundred calls at each of these times are allowed, by a limit of 10 in a second.
    fn allowed(counting: WindowKind, times: &[u64]) -> Vec<usize> {
        let pace = Pace { limit: NonZeroU32::new(10).unwrap(), window: Duration::from_secs(1) };
        let settings = GhlSettings { pace, counting, ..Setup::default().ghl };
        let (mut burst, mut day) = (Burst::of(counting), Day::default());
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
