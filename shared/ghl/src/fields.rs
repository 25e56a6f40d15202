//! Fields of contacts and of field definitions that both APIs accept under the same name.

use ghl_sync_model::{Contact, CustomField, FieldType, NewField};
use serde_json::{Map, Value, json};

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// The fields of `contact` that every request takes in the same form. Callers add `gender` and `dndSettings`, which
/// not every request takes, and `customFields`, whose form differs.
///
/// No such request includes `tags`: GHL would replace the contact's whole list with them (both `POST
/// /contacts/upsert` and `PUT /contacts/{id}` say so in `apps/contacts.json`). Tags have calls of their own.
pub(crate) fn common(contact: &Contact) -> Object {
    let mut body = Object::new();
    for text in Contact::TEXTS.iter().filter(|text| text.name != "gender") {
        // If the field is not nullable, an empty text clears it.
        let value = text.of(contact).map(|value| match value {
            "" if text.is_nullable => Value::Null,
            value => value.into(),
        });
        put(&mut body, text.name, &value);
    }
    put(&mut body, "dnd", &contact.dnd);
    body
}

/// The value of a custom field to write: an empty text clears it. (For some field types GHL ignores that and still
/// reports success; its answer then shows the old value.)
pub(crate) fn custom_value(field: &CustomField) -> Value {
    if field.value.is_null() { "".into() } else { field.value.clone() }
}

/// The definition of a custom field, without its owner. Options are written under other names than they are read:
/// `options`, which the specification does not list but the API was seen to want, and `textBoxListOptions` for the
/// labels of a text box list.
pub(crate) fn definition(field: &NewField) -> Object {
    let NewField {
        name,
        model: _,
        data_type,
        options,
        placeholder,
        position,
        accepted_formats,
        multiple_files,
        max_files,
    } = field;
    let mut body = Object::new();
    body.insert("name".to_owned(), name.as_str().into());
    body.insert("dataType".to_owned(), data_type.as_str().into());
    put(&mut body, "placeholder", placeholder);
    put(&mut body, "position", position);
    let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    match data_type {
        FieldType::TextboxList => {
            let labelled = |label: &String| json!({ "label": label, "prefillValue": "" });
            body.insert("textBoxListOptions".to_owned(), options.iter().map(labelled).collect());
        }
        FieldType::FileUpload => {
            put(&mut body, "acceptedFormat", &some(accepted_formats));
            put(&mut body, "isMultipleFile", multiple_files);
            put(&mut body, "maxNumberOfFiles", max_files);
        }
        _ => put(&mut body, "options", &some(options)),
    }
    body
}

/// Sets `name` to `value`, if there is one.
pub(crate) fn put<T: Clone + Into<Value>>(body: &mut Object, name: &str, value: &Option<T>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.clone().into());
    }
}

/// The tags that replace the contact's whole list; `None` if the contact has none.
pub(crate) fn tags(contact: &Contact) -> Option<Vec<String>> {
    (!contact.tags.is_empty()).then(|| contact.tags.clone())
}

/// How to name `field` to GHL: the parameter (`id` or `key`) and its value.
pub(crate) fn name_of(field: &CustomField) -> (&'static str, &str) {
    match (&field.id, &field.key) {
        (Some(id), _) => ("id", id),
        // The engine admits no field that has neither.
        (None, key) => ("key", key.as_deref().unwrap_or_default()),
    }
}
