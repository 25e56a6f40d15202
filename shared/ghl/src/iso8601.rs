//! ISO 8601 times, as GHL writes them (`2026-07-08T12:02:11.285Z`).

use ghl_sync_engine::domain::EpochMs;

const MS_PER_DAY: u64 = 86_400_000;

/// `time` in UTC with milliseconds.
pub(crate) fn format(time: EpochMs) -> String {
    let (year, month, day) = civil_from_days(time.0 / MS_PER_DAY);
    let ms = time.0 % MS_PER_DAY;
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// The time that `text` means; `None` if it is no time, has no zone, or lies before 1970.
pub(crate) fn parse(text: &str) -> Option<EpochMs> {
    let (date, rest) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let (clock, offset_minutes) = split_zone(rest)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':')?;
    // 60 is a leap second.
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute - offset_minutes) * 60 + second;
    u64::try_from(seconds * 1000 + milliseconds(fraction)?).ok().map(EpochMs)
}

/// The clock, and by how many minutes its zone is ahead of UTC.
fn split_zone(rest: &str) -> Option<(&str, i64)> {
    if let Some(clock) = rest.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let at = rest.rfind(['+', '-'])?;
    let [hours, minutes] = numbers(&rest[at + 1..], ':')?;
    let minutes = hours * 60 + minutes;
    Some((&rest[..at], if rest[at..].starts_with('-') { -minutes } else { minutes }))
}

/// Exactly `N` unsigned numbers of at most four digits.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for number in &mut numbers {
        let part = parts.next()?;
        if part.len() > 4 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// The first three digits of a fraction of a second.
fn milliseconds(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<3}")[..3].parse().ok()
}

/// Days since 1970-01-01 of a date of the Gregorian calendar
/// (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a day since 1970-01-01; inverse of [`days_from_civil`].
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_are_written_and_read() {
        let cases = [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999),
            ("2021-07-08T12:02:11.285Z", 1_625_745_731_285),
            ("2026-11-21T00:00:00.000Z", 1_795_219_200_000),
        ];
        for (text, ms) in cases {
            assert_eq!(format(EpochMs(ms)), text);
            assert_eq!(parse(text), Some(EpochMs(ms)), "{text}");
        }
    }

    #[test]
    fn zones_and_fractions_of_any_length_are_read() {
        let cases = [
            ("2021-07-08T12:02:11Z", Some(1_625_745_731_000)),
            ("2021-07-08T12:02:11.2Z", Some(1_625_745_731_200)),
            ("2021-07-08T12:02:11.285999Z", Some(1_625_745_731_285)),
            ("2021-07-08T14:02:11.285+02:00", Some(1_625_745_731_285)),
            ("2021-07-08T05:32:11.285-06:30", Some(1_625_745_731_285)),
            ("2021-07-08", None),
            ("2021-07-08T12:02:11", None),
            ("2021-13-08T12:02:11Z", None),
            ("2021-07-08T24:02:11Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, ms) in cases {
            assert_eq!(parse(text), ms.map(EpochMs), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0u64..253_402_300_800_000) {
            prop_assert_eq!(parse(&format(EpochMs(ms))), Some(EpochMs(ms)));
        }

        #[test]
        fn no_text_and_no_time_makes_it_panic(text in ".{0,40}", ms in any::<u64>()) {
            let _ = parse(&text);
            let _ = parse(&text.replace(' ', "T"));
            let _ = format(EpochMs(ms));
        }
    }
}
