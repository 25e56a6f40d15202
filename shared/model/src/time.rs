//! Points in time.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch, as some host's clock reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochMs(pub u64);

impl EpochMs {
    /// Later than anything.
    pub const NEVER: EpochMs = EpochMs(u64::MAX);

    /// The end of the year 9999: later times have no date.
    pub const LAST_DATED: EpochMs = EpochMs(253_402_300_799_999);

    /// RFC 3339, UTC, to the second: `2026-11-28T06:49:00Z`. What is later than [`LAST_DATED`](Self::LAST_DATED) is that.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let since_epoch = Duration::from_millis(self.min(Self::LAST_DATED).0);
        humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since_epoch).to_string()
    }

    /// Time from `earlier` to `self`; zero when `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: EpochMs) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Time from `self` until `later`; zero when `later` has come.
    #[must_use]
    pub fn until(self, later: EpochMs) -> Duration {
        later.since(self)
    }
}

impl Add<Duration> for EpochMs {
    type Output = EpochMs;

    fn add(self, span: Duration) -> EpochMs {
        EpochMs(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for EpochMs {
    type Output = EpochMs;

    fn sub(self, span: Duration) -> EpochMs {
        EpochMs(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for EpochMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
