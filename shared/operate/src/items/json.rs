//! Parses JSON from outside. Errors say what is wrong, and where, but never repeat the values.

use std::collections::HashSet;
use std::fmt;

use ghl_sync_model::json::Objects;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Longest part of a field's name that is repeated in an answer, in characters.
const MAX_FIELD_CHARS: usize = 100;

/// Parses JSON; a fault names the position or the field.
pub fn from_json<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, JsonFault> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = serde_path_to_error::deserialize(Objects(&mut deserializer))
        .map_err(|error| JsonFault::new(json, error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| JsonFault::new(json, String::new(), &error))?;
    Ok(read)
}

/// Parses JSON in which no object may name a field twice, since nobody knows which of the two was meant.
pub fn from_json_without_doubles<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, JsonFault> {
    let read = from_json(json)?;
    let EachFieldOnce = from_json(json)?;
    Ok(read)
}

/// The texts of a list's elements, or of a single value. Each can be parsed by itself, unless the whole is not JSON,
/// because then the elements have no known boundaries.
///
/// # Errors
/// If the text is not JSON.
pub fn one_or_list(json: &str) -> Result<Vec<&str>, JsonFault> {
    if json.trim_start().starts_with('[') {
        let elements: Vec<&RawValue> = from_json(json)?;
        return Ok(elements.into_iter().map(RawValue::get).collect());
    }
    let one: &RawValue = from_json(json)?;
    Ok(vec![one.get()])
}

/// Any JSON whose objects name each field once. serde checks only the fields of structs; in a map, the last one wins.
struct EachFieldOnce;

impl<'de> Deserialize<'de> for EachFieldOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EachFieldOnce)
    }
}

macro_rules! has_no_fields {
    ($($visit:ident: $of:ty,)*) => {
        $(fn $visit<E>(self, _: $of) -> Result<Self, E> {
            Ok(self)
        })*
    };
}

impl<'de> Visitor<'de> for EachFieldOnce {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    has_no_fields! { visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str, }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<EachFieldOnce>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            let EachFieldOnce = members.next_value()?;
            seen.insert(name);
        }
        Ok(self)
    }
}

/// A fault in JSON, without any of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    /// Whether the text is not JSON at all (rather than JSON of another shape than expected).
    pub syntax: bool,
    /// The path of the field.
    pub field: String,
    /// What is wrong.
    pub detail: String,
}

impl JsonFault {
    fn new(json: &str, path: String, error: &serde_json::Error) -> JsonFault {
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(place.as_str()).unwrap_or(&message);
        if error.is_data() {
            return JsonFault::of_field(path, message);
        }
        let called_syntax = CALLED_SYNTAX.iter().find(|(said, _)| message == *said);
        match called_syntax.filter(|_| serde_json::from_str::<IgnoredAny>(json).is_ok()) {
            Some((_, meant)) => JsonFault::of_field(path, meant),
            None => JsonFault { syntax: true, field: String::new(), detail: format!("is not JSON: {message}{place}") },
        }
    }

    /// The fault in serde's `message` about the field at `path`.
    pub fn of_field(path: String, message: &str) -> JsonFault {
        let path = if path == "." { String::new() } else { path };
        let (name, detail) = without_values(message);
        let field = match name {
            // The path ends before a field that is missing or unexpected.
            Some(name) if !ends_with(&path, name) => join(&path, name),
            _ => path,
        };
        JsonFault { syntax: false, field: printable(&field), detail }
    }
}

/// Messages that `serde_json` reports as syntax errors even if the text is JSON, and their meaning: in that case, the
/// field can be named.
const CALLED_SYNTAX: [(&str, &str); 3] = [
    ("recursion limit exceeded", "is nested too deeply"),
    ("number out of range", "has a number that is out of range"),
    // Where one of several words is expected.
    ("expected value", "must be a string"),
];

/// serde's message without the value that it repeats, and the field that it names.
fn without_values(message: &str) -> (Option<&str>, String) {
    let quoted = |prefix: &str| message.strip_prefix(prefix)?.split('`').next();
    if let Some(name) = quoted("missing field `") {
        return (Some(name), "is missing".to_owned());
    }
    if let Some(name) = quoted("unknown field `") {
        return (Some(name), "is not a field here".to_owned());
    }
    if let Some(name) = quoted("duplicate field `") {
        return (Some(name), "is there twice".to_owned());
    }
    let repeats = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `"];
    if repeats.iter().any(|prefix| message.starts_with(prefix)) {
        let expected = message.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
        return (None, format!("must be {}", plain(expected)));
    }
    // Numbers in texts, as in a query string.
    let of_number = ["invalid digit found in string", "cannot parse integer from empty string"];
    if of_number.contains(&message) || message.starts_with("number too ") {
        return (None, "must be a whole number, and not too large".to_owned());
    }
    (None, message.to_owned())
}

/// Plain words for the Rust types in serde's messages.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "a nonzero u32" => "a whole number above 0",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if ["struct ", "internally tagged enum "].iter().any(|kind| expected.starts_with(kind)) => "an object",
        _ => expected,
    }
}

fn ends_with(path: &str, name: &str) -> bool {
    path == name || path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A field name, shortened and without control characters: callers choose the names of unknown fields.
pub fn printable(field: &str) -> String {
    field.chars().map(|c| if c.is_control() { '?' } else { c }).take(MAX_FIELD_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ghl_sync_model::{Contact, LocationId, Opportunity};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Body {
        id: LocationId,
        number: Option<u8>,
        contact: Option<Contact>,
        opportunity: Option<Opportunity>,
        #[serde(default)]
        map: BTreeMap<String, u8>,
    }

    #[test]
    fn a_fault_names_the_field_and_never_the_value() {
        const NOT_CLEARED: &str = "cannot be cleared through GHL's API: leave it out, or give a value";
        let cases = [
            (r#"{"number":1}"#, "id", "is missing"),
            (r#"{"id":"a b"}"#, "id", "location_id has a character other than letters, digits, '-' and '_'"),
            (r#"{"id":"a","number":"secret, expected secret"}"#, "number", "must be a whole number"),
            (r#"{"id":"a","number":-7}"#, "number", "must be a whole number"),
            (r#"{"id":"a","other":7}"#, "other", "is not a field here"),
            (r#"{"id":"a","id":"b"}"#, "id", "is there twice"),
            (r#"{"id":"a","contact":"secret"}"#, "contact", "must be an object"),
            (r#"{"id":"a","contact":{"emial":"secret"}}"#, "contact.emial", "is not a field here"),
            (r#"{"id":"a","contact":{"email":7}}"#, "contact.email", "must be a string"),
            (r#"{"id":"a","contact":{"tags":["x",7]}}"#, "contact.tags[1]", "must be a string"),
            (r#"{"id":"a","contact":{"customFields":[{"id":"a"}]}}"#, "contact.customFields[0].value", "is missing"),
            (
                r#"{"id":"a","opportunity":{"lostReasonId":"secret"}}"#,
                "opportunity.lostReasonId",
                "is not a field here",
            ),
            (r#"{"id":"a","opportunity":{"followers":["secret"]}}"#, "opportunity.followers", "is not a field here"),
            (r#"{"id":"a","contact":{"dnd":null}}"#, "contact.dnd", NOT_CLEARED),
            (r#"{"id":"a","contact":{"country":null}}"#, "contact.country", NOT_CLEARED),
            (r#"{"id":"a","contact":{"tags":null}}"#, "contact.tags", "must be a list"),
            (
                r#"{"id":"a","contact":{"customFields":[{"id":"a","value":1,"fieldValue":2}]}}"#,
                "contact.customFields[0]",
                "`value`, `fieldValue` and `field_value` say different things: give one of them",
            ),
            (r#"{"id":"a","map":{"x":"secret"}}"#, "map.x", "must be a whole number"),
            (r#""secret""#, "", "must be an object"),
        ];
        for (json, field, detail) in cases {
            let fault = from_json::<Body>(json).unwrap_err();
            assert_eq!((fault.field.as_str(), fault.detail.as_str()), (field, detail), "{json}");
            assert!(!fault.syntax);
        }
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        let deep = "[".repeat(200);
        let cases = [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("{\"id\":\"a\"", "EOF while parsing an object at line 1 column 9"),
            ("{\"id\":\"a\",\n\"number\":0x1}", "expected `,` or `}` at line 2 column 11"),
            ("{\"id\":\"a\"} secret", "trailing characters at line 1 column 12"),
            ("{\"map\":{\"a\":1},}", "trailing comma at line 1 column 16"),
            ("{\"id\":\"\\ud800\"}", "unexpected end of hex escape at line 1 column 14"),
            (deep.as_str(), "invalid type"),
        ];
        for (json, detail) in cases {
            let fault = from_json::<Body>(json).unwrap_err();
            if fault.syntax {
                assert_eq!(fault.detail, format!("is not JSON: {detail}"), "{json}");
            } else {
                assert_eq!(detail, "invalid type", "{json}: {fault:?}");
            }
        }
    }
}
