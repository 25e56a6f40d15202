//! The daily quota.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use ghl_sync_model::{EpochMs, Quota, RetryAfter};

/// GHL's day, counted from the first call (a reset at midnight does not match the observed header).
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Two answers refer to the same day if their reset times differ by less than this.
const SAME_DAY: Duration = Duration::from_secs(3600);

/// Use of the daily quota.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Daily {
    /// Calls counted since the last reset.
    used: u64,
    /// When GHL's count starts over; unknown before the first call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resets_at: Option<EpochMs>,
    /// GHL's own limit, if it reported one: smaller or larger than the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_limit: Option<u64>,
    /// The part of a shared day that was allotted to this scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<Allotment>,
}

/// Calls that a scope may make of a day that it shares with others. They are taken from the shared count in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allotment {
    /// Calls left in the allotment.
    pub calls: u64,
    /// Calls that the day had left beyond it when it was taken.
    pub rest: u64,
    /// When the shared day starts over and the allotment expires.
    pub resets_at: EpochMs,
}

impl Daily {
    /// Calls left of a configured `limit` per day.
    #[must_use]
    pub fn left(&self, now: EpochMs, limit: u64) -> u64 {
        self.limit(limit).saturating_sub(self.used(now))
    }

    /// The limit in force: GHL's own, if it is smaller than the `configured` one.
    #[must_use]
    pub fn limit(&self, configured: u64) -> u64 {
        self.told_limit.map_or(configured, |told| told.min(configured))
    }

    /// GHL's own limit, if it reported one.
    #[must_use]
    pub fn told_limit(&self) -> Option<u64> {
        self.told_limit
    }

    /// Calls counted since the last reset.
    #[must_use]
    pub fn used(&self, now: EpochMs) -> u64 {
        if self.is_over(now) { 0 } else { self.used }
    }

    /// When the day starts over; a day from `now` if unknown.
    #[must_use]
    pub fn resets_at(&self, now: EpochMs) -> EpochMs {
        self.resets_at.filter(|reset| *reset > now).unwrap_or(now + DAY)
    }

    /// The remaining allotment of a shared day; `None` before the day's first.
    #[must_use]
    pub fn share(&self, now: EpochMs) -> Option<Allotment> {
        self.share.filter(|share| share.resets_at > now)
    }

    /// Adds `allotment` to what is left of the last one.
    pub fn add_share(&mut self, now: EpochMs, allotment: Allotment) {
        let left = self.share(now).map_or(0, |share| share.calls);
        self.share = Some(Allotment { calls: left.saturating_add(allotment.calls), ..allotment });
    }

    /// Notes that one call of the allotment was made.
    pub fn spend_share(&mut self) {
        if let Some(share) = &mut self.share {
            share.calls = share.calls.saturating_sub(1);
        }
    }

    /// GHL's report of the current day, as its headers would state it now.
    #[must_use]
    pub fn as_told(&self, now: EpochMs) -> Option<Quota> {
        let (limit, resets_at) = (self.told_limit?, self.resets_at.filter(|reset| *reset > now)?);
        Some(Quota {
            daily_limit: Some(limit),
            daily_remaining: Some(limit.saturating_sub(self.used)),
            daily_reset: Some(RetryAfter::At(resets_at)),
            ..Quota::default()
        })
    }

    /// Counts `calls` that were made.
    pub fn count(&mut self, now: EpochMs, calls: u64) {
        if calls == 0 {
            return;
        }
        self.start_if_over(now);
        self.used = self.used.saturating_add(calls);
    }

    /// Adopts GHL's report. Answers arrive in any order, so within a day the larger use is the newer one.
    pub fn observe(&mut self, now: EpochMs, quota: &Quota) {
        // A limit of zero is a mistake: nobody would ever call again and learn a better one.
        let limit = quota.daily_limit.filter(|limit| *limit > 0);
        if let Some(limit) = limit {
            self.told_limit = Some(limit);
        }
        let (Some(limit), Some(left)) = (limit, quota.daily_remaining) else {
            return;
        };
        self.start_if_over(now);
        let used = limit.saturating_sub(left);
        let told = quota.daily_reset.map(|reset| reset.from(now).min(now + DAY)).filter(|reset| *reset > now);
        match (told, self.resets_at) {
            (Some(told), Some(known)) if told.since(known) > SAME_DAY => {
                self.used = used; // GHL has started a new day.
                self.resets_at = Some(told);
            }
            (told, known) => {
                self.used = self.used.max(used);
                self.resets_at = told.or(known);
            }
        }
    }

    /// Cuts reset times that lie more than a day ahead: they come from a clock that was ahead.
    pub fn correct_times(&mut self, now: EpochMs) {
        self.resets_at = self.resets_at.map(|reset| reset.min(now + DAY));
        if let Some(share) = &mut self.share {
            share.resets_at = share.resets_at.min(now + DAY);
        }
    }

    fn is_over(&self, now: EpochMs) -> bool {
        self.resets_at.is_none_or(|reset| reset <= now)
    }

    fn start_if_over(&mut self, now: EpochMs) {
        if self.is_over(now) {
            self.used = 0;
            self.resets_at = Some(now + DAY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: EpochMs = EpochMs(1_000_000_000);

    fn told(left: u64, reset_s: u64) -> Quota {
        Quota {
            daily_limit: Some(1000),
            daily_remaining: Some(left),
            daily_reset: Some(RetryAfter::Delay(Duration::from_secs(reset_s))),
            ..Quota::default()
        }
    }

    #[test]
    fn calls_are_counted_until_the_day_is_over() {
        let mut daily = Daily::default();
        daily.count(T0, 990);
        assert_eq!(daily.left(T0, 1000), 10);
        daily.count(T0, 20);
        assert_eq!(daily.left(T0, 1000), 0);
        assert_eq!(daily.resets_at(T0), T0 + DAY);
        assert_eq!(daily.left(T0 + DAY, 1000), 1000);
    }

    #[test]
    fn what_ghl_tells_corrects_the_count_upwards_whatever_the_order_of_answers() {
        let mut daily = Daily::default();
        daily.count(T0, 5);
        daily.observe(T0, &told(900, 600));
        daily.observe(T0, &told(901, 600));
        assert_eq!(daily.left(T0, 200_000), 900);
        assert_eq!(daily.resets_at(T0), T0 + Duration::from_secs(600));
    }

    #[test]
    fn a_reset_that_moved_by_hours_is_a_new_day() {
        let mut daily = Daily::default();
        daily.observe(T0, &told(0, 60));
        let later = T0 + Duration::from_secs(59);
        daily.observe(later, &told(999, 86_400));
        assert_eq!(daily.left(later, 200_000), 999);
    }

    #[test]
    fn the_configured_limit_holds_when_ghl_allows_more() {
        let mut daily = Daily::default();
        daily.observe(T0, &told(1000, 60));
        daily.count(T0, 10);
        assert_eq!(daily.left(T0, 50), 40);
    }
}
