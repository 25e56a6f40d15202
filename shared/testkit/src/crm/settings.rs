//! How the simulated GHL behaves.

use std::ops::RangeInclusive;
use std::time::Duration;

use ghl_sync_fake_ghl::WindowKind;
use ghl_sync_model::Pace;

/// How the simulated GHL behaves.
#[derive(Debug, Clone)]
pub struct GhlSettings {
    /// Its limit: so many calls in a window.
    pub pace: Pace,
    /// How it counts its windows.
    pub counting: WindowKind,
    /// Whether all locations share one quota.
    pub shared_quota: bool,
    /// Whether all locations share the day, as the private integrations of one account do.
    pub shared_day: bool,
    /// Calls per day, and the headers that tell of them.
    pub daily_limit: Option<u64>,
    /// Whether answers tell of the burst quota in their headers.
    pub quota_headers: bool,
    /// `Retry-After` of a 429.
    pub retry_after: Option<Duration>,
    /// What the network takes one way, in milliseconds.
    pub network_ms: RangeInclusive<u64>,
    /// What a request takes at the server, in milliseconds.
    pub work_ms: RangeInclusive<u64>,
    /// How long the search does not show what was written.
    pub search_lag: Duration,
    /// Whether a contact may have several opportunities in one pipeline.
    pub allow_duplicate_opportunities: bool,
    /// The ids of the pipelines that each location has from the start.
    pub pipelines: &'static [&'static str],
}
