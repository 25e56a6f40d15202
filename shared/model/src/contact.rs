//! The content of a contact record.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::clearing::{any, as_null, given, key_or_clear, or_clear};

/// The fields of a contact, named as GHL's API v2 names them
/// (`CreateContactDto` of GoHighLevel/highlevel-api-docs, `apps/contacts.json`).
///
/// An absent field keeps its value in GHL. `null` clears a field if GHL's API can clear it, and is rejected
/// otherwise. A text to be cleared is kept as an empty one, which is written as `null`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Contact {
    /// Given name.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Full name, if the parts are not known.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// E-mail address. GHL identifies a contact by it and by `phone`.
    #[serde(deserialize_with = "key_or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Phone number, E.164.
    #[serde(deserialize_with = "key_or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Street and number.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub address1: Option<String>,
    /// City.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State or province.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Postal code, with its leading zeros.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Web site.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// IANA time zone name.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Gender; GHL accepts it only when it creates the contact.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub gender: Option<String>,
    /// Where the contact came from.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// ISO 3166 two-letter country code.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub country: Option<String>,
    /// Company.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
    /// GHL's id of the user in charge.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// Date of birth, `YYYY-MM-DD`.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<String>,
    /// Do not disturb, on all channels.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub dnd: Option<bool>,
    /// Do not disturb per channel, in GHL's format.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, value_type = Option<Object>))]
    pub dnd_settings: Option<Value>,
    /// Tags to *add*, by a separate call, because GHL's upsert would replace the contact's whole list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Tags to *remove*, by a separate call. Removing a tag that the contact does not have does nothing. A tag may be
    /// in only one of the two lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_tags: Vec<String>,
    /// Custom fields, by id or key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_fields: Vec<CustomField>,
}

/// A text field of a contact: everything that senders, readers and comparisons must know about it.
#[derive(Debug, Clone, Copy)]
pub struct TextField {
    /// Our name of the field: that of its Rust field.
    pub own_name: &'static str,
    /// GHL's name of the field.
    pub name: &'static str,
    /// The kind of text.
    pub form: TextForm,
    /// Whether GHL accepts `null`, which clears the field.
    pub is_nullable: bool,
    of: fn(&Contact) -> &Option<String>,
    of_mut: fn(&mut Contact) -> &mut Option<String>,
}

/// The kind of text in a field, which decides when two texts are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextForm {
    /// Words; whitespace is insignificant.
    Words,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A web address.
    WebAddress,
    /// A country.
    Country,
    /// An id.
    Id,
    /// A date.
    Day,
}

impl TextField {
    /// The field's text in `contact`.
    #[must_use]
    pub fn of(self, contact: &Contact) -> Option<&str> {
        (self.of)(contact).as_deref()
    }

    /// The field itself in `contact`, for changing it.
    pub fn of_mut(self, contact: &mut Contact) -> &mut Option<String> {
        (self.of_mut)(contact)
    }

    /// The same field, for which GHL accepts no `null`.
    const fn not_nullable(self) -> TextField {
        TextField { is_nullable: false, ..self }
    }
}

/// A row of [`Contact::TEXTS`].
macro_rules! text {
    ($field:ident, $name:literal, $form:ident) => {
        TextField {
            own_name: stringify!($field),
            name: $name,
            form: TextForm::$form,
            is_nullable: true,
            of: |contact| &contact.$field,
            of_mut: |contact| &mut contact.$field,
        }
    };
}

impl Contact {
    /// All text fields. Sending, reading GHL's answers, comparing, importing, undoing and migrating follow this list.
    /// A new one needs a field above, a row here, and its column names in `shared/import`.
    pub const TEXTS: [TextField; 17] = [
        text!(first_name, "firstName", Words),
        text!(last_name, "lastName", Words),
        text!(name, "name", Words),
        text!(email, "email", Email),
        text!(phone, "phone", Phone),
        text!(address1, "address1", Words),
        text!(city, "city", Words),
        text!(state, "state", Words),
        text!(postal_code, "postalCode", Words).not_nullable(),
        text!(website, "website", WebAddress),
        text!(timezone, "timezone", Words),
        text!(gender, "gender", Words).not_nullable(),
        text!(source, "source", Words),
        text!(country, "country", Country).not_nullable(),
        text!(company_name, "companyName", Words),
        text!(assigned_to, "assignedTo", Id),
        text!(date_of_birth, "dateOfBirth", Day),
    ];
}

/// One custom field of a contact or an opportunity. Exactly one of `id` and `key` identifies it.
///
/// GHL's own names are also accepted: `field_value` and `fieldValue` for `value`, `fieldKey` and `field_key` for
/// `key`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    /// GHL's id of the field in this location.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The field's key, such as `contact.shoe_size`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// Its value: a string, a number, or a list of strings, depending on the field's type. `null` clears a field
    /// given by `id`.
    pub value: Value,
}

/// A custom field under any of the accepted names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenField {
    id: Option<String>,
    key: Option<String>,
    #[serde(rename = "fieldKey")]
    camel_key: Option<String>,
    #[serde(rename = "field_key")]
    snake_key: Option<String>,
    #[serde(default, deserialize_with = "any")]
    value: Option<Value>,
    #[serde(default, rename = "fieldValue", deserialize_with = "any")]
    camel_value: Option<Value>,
    #[serde(default, rename = "field_value", deserialize_with = "any")]
    snake_value: Option<Value>,
}

impl<'de> Deserialize<'de> for CustomField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CustomField, D::Error> {
        let WrittenField { id, key, camel_key, snake_key, value, camel_value, snake_value } =
            WrittenField::deserialize(deserializer)?;
        let differ = |names| D::Error::custom(format!("{names} say different things: give one of them"));
        let key = one_of([key, camel_key, snake_key]).map_err(|()| differ("`key`, `fieldKey` and `field_key`"))?;
        let value = one_of([value, camel_value, snake_value])
            .map_err(|()| differ("`value`, `fieldValue` and `field_value`"))?
            .ok_or_else(|| D::Error::missing_field("value"))?;
        Ok(CustomField { id, key, value })
    }
}

/// The value on which all given names agree; an error if they differ.
fn one_of<T: PartialEq>(names: [Option<T>; 3]) -> Result<Option<T>, ()> {
    let mut given = names.into_iter().flatten();
    let first = given.next();
    if given.all(|other| Some(&other) == first.as_ref()) { Ok(first) } else { Err(()) }
}

/// Whether GHL treats two tags as one: it changes blanks and letter case.
#[must_use]
pub fn is_same_tag(one: &str, other: &str) -> bool {
    let folded = |tag: &str| tag.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    one == other || folded(one) == folded(other)
}

impl Contact {
    /// Whether GHL can identify this contact by e-mail or phone.
    #[must_use]
    pub fn has_natural_key(&self) -> bool {
        [&self.email, &self.phone].into_iter().flatten().any(|key| !key.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_text_has_a_row_under_the_name_that_it_is_written_with() {
        let mut contact = Contact::default();
        for text in Contact::TEXTS {
            *text.of_mut(&mut contact) = Some(text.own_name.to_owned());
        }
        let written = serde_json::to_value(&contact).unwrap();
        let rows: BTreeSet<&str> = Contact::TEXTS.iter().map(|text| text.name).collect();
        for text in Contact::TEXTS {
            assert_eq!(text.of(&contact), Some(text.own_name));
            assert_eq!(written[text.name], text.own_name);
        }
        // The error lists all known fields.
        let unknown = serde_json::from_str::<Contact>(r#"{"?":1}"#).unwrap_err().to_string();
        let all: BTreeSet<&str> = unknown.split('`').skip(3).step_by(2).collect();
        let others = BTreeSet::from(["dnd", "dndSettings", "tags", "removeTags", "customFields"]);
        assert_eq!(all, rows.union(&others).copied().collect());
    }
}
