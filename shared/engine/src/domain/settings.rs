//! Settings of a location.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ScopeId;

/// A quota of calls: at most `limit` in any `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Calls per window.
    pub limit: NonZeroU32,
    /// Length of the window.
    #[serde(rename = "window_ms", with = "duration_ms")]
    pub window: Duration,
}

/// How one location is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationSettings {
    /// The rate scope that its calls count toward; by default a scope of its own.
    pub scope: ScopeId,
    /// Whether it is synced at all.
    pub enabled: bool,
    /// Do everything but the call to GHL.
    pub dry_run: bool,
    /// The burst quota.
    pub pace: Pace,
    /// Calls per day.
    pub daily_limit: u64,
}

pub(crate) mod duration_ms {
    //! A duration as a whole number of milliseconds.

    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(span.as_millis()).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
