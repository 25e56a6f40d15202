//! GHL's formats of times.

use std::time::Duration;

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

const DAY_MS: u64 = 86_400_000;
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const US_DATE: &[BorrowedFormatItem<'_>] = format_description!("[month]-[day]-[year]");

/// A duration in whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Formats milliseconds since the epoch as GHL does: `2021-08-03T04:55:17.355Z`.
pub(crate) fn to_iso(ms: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(TIME).unwrap_or_default()
}

/// Parses a time with a zone, or `YYYY-MM-DD` as the start of that day, to milliseconds since the epoch.
pub(crate) fn from_iso(text: &str) -> Option<u64> {
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(time) => u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok(),
        Err(_) => midnight(Date::parse(text, DATE).ok()?),
    }
}

/// Parses `mm-dd-yyyy` as the first millisecond of that day, UTC.
pub(crate) fn from_us_date(text: &str) -> Option<u64> {
    midnight(Date::parse(text, US_DATE).ok()?)
}

/// The last millisecond of the day that starts at `midnight`.
pub(crate) fn end_of_day(midnight: u64) -> u64 {
    midnight + DAY_MS - 1
}

fn midnight(date: Date) -> Option<u64> {
    u64::try_from(date.midnight().assume_utc().unix_timestamp()).ok().map(|seconds| seconds * 1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_are_written_as_ghl_writes_them() {
        assert_eq!(to_iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(to_iso(1_627_966_517_355), "2021-08-03T04:55:17.355Z");
        assert_eq!(to_iso(1_709_164_800_000), "2024-02-29T00:00:00.000Z");
        assert_eq!(from_us_date("08-03-2021"), from_iso("2021-08-03"));
    }

    #[test]
    fn what_is_not_a_time_is_not_read_as_one() {
        for text in [
            "",
            "yesterday",
            "2021-02-29",
            "2021-13-01",
            "2021-08-03T24:00:00Z",
            "08-03-2021",
            "2021-8",
            "2021-08-03T00:00:00.é",
        ] {
            assert_eq!(from_iso(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_time_reads_back_as_itself(ms in 0_u64..253_402_300_800_000) {
            prop_assert_eq!(from_iso(&to_iso(ms)), Some(ms));
        }
    }
}
