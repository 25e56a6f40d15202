//! Runs many seeds on all cores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::broken::Broken;
use crate::run::{Figures, run};
use crate::scenario::Scenario;
use crate::shrink::shrink;

/// Shrinking takes as long as hundreds of seeds, so only the first few broken seeds are shrunk.
const MOST_SHRUNK: usize = 5;

/// A range of seeds to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// First seed.
    pub from: u64,
    /// Number of worlds to simulate.
    pub seeds: u64,
    /// Number of threads.
    pub threads: usize,
}

/// Result of a campaign.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CampaignReport {
    /// First seed.
    pub from: u64,
    /// Number of seeds run.
    pub seeds: u64,
    /// Seeds that broke a rule.
    pub broken: Vec<BrokenSeed>,
    /// Calls to GHL.
    pub calls: u64,
    /// Calls over the quota, in worlds where that may happen.
    pub throttled: u64,
    /// Invocations started.
    pub invocations: u64,
    /// Invocations that died.
    pub died: u64,
    /// Records that GHL accepted.
    pub accepted: u64,
    /// Records that failed for good.
    pub failed: u64,
    /// Simulated time in hours.
    pub simulated_hours: f64,
}

/// A seed that broke a rule.
#[derive(Debug, Clone, Serialize)]
pub struct BrokenSeed {
    /// The seed.
    pub seed: u64,
    /// The rules it broke.
    pub broken: Vec<Broken>,
    /// The command that runs it again.
    pub replay: String,
    /// A smaller scenario that breaks the same rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Scenario>,
}

impl Campaign {
    /// Runs all seeds. After each seed, `on_seed` gets the number finished and returns whether to start another.
    pub fn run(self, on_seed: impl Fn(u64) -> bool + Sync) -> CampaignReport {
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let report = Mutex::new(CampaignReport { from: self.from, ..CampaignReport::default() });
        std::thread::scope(|threads| {
            for _ in 0..self.threads.max(1) {
                threads.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.seeds {
                            return;
                        }
                        run_seed(self.from + number, &report);
                        if !on_seed(done.fetch_add(1, Ordering::Relaxed) + 1) {
                            return;
                        }
                    }
                });
            }
        });
        let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.broken.sort_by_key(|broken| broken.seed);
        for broken in report.broken.iter_mut().take(MOST_SHRUNK) {
            broken.shrunk = Some(shrink(&Scenario::of_seed(broken.seed)));
        }
        report
    }
}

fn run_seed(seed: u64, report: &Mutex<CampaignReport>) {
    let outcome = run(&Scenario::of_seed(seed));
    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
    report.add(&outcome.figures);
    if !outcome.broken.is_empty() {
        let replay = format!("cargo ghl-sync simulate --seed {seed}");
        report.broken.push(BrokenSeed { seed, broken: outcome.broken, replay, shrunk: None });
    }
}

impl CampaignReport {
    fn add(&mut self, figures: &Figures) {
        self.seeds += 1;
        self.calls += figures.calls;
        self.throttled += figures.throttled;
        self.invocations += figures.invocations;
        self.died += figures.died;
        self.accepted += figures.accepted;
        self.failed += figures.failed;
        self.simulated_hours += figures.simulated_s / 3600.0;
    }
}
