//! `null` in a put record: it clears the field in GHL, or the put is rejected. It is never silently ignored.
//!
//! GHL's API decides which fields can be cleared: `UpdateContactDto` and `CreateContactDto` (`apps/contacts.json`)
//! name the nullable ones. An opportunity has none.

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use serde_json::Value;

/// Reads a text that GHL can clear. `null` or an empty text clears it; both are kept as an empty text.
pub(super) fn or_clear<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer).map(|text: Option<String>| Some(text.unwrap_or_default()))
}

/// Reads a text that identifies a contact. Only `null` clears it: an empty text mostly means that the sender had no
/// value.
pub(super) fn key_or_clear<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if text.is_empty() => Err(D::Error::custom("is empty: leave it out, or clear it with null")),
        text => Ok(Some(text.unwrap_or_default())),
    }
}

/// Reads a field that GHL's API cannot clear, and rejects `null`.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    match Option::deserialize(deserializer)? {
        Some(value) => Ok(Some(value)),
        None => Err(D::Error::custom("cannot be cleared through GHL's API: leave it out, or give a value")),
    }
}

/// Reads a value that is present, including `null`.
pub(super) fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Writes an empty text back as `null`.
pub(super) fn as_null<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text.as_deref() {
        None | Some("") => serializer.serialize_none(),
        Some(text) => serializer.serialize_str(text),
    }
}
