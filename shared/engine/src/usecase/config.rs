//! The engine's own settings.

use std::time::Duration;

use ghl_sync_limiter::{Backoff, BreakerRules, Rules};
use ghl_sync_model::{AdoptLimits, LocationSettings};

/// Settings that hold for all locations.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineConfig {
    /// Retries within a batch (`GHL_RATE_LIMIT_*`).
    pub backoff: Backoff,
    /// The circuit breaker (`GHL_CIRCUIT_*`).
    pub breaker: BreakerRules,
    /// Most records in a batch (`GHL_SYNC_BATCH_SIZE`).
    pub batch_size: u32,
    /// Which of GHL's own limits are taken over (`GHL_RATE_LIMIT_ADOPT`).
    pub adopt: AdoptLimits,
    /// Most calls at once in a location (`GHL_SYNC_CONCURRENCY`).
    pub concurrency: u32,
    /// A record that failed transiently in so many batches is given up.
    pub max_rounds: u32,
    /// How long one request may take, connecting included.
    pub request_timeout: Duration,
    /// ε: the most by which the clocks of two hosts may differ.
    pub clock_skew: Duration,
    /// D: the latest that a request can arrive after its caller gave up.
    pub late_arrival: Duration,
    /// How long GHL's search may not show what was written.
    pub search_lag: Duration,
    /// How long a write of ours may stand in GHL before the outbox says that it was ours.
    pub settle_lag: Duration,
    /// Most permits leased by one gate write.
    pub lease_size: u32,
    /// Permits are leased that become usable within this time.
    pub lease_ahead: Duration,
    /// A wait for a permit up to this long is slept through.
    pub patience: Duration,
    /// A delayed message is sent to arrive this much before it is needed: queues deliver late, and a moment of quota
    /// that passes unused is lost. Less than `patience` by more than the second that queues count in.
    pub early: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            backoff: Backoff {
                max_retries: 5,
                base: Duration::from_millis(1000),
                max: Duration::from_millis(30_000),
                jitter: Duration::from_millis(1000),
            },
            breaker: BreakerRules { threshold: 5, reset: Duration::from_millis(60_000) },
            batch_size: 50,
            adopt: AdoptLimits::Lower,
            concurrency: 5,
            max_rounds: 10,
            request_timeout: Duration::from_secs(10),
            clock_skew: Duration::from_millis(50),
            late_arrival: Duration::from_secs(5),
            search_lag: Duration::from_secs(30),
            settle_lag: Duration::from_secs(10),
            lease_size: 50,
            lease_ahead: Duration::from_millis(8000),
            patience: Duration::from_millis(2500),
            early: Duration::from_millis(1000),
        }
    }
}

impl EngineConfig {
    /// The rules for a scope whose locations have these settings.
    #[must_use]
    pub fn rules(&self, settings: &LocationSettings) -> Rules {
        Rules {
            pace: settings.pace,
            daily_limit: settings.daily_limit,
            daily_reserve: settings.daily_reserve,
            day_scope: settings.day_scope.clone().filter(|day_scope| *day_scope != settings.scope),
            adopt: self.adopt,
            clock_skew: self.clock_skew,
            late_arrival: self.late_arrival,
            request_timeout: self.request_timeout,
            search_lag: self.search_lag,
            percent: 100,
            breaker: self.breaker,
            batch_size: self.batch_size,
            lease_size: self.lease_size,
            lease_ahead: self.lease_ahead,
            patience: self.patience,
        }
    }
}
