//! The sandbox's time, and the ways GHL writes it.

use std::time::{Duration, Instant, SystemTime};

const DAY_MS: u64 = 86_400_000;

/// The wall clock as it was at the start, carried on by the monotonic one: windows are never bent by a clock that is
/// set.
#[derive(Debug)]
pub(crate) struct Clock {
    epoch: Duration,
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { epoch: wall_clock(), started: Instant::now() }
    }

    /// Time since the Unix epoch.
    pub(crate) fn now(&self) -> Duration {
        self.epoch + self.started.elapsed()
    }
}

#[expect(clippy::disallowed_methods, reason = "the sandbox plays GHL: a machine of its own, with a clock of its own")]
fn wall_clock() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A span in whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since the epoch as GHL writes a time: `2021-08-03T04:55:17.355Z`.
pub(crate) fn to_iso(ms: u64) -> String {
    let (year, month, day) = date_of(ms / DAY_MS);
    let rest = ms % DAY_MS;
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Reads `YYYY-MM-DD`, alone or with `THH:MM:SS`, a fraction and a `Z` after it, as milliseconds since the epoch.
pub(crate) fn from_iso(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
    let mut parts = date.splitn(3, '-');
    let midnight = from_date(parts.next()?, parts.next()?, parts.next()?)?;
    let (clock, fraction) = time.strip_suffix('Z').unwrap_or(time).split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.trim_end_matches('Z').splitn(3, ':');
    let (hour, minute, second) = (digits(parts.next()?)?, digits(parts.next()?)?, digits(parts.next()?)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let milli = digits(format!("{fraction:0<3}").get(..3)?)?;
    Some(midnight + ((hour * 60 + minute) * 60 + second) * 1_000 + milli)
}

/// Reads `mm-dd-yyyy` as the millisecond in which that day begins, UTC.
pub(crate) fn from_us_date(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, '-');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    from_date(year, month, day)
}

/// The last millisecond of the day that begins at `midnight`.
pub(crate) fn end_of_day(midnight: u64) -> u64 {
    midnight + DAY_MS - 1
}

fn from_date(year: &str, month: &str, day: &str) -> Option<u64> {
    let date = (digits(year)?, digits(month)?, digits(day)?);
    if !(1970..=9999).contains(&date.0) || !(1..=12).contains(&date.1) || !(1..=31).contains(&date.2) {
        return None;
    }
    let days = days_to(date);
    (date_of(days) == date).then_some(days * DAY_MS)
}

fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are taken to begin in March, so that a leap day is
/// a year's last; 719 468 days lie between 0000-03-01 and the epoch.
fn days_to((year, month, day): (u64, u64, u64)) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// The date that is `days` after 1970-01-01; the inverse of [`days_to`].
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
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
