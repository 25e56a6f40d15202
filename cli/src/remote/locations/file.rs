//! Reads the settings of locations from a YAML file:
//!
//! ```yaml
//! defaults:                 # of all locations of the file, where they do not say otherwise
//!   conflict: newest
//! locations:
//!   LOCATION_ID:
//!     name: Dentist Berlin
//!     tags: [dental, berlin]
//!     credentials: ssm:/ghl-sync/STACK/LOCATION_ID
//!     daily_reserve: null   # as the environment says
//! ```

use std::collections::BTreeMap;

use ghl_sync_model::LocationId;
use serde_json::{Map, Value};

/// Most problems reported for one file.
const MOST_TOLD: usize = 20;
/// Field names under which someone may have written a secret; only references are allowed.
const SECRETS: [&str; 7] = ["token", "access_token", "refresh_token", "api_key", "key", "secret", "password"];

/// Desired settings of a location.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct DesiredSettings {
    /// Fields to set, in the API's format.
    pub(super) set: Map<String, Value>,
    /// Fields to reset to the environment's defaults.
    pub(super) cleared: Vec<String>,
}

/// Parses the settings of each location. On failure, returns all problems, one per line, without any value.
pub(super) fn read(text: &str) -> Result<BTreeMap<LocationId, DesiredSettings>, String> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    let root: Value =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| format!("no YAML: {error}"))?;
    let Value::Object(mut root) = root else { return Err("the file is no map with the key `locations`".to_owned()) };
    let defaults = members("defaults", root.remove("defaults").unwrap_or(Value::Null))?;
    let Some(locations) = root.remove("locations") else { return Err("`locations` is missing".to_owned()) };
    if let Some(name) = root.keys().next() {
        return Err(format!("`{name}` is not known here; expected `defaults` and `locations`"));
    }
    let (mut wishes, mut problems) = (BTreeMap::new(), Vec::new());
    problems.extend(wish(&defaults).err().map(|problem| format!("defaults.{problem}")));
    for (id, own) in members("locations", locations)? {
        let place = format!("locations.{id}");
        let read = LocationId::new(id).map_err(|error| error.to_string()).and_then(|id| {
            let settings = defaults.clone().into_iter().chain(members(&place, own)?).collect();
            Ok((id, wish(&settings).map_err(|problem| format!("{place}.{problem}"))?))
        });
        match read {
            Ok((id, wish)) => _ = wishes.insert(id, wish),
            Err(problem) => problems.push(problem),
        }
    }
    let more = problems.len().saturating_sub(MOST_TOLD);
    problems.truncate(MOST_TOLD);
    match problems.is_empty() {
        true => Ok(wishes),
        false if more > 0 => Err(format!("{}\nand {more} more", problems.join("\n"))),
        false => Err(problems.join("\n")),
    }
}

/// The members of a map; null counts as an empty map.
fn members(place: &str, value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(members) => Ok(members),
        _ => Err(format!("{place} must be a map")),
    }
}

fn wish(settings: &Map<String, Value>) -> Result<DesiredSettings, String> {
    let overlay = api::read_settings(settings).map_err(|fault| match SECRETS.contains(&fault.field.as_str()) {
        true => format!(
            "{} is not a field here: a file holds no token, but names where it is, as `credentials: ssm:/PATH/NAME`",
            fault.field
        ),
        false => fault.to_string(),
    })?;
    let set = serde_json::to_value(overlay).map_err(|error| error.to_string())?;
    let cleared = settings.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone()).collect();
    Ok(DesiredSettings { set: set.as_object().cloned().unwrap_or_default(), cleared })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_location_has_what_the_file_says_over_the_defaults_as_the_api_writes_it() {
        let wishes = read(
            "# ours\ndefaults: {conflict: newest, tags: [agency]}\nlocations:\n  loc_a:\n  loc_b:\n    \
             name: Praxis Köln\n    tags: [dental]\n    conflict: null\n    credentials_expire_at: 2027-01-31\n    \
             pace: {limit: 80, window_ms: 10000}\n  12345: {enabled: no}\n",
        );
        let wrong = wishes.unwrap_err();
        assert!(wrong.starts_with("locations.12345.enabled must be"), "`no` is a text: {wrong}");
        let wishes = read(
            "defaults: {conflict: newest, tags: [agency]}\nlocations:\n  loc_a:\n  12345:\n    name: Praxis Köln\n    \
             tags: [dental]\n    conflict: null\n    credentials_expire_at: 2027-01-31\n",
        )
        .unwrap();
        let of = |id: &str| wishes[&LocationId::new(id).unwrap()].clone();
        let expected = json!({ "conflict": "newest", "tags": ["agency"] });
        assert_eq!(of("loc_a"), DesiredSettings { set: expected.as_object().unwrap().clone(), cleared: Vec::new() });
        let expected =
            json!({ "name": "Praxis Köln", "tags": ["dental"], "credentials_expire_at": "2027-01-31T00:00:00.000Z" });
        assert_eq!(
            of("12345"),
            DesiredSettings { set: expected.as_object().unwrap().clone(), cleared: vec!["conflict".to_owned()] }
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_and_no_token_is_repeated() {
        for (text, expected) in [
            ("", "no map"),
            ("locations: [a]", "locations must be a map"),
            ("locations: {a: 7}", "locations.a must be a map"),
            ("location: {}", "`locations` is missing"),
            ("locations: {}\nother: 1", "`other` is not known here"),
            ("locations: {a b: {}}", "location_id has a character"),
            ("locations: {a: {token: pit-secret}}", "locations.a.token is not a field here: a file holds no token"),
            ("locations: {a: {credentials: pit-secret}}", "locations.a.credentials"),
            ("locations: {a: {credentials: 'file:/etc/x'}}", "may not be a file"),
            ("locations: {a: {tags: [a, A]}}", "locations.a.tags has the tag at place 2 twice"),
            ("defaults: {nme: x}\nlocations: {}", "defaults.nme is not a field here"),
            ("locations: {a: {}, a: {}}", "no YAML"),
            ("locations:\n  a: {token: pit-secret\n  b: pit-secret: pit-secret\n", "no YAML"),
            ("locations: {a: {nothing: null}}", "locations.a.nothing is not a field here"),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.contains(expected) && !wrong.contains("pit-secret"), "{text}: {wrong}");
        }
        let many: String = (0..50).map(|n| format!("  l{n}: {{bad: 1}}\n")).collect();
        let wrong = read(&format!("locations:\n{many}")).unwrap_err();
        assert!(wrong.lines().count() == 21 && wrong.ends_with("and 30 more"), "{wrong}");
    }
}
