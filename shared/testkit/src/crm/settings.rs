//! Settings of the simulated GHL.

use std::ops::RangeInclusive;
use std::time::Duration;

use ghl_sync_fake_ghl::WindowKind;
use ghl_sync_model::Pace;

/// Settings of the simulated GHL.
#[derive(Debug, Clone)]
pub struct GhlSettings {
    /// Limit of calls per window.
    pub pace: Pace,
    /// How calls in a window are counted.
    pub counting: WindowKind,
    /// Whether all locations share one quota.
    pub shared_quota: bool,
    /// Whether all locations share the daily quota, as the private integrations of one account do.
    pub shared_day: bool,
    /// Calls per day. If set, headers report them.
    pub daily_limit: Option<u64>,
    /// Whether answers have headers with the burst quota.
    pub quota_headers: bool,
    /// `Retry-After` of a 429.
    pub retry_after: Option<Duration>,
    /// One-way network latency, in milliseconds.
    pub network_ms: RangeInclusive<u64>,
    /// Processing time of a request at the server, in milliseconds.
    pub work_ms: RangeInclusive<u64>,
    /// How long writes take to appear in the search.
    pub search_lag: Duration,
    /// Whether a contact may have several opportunities in one pipeline.
    pub allow_duplicate_opportunities: bool,
    /// Ids of the initial pipelines of each location.
    pub pipelines: &'static [&'static str],
}
