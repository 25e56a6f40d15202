//! Reads the quota from response headers.
//!
//! The daily header is `X-RateLimit-Limit-Daily`, not `Daily-Limit`, and `X-RateLimit-Daily-Reset` is a duration in
//! milliseconds, not a point in time: the production API was seen to send both this way in 2026. An unreadable value
//! counts as missing. A time in an unexpected unit is recognised by its magnitude: a number of seconds that would
//! mean decades is a point in time. The users of these values limit how long anything waits.

use std::time::{Duration, UNIX_EPOCH};

use ghl_sync_model::{EpochMs, Quota, RetryAfter};
use reqwest::header::HeaderMap;

/// Nobody asks for a wait of more than a day: a larger number is milliseconds or a point in time.
const MOST_SECONDS: f64 = 86_400.0;
/// From here on, a number is a point in time in seconds (2001).
const EPOCH_SECONDS_FROM: f64 = 1e9;
/// From here on, it is a point in time in milliseconds (as seconds it would be the year 5138).
const EPOCH_MS_FROM: f64 = 1e11;
/// From here on, it is no time in any of these units.
const NO_TIME_FROM: f64 = 1e14;
/// The longest interval that is believed, in milliseconds.
const MOST_INTERVAL_MS: u64 = 3_600_000;

/// Reads the quota from `headers`.
pub(crate) fn quota(headers: &HeaderMap) -> Quota {
    Quota {
        max: number(headers, "x-ratelimit-max"),
        remaining: number(headers, "x-ratelimit-remaining"),
        interval: number(headers, "x-ratelimit-interval-milliseconds")
            .filter(|ms| *ms <= MOST_INTERVAL_MS)
            .map(Duration::from_millis),
        daily_limit: number(headers, "x-ratelimit-limit-daily"),
        daily_remaining: number(headers, "x-ratelimit-daily-remaining"),
        daily_reset: number(headers, "x-ratelimit-daily-reset").and_then(daily_reset),
        // GHL was never seen to send either of these; a gateway in front of it may.
        retry_after: text(headers, "retry-after")
            .and_then(retry_after)
            .or_else(|| text(headers, "x-ratelimit-reset").and_then(|value| by_magnitude(decimal(value)?))),
    }
}

fn number<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    text(headers, name)?.parse().ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds or an HTTP date. The standard has no decimals, but some servers send
/// them; some send milliseconds or a point in time.
fn retry_after(value: &str) -> Option<RetryAfter> {
    if let Some(number) = decimal(value) {
        return by_magnitude(number);
    }
    let time = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(RetryAfter::At(EpochMs(0) + time))
}

/// `X-RateLimit-Daily-Reset`: GHL sends the milliseconds until the reset. Anything above eleven days is a point in
/// time.
fn daily_reset(number: u64) -> Option<RetryAfter> {
    let span = Duration::from_millis(number);
    if number as f64 >= EPOCH_SECONDS_FROM { by_magnitude(number as f64) } else { Some(RetryAfter::Delay(span)) }
}

/// A delay or a point in time, in seconds or milliseconds: the magnitude decides which.
fn by_magnitude(number: f64) -> Option<RetryAfter> {
    let seconds = |number| Duration::try_from_secs_f64(number).ok();
    match number {
        _ if number <= MOST_SECONDS => seconds(number).map(RetryAfter::Delay),
        _ if number < EPOCH_SECONDS_FROM => seconds(number / 1000.0).map(RetryAfter::Delay),
        _ if number < EPOCH_MS_FROM => seconds(number).map(|span| RetryAfter::At(EpochMs(0) + span)),
        _ if number < NO_TIME_FROM => Some(RetryAfter::At(EpochMs(number as u64))),
        _ => None,
    }
}

/// Digits with at most one point. Unlike Rust's own parser, this takes no sign, no exponent and no `inf`.
fn decimal(value: &str) -> Option<f64> {
    if !value.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_headers_of_a_production_answer_are_all_read() {
        let quota = quota(&headers(&[
            ("x-ratelimit-max", "100"),
            ("x-ratelimit-remaining", "99"),
            ("x-ratelimit-interval-milliseconds", "10000"),
            ("x-ratelimit-limit-daily", "200000"),
            ("x-ratelimit-daily-remaining", "199779"),
            ("x-ratelimit-daily-reset", "49013000"),
        ]));
        let expected = Quota {
            max: Some(100),
            remaining: Some(99),
            interval: Some(Duration::from_secs(10)),
            daily_limit: Some(200_000),
            daily_remaining: Some(199_779),
            daily_reset: Some(RetryAfter::Delay(Duration::from_secs(49_013))),
            retry_after: None,
        };
        assert_eq!(quota, expected);
    }

    #[test]
    fn a_value_that_cannot_be_read_is_as_good_as_none() {
        for value in ["", "-1", "1.5", "many", "99999999999999999999999", "0x10", "1e3"] {
            let headers: HeaderMap = [
                "x-ratelimit-max",
                "x-ratelimit-remaining",
                "x-ratelimit-interval-milliseconds",
                "x-ratelimit-limit-daily",
                "x-ratelimit-daily-remaining",
                "x-ratelimit-daily-reset",
            ]
            .into_iter()
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
            assert_eq!(quota(&headers), Quota::default(), "{value}");
        }
        // Documented nowhere, and not GHL's name for it.
        assert_eq!(
            quota(&headers(&[("x-ratelimit-daily-limit", "1"), ("x-ratelimit-limit", "300")])),
            Quota::default()
        );
    }

    #[test]
    fn the_time_to_come_back_is_read_in_every_form() {
        let delay = |ms| Some(RetryAfter::Delay(Duration::from_millis(ms)));
        let at = |ms| Some(RetryAfter::At(EpochMs(ms)));
        type Case = (&'static [(&'static str, &'static str)], Option<RetryAfter>);
        let cases: &[Case] = &[
            (&[("retry-after", "0")], delay(0)),
            (&[("retry-after", " 120 ")], delay(120_000)),
            (&[("retry-after", "1.5")], delay(1500)),
            (&[("retry-after", "Sat, 21 Nov 2026 12:00:00 GMT")], at(1_795_262_400_000)),
            (&[("retry-after", "Saturday, 21-Nov-26 12:00:00 GMT")], at(1_795_262_400_000)),
            (&[("retry-after", "86400")], delay(86_400_000)),
            // More than a day in seconds means milliseconds.
            (&[("retry-after", "120000")], delay(120_000)),
            (&[("retry-after", "1795262400")], at(1_795_262_400_000)),
            (&[("retry-after", "1795262400.25")], at(1_795_262_400_250)),
            (&[("retry-after", "1795262400123")], at(1_795_262_400_123)),
            (&[("retry-after", "9223372036854775807")], None),
            (&[("retry-after", "99999999999999999999999999")], None),
            (&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")], at(253_402_300_799_000)),
            (&[("retry-after", "-5")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "inf")], None),
            (&[("retry-after", "1.2.3")], None),
            (&[("retry-after", ".")], None),
            (&[("x-ratelimit-reset", "30")], delay(30_000)),
            (&[("x-ratelimit-reset", "120000")], delay(120_000)),
            (&[("x-ratelimit-reset", "1795262400")], at(1_795_262_400_000)),
            (&[("x-ratelimit-reset", "1795262400123")], at(1_795_262_400_123)),
            (&[("x-ratelimit-reset", "now")], None),
            (&[("retry-after", "7"), ("x-ratelimit-reset", "30")], delay(7000)),
            (&[("retry-after", "soon"), ("x-ratelimit-reset", "30")], delay(30_000)),
        ];
        for (pairs, expected) in cases {
            assert_eq!(quota(&headers(pairs)).retry_after, *expected, "{pairs:?}");
        }
    }

    #[test]
    fn the_daily_reset_is_a_duration_in_milliseconds_unless_it_can_only_be_a_time() {
        let cases = [
            ("0", Some(RetryAfter::Delay(Duration::ZERO))),
            ("49013000", Some(RetryAfter::Delay(Duration::from_secs(49_013)))),
            ("86400000", Some(RetryAfter::Delay(Duration::from_secs(86_400)))),
            ("1795262400", Some(RetryAfter::At(EpochMs(1_795_262_400_000)))),
            ("1795262400123", Some(RetryAfter::At(EpochMs(1_795_262_400_123)))),
            ("18446744073709551615", None),
        ];
        for (value, expected) in cases {
            assert_eq!(quota(&headers(&[("x-ratelimit-daily-reset", value)])).daily_reset, expected, "{value}");
        }
    }

    #[test]
    fn an_interval_of_more_than_an_hour_is_not_believed() {
        let interval = |value| quota(&headers(&[("x-ratelimit-interval-milliseconds", value)])).interval;
        assert_eq!(interval("3600000"), Some(Duration::from_secs(3600)));
        assert_eq!(interval("3600001"), None);
    }

    proptest! {
        #[test]
        fn no_header_asks_anybody_to_wait_for_longer_than_a_day(
            number in prop_oneof![0..200_000u64, any::<u64>(), 1_700_000_000..1_900_000_000u64],
            fraction in prop::option::of(0..1000u32), now in 1_500_000_000_000..2_000_000_000_000u64,
        ) {
            let now = EpochMs(now);
            let value = fraction.map_or_else(|| number.to_string(), |fraction| format!("{number}.{fraction}"));
            for name in ["retry-after", "x-ratelimit-reset", "x-ratelimit-daily-reset"] {
                let value = HeaderValue::from_str(&value).unwrap();
                let quota = quota(&HeaderMap::from_iter([(HeaderName::from_static(name), value)]));
                for told in [quota.retry_after, quota.daily_reset].into_iter().flatten() {
                    prop_assert!(now.until(told.from(now)) <= RetryAfter::LONGEST);
                }
            }
        }

        #[test]
        fn no_header_value_makes_it_panic(value in prop::collection::vec(any::<u8>(), 0..60), digits in "[0-9.]{0,400}") {
            for value in [value.as_slice(), digits.as_bytes()] {
                let Ok(value) = HeaderValue::from_bytes(value) else { continue };
                for name in ["retry-after", "x-ratelimit-reset", "x-ratelimit-max", "x-ratelimit-daily-reset"] {
                    quota(&HeaderMap::from_iter([(HeaderName::from_static(name), value.clone())]));
                }
            }
        }
    }
}
