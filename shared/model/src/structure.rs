//! What a location is made of besides its records: custom fields, custom values, tags, users, pipelines.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{GhlId, Kind, LocationId};

/// A location, as GHL shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemoteLocation {
    /// GHL's id of it.
    pub id: LocationId,
    /// The name that GHL shows.
    pub name: String,
    /// The name of the business that it is for, which may differ.
    #[serde(default)]
    pub company: Option<String>,
    /// IANA time zone name.
    pub timezone: Option<String>,
    /// ISO 3166 two-letter country code.
    pub country: Option<String>,
    /// Whether a second contact of the same e-mail or phone may be created; `None` if GHL does not say.
    pub allow_duplicate_contact: Option<bool>,
    /// Whether a contact may have a second opportunity in the same pipeline; `None` if GHL does not say.
    pub allow_duplicate_opportunity: Option<bool>,
}

/// A custom field that a location has defined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDefinition {
    /// GHL's id of it, which values name it by.
    pub id: GhlId,
    /// Its name, for people.
    pub name: String,
    /// Its key, such as `contact.shoe_size`. GHL makes it of the name, and never changes it.
    pub key: Option<String>,
    /// Whether contacts or opportunities have it.
    pub model: Kind,
    /// What it holds.
    pub data_type: FieldType,
    /// What can be chosen, in order; for a list of text boxes, their labels.
    #[serde(default)]
    pub options: Vec<String>,
    /// What its empty input shows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub placeholder: Option<String>,
    /// Its place among the fields.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<i64>,
    /// The endings that an uploaded file may have; empty for any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accepted_formats: Vec<String>,
    /// Whether more than one file may be uploaded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub multiple_files: Option<bool>,
    /// Most files that may be uploaded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_files: Option<u32>,
}

/// A custom field that is to be defined. GHL makes its key of the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewField {
    /// Its name, for people.
    pub name: String,
    /// Whether contacts or opportunities shall have it.
    pub model: Kind,
    /// What it shall hold.
    pub data_type: FieldType,
    /// What can be chosen, in order; for a list of text boxes, their labels.
    pub options: Vec<String>,
    /// What its empty input shows.
    pub placeholder: Option<String>,
    /// Its place among the fields.
    pub position: Option<i64>,
    /// The endings that an uploaded file may have; empty for any.
    pub accepted_formats: Vec<String>,
    /// Whether more than one file may be uploaded.
    pub multiple_files: Option<bool>,
    /// Most files that may be uploaded.
    pub max_files: Option<u32>,
}

impl FieldDefinition {
    /// The same field, to be defined in another location.
    #[must_use]
    pub fn to_new(&self) -> NewField {
        let FieldDefinition {
            id: _,
            name,
            key: _,
            model,
            data_type,
            options,
            placeholder,
            position,
            accepted_formats,
            multiple_files,
            max_files,
        } = self.clone();
        NewField { name, model, data_type, options, placeholder, position, accepted_formats, multiple_files, max_files }
    }

    /// What reading a list needs of it.
    #[must_use]
    pub fn for_lists(self) -> FieldDefinition {
        FieldDefinition {
            placeholder: None,
            position: None,
            accepted_formats: Vec::new(),
            multiple_files: None,
            max_files: None,
            ..self
        }
    }
}

/// What a custom field holds, under GHL's names (`dataType`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum FieldType {
    /// `TEXT`: one line.
    Text,
    /// `LARGE_TEXT`: lines.
    LargeText,
    /// `NUMERICAL`: a number.
    Numerical,
    /// `PHONE`: a phone number.
    Phone,
    /// `MONETORY` (GHL's spelling): an amount.
    Monetory,
    /// `CHECKBOX`: any number of options.
    Checkbox,
    /// `SINGLE_OPTIONS`: one option, from a list.
    SingleOptions,
    /// `MULTIPLE_OPTIONS`: any number of options, from a list.
    MultipleOptions,
    /// `DATE`: a day.
    Date,
    /// `TEXTBOX_LIST`: a text for each of several labels.
    TextboxList,
    /// `FILE_UPLOAD`: files.
    FileUpload,
    /// `RADIO`: one option.
    Radio,
    /// `FLOAT`: a number (API v1).
    Float,
    /// `TIME`: a time of day (API v1).
    Time,
    /// `SIGNATURE`: a drawn signature (API v1).
    Signature,
    /// A type that we have no name for.
    Other(String),
}

impl FieldType {
    /// The types that have a name here.
    pub const KNOWN: [FieldType; 15] = [
        FieldType::Text,
        FieldType::LargeText,
        FieldType::Numerical,
        FieldType::Phone,
        FieldType::Monetory,
        FieldType::Checkbox,
        FieldType::SingleOptions,
        FieldType::MultipleOptions,
        FieldType::Date,
        FieldType::TextboxList,
        FieldType::FileUpload,
        FieldType::Radio,
        FieldType::Float,
        FieldType::Time,
        FieldType::Signature,
    ];

    /// The type as GHL writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            FieldType::Text => "TEXT",
            FieldType::LargeText => "LARGE_TEXT",
            FieldType::Numerical => "NUMERICAL",
            FieldType::Phone => "PHONE",
            FieldType::Monetory => "MONETORY",
            FieldType::Checkbox => "CHECKBOX",
            FieldType::SingleOptions => "SINGLE_OPTIONS",
            FieldType::MultipleOptions => "MULTIPLE_OPTIONS",
            FieldType::Date => "DATE",
            FieldType::TextboxList => "TEXTBOX_LIST",
            FieldType::FileUpload => "FILE_UPLOAD",
            FieldType::Radio => "RADIO",
            FieldType::Float => "FLOAT",
            FieldType::Time => "TIME",
            FieldType::Signature => "SIGNATURE",
            FieldType::Other(name) => name,
        }
    }

    /// Whether its values are chosen from options that the definition must list.
    #[must_use]
    pub fn has_options(&self) -> bool {
        matches!(self, FieldType::Checkbox | FieldType::SingleOptions | FieldType::MultipleOptions | FieldType::Radio)
    }
}

impl From<String> for FieldType {
    fn from(name: String) -> FieldType {
        FieldType::KNOWN.into_iter().find(|known| known.as_str() == name).unwrap_or(FieldType::Other(name))
    }
}

impl From<FieldType> for String {
    fn from(data_type: FieldType) -> String {
        data_type.as_str().to_owned()
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A custom value of a location: a text with a name, for templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomValue {
    /// GHL's id of it.
    pub id: GhlId,
    /// Its name, for people.
    pub name: String,
    /// What templates call it, such as `{{ custom_values.office_hours }}`.
    pub key: Option<String>,
    /// The text.
    pub value: String,
}

/// A tag that a location knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// GHL's id of it.
    pub id: GhlId,
    /// Its name, by which contacts have it.
    pub name: String,
}

/// A user of a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// GHL's id of them.
    pub id: GhlId,
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: Option<String>,
}

/// A sales pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// GHL's id of it.
    pub id: GhlId,
    /// The name that GHL shows.
    pub name: String,
    /// Its stages, in order.
    pub stages: Vec<PipelineStage>,
}

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineStage {
    /// GHL's id of it.
    pub id: GhlId,
    /// The name that GHL shows.
    pub name: String,
    /// Its place in the pipeline.
    pub position: u32,
}

/// A pipeline that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPipeline {
    /// The name that GHL shall show.
    pub name: String,
    /// The names of its stages, in order.
    pub stages: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_field_is_read_as_it_is_written() {
        for known in FieldType::KNOWN.into_iter().chain([FieldType::Other("EMAIL".to_owned())]) {
            let json = serde_json::to_string(&known).unwrap();
            assert_eq!(json, format!("\"{known}\""));
            assert_eq!(serde_json::from_str::<FieldType>(&json).unwrap(), known);
        }
    }
}
