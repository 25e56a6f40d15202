//! `null` in what is put: the field is cleared in GHL, or the put is refused. It is never accepted and ignored.
//!
//! What GHL can clear follows its API: `UpdateContactDto` and `CreateContactDto` (`apps/contacts.json`) name the fields
//! that may be null. An opportunity has none.

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use serde_json::Value;

/// A text that GHL can clear. `null`, or an empty text, clears it, and is kept as an empty text.
pub(super) fn or_clear<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer).map(|text: Option<String>| Some(text.unwrap_or_default()))
}

/// What a contact is recognised by: only `null` clears it. An empty text is mostly a value that somebody did not have.
pub(super) fn key_or_clear<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if text.is_empty() => Err(D::Error::custom("is empty: leave it out, or clear it with null")),
        text => Ok(Some(text.unwrap_or_default())),
    }
}

/// A field that GHL's API cannot clear.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    match Option::deserialize(deserializer)? {
        Some(value) => Ok(Some(value)),
        None => Err(D::Error::custom("cannot be cleared through GHL's API: leave it out, or give a value")),
    }
}

/// A value that is there, be it null.
pub(super) fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Writes an empty text as the null that it was read from.
pub(super) fn as_null<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text.as_deref() {
        None | Some("") => serializer.serialize_none(),
        Some(text) => serializer.serialize_str(text),
    }
}
