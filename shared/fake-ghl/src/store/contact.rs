//! A contact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::table::{LookupKey, TableRow};
use crate::phone;
use crate::times::to_iso;

/// The location of legacy API requests if the token does not name one.
pub(crate) const V1_LOCATION: &str = "v1";

/// A contact in stored form: e-mail addresses in lower case, phone numbers as E.164.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredContact {
    pub(crate) id: String,
    pub(crate) location_id: String,
    pub(crate) date_added: u64,
    pub(crate) date_updated: u64,
    pub(crate) tags: Vec<String>,
    custom_fields: BTreeMap<String, Value>,
    /// All other fields, by GHL's names.
    fields: Map<String, Value>,
    /// Fields that no call can write, by GHL's names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) unwritable: Map<String, Value>,
}

impl StoredContact {
    /// A new contact from a validated body.
    pub(crate) fn new(id: String, location_id: &str, body: &Map<String, Value>, now: u64) -> StoredContact {
        let mut contact = StoredContact {
            id,
            location_id: location_id.to_owned(),
            date_added: now,
            date_updated: now,
            tags: Vec::new(),
            custom_fields: BTreeMap::new(),
            fields: Map::new(),
            unwritable: Map::new(),
        };
        contact.write(body);
        contact
    }

    /// Applies an upsert to an existing contact. The gender is dropped silently. If the body names an additional
    /// e-mail address, it becomes the main address, and the previous main address is lost.
    pub(crate) fn upsert(&mut self, body: &Map<String, Value>, now: u64) {
        let mut body = body.clone();
        body.remove("gender");
        if let Some(email) = body.get("email").and_then(Value::as_str).map(str::to_lowercase)
            && let Some(Value::Array(others)) = self.unwritable.get_mut(ADDITIONAL_EMAILS)
        {
            others.retain(|other| address_of(other) != Some(email.clone()));
        }
        self.update(&body, now);
    }

    /// Writes the fields of a validated body. Absent ones stay unchanged.
    pub(crate) fn update(&mut self, body: &Map<String, Value>, now: u64) {
        self.write(body);
        self.touch(now);
    }

    fn write(&mut self, body: &Map<String, Value>) {
        for (name, value) in body {
            match name.as_str() {
                "locationId" | "createNewIfDuplicateAllowed" => {}
                "tags" => self.tags = texts(value).fold(Vec::new(), with_tag),
                "customFields" => self.custom_fields.extend(value.as_array().into_iter().flatten().filter_map(element)),
                "customField" => {
                    let pairs = value.as_object().into_iter().flatten();
                    self.custom_fields.extend(pairs.map(|(id, value)| (id.clone(), value.clone())));
                }
                "email" => self.set("email", value.as_str().map(str::to_lowercase)),
                "phone" => self.set("phone", value.as_str().and_then(phone::normalize)),
                "name" => self.set_name(value.as_str(), body),
                _ if value.is_null() => drop(self.fields.remove(name)),
                _ => drop(self.fields.insert(name.clone(), value.clone())),
            }
        }
    }

    pub(crate) fn add_tags(&mut self, tags: &Value, now: u64) {
        self.tags = texts(tags).fold(std::mem::take(&mut self.tags), with_tag);
        self.touch(now);
    }

    pub(crate) fn remove_tags(&mut self, tags: &Value, now: u64) {
        self.tags.retain(|tag| !texts(tags).any(|gone| gone == tag));
        self.touch(now);
    }

    /// A text field, by GHL's name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    /// A field from `fields`, by GHL's name.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    pub(crate) fn custom_field(&self, id: &str) -> Option<&Value> {
        self.custom_fields.get(id)
    }

    pub(crate) fn name(&self) -> String {
        let parts: Vec<&str> = ["firstName", "lastName"].iter().filter_map(|part| self.text(part)).collect();
        parts.join(" ")
    }

    /// Whether `query` is in a name, the e-mail address or the phone number.
    pub(crate) fn mentions(&self, query: &str) -> bool {
        let query = query.to_lowercase();
        let texts = [Some(self.name()), self.text("email").map(str::to_owned), self.text("phone").map(str::to_owned)];
        texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&query))
    }

    /// The contact in API v2's form.
    pub(crate) fn to_json(&self) -> Value {
        let mut shown = self.common();
        let custom: Vec<Value> =
            self.custom_fields.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        shown.insert("customFields".to_owned(), json!(custom));
        if let Some(email) = self.text("email") {
            shown.insert("emailLowerCase".to_owned(), json!(email));
        }
        Value::Object(shown)
    }

    /// The contact in the legacy API's form.
    pub(crate) fn to_v1(&self) -> Value {
        let mut shown = self.common();
        let custom: Vec<Value> =
            self.custom_fields.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        shown.insert("customField".to_owned(), json!(custom));
        hide_unknown(&mut shown);
        Value::Object(shown)
    }

    /// The contact as embedded in an opportunity.
    pub(crate) fn to_brief(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name(),
            "companyName": self.fields.get("companyName"),
            "email": self.fields.get("email"),
            "phone": self.fields.get("phone"),
            "tags": self.tags,
        })
    }

    fn common(&self) -> Map<String, Value> {
        let mut shown = self.fields.clone();
        let more = [
            ("id", json!(self.id)),
            ("locationId", json!(self.location_id)),
            ("type", json!("lead")),
            ("tags", json!(self.tags)),
            ("dateAdded", json!(to_iso(self.date_added))),
            ("dateUpdated", json!(to_iso(self.date_updated))),
        ];
        shown.extend(more.map(|(name, value)| (name.to_owned(), value)));
        shown.extend(self.unwritable.clone());
        shown.entry("dnd").or_insert(json!(false));
        if !self.name().is_empty() {
            shown.insert("name".to_owned(), json!(self.name()));
        }
        shown
    }

    fn set(&mut self, name: &str, text: Option<String>) {
        match text {
            Some(text) => self.fields.insert(name.to_owned(), json!(text)),
            None => self.fields.remove(name),
        };
    }

    /// Splits a full name into the parts that `body` does not give separately.
    fn set_name(&mut self, name: Option<&str>, body: &Map<String, Value>) {
        let (first, last) = match name.map(|name| name.trim().split_once(' ').unwrap_or((name.trim(), ""))) {
            Some((first, last)) => (Some(first.to_owned()), Some(last.trim().to_owned())),
            None => (None, None),
        };
        for (part, text) in [("firstName", first), ("lastName", last)] {
            if !body.contains_key(part) {
                self.set(part, text.filter(|text| !text.is_empty()));
            }
        }
    }

    /// Each write advances `date_updated`, even within one millisecond.
    fn touch(&mut self, now: u64) {
        self.date_updated = now.max(self.date_updated + 1);
    }
}

impl TableRow for StoredContact {
    fn id(&self) -> &str {
        &self.id
    }

    fn location_id(&self) -> &str {
        &self.location_id
    }

    fn written_at(&self) -> u64 {
        self.date_updated
    }

    fn keys(&self) -> Vec<LookupKey> {
        let email = self.text("email").map(|email| LookupKey::Email(email.to_owned()));
        let phone = self.text("phone").map(|phone| LookupKey::Phone(phone.to_owned()));
        // GHL also finds a contact by its additional addresses.
        let others = self.unwritable.get(ADDITIONAL_EMAILS).and_then(Value::as_array).into_iter().flatten();
        email.into_iter().chain(phone).chain(others.filter_map(address_of).map(LookupKey::Email)).collect()
    }
}

const ADDITIONAL_EMAILS: &str = "additionalEmails";

/// An address of a list: GHL was seen to send both texts and objects.
fn address_of(item: &Value) -> Option<String> {
    item.as_str().or_else(|| item["email"].as_str()).map(str::to_lowercase)
}

/// A key of the legacy API implies the location; if it is unknown, answers name none.
pub(super) fn hide_unknown(shown: &mut Map<String, Value>) {
    if shown.get("locationId").and_then(Value::as_str) == Some(V1_LOCATION) {
        shown.remove("locationId");
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn with_tag(mut tags: Vec<String>, tag: &str) -> Vec<String> {
    if !tags.iter().any(|known| known == tag) {
        tags.push(tag.to_owned());
    }
    tags
}

/// A custom field as written, under its id or, without one, its key.
pub(super) fn element(element: &Value) -> Option<(String, Value)> {
    let name = element.get("id").or_else(|| element.get("key"))?.as_str()?;
    Some((name.to_owned(), element.get("field_value")?.clone()))
}
