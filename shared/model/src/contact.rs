//! What a contact record says.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::clearing::{any, as_null, given, key_or_clear, or_clear};

/// The fields of a contact, named as GHL's API v2 names them
/// (`CreateContactDto` of GoHighLevel/highlevel-api-docs, `apps/contacts.json`).
///
/// An absent field is left as it is in GHL. `null` clears it there, where GHL's API can clear it, and is refused where it
/// cannot. A text to be cleared is kept as an empty one, which is written as `null`.
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
    /// Full name, where the parts are not known.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// E-mail address; with `phone`, what GHL recognises a contact by.
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
    /// Gender; GHL takes it only when it creates the contact.
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
    /// GHL id of the user it is assigned to.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// Date of birth, `YYYY-MM-DD`.
    #[serde(deserialize_with = "or_clear", serialize_with = "as_null", skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<String>,
    /// Do not disturb, on all channels.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub dnd: Option<bool>,
    /// Do not disturb by channel, as GHL has it.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, value_type = Option<Object>))]
    pub dnd_settings: Option<Value>,
    /// Tags to *add*. They go by a call of their own, because GHL's upsert would replace the contact's whole list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Tags to *remove*, by a call of their own. Removing one that the contact has not does nothing. A tag stands in one
    /// of the two lists only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_tags: Vec<String>,
    /// Custom fields, by id or key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_fields: Vec<CustomField>,
}

/// A field of a contact that is a text: what whoever sends, reads or compares contacts must know of it.
#[derive(Debug, Clone, Copy)]
pub struct TextField {
    /// Its name in our own words, as its Rust field has it.
    pub own_name: &'static str,
    /// GHL's name of it.
    pub name: &'static str,
    /// What its texts are.
    pub form: TextForm,
    /// Whether GHL takes a null, which clears it.
    pub is_nullable: bool,
    of: fn(&Contact) -> &Option<String>,
    of_mut: fn(&mut Contact) -> &mut Option<String>,
}

/// What a text is, and so which of them say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextForm {
    /// Words: blanks mean nothing.
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
    /// A day.
    Day,
}

impl TextField {
    /// What it says in `contact`.
    #[must_use]
    pub fn of(self, contact: &Contact) -> Option<&str> {
        (self.of)(contact).as_deref()
    }

    /// Where it stands in `contact`.
    pub fn of_mut(self, contact: &mut Contact) -> &mut Option<String> {
        (self.of_mut)(contact)
    }

    /// One that GHL takes no null for.
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
    /// All of its texts. What is sent, read in GHL's answers, compared, imported, undone and migrated is told by it: a new
    /// one is a field above, a row here, and its column's names in `shared/import`.
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

/// One custom field of a contact or an opportunity. Exactly one of `id` and `key` names it.
///
/// GHL's own names are read as well: `field_value` and `fieldValue` for `value`, `fieldKey` and `field_key` for `key`.
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
    /// Its value: a string, a number, or a list of strings, as the field's type wants it. `null` clears a field that is
    /// named by `id`.
    pub value: Value,
}

/// A custom field in any of the ways to write it.
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

/// What all say that say anything.
fn one_of<T: PartialEq>(names: [Option<T>; 3]) -> Result<Option<T>, ()> {
    let mut given = names.into_iter().flatten();
    let first = given.next();
    if given.all(|other| Some(&other) == first.as_ref()) { Ok(first) } else { Err(()) }
}

/// Whether two tags are one to GHL, which changes blanks and letters' case.
#[must_use]
pub fn is_same_tag(one: &str, other: &str) -> bool {
    let folded = |tag: &str| tag.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    one == other || folded(one) == folded(other)
}

impl Contact {
    /// Whether GHL can recognise this contact when it sees it again (by e-mail or phone).
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
        // The error names all fields that there are.
        let unknown = serde_json::from_str::<Contact>(r#"{"?":1}"#).unwrap_err().to_string();
        let all: BTreeSet<&str> = unknown.split('`').skip(3).step_by(2).collect();
        let others = BTreeSet::from(["dnd", "dndSettings", "tags", "removeTags", "customFields"]);
        assert_eq!(all, rows.union(&others).copied().collect());
    }
}
