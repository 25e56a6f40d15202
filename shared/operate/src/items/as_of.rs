//! The time at which an item's content was true.

use std::fmt;
use std::time::Duration;

use ghl_sync_model::EpochMs;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// How far ahead such a time may be, since the source's clock may be wrong. Anything later is rejected, because no
/// content from before could replace it.
const AHEAD: Duration = Duration::from_mins(5);
/// Smaller numbers are seconds, or not times at all: as milliseconds, this is in the year 1973.
const FIRST_MS: u64 = 100_000_000_000;

/// When an item's content was true, according to its source: an RFC 3339 text, or milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf(pub EpochMs);

impl AsOf {
    /// Why it must not be put at `now`, if there is a reason.
    pub(crate) fn fault(self, now: EpochMs) -> Option<&'static str> {
        (self.0 > now + AHEAD).then_some("is more than 5 minutes ahead; later content could not replace this")
    }
}

impl<'de> Deserialize<'de> for AsOf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeOrMs)
    }
}

struct TimeOrMs;

impl Visitor<'_> for TimeOrMs {
    type Value = AsOf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time as RFC 3339 writes it, or milliseconds since 1970")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AsOf, E> {
        let time = EpochMs::from_rfc3339(text);
        time.map(AsOf).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, ms: u64) -> Result<AsOf, E> {
        if ms < FIRST_MS {
            return Err(E::invalid_value(Unexpected::Unsigned(ms), &self));
        }
        Ok(AsOf(EpochMs(ms)))
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
    use utoipa::openapi::{KnownFormat, RefOr};
    use utoipa::{PartialSchema, ToSchema};

    use super::{AsOf, FIRST_MS};

    impl PartialSchema for AsOf {
        fn schema() -> RefOr<Schema> {
            let date_time = SchemaFormat::KnownFormat(KnownFormat::DateTime);
            let text = ObjectBuilder::new().schema_type(Type::String).format(Some(date_time));
            let ms = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(FIRST_MS));
            let description = "A time as RFC 3339 writes it, or milliseconds since 1970.";
            let either = OneOfBuilder::new().item(text).item(ms).description(Some(description));
            either.examples(["2026-11-22T02:30:00.000Z"]).into()
        }
    }

    impl ToSchema for AsOf {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items::from_json;

    #[test]
    fn a_time_is_read_as_text_with_any_zone_or_as_milliseconds() {
        let cases = [
            (r#""2026-11-28T22:00:00Z""#, 1_795_903_200_000),
            (r#""2026-11-28T23:00:00.250+01:00""#, 1_795_903_200_250),
            ("1795903200001", 1_795_903_200_001),
        ];
        for (json, ms) in cases {
            assert_eq!(from_json::<AsOf>(json).unwrap(), AsOf(EpochMs(ms)), "{json}");
        }
    }

    #[test]
    fn seconds_dates_and_numbers_that_are_no_times_are_refused() {
        for json in ["1795903200", "0", "-1", "1.5", "true", "{}", r#""2026-11-28""#, r#""1795903200000""#, r#""""#] {
            let fault = from_json::<AsOf>(json).unwrap_err();
            assert_eq!(fault.detail, "must be a time as RFC 3339 writes it, or milliseconds since 1970", "{json}");
        }
    }

    #[test]
    fn a_clock_may_be_wrong_by_five_minutes() {
        let now = EpochMs(FIRST_MS);
        assert_eq!(AsOf(now + AHEAD).fault(now), None);
        assert!(AsOf(now + AHEAD + Duration::from_millis(1)).fault(now).is_some());
    }
}
