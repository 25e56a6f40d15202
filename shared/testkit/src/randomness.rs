//! Randomness determined by a seed.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ghl_sync_engine::ports::Randomness;

/// Randomness with rolls that derive from a seed (SplitMix64), or with one fixed roll. Clones share their state.
#[derive(Debug, Clone)]
pub struct TestRandomness {
    state: Arc<AtomicU64>,
    fixed: Option<f64>,
}

impl TestRandomness {
    /// Derives all rolls from `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> TestRandomness {
        TestRandomness { state: Arc::new(AtomicU64::new(seed)), fixed: None }
    }

    /// Always rolls `roll`.
    #[must_use]
    pub fn fixed(roll: f64) -> TestRandomness {
        TestRandomness { fixed: Some(roll), ..TestRandomness::seeded(0) }
    }

    /// Independent randomness that derives from the same seed.
    #[must_use]
    pub fn fork(&self) -> TestRandomness {
        TestRandomness::seeded(self.next())
    }

    /// A number in `range`.
    #[must_use]
    pub fn within(&self, range: RangeInclusive<u64>) -> u64 {
        let (least, most) = range.into_inner();
        least + self.next() % (most.saturating_sub(least) + 1)
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Randomness for TestRandomness {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn roll(&self) -> f64 {
        self.fixed.unwrap_or_else(|| (self.next() >> 11) as f64 / (1u64 << 53) as f64)
    }
}
