//! Derives signals for the gate from GHL's replies.

use std::time::Duration;

use super::EngineConfig;
use crate::policy::Class;
use ghl_sync_limiter::Signal;
use ghl_sync_model::{EpochMs, Quota, Reply};

/// The gate's note that GHL rejects `companyName` in updates here.
pub(super) const COMPANY_REFUSED: &str = "company_refused";
/// How long until an update with `companyName` is tried again after a rejection: GHL is changing this behaviour.
const COMPANY_REFUSED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// End of the pause for the whole scope: as asked by a 429, or by a `Retry-After` that is too long to sleep through.
/// `backoff` is the wait of a single operation.
pub(super) fn pause_until(
    config: &EngineConfig,
    quota: &Quota,
    class: &Class,
    backoff: Duration,
    now: EpochMs,
) -> Option<EpochMs> {
    // A time in the past comes from a clock that differs from ours, and means nothing.
    let asked = quota.retry_after.map(|after| after.from(now)).filter(|until| *until >= now);
    match class {
        Class::Throttled => {
            let day = quota.daily_reset.filter(|_| is_day_used_up(quota)).map(|reset| reset.from(now));
            let day = day.filter(|until| *until > now);
            let interval = quota.interval.map(|interval| now + interval);
            Some(day.or(asked).or(interval).unwrap_or(now + backoff))
        }
        Class::Transient { .. } | Class::Ambiguous => asked.filter(|until| now.until(*until) > config.backoff.max),
        Class::Credentials
        | Class::OtherLocation
        | Class::StaleToken
        | Class::Duplicate(_)
        | Class::CompanyRefused
        | Class::Gone
        | Class::Permanent => None,
    }
}

/// The signals in the `reply` to `operation` (a hash of its record). `class` is the failure's class, `None` for a
/// success.
pub(super) fn signals(
    reply: &Reply,
    class: Option<&Class>,
    pause_until: Option<EpochMs>,
    operation: u32,
    now: EpochMs,
) -> Vec<Signal> {
    let mut signals = Vec::new();
    match class {
        Some(class) if class.is_trouble() => signals.push(Signal::Trouble { operation, at: now }),
        // Any answer proves that GHL is up.
        _ if reply.status.is_some() => signals.push(Signal::Answered),
        _ => {}
    }
    match (class, pause_until) {
        (Some(Class::Credentials), _) => signals.push(Signal::Unauthorized { at: now }),
        (Some(Class::CompanyRefused), _) => {
            signals.push(Signal::Remember { name: COMPANY_REFUSED, until: now + COMPANY_REFUSED_FOR })
        }
        (Some(Class::OtherLocation), _) => signals.push(Signal::OtherLocation { at: now }),
        (Some(Class::Throttled), Some(until)) => {
            signals.push(Signal::Throttled { at: now, until, daily: is_day_used_up(&reply.quota) });
        }
        (_, Some(until)) => signals.push(Signal::AskedToWait { at: now, until }),
        _ => {}
    }
    signals
}

/// Burst and daily exhaustion get the same answer; the header distinguishes them.
fn is_day_used_up(quota: &Quota) -> bool {
    quota.daily_remaining == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghl_sync_model::RetryAfter;

    const NOW: EpochMs = EpochMs(1_000_000);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_429_pauses_for_what_ghl_says_and_else_for_the_backoff() {
        let nothing = Quota::default();
        let interval = Quota { interval: Some(s(10)), ..nothing };
        let asked = Quota { retry_after: Some(RetryAfter::Delay(s(3))), ..interval };
        let day = Quota { daily_remaining: Some(0), daily_reset: Some(RetryAfter::Delay(s(7200))), ..asked };
        for (quota, wait) in [(nothing, 2), (interval, 10), (asked, 3), (day, 7200)] {
            let until = pause_until(&EngineConfig::default(), &quota, &Class::Throttled, s(2), NOW);
            assert_eq!(until, Some(NOW + s(wait)), "{quota:?}");
        }
    }

    #[test]
    fn a_retry_after_of_a_failing_ghl_pauses_all_when_it_is_too_long_to_sleep_through() {
        let class = Class::Transient { may_arrive: false };
        let asks = |seconds| Quota { retry_after: Some(RetryAfter::Delay(s(seconds))), ..Quota::default() };
        let until = |seconds| pause_until(&EngineConfig::default(), &asks(seconds), &class, s(1), NOW);
        assert_eq!(until(30), None);
        assert_eq!(until(31), Some(NOW + s(31)));
    }
}
