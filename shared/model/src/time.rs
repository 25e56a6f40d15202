//! Points in time.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time: milliseconds since the Unix epoch, by some host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochMs(pub u64);

impl EpochMs {
    /// Later than anything.
    pub const NEVER: EpochMs = EpochMs(u64::MAX);

    /// The end of the year 9999: later times have no date.
    pub const LAST_DATED: EpochMs = EpochMs(253_402_300_799_999);

    /// RFC 3339, UTC, to the second: `2026-11-28T06:49:00Z`. Times after [`LAST_DATED`](Self::LAST_DATED) are written
    /// as that.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let since_epoch = Duration::from_millis(self.min(Self::LAST_DATED).0);
        humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since_epoch).to_string()
    }

    /// Parses RFC 3339 in any zone; `None` if the text is invalid or lies before 1970.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<EpochMs> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok().filter(|_| time.unix_timestamp() >= 0).map(EpochMs)
    }

    /// Time from `earlier` to `self`; zero when `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: EpochMs) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Time from `self` until `later`; zero if `later` has passed.
    #[must_use]
    pub fn until(self, later: EpochMs) -> Duration {
        later.since(self)
    }
}

/// A time, RFC 3339 in UTC with milliseconds.
// The HTTP API's format. Times after `LAST_DATED` are written as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(value_type = String, format = DateTime, example = "2026-11-22T02:30:00.000Z")
)]
pub struct Time(pub EpochMs);

impl Time {
    /// An optional time; [`EpochMs::NEVER`] counts as `None`.
    #[must_use]
    pub fn maybe(time: Option<EpochMs>) -> Option<Time> {
        time.filter(|time| *time != EpochMs::NEVER).map(Time)
    }

    /// Serializes a field of another type like a [`Time`].
    ///
    /// # Errors
    /// If the serializer fails.
    pub fn serialize_at<S: Serializer>(at: &EpochMs, serializer: S) -> Result<S::Ok, S::Error> {
        Time(*at).serialize(serializer)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_epoch = Duration::from_millis(self.0.min(EpochMs::LAST_DATED).0);
        write!(f, "{}", humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since_epoch))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        let json = |ms| serde_json::to_string(&Time(EpochMs(ms))).unwrap();
        assert_eq!(json(0), r#""1970-01-01T00:00:00.000Z""#);
        assert_eq!(json(1_795_314_600_007), r#""2026-11-22T02:30:00.007Z""#);
        assert_eq!(json(u64::MAX), r#""9999-12-31T23:59:59.999Z""#);
    }
}
