//! The numbers that the policies go by.

use std::time::Duration;

use ghl_sync_model::{AdoptLimits, Pace, ScopeId};

/// A breaker that opens again stays open a little longer each time, up to so much. More would delay recovery beyond what
/// the operator's reset time promises.
pub(super) const REOPEN_MAX: Duration = Duration::from_secs(5);

/// The rules of one scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The burst quota. GHL allows each app 100 calls in 10 s per location
    /// (<https://marketplace.gohighlevel.com/docs>, "rate limits").
    pub pace: Pace,
    /// Calls per day; GHL allows 200,000.
    pub daily_limit: u64,
    /// So many of them are kept for records of high priority.
    pub daily_reserve: u64,
    /// The scope whose gate counts the day, if that is another one: several burst scopes share it.
    pub day_scope: Option<ScopeId>,
    /// Which of GHL's own limits are taken over.
    pub adopt: AdoptLimits,
    /// ε: the most by which the clocks of two hosts may differ. With a larger difference 429s are possible.
    pub clock_skew: Duration,
    /// D: the latest that a request can still arrive at GHL after its caller has given up.
    pub late_arrival: Duration,
    /// How long one request may take, connecting included.
    pub request_timeout: Duration,
    /// How long GHL's search may not show what was written (about 10 s were measured, 2026-10-06; with a margin).
    pub search_lag: Duration,
    /// After an outage of the whole host, so much of the pace is used; else 100.
    pub percent: u32,
    /// The circuit breaker.
    pub breaker: BreakerRules,
    /// Most records in a batch.
    pub batch_size: u32,
    /// Most permits leased at once: one gate write each.
    pub lease_size: u32,
    /// Permits are leased that become usable within this time.
    pub lease_ahead: Duration,
    /// A wait up to this long is slept through; a longer one ends the batch, and a delayed message goes on.
    pub patience: Duration,
}

impl Rules {
    /// The longest that the breaker stays open.
    #[must_use]
    pub fn longest_break(&self) -> Duration {
        self.breaker.reset + REOPEN_MAX
    }

    /// The longest that a probe takes, from its lease on.
    #[must_use]
    pub fn longest_probe(&self) -> Duration {
        self.lease_ahead + self.request_timeout + 2 * self.late_arrival
    }
}

/// When the circuit breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// So many different operations must fail in a row.
    pub threshold: u32,
    /// How long it stays open.
    pub reset: Duration,
}
