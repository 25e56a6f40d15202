//! The fields of a contact that both APIs take, and take under the same name, on create and on update.

use ghl_sync_engine::domain::{Contact, CustomField};
use serde_json::{Map, Value};

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// The fields of `contact` that need no thought. Left to the callers are `gender`, `companyName` and `dndSettings`,
/// which not every request takes, and `customFields`, whose form differs.
///
/// `tags` are in no such request at all: GHL would replace the contact's whole list with them (both `POST
/// /contacts/upsert` and `PUT /contacts/{id}` say so in `apps/contacts.json`). They have a call of their own.
pub(crate) fn common(contact: &Contact) -> Object {
    // Taken apart without `..`, so that a new field cannot be forgotten here.
    let Contact {
        first_name,
        last_name,
        name,
        email,
        phone,
        address1,
        city,
        state,
        postal_code,
        website,
        timezone,
        gender: _,
        source,
        country,
        company_name: _,
        assigned_to,
        date_of_birth,
        dnd,
        dnd_settings: _,
        tags: _,
        custom_fields: _,
    } = contact;
    let mut body = Object::new();
    put(&mut body, "firstName", first_name);
    put(&mut body, "lastName", last_name);
    put(&mut body, "name", name);
    put(&mut body, "email", email);
    put(&mut body, "phone", phone);
    put(&mut body, "address1", address1);
    put(&mut body, "city", city);
    put(&mut body, "state", state);
    put(&mut body, "postalCode", postal_code);
    put(&mut body, "website", website);
    put(&mut body, "timezone", timezone);
    put(&mut body, "source", source);
    put(&mut body, "country", country);
    put(&mut body, "assignedTo", assigned_to);
    put(&mut body, "dateOfBirth", date_of_birth);
    put(&mut body, "dnd", dnd);
    body
}

/// Sets `name` to `value`, if there is one.
pub(crate) fn put<T: Clone + Into<Value>>(body: &mut Object, name: &str, value: &Option<T>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.clone().into());
    }
}

/// What names `field` to GHL: `id` or `key`, and which.
pub(crate) fn name_of(field: &CustomField) -> (&'static str, &str) {
    match (&field.id, &field.key) {
        (Some(id), _) => ("id", id),
        // The engine admits no field without either.
        (None, key) => ("key", key.as_deref().unwrap_or_default()),
    }
}
