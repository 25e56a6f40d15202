//! What a contact record says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The fields of a contact, named as GHL's API v2 names them
/// (`CreateContactDto` of GoHighLevel/highlevel-api-docs, `apps/contacts.json`).
///
/// An absent field is left as it is in GHL.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Contact {
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Full name, where the parts are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// E-mail address; with `phone`, what GHL recognises a contact by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Phone number, E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Street and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address1: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State or province.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Postal code, with its leading zeros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Web site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// IANA time zone name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Gender; GHL takes it on create and upsert only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// Where the contact came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// ISO 3166 two-letter country code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Company; GHL takes it on create and upsert only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
    /// GHL id of the user it is assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// Date of birth, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<String>,
    /// Do not disturb, on all channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dnd: Option<bool>,
    /// Do not disturb by channel, as GHL has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dnd_settings: Option<Value>,
    /// Tags to *add*. They go by a call of their own, because GHL's upsert would replace the contact's whole list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Custom fields, by id or key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_fields: Vec<CustomField>,
}

/// One custom field of a contact or an opportunity. Exactly one of `id` and `key` names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    /// GHL's id of the field in this location.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The field's key, such as `contact.shoe_size`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// Its value: a string, a number, or a list of strings, as the field's type wants it.
    pub value: Value,
}

impl Contact {
    /// Whether GHL can recognise this contact when it sees it again (by e-mail or phone).
    #[must_use]
    pub fn has_natural_key(&self) -> bool {
        self.email.is_some() || self.phone.is_some()
    }

    /// Whether it has a field that GHL takes on create and upsert but refuses on update
    /// (`UpdateContactDto` has no `companyName` and no `gender`: 422 if sent).
    #[must_use]
    pub fn has_upsert_only_fields(&self) -> bool {
        self.company_name.is_some() || self.gender.is_some()
    }
}
