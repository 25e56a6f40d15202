//! The order of a person: `{"redrive": {"dry_run": true, "max_per_second": 5, "limit": 500, "location_id": null}}`.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use ghl_sync_model::LocationId;
use ghl_sync_model::json::Objects;
use ghl_sync_operate::RedriveOrder;
use serde::Deserialize;
use serde_json::Value;

/// Allowed rates, in woken locations per second.
const RATES: RangeInclusive<u32> = 1..=100;
/// Allowed limits of dead-letter messages per invocation.
const LIMITS: RangeInclusive<u32> = 1..=10_000;

/// Why an order is invalid.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// There is another field beside the order.
    #[error("unknown field `{0}` beside `redrive`")]
    Beside(String),
    /// A field is unknown or of another type.
    #[error("field `redrive.{field}` is not as it should be")]
    Field {
        /// Path of the field; `.` is the order itself.
        field: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A number is too small or too large.
    #[error("field `redrive.{field}` is {found}; expected {} to {}", .range.start(), .range.end())]
    OutOfRange {
        /// The field of the order that is out of range.
        field: &'static str,
        /// The given number.
        found: u32,
        /// The allowed range.
        range: RangeInclusive<u32>,
    },
}

/// The fields of an order, with their defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OrderFields {
    dry_run: bool,
    max_per_second: u32,
    limit: u32,
    location_id: Option<LocationId>,
}

impl Default for OrderFields {
    fn default() -> Self {
        OrderFields { dry_run: true, max_per_second: 5, limit: 500, location_id: None }
    }
}

/// Reads the order in an event; `None` if it has none.
///
/// # Errors
/// [`OrderError`] names the invalid field.
pub(crate) fn read(event: &Value) -> Result<Option<RedriveOrder>, OrderError> {
    let Some(order) = event.get("redrive") else {
        return Ok(None);
    };
    let beside = event.as_object().into_iter().flatten().map(|(name, _)| name).find(|name| *name != "redrive");
    if let Some(name) = beside {
        return Err(OrderError::Beside(name.clone()));
    }
    let fields: OrderFields = serde_path_to_error::deserialize(Objects(order))
        .map_err(|error| OrderError::Field { field: error.path().to_string(), source: error.into_inner() })?;
    let OrderFields { dry_run, max_per_second, limit, location_id } = fields;
    in_range("limit", limit, LIMITS)?;
    in_range("max_per_second", max_per_second, RATES)?;
    let max_per_second = NonZeroU32::new(max_per_second).unwrap_or(NonZeroU32::MIN);
    Ok(Some(RedriveOrder { dry_run, max_per_second, limit, location: location_id }))
}

fn in_range(field: &'static str, found: u32, range: RangeInclusive<u32>) -> Result<(), OrderError> {
    if range.contains(&found) { Ok(()) } else { Err(OrderError::OutOfRange { field, found, range }) }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_order_leaves_out_is_a_dry_run_at_five_a_second() {
        let expected =
            RedriveOrder { dry_run: true, max_per_second: NonZeroU32::new(5).unwrap(), limit: 500, location: None };
        assert_eq!(read(&json!({ "redrive": {} })).unwrap(), Some(expected.clone()));
        let all =
            json!({ "redrive": { "dry_run": false, "max_per_second": 1, "limit": 10_000, "location_id": "loc" } });
        let location = Some(LocationId::new("loc").unwrap());
        let all_said = RedriveOrder { dry_run: false, max_per_second: NonZeroU32::MIN, limit: 10_000, location };
        assert_eq!(read(&all).unwrap(), Some(all_said));
        assert_eq!(read(&json!({ "redrive": { "location_id": null } })).unwrap(), Some(expected));
        for other in [json!({}), json!(null), json!([]), json!({ "Records": [] })] {
            assert_eq!(read(&other).unwrap(), None, "{other}");
        }
    }

    #[test]
    fn an_order_that_is_wrong_is_refused_and_the_field_is_named() {
        let cases = [
            (json!({ "redrive": 7 }), "field `redrive..`", "invalid type"),
            (json!({ "redrive": null }), "field `redrive..`", "invalid type"),
            (json!({ "redrive": { "dryrun": true } }), "field `redrive.dryrun`", "unknown field `dryrun`"),
            (json!({ "redrive": { "dry_run": "yes" } }), "field `redrive.dry_run`", "expected a boolean"),
            (json!({ "redrive": { "limit": -1 } }), "field `redrive.limit`", "invalid value"),
            (json!({ "redrive": { "limit": 0 } }), "field `redrive.limit` is 0; expected 1 to 10000", ""),
            (json!({ "redrive": { "limit": 10_001 } }), "field `redrive.limit` is 10001; expected 1 to 10000", ""),
            (
                json!({ "redrive": { "max_per_second": 0 } }),
                "field `redrive.max_per_second` is 0; expected 1 to 100",
                "",
            ),
            (json!({ "redrive": { "max_per_second": 2.5 } }), "field `redrive.max_per_second`", "floating point"),
            (json!({ "redrive": { "location_id": "no spaces" } }), "field `redrive.location_id`", "has a character"),
            (json!({ "redrive": {}, "limit": 5 }), "unknown field `limit` beside `redrive`", ""),
        ];
        for (event, says, because) in cases {
            let error = read(&event).unwrap_err();
            assert!(error.to_string().starts_with(says), "{event}: {error}");
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            assert!(cause.contains(because), "{event}: {cause}");
        }
    }
}
