//! Checks which location owns the records in an answer.

use ghl_sync_model::{Call, Cause, LocationId};
use serde_json::Value;

use super::Misread;

/// Rejects an answer that shows anything of a location other than the requested one. A key or token of another
/// account causes such answers, and a write has then gone to that account.
///
/// GHL names the location in most objects (`locationId`), alone or in a list, and as `id` of a location. An object
/// that names no location is accepted.
pub(super) fn check(location: &LocationId, call: &Call, body: &Value) -> Result<(), Misread> {
    let of_location = matches!(call, Call::GetLocation).then(|| body["location"]["id"].as_str()).flatten();
    let shown = body.as_object().into_iter().flat_map(|object| object.values()).flat_map(named);
    let named_in_body = body["locationId"].as_str();
    let other = of_location
        .into_iter()
        .chain(named_in_body)
        .chain(shown)
        .find(|other| !other.is_empty() && *other != location.as_str());
    match other {
        None => Ok(()),
        Some(other) => Err(Misread {
            cause: Cause::OtherLocation,
            problem: format!(
                "the answer is of location {other}: check whose token this is, and what was written there"
            ),
        }),
    }
}

/// The locations named by a record, or by each record of a list.
fn named(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(|item| item["locationId"].as_str()).collect(),
        one => one["locationId"].as_str().into_iter().collect(),
    }
}
