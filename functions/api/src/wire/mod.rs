//! What is written and read over HTTP. Fields may be added, never renamed.

mod migration;
mod overview;
mod record;
mod settings;

use std::fmt;
use std::time::Duration;

use ghl_sync_model::EpochMs;
pub(crate) use migration::{
    Approval, Findings, MigrationConfigDocument, MigrationDocument, MigrationReportDocument, MigrationSummary,
    Migrations, Variables,
};
pub(crate) use overview::{Health, Overview, Status};
pub(crate) use record::{FailedList, Put, PutItem, PutResult, RecordDocument, Replay, Replayed, Shared};
use serde::{Serialize, Serializer};
pub(crate) use settings::{LocationDocument, Overrides, Pause};
use time::OffsetDateTime;
use time::format_description::well_known::iso8601::{Config, EncodedConfig, Iso8601, TimePrecision};
use utoipa::ToSchema;

/// A time, RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-22T02:30:00.000Z")]
pub(crate) struct Time(pub(crate) EpochMs);

const MILLISECONDS: EncodedConfig =
    Config::DEFAULT.set_time_precision(TimePrecision::Second { decimal_digits: std::num::NonZeroU8::new(3) }).encode();

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0.0)
            .ok()
            .and_then(|ms| OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok())
            .and_then(|time| time.format(&Iso8601::<MILLISECONDS>).ok());
        // Nothing of ours lies after the year 9999.
        f.write_str(time.as_deref().unwrap_or("9999-12-31T23:59:59.999Z"))
    }
}

impl Time {
    /// A time that may be missing, or be "never".
    pub(crate) fn maybe(time: Option<EpochMs>) -> Option<Time> {
        time.filter(|time| time.0 != u64::MAX).map(Time)
    }
}

/// Seconds of a duration, to the millisecond.
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1000.0
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
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
