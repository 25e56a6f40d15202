//! The engine's own settings.

use std::time::Duration;

use ghl_sync_limiter::{Backoff, BreakerRules, Rules};
use ghl_sync_model::{AdoptLimits, LocationSettings};

/// Settings that apply to all locations.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineConfig {
    /// Retries within a batch (`GHL_RATE_LIMIT_*`).
    pub backoff: Backoff,
    /// The circuit breaker's rules (`GHL_CIRCUIT_*`).
    pub breaker: BreakerRules,
    /// Most records in a batch (`GHL_SYNC_BATCH_SIZE`).
    pub batch_size: u32,
    /// Whether to adopt the limits that GHL reports (`GHL_RATE_LIMIT_ADOPT`).
    pub adopt: AdoptLimits,
    /// Most concurrent calls in a location (`GHL_SYNC_CONCURRENCY`).
    pub concurrency: u32,
    /// Number of batches after which a record that keeps failing temporarily is given up.
    pub max_rounds: u32,
    /// Timeout of one request, connecting included.
    pub request_timeout: Duration,
    /// ε: the largest difference between the clocks of two hosts.
    pub clock_skew: Duration,
    /// D: the longest time after its caller gave up that a request can still arrive.
    pub late_arrival: Duration,
    /// How long GHL's search may lag behind a write.
    pub search_lag: Duration,
    /// How long a write of ours may be visible in GHL before the outbox records it as ours.
    pub settle_lag: Duration,
    /// Most permits leased by one gate write.
    pub lease_size: u32,
    /// Only permits that become usable within this time are leased.
    pub lease_ahead: Duration,
    /// The longest wait for a permit that a batch sleeps through.
    pub patience: Duration,
    /// How long before its start a delayed message should arrive: queues deliver late, and quota that passes unused is
    /// lost. Must be less than `patience` by more than a second, the resolution of queue delays.
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
    /// The rules of a scope whose locations have these settings.
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
