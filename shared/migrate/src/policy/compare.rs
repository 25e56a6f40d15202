//! Whether a record is equal on both sides, given GHL's normalisation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::id_map::IdMap;
use ghl_sync_model::{Contact, CustomField, FieldDifference, GhlId, Marker, Opportunity, RemoteOpportunity, TextForm};

type Fields = BTreeMap<String, String>;

/// Longest value in a finding, in characters.
const SHOWN: usize = 1_000;
/// Prefix of a custom field's name in a snapshot; its id in the target follows.
const CUSTOM: &str = "custom:";
/// Separator between a contact's tags.
const COMMA: char = '\u{1f}';

/// The values that the target should have for a contact that was put.
#[must_use]
pub fn expected_contact(contact: &Contact) -> Fields {
    let mut fields = contact_snapshot(contact);
    // GHL builds the full name from its parts.
    if fields.contains_key("first_name") || fields.contains_key("last_name") {
        fields.remove("name");
    }
    fields
}

/// A contact's values in comparable form, without any marker of ours.
#[must_use]
pub fn contact_snapshot(contact: &Contact) -> Fields {
    let mut fields = Fields::new();
    for field in Contact::TEXTS {
        let lower = |text: &str| text.trim().to_lowercase();
        let form = |text: &str| match field.form {
            TextForm::Words if field.name == "gender" => lower(text),
            TextForm::Words if field.name == "source" => without_marker(text),
            TextForm::Words => squeezed(text),
            TextForm::Email => lower(text),
            TextForm::Phone => phone(text),
            TextForm::WebAddress => text.trim().trim_end_matches('/').to_lowercase(),
            TextForm::Country => text.trim().to_uppercase(),
            TextForm::Id => text.to_owned(),
            TextForm::Day => day(text),
        };
        let text = if field.name == "name" { full_name(contact) } else { field.of(contact).map(form) };
        insert(&mut fields, field.own_name, text);
    }
    insert(&mut fields, "dnd", contact.dnd.filter(|dnd| *dnd).map(|dnd| dnd.to_string()));
    insert(&mut fields, "tags", Some(tags(&contact.tags)));
    custom(&mut fields, &contact.custom_fields);
    fields
}

/// The values that the target should have for an opportunity that was put and whose contact there is `contact`.
#[must_use]
pub fn expected_opportunity(opportunity: &Opportunity, contact: Option<&GhlId>) -> Fields {
    opportunity_snapshot(&RemoteOpportunity {
        name: Some(opportunity.name.clone()),
        contact_id: contact.map(ToString::to_string),
        pipeline_id: Some(opportunity.pipeline_id.to_string()),
        pipeline_stage_id: opportunity.pipeline_stage_id.as_ref().map(ToString::to_string),
        status: opportunity.status.map(|status| status.as_str().to_owned()),
        monetary_value: opportunity.monetary_value.clone(),
        assigned_to: opportunity.assigned_to.clone(),
        source: None,
        custom_fields: opportunity.custom_fields.clone(),
    })
}

/// An opportunity's values in comparable form.
#[must_use]
pub fn opportunity_snapshot(opportunity: &RemoteOpportunity) -> Fields {
    let mut fields = Fields::new();
    let texts = [
        ("name", opportunity.name.as_deref().map(squeezed)),
        ("contact", opportunity.contact_id.clone()),
        ("pipeline", opportunity.pipeline_id.clone()),
        ("stage", opportunity.pipeline_stage_id.clone()),
        ("status", opportunity.status.clone()),
        // GHL treats a missing value and 0 alike.
        ("monetary_value", opportunity.monetary_value.as_ref().map(number).filter(|value| value != "0")),
        ("assigned_to", opportunity.assigned_to.clone()),
    ];
    for (name, text) in texts {
        insert(&mut fields, name, text);
    }
    custom(&mut fields, &opportunity.custom_fields);
    fields
}

/// The fields in which `found` differs from `expected`. A field that is not in `expected` may have any value: GHL
/// keeps absent fields.
#[must_use]
pub fn differences(expected: &Fields, found: &Fields, ids: &IdMap) -> Vec<FieldDifference> {
    let nothing = String::new();
    let mut different = Vec::new();
    for (field, wanted) in expected {
        let there = found.get(field).unwrap_or(&nothing);
        let same = match field.as_str() {
            "tags" => wanted.split(COMMA).all(|tag| there.split(COMMA).any(|other| other == tag)),
            "phone" => same_phone(wanted, there),
            _ => wanted == there,
        };
        if !same {
            let id = field.strip_prefix(CUSTOM);
            let name = id.and_then(|id| ids.name_of_target_field(id)).unwrap_or(field).to_owned();
            different.push(FieldDifference { field: name, expected: shown(wanted), found: shown(there) });
        }
    }
    different
}

fn insert(fields: &mut Fields, name: &str, text: Option<String>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        fields.insert(name.to_owned(), text);
    }
}

fn custom(fields: &mut Fields, custom: &[CustomField]) {
    for field in custom {
        let name = field.id.as_deref().or(field.key.as_deref()).unwrap_or_default();
        insert(fields, &format!("{CUSTOM}{name}"), Some(value(&field.value)));
    }
}

fn full_name(contact: &Contact) -> Option<String> {
    let parts = [contact.first_name.as_deref(), contact.last_name.as_deref()];
    let joined = squeezed(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "));
    let name = if joined.is_empty() { contact.name.as_deref().map(squeezed)? } else { joined };
    Some(name.to_lowercase())
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_marker(source: &str) -> String {
    source.split_whitespace().filter(|word| !Marker::is_one(word)).collect::<Vec<_>>().join(" ")
}

fn phone(phone: &str) -> String {
    phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

/// Compares phone numbers; GHL adds the country code to a number without one.
fn same_phone(wanted: &str, there: &str) -> bool {
    match wanted.strip_prefix('+') {
        Some(_) => wanted == there,
        None => !there.is_empty() && there.ends_with(wanted.trim_start_matches('0')),
    }
}

fn day(date: &str) -> String {
    date.trim().chars().take(10).collect()
}

fn tags(tags: &[String]) -> String {
    let mut tags: Vec<String> =
        tags.iter().map(|tag| tag.trim().to_lowercase()).filter(|tag| !tag.is_empty()).collect();
    tags.sort();
    tags.dedup();
    tags.join(&COMMA.to_string())
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Number(value) => number(value),
        Value::String(text) => text_value(text),
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(self::value).collect();
            items.sort();
            items.join(&COMMA.to_string())
        }
        other => other.to_string(),
    }
}

/// Normalises a text: a number given as text equals the number, and GHL keeps only the day of a point in time.
fn text_value(text: &str) -> String {
    let text = text.trim();
    let is_time = text.len() > 10 && text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(10) == Some(&b'T');
    match text.parse::<f64>() {
        _ if is_time => day(text),
        Ok(number) if number.is_finite() && !text.starts_with(['0', '+']) => number.to_string(),
        _ => squeezed(text),
    }
}

fn number(number: &serde_json::Number) -> String {
    number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
}

/// A value for people, cut to a useful length.
fn shown(text: &str) -> String {
    let count = text.chars().count();
    let whole = text.replace(COMMA, ", ");
    if count <= SHOWN {
        return whole;
    }
    let beginning: String = whole.chars().take(SHOWN).collect();
    format!("{beginning}… ({count} characters)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(json: &str) -> Contact {
        serde_json::from_str(json).unwrap()
    }

    fn different(expected: &str, found: &str) -> Vec<String> {
        let differences =
            differences(&expected_contact(&contact(expected)), &contact_snapshot(&contact(found)), &IdMap::default());
        differences.into_iter().map(|difference| difference.field).collect()
    }

    #[test]
    fn what_ghl_normalises_is_no_difference() {
        let table = [
            (r#"{"email":"Ada@Example.Test"}"#, r#"{"email":"ada@example.test"}"#),
            (r#"{"phone":"+1 (555) 010-0000"}"#, r#"{"phone":"+15550100000"}"#),
            (r#"{"phone":"0555 010000"}"#, r#"{"phone":"+49555010000"}"#),
            (r#"{"name":"Ada  Lovelace"}"#, r#"{"firstName":"Ada","lastName":"Lovelace"}"#),
            (r#"{"firstName":"Ada"}"#, r#"{"firstName":"Ada","lastName":"Lovelace","city":"London"}"#),
            (r#"{"tags":["VIP","lead"]}"#, r#"{"tags":["customer","lead","vip"]}"#),
            (r#"{"website":"https://A.test/"}"#, r#"{"website":"https://a.test"}"#),
            (
                r#"{"country":"de","dateOfBirth":"1990-01-02T00:00:00.000Z"}"#,
                r#"{"country":"DE","dateOfBirth":"1990-01-02"}"#,
            ),
            (r#"{"source":"Fair"}"#, r#"{"source":"Fair ghlsync802c5eeba960e0d8"}"#),
            (r#"{"dnd":false}"#, r#"{}"#),
            (r#"{"customFields":[{"id":"a","value":7}]}"#, r#"{"customFields":[{"id":"a","value":"7.0"}]}"#),
            (
                r#"{"customFields":[{"id":"a","value":["x","y"]}]}"#,
                r#"{"customFields":[{"id":"a","value":["y","x"]}]}"#,
            ),
            (
                r#"{"customFields":[{"id":"a","value":"2026-10-15T14:30:00-07:00"}]}"#,
                r#"{"customFields":[{"id":"a","value":"2026-10-15"}]}"#,
            ),
        ];
        for (expected, found) in table {
            assert_eq!(different(expected, found), Vec::<String>::new(), "{expected} {found}");
        }
    }

    #[test]
    fn anything_else_is_one_and_is_named() {
        let table = [
            (r#"{"email":"a@b.c"}"#, r#"{}"#, "email"),
            (r#"{"phone":"+15550100000"}"#, r#"{"phone":"+15550100001"}"#, "phone"),
            (r#"{"phone":"+15550100000"}"#, r#"{"phone":"+4915550100000"}"#, "phone"),
            (r#"{"lastName":"Müller"}"#, r#"{"lastName":"Muller"}"#, "last_name"),
            (r#"{"tags":["vip"]}"#, r#"{"tags":["vips"]}"#, "tags"),
            (r#"{"dnd":true}"#, r#"{"dnd":false}"#, "dnd"),
            (r#"{"postalCode":"01234"}"#, r#"{"postalCode":"1234"}"#, "postal_code"),
            (
                r#"{"customFields":[{"id":"a","value":"007"}]}"#,
                r#"{"customFields":[{"id":"a","value":"7"}]}"#,
                "custom:a",
            ),
            (
                r#"{"customFields":[{"id":"a","value":["x","y"]}]}"#,
                r#"{"customFields":[{"id":"a","value":["x"]}]}"#,
                "custom:a",
            ),
        ];
        for (expected, found, field) in table {
            assert_eq!(different(expected, found), [field], "{expected} {found}");
        }
    }

    #[test]
    fn a_contact_is_the_same_as_itself_whatever_is_in_it() {
        let json = r#"{"firstName":"Zoë 🙂","lastName":"李","email":"Z@X.y","phone":"+1555","tags":["Ä","b c"],"dnd":true,
            "companyName":"A  B","assignedTo":"u","customFields":[{"id":"a","value":{"f":1}},{"id":"b","value":1.50}]}"#;
        assert_eq!(different(json, json), Vec::<String>::new());
    }
}
