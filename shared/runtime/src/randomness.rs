//! Randomness for jitter. It need not be unpredictable, only evenly distributed.

use ghl_sync_engine::ports::Randomness;

/// A fast generator, seeded separately in each process.
#[derive(Debug, Clone, Copy, Default)]
pub struct FastRandomness;

impl Randomness for FastRandomness {
    fn roll(&self) -> f64 {
        fastrand::f64()
    }
}
