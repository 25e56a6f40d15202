//! Waits after a refusal.

use std::time::Duration;

const BASE: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_secs(30);
const JITTER_MAX: Duration = Duration::from_secs(1);
const CAPPED_RETRIES: u32 = 5;
const FULL_JITTER_RETRIES: u32 = 10;

/// A backoff rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backoff {
    /// 1, 2 and 4 s.
    Retry124,
    /// `min(1 s · 2^retry + up to 1 s, 30 s)`, five times.
    Capped,
    /// A random wait up to `min(1 s · 2^retry, 30 s)`, ten times.
    FullJitter,
}

impl Backoff {
    /// Delay before this retry, counted from 0; `None` after the last one. `chance` is in `0.0..1.0`.
    pub(crate) fn delay(self, retry: u32, chance: f64) -> Option<Duration> {
        let doubled = BASE.saturating_mul(2_u32.saturating_pow(retry));
        match self {
            Backoff::Retry124 => (retry < 3).then_some(doubled),
            Backoff::Capped => (retry < CAPPED_RETRIES).then(|| (doubled + JITTER_MAX.mul_f64(chance)).min(MAX)),
            Backoff::FullJitter => (retry < FULL_JITTER_RETRIES).then(|| doubled.min(MAX).mul_f64(chance)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_gives_its_delays_and_then_none() {
        let delays = |rule: Backoff, chance| -> Vec<f64> {
            (0..).map_while(|retry| rule.delay(retry, chance)).map(|delay| delay.as_secs_f64()).collect()
        };
        assert_eq!(delays(Backoff::Retry124, 0.9), [1.0, 2.0, 4.0]);
        assert_eq!(delays(Backoff::Capped, 0.5), [1.5, 2.5, 4.5, 8.5, 16.5]);
        assert_eq!(delays(Backoff::FullJitter, 0.5), [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0, 15.0]);
    }
}
