//! Delays before an operation is tried again.

use std::time::Duration;

/// Exponential backoff with jitter and a cap: `min(base × 2^attempt + jitter, max)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Retries of one operation within a batch, after its first attempt.
    pub max_retries: u32,
    /// The delay before the first retry, without jitter.
    pub base: Duration,
    /// The longest delay, jitter included.
    pub max: Duration,
    /// Largest random addition; zero disables jitter.
    pub jitter: Duration,
}

/// First delay of a record that failed in a batch.
const ROUND_BASE: Duration = Duration::from_secs(30);
/// Longest delay of a record that keeps failing.
const ROUND_MAX: Duration = Duration::from_secs(3600);

impl Backoff {
    /// Delay before retry number `attempt` (0 is the first retry). `roll` is the random number, in `0.0..1.0`.
    #[must_use]
    pub fn delay(&self, attempt: u32, roll: f64) -> Duration {
        exponential(self.base, attempt).saturating_add(self.jitter.mul_f64(roll.clamp(0.0, 1.0))).min(self.max)
    }

    /// How long a record rests after it failed in `rounds` batches (1 is the first): doubles each time, up to an hour.
    /// Up to a quarter is subtracted at random, so that records that failed together do not come back together.
    #[must_use]
    pub fn rest(&self, rounds: u32, roll: f64) -> Duration {
        exponential(ROUND_BASE, rounds.saturating_sub(1)).min(ROUND_MAX).mul_f64(1.0 - 0.25 * roll.clamp(0.0, 1.0))
    }
}

fn exponential(base: Duration, attempt: u32) -> Duration {
    base.saturating_mul(2u32.saturating_pow(attempt))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEFAULT: Backoff = Backoff {
        max_retries: 5,
        base: Duration::from_millis(1000),
        max: Duration::from_millis(30_000),
        jitter: Duration::from_millis(1000),
    };

    #[test]
    fn delays_grow_exponentially() {
        let plain = Backoff { jitter: Duration::ZERO, ..DEFAULT };
        let delays: Vec<u128> = (0..6).map(|attempt| plain.delay(attempt, 0.7).as_millis()).collect();
        assert_eq!(delays, [1000, 2000, 4000, 8000, 16_000, 30_000]);
    }

    #[test]
    fn the_cap_is_applied_after_the_jitter() {
        assert_eq!(DEFAULT.delay(4, 0.999).as_millis(), 16_999);
        let near = Backoff { base: Duration::from_millis(29_500), ..DEFAULT };
        assert_eq!(near.delay(0, 0.25).as_millis(), 29_750);
        assert_eq!(near.delay(0, 0.999).as_millis(), 30_000);
        assert_eq!(DEFAULT.delay(u32::MAX, 0.999).as_millis(), 30_000);
    }

    proptest! {
        #[test]
        fn jitter_only_adds_and_never_more_than_its_maximum(attempt in 0u32..40, roll in 0.0f64..1.0) {
            let plain = Backoff { jitter: Duration::ZERO, ..DEFAULT }.delay(attempt, 0.0);
            let delay = DEFAULT.delay(attempt, roll);
            prop_assert!(delay >= plain);
            prop_assert!(delay <= plain + DEFAULT.jitter);
            prop_assert!(delay <= DEFAULT.max);
        }

        #[test]
        fn a_failing_record_rests_longer_each_time_and_at_most_an_hour(rounds in 1u32..100, roll in 0.0f64..1.0) {
            let rest = DEFAULT.rest(rounds, roll);
            prop_assert!(rest >= Duration::from_secs(22));
            prop_assert!(rest <= ROUND_MAX);
            prop_assert!(DEFAULT.rest(rounds + 1, roll) >= rest);
        }
    }
}
