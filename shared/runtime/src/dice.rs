//! Randomness for jitter. It need not be unpredictable, only spread.

use ghl_sync_engine::ports::Dice;

/// A fast generator, seeded anew in each process.
#[derive(Debug, Clone, Copy, Default)]
pub struct FastDice;

impl Dice for FastDice {
    fn roll(&self) -> f64 {
        fastrand::f64()
    }
}
