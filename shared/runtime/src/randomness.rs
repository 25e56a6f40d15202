//! Randomness for jitter. It need not be unpredictable, only spread.

use ghl_sync_engine::ports::Randomness;

/// A fast generator, seeded anew in each process.
#[derive(Debug, Clone, Copy, Default)]
pub struct FastRandomness;

impl Randomness for FastRandomness {
    fn roll(&self) -> f64 {
        fastrand::f64()
    }
}
