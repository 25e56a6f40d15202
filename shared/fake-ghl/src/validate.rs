//! Validates bodies against GHL's field lists: unlisted fields and wrong types are refused.

use serde_json::{Map, Value};

use super::answer::SandboxAnswer;
use super::phone;

/// A field list, composed of parts that several lists share.
pub(crate) type Dto = &'static [&'static [DtoField]];

/// A field that a body may have.
#[derive(Debug)]
pub(crate) struct DtoField {
    name: &'static str,
    kind: DtoKind,
    presence: FieldPresence,
}

#[derive(Debug, PartialEq)]
enum FieldPresence {
    Required,
    Optional,
    /// Optional, and `null` clears it.
    Nullable,
}

/// The type of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DtoKind {
    Text,
    Email,
    Phone,
    /// Two letters.
    Country,
    BirthDate,
    Flag,
    Number,
    Texts,
    Object,
    /// Anything; the endpoint checks it.
    Any,
    DndSettings,
    /// A list of `{id or key, field_value}`.
    CustomFields,
    /// A list of objects, each with a field list of its own.
    Elements(Dto),
    Choice(&'static [&'static str]),
}

impl DtoField {
    pub(crate) const fn required(name: &'static str, kind: DtoKind) -> DtoField {
        DtoField { name, kind, presence: FieldPresence::Required }
    }

    pub(crate) const fn optional(name: &'static str, kind: DtoKind) -> DtoField {
        DtoField { name, kind, presence: FieldPresence::Optional }
    }

    pub(crate) const fn nullable(name: &'static str, kind: DtoKind) -> DtoField {
        DtoField { name, kind, presence: FieldPresence::Nullable }
    }

    /// The problems of the field in an object at the path `within`.
    fn complaints(&self, within: &str, value: Option<&Value>) -> Vec<String> {
        match value {
            None if self.presence != FieldPresence::Required => Vec::new(),
            Some(Value::Null) if self.presence == FieldPresence::Nullable => Vec::new(),
            value => complaints(&format!("{within}{}", self.name), self.kind, value.unwrap_or(&Value::Null)),
        }
    }
}

/// Returns `body` if it conforms to `dto`.
pub(crate) fn check(body: &Map<String, Value>, dto: Dto) -> Result<&Map<String, Value>, SandboxAnswer> {
    let complaints = object_complaints("", body, dto);
    if complaints.is_empty() { Ok(body) } else { Err(SandboxAnswer::unprocessable(complaints)) }
}

fn object_complaints(within: &str, object: &Map<String, Value>, dto: Dto) -> Vec<String> {
    let fields = || dto.iter().flat_map(|part| part.iter());
    let unknown = object.keys().filter(|key| !fields().any(|field| field.name == key.as_str()));
    let mut complaints: Vec<String> = unknown.map(|key| should_not_exist(&format!("{within}{key}"))).collect();
    complaints.extend(fields().flat_map(|field| field.complaints(within, object.get(field.name))));
    complaints
}

fn complaints(name: &str, kind: DtoKind, value: &Value) -> Vec<String> {
    let text = value.as_str();
    let complaint = match kind {
        DtoKind::Text => text.is_none().then(|| "must be a string".to_owned()),
        DtoKind::Email => (!text.is_some_and(is_email)).then(|| "must be an email".to_owned()),
        DtoKind::Phone => text.and_then(phone::normalize).is_none().then(|| "must be a valid phone number".to_owned()),
        DtoKind::Country => (!text.is_some_and(is_country)).then(|| "must be a valid enum value".to_owned()),
        DtoKind::BirthDate => (!text.is_some_and(is_birth_date)).then(|| "must be a valid date".to_owned()),
        DtoKind::Flag => (!value.is_boolean()).then(|| "must be a boolean value".to_owned()),
        DtoKind::Number => {
            (!value.is_number()).then(|| "must be a number conforming to the specified constraints".to_owned())
        }
        DtoKind::Object => (!value.is_object()).then(|| "must be an object".to_owned()),
        DtoKind::Choice(choices) => (!text.is_some_and(|text| choices.contains(&text)))
            .then(|| format!("must be one of the following values: {}", choices.join(", "))),
        DtoKind::Any => None,
        DtoKind::Texts => return texts_complaints(name, value),
        DtoKind::DndSettings => return dnd_complaints(name, value),
        DtoKind::CustomFields => return custom_field_complaints(name, value),
        DtoKind::Elements(dto) => return element_complaints(name, value, dto),
    };
    complaint.map(|complaint| format!("{name} {complaint}")).into_iter().collect()
}

fn texts_complaints(name: &str, value: &Value) -> Vec<String> {
    match value.as_array() {
        None => vec![format!("{name} must be an array")],
        Some(items) if items.iter().all(Value::is_string) => Vec::new(),
        Some(_) => vec![format!("each value in {name} must be a string")],
    }
}

const CHANNELS: &[&str] = &["Call", "Email", "SMS", "WhatsApp", "GMB", "FB"];
const DND_STATES: DtoKind = DtoKind::Choice(&["active", "inactive", "permanent"]);

fn dnd_complaints(name: &str, value: &Value) -> Vec<String> {
    let Some(settings) = value.as_object() else { return vec![format!("{name} must be an object")] };
    let mut found = Vec::new();
    for (channel, setting) in settings {
        let name = format!("{name}.{channel}");
        if !CHANNELS.contains(&channel.as_str()) {
            found.push(should_not_exist(&name));
            continue;
        }
        let Some(setting) = setting.as_object() else {
            found.push(format!("{name} must be an object"));
            continue;
        };
        found.extend(complaints(&format!("{name}.status"), DND_STATES, setting.get("status").unwrap_or(&Value::Null)));
        let unknown = setting.keys().filter(|key| !["status", "message", "code"].contains(&key.as_str()));
        found.extend(unknown.map(|key| should_not_exist(&format!("{name}.{key}"))));
    }
    found
}

fn custom_field_complaints(name: &str, value: &Value) -> Vec<String> {
    let Some(elements) = value.as_array() else { return vec![format!("{name} must be an array")] };
    let mut found = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let name = format!("{name}.{index}");
        let Some(element) = element.as_object() else {
            found.push(format!("{name} must be an object"));
            continue;
        };
        let unknown = element.keys().filter(|key| !["id", "key", "field_value"].contains(&key.as_str()));
        found.extend(unknown.map(|key| should_not_exist(&format!("{name}.{key}"))));
        let is_named = ["id", "key"].iter().any(|key| element.get(*key).and_then(Value::as_str).is_some());
        if !is_named {
            found.push(format!("{name}.id must be a string"));
        }
        if !element.contains_key("field_value") {
            found.push(format!("{name}.field_value should not be empty"));
        }
    }
    found
}

fn element_complaints(name: &str, value: &Value, dto: Dto) -> Vec<String> {
    let Some(elements) = value.as_array() else { return vec![format!("{name} must be an array")] };
    let complaints_of = |(index, element): (usize, &Value)| match element.as_object() {
        Some(element) => object_complaints(&format!("{name}.{index}."), element, dto),
        None => vec![format!("{name}.{index} must be an object")],
    };
    elements.iter().enumerate().flat_map(complaints_of).collect()
}

fn should_not_exist(name: &str) -> String {
    format!("property {name} should not exist")
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let has_space = text.chars().any(|c| c.is_whitespace() || c.is_control());
    let is_domain = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    !has_space && !local.is_empty() && !local.contains('@') && is_domain
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Year, month and day, with the year first or last, separated by `-`, `/`, `.` or `_`.
fn is_birth_date(text: &str) -> bool {
    ['-', '/', '.', '_'].iter().any(|separator| {
        let parts: Vec<&str> = text.split(*separator).collect();
        let are_digits = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        are_digits && matches!(lengths.as_slice(), [4, 2, 2] | [2, 2, 4])
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn complaints_of(kind: DtoKind, value: &Value) -> Vec<String> {
        complaints("x", kind, value)
    }

    #[test]
    fn each_kind_takes_its_own_and_nothing_else() {
        let table = [
            (DtoKind::Text, json!("a"), json!(1)),
            (DtoKind::Email, json!("a@b.co"), json!("a@b")),
            (DtoKind::Phone, json!("+1 888 555 0100"), json!("home")),
            (DtoKind::Country, json!("US"), json!("USA")),
            (DtoKind::BirthDate, json!("1990/09/25"), json!("25 September")),
            (DtoKind::BirthDate, json!("09-25-1990"), json!(19900925)),
            (DtoKind::Flag, json!(true), json!("true")),
            (DtoKind::Number, json!(2.5), json!("2.5")),
            (DtoKind::Texts, json!(["a"]), json!(["a", 1])),
            (DtoKind::Object, json!({}), json!([])),
            (DtoKind::Choice(&["open"]), json!("open"), json!("Open")),
            (DtoKind::DndSettings, json!({"SMS": {"status": "active"}}), json!({"sms": {"status": "active"}})),
            (DtoKind::CustomFields, json!([{"key": "k", "field_value": 1}]), json!([{"id": "i", "value": 1}])),
            (DtoKind::CustomFields, json!([{"id": "i", "field_value": ["a"]}]), json!([{"field_value": "a"}])),
        ];
        for (kind, good, bad) in table {
            assert_eq!(complaints_of(kind, &good), Vec::<String>::new(), "{kind:?} {good}");
            assert_ne!(complaints_of(kind, &bad), Vec::<String>::new(), "{kind:?} {bad}");
        }
    }

    #[test]
    fn null_clears_nullable_fields_only() {
        let nullable = DtoField::nullable("x", DtoKind::Text);
        let optional = DtoField::optional("x", DtoKind::Text);
        assert!(nullable.complaints("", Some(&Value::Null)).is_empty());
        assert_eq!(optional.complaints("", Some(&Value::Null)), ["x must be a string"]);
        assert!(optional.complaints("", None).is_empty());
        assert_eq!(DtoField::required("x", DtoKind::Text).complaints("", None), ["x must be a string"]);
    }
}
