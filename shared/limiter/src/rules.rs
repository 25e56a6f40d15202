//! The parameters of the policies.

use std::time::Duration;

use ghl_sync_model::{AdoptLimits, Pace, ScopeId};

/// Largest addition to a breaker's open time. It grows a little each time that the breaker reopens; more would delay
/// recovery beyond what the operator's reset time promises.
pub(super) const REOPEN_MAX: Duration = Duration::from_secs(5);

/// The rules of one scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The burst quota. GHL allows each app 100 calls in 10 s per location
    /// (<https://marketplace.gohighlevel.com/docs>, "rate limits").
    pub pace: Pace,
    /// Calls per day; GHL allows 200,000.
    pub daily_limit: u64,
    /// The part of them that is reserved for records of high priority.
    pub daily_reserve: u64,
    /// The scope whose gate counts the day, if it is another one: several burst scopes share that day.
    pub day_scope: Option<ScopeId>,
    /// Whether GHL's own limits are adopted.
    pub adopt: AdoptLimits,
    /// ε: the largest difference between the clocks of two hosts. If it is larger in truth, 429s are possible.
    pub clock_skew: Duration,
    /// D: the longest time after its caller gave up that a request can still arrive at GHL.
    pub late_arrival: Duration,
    /// Timeout of one request, connecting included.
    pub request_timeout: Duration,
    /// How long GHL's search may lag behind a write (about 10 s were measured, 2026-10-06; with a margin).
    pub search_lag: Duration,
    /// Percentage of the pace to use: less than 100 after an outage of the whole host.
    pub percent: u32,
    /// The circuit breaker.
    pub breaker: BreakerRules,
    /// Most records in a batch.
    pub batch_size: u32,
    /// Most permits leased at once: one gate write each.
    pub lease_size: u32,
    /// Only permits that become usable within this time are leased.
    pub lease_ahead: Duration,
    /// The longest wait that a batch sleeps through. A longer one ends the batch, and a delayed message continues it.
    pub patience: Duration,
}

impl Rules {
    /// The longest time that the breaker stays open.
    #[must_use]
    pub fn longest_break(&self) -> Duration {
        self.breaker.reset + REOPEN_MAX
    }

    /// The longest time that a probe takes, from its lease on.
    #[must_use]
    pub fn longest_probe(&self) -> Duration {
        self.lease_ahead + self.request_timeout + 2 * self.late_arrival
    }
}

/// When the circuit breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// Number of distinct operations that must fail in a row.
    pub threshold: u32,
    /// How long it stays open.
    pub reset: Duration,
}
