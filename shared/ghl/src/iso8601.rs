//! ISO 8601 times, as GHL writes them (`2026-07-08T12:02:11.285Z`).

use ghl_sync_model::EpochMs;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Formats `time` in UTC with milliseconds, capped at the last representable time of the year 9999.
pub(crate) fn format(time: EpochMs) -> String {
    let time = i128::from(time.0.min(LAST_MS)) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(time).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(MILLISECONDS).unwrap_or_default()
}

/// 9999-12-31T23:59:59.999Z.
const LAST_MS: u64 = 253_402_300_799_999;

/// Parses a time; `None` if `text` is no time, has no zone, or lies before 1970.
pub(crate) fn parse(text: &str) -> Option<EpochMs> {
    EpochMs::from_rfc3339(text)
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
