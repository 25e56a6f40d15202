//! A location's profile, users, custom values and tags.

use serde_json::{Map, Value, json};

use super::answer::{Handled, SandboxAnswer};
use super::custom_fields::{self, key_of};
use super::dto;
use super::store::{Profile, StoredCustomValue, StoredTag, StructurePart};
use super::visit::Visit;

/// Performs a request to `/locations/{id}/{path}`.
pub(crate) fn handle(visit: &mut Visit<'_>, method: &str, path: &[&str]) -> Handled {
    match (method, path) {
        ("GET", []) => Ok(get(visit)),

        ("GET", ["customFields"]) => custom_fields::list(visit),
        ("POST", ["customFields"]) => custom_fields::create(visit),
        ("GET", ["customFields", id]) => custom_fields::get(visit, id),
        ("PUT", ["customFields", id]) => custom_fields::update(visit, id),
        ("DELETE", ["customFields", id]) => custom_fields::delete(visit, id),

        ("GET", ["customValues"]) => Ok(values(visit)),
        ("POST", ["customValues"]) => create_value(visit),
        ("GET", ["customValues", id]) => Ok(value_shown(visit, known_value(visit, id)?)),
        ("PUT", ["customValues", id]) => update_value(visit, id),
        ("DELETE", ["customValues", id]) => delete_value(visit, id),

        ("GET", ["tags"]) => Ok(tags(visit)),
        ("POST", ["tags"]) => create_tag(visit),
        ("GET", ["tags", id]) => Ok(tag_shown(visit, known_tag(visit, id)?)),
        ("PUT", ["tags", id]) => rename_tag(visit, id),
        ("DELETE", ["tags", id]) => delete_tag(visit, id),

        _ => Err(SandboxAnswer::unknown_path(method, &visit.request.path)),
    }
}

/// `GET /users/`
pub(crate) fn users(visit: &Visit<'_>) -> Handled {
    visit.require_location()?;
    let shown = visit.structure().users.values().map(|user| {
        let (first, last) = user.name.split_once(' ').unwrap_or((&user.name, ""));
        json!({
            "id": user.id, "name": user.name, "firstName": first, "lastName": last, "email": user.email,
            "roles": {"type": "account", "role": "user", "locationIds": [visit.location]},
        })
    });
    Ok(SandboxAnswer::ok(json!({"users": shown.collect::<Vec<Value>>()})))
}

fn get(visit: &Visit<'_>) -> SandboxAnswer {
    let Profile { name, timezone, country } = &visit.structure().profile;
    SandboxAnswer::ok(json!({
        "location": {
            "id": visit.location,
            "companyId": "sandbox",
            "name": name.as_deref().unwrap_or(visit.location),
            "timezone": timezone.as_deref().unwrap_or("America/Chicago"),
            "country": country.as_deref().unwrap_or("US"),
            "business": {"name": name.as_deref().unwrap_or(visit.location)},
            "settings": {
                "allowDuplicateContact": visit.rules.allow_duplicate_contact,
                "allowDuplicateOpportunity": visit.rules.allow_duplicate_opportunity,
                "allowFacebookNameMerge": false,
                "disableContactTimezone": false,
            },
        },
    }))
}

fn values(visit: &Visit<'_>) -> SandboxAnswer {
    let shown = visit.structure().custom_values.values().map(|value| value.to_json(visit.location));
    SandboxAnswer::ok(json!({"customValues": shown.collect::<Vec<Value>>()}))
}

/// Two values with one name would share a key. That GHL refuses the second one is unverified.
fn create_value(visit: &mut Visit<'_>) -> Handled {
    let body = visit.body(dto::CUSTOM_VALUE)?;
    let made = StoredCustomValue {
        id: visit.store.ids().next_in_order(),
        name: text_of(body, "name"),
        value: text_of(body, "value"),
    };
    if visit.structure().custom_values.values().any(|other| other.key() == made.key()) {
        return Err(SandboxAnswer::bad_request(format!("A custom value with the key {} already exists.", made.key())));
    }
    let answer = SandboxAnswer::created(json!({"customValue": made.to_json(visit.location)}));
    visit.put_part(StructurePart::CustomValue(made))?;
    Ok(answer)
}

fn update_value(visit: &mut Visit<'_>, id: &str) -> Handled {
    let body = visit.body(dto::CUSTOM_VALUE)?;
    known_value(visit, id)?;
    let changed = StoredCustomValue { id: id.to_owned(), name: text_of(body, "name"), value: text_of(body, "value") };
    let answer = value_shown(visit, &changed);
    visit.put_part(StructurePart::CustomValue(changed))?;
    Ok(answer)
}

fn delete_value(visit: &mut Visit<'_>, id: &str) -> Handled {
    known_value(visit, id)?;
    visit.remove_part(id)?;
    Ok(SandboxAnswer::ok(json!({"succeded": true})))
}

fn known_value<'a>(visit: &'a Visit<'_>, id: &str) -> Result<&'a StoredCustomValue, SandboxAnswer> {
    visit.structure().custom_values.get(id).ok_or_else(|| SandboxAnswer::not_found("Custom value", id))
}

fn value_shown(visit: &Visit<'_>, value: &StoredCustomValue) -> SandboxAnswer {
    SandboxAnswer::ok(json!({"customValue": value.to_json(visit.location)}))
}

impl StoredCustomValue {
    fn key(&self) -> String {
        format!("{{{{ custom_values.{} }}}}", key_of(&self.name))
    }

    pub(crate) fn to_json(&self, location: &str) -> Value {
        json!({
            "id": self.id, "name": self.name, "fieldKey": self.key(), "value": self.value, "locationId": location,
        })
    }
}

fn tags(visit: &Visit<'_>) -> SandboxAnswer {
    let shown = visit.structure().tags.values().map(|tag| tag.to_json(visit.location));
    SandboxAnswer::ok(json!({"tags": shown.collect::<Vec<Value>>()}))
}

/// That GHL refuses a known name, and with which words, is unverified.
fn create_tag(visit: &mut Visit<'_>) -> Handled {
    let name = text_of(visit.body(dto::TAG)?, "name");
    if visit.structure().tags.values().any(|tag| tag.name == name) {
        return Err(SandboxAnswer::bad_request("The tag name is already exist."));
    }
    let tag = StoredTag { id: visit.store.ids().next_in_order(), name };
    let answer = tag_shown(visit, &tag);
    visit.put_part(StructurePart::Tag(tag))?;
    Ok(answer)
}

fn rename_tag(visit: &mut Visit<'_>, id: &str) -> Handled {
    let name = text_of(visit.body(dto::TAG)?, "name");
    known_tag(visit, id)?;
    let tag = StoredTag { id: id.to_owned(), name };
    let answer = tag_shown(visit, &tag);
    visit.put_part(StructurePart::Tag(tag))?;
    Ok(answer)
}

fn delete_tag(visit: &mut Visit<'_>, id: &str) -> Handled {
    known_tag(visit, id)?;
    visit.remove_part(id)?;
    Ok(SandboxAnswer::ok(json!({"succeded": true})))
}

fn known_tag<'a>(visit: &'a Visit<'_>, id: &str) -> Result<&'a StoredTag, SandboxAnswer> {
    visit.structure().tags.get(id).ok_or_else(|| SandboxAnswer::not_found("Tag", id))
}

fn tag_shown(visit: &Visit<'_>, tag: &StoredTag) -> SandboxAnswer {
    SandboxAnswer::ok(json!({"tag": tag.to_json(visit.location)}))
}

impl StoredTag {
    pub(crate) fn to_json(&self, location: &str) -> Value {
        json!({"id": self.id, "name": self.name, "locationId": location})
    }
}

fn text_of(body: &Map<String, Value>, name: &str) -> String {
    body.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}
