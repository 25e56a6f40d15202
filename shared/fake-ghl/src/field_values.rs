//! Checks values of custom fields against their definitions.
//!
//! A location without any defined field accepts every value: its test does not concern fields. GHL's answer to an
//! unknown field is unverified; we refuse it, to expose callers that use the field ids of one location in another.

use serde_json::{Map, Value, json};

use super::answer::SandboxAnswer;
use super::store::{LocationStructure, StoredCustomField};

/// Returns the body of a contact or an opportunity (see `model`) with its custom fields in stored form: by id, and
/// without values that GHL drops silently.
pub(crate) fn settle(
    structure: &LocationStructure,
    model: &str,
    body: &Map<String, Value>,
) -> Result<Map<String, Value>, SandboxAnswer> {
    let mut body = body.clone();
    if structure.custom_fields.is_empty() {
        return Ok(body);
    }
    if let Some(Value::Array(elements)) = body.get("customFields") {
        let named = elements.iter().map(|element| {
            let name = element.get("id").or_else(|| element.get("key")).and_then(Value::as_str).unwrap_or_default();
            (name, element.get("field_value").unwrap_or(&Value::Null))
        });
        let kept = values(structure, model, named)?;
        let kept: Vec<Value> = kept.into_iter().map(|(id, value)| json!({"id": id, "field_value": value})).collect();
        body.insert("customFields".to_owned(), json!(kept));
    }
    if let Some(Value::Object(pairs)) = body.get("customField") {
        let kept = values(structure, model, pairs.iter().map(|(name, value)| (name.as_str(), value)))?;
        body.insert("customField".to_owned(), Value::Object(kept.into_iter().collect()));
    }
    Ok(body)
}

fn values<'a>(
    structure: &LocationStructure,
    model: &str,
    named: impl Iterator<Item = (&'a str, &'a Value)>,
) -> Result<Vec<(String, Value)>, SandboxAnswer> {
    let mut kept = Vec::new();
    for (name, value) in named {
        let Some(field) = structure.custom_field(model, name) else {
            return Err(SandboxAnswer::bad_request(format!(
                "The custom field {name} does not exist in this location."
            )));
        };
        let complaint = field.complaint(value);
        if let Some(complaint) = complaint {
            return Err(SandboxAnswer::unprocessable([format!("customFields.{} {complaint}", field.id)]));
        }
        kept.extend(field.kept(value).map(|value| (field.id.clone(), value)));
    }
    Ok(kept)
}

impl StoredCustomField {
    /// The problem with `value`, if it does not fit the field's type. An empty text fits every type. Options are not
    /// compared: whether GHL does is unverified.
    fn complaint(&self, value: &Value) -> Option<&'static str> {
        let is_number =
            |value: &Value| value.is_number() || value.as_str().is_some_and(|text| text.trim().parse::<f64>().is_ok());
        let is_texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
        let (fits, complaint) = match self.data_type.as_str() {
            _ if value == "" => (true, ""),
            "NUMERICAL" | "MONETORY" | "FLOAT" => (is_number(value), "must be a number"),
            "CHECKBOX" | "MULTIPLE_OPTIONS" => (is_texts(value), "must be an array of strings"),
            "DATE" => (value.as_str().is_some_and(is_date), "must be a date"),
            "FILE_UPLOAD" | "TEXTBOX_LIST" => (value.is_object(), "must be an object"),
            _ => (value.is_string() || value.is_number(), "must be a string"),
        };
        (!fits).then_some(complaint)
    }

    /// The stored form of a valid value. A date loses its time of day; an empty text clears a text field, and is
    /// ignored by all other types.
    fn kept(&self, value: &Value) -> Option<Value> {
        match (self.data_type.as_str(), value.as_str()) {
            ("TEXT" | "LARGE_TEXT" | "PHONE", _) => Some(value.clone()),
            (_, Some("")) => None,
            ("DATE", Some(date)) => Some(json!(date.split_once('T').map_or(date, |(day, _)| day))),
            _ => Some(value.clone()),
        }
    }
}

/// `YYYY-MM-DD`, with or without a time of day.
fn is_date(text: &str) -> bool {
    let day = text.split_once('T').map_or(text, |(day, _)| day);
    let parts: Vec<&str> = day.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(data_type: &str) -> StoredCustomField {
        StoredCustomField {
            id: "f1".to_owned(),
            name: "Size".to_owned(),
            key: "contact.size".to_owned(),
            model: "contact".to_owned(),
            data_type: data_type.to_owned(),
            options: Vec::new(),
            shown: Map::new(),
        }
    }

    #[test]
    fn each_type_takes_its_own_and_nothing_else() {
        let table = [
            ("TEXT", json!("a"), json!(["a"])),
            ("NUMERICAL", json!(2.5), json!("two")),
            ("MONETORY", json!("2.50"), json!({})),
            ("CHECKBOX", json!(["a", "b"]), json!("a")),
            ("DATE", json!("2026-10-15T14:30:00-07:00"), json!("15 October")),
            ("FILE_UPLOAD", json!({"uuid": {}}), json!("a.pdf")),
            ("SINGLE_OPTIONS", json!("a"), json!(["a"])),
        ];
        for (data_type, good, bad) in table {
            assert_eq!(field(data_type).complaint(&good), None, "{data_type} {good}");
            assert_ne!(field(data_type).complaint(&bad), None, "{data_type} {bad}");
            assert_eq!(field(data_type).complaint(&json!("")), None, "{data_type} cleared");
        }
    }

    #[test]
    fn what_ghl_drops_silently_is_dropped() {
        assert_eq!(field("DATE").kept(&json!("2026-10-15T14:30-07:00")), Some(json!("2026-10-15")));
        assert_eq!(field("TEXT").kept(&json!("")), Some(json!("")));
        assert_eq!(field("NUMERICAL").kept(&json!("")), None);
    }

    #[test]
    fn a_field_of_another_location_or_model_is_refused_and_a_key_is_as_good_as_an_id() {
        let mut structure = LocationStructure::default();
        let body = |name: &str| {
            let body = json!({"customFields": [{"key": name, "field_value": "a"}]});
            body.as_object().cloned().unwrap_or_default()
        };
        assert_eq!(settle(&structure, "contact", &body("any")), Ok(body("any")), "nothing is defined");
        structure.custom_fields.insert("f1".to_owned(), field("TEXT"));
        for name in ["f1", "contact.size", "size"] {
            let kept = settle(&structure, "contact", &body(name)).unwrap();
            assert_eq!(kept["customFields"], json!([{"id": "f1", "field_value": "a"}]), "{name}");
            assert!(settle(&structure, "opportunity", &body(name)).is_err(), "{name}");
        }
        assert!(settle(&structure, "contact", &body("f2")).is_err());
    }
}
