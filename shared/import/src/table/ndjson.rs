//! NDJSON: one JSON object per line.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The names and values of a line, in order. An inner object's names become `outer.inner`.
pub(crate) fn cells(line: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    // A trailing comma remains if the lines were taken from a JSON list.
    let line = line.trim_end();
    let object: Object = serde_json::from_str(line.strip_suffix(',').unwrap_or(line))?;
    let mut cells = Vec::new();
    for (name, value) in object.0 {
        flatten(name, value, &mut cells);
    }
    Ok(cells)
}

fn flatten(name: String, value: Value, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Null => cells.push((name, String::new())),
        Value::Bool(flag) => cells.push((name, flag.to_string())),
        Value::Number(number) => cells.push((name, number.to_string())),
        Value::String(text) => cells.push((name, text)),
        Value::Array(_) => cells.push((name, value.to_string())),
        Value::Object(inner) => {
            for (key, value) in inner {
                flatten(format!("{name}.{key}"), value, cells);
            }
        }
    }
}

/// An object that keeps repeated names.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_cells_and_inner_objects_by_their_path() {
        let line =
            r#"{"email":"a@b.co","n":1.50,"vip":true,"x":null,"tags":["a","b, c"],"address":{"city":"Ulm"},"n":2}"#;
        let told: Vec<String> = cells(line).unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            told,
            ["email=a@b.co", "n=1.5", "vip=true", "x=", r#"tags=["a","b, c"]"#, "address.city=Ulm", "n=2"]
        );
        assert!(cells("[1]").is_err() && cells("{").is_err());
    }
}
