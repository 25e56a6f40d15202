//! The structure of a location: custom fields, custom values, tags, users, pipelines.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{GhlId, Kind, LocationId};

/// A location, as GHL shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemoteLocation {
    /// GHL's id of the location.
    pub id: LocationId,
    /// The name that GHL shows.
    pub name: String,
    /// The name of its business, which may differ.
    #[serde(default)]
    pub company: Option<String>,
    /// IANA time zone name.
    pub timezone: Option<String>,
    /// ISO 3166 two-letter country code.
    pub country: Option<String>,
    /// Whether two contacts may have the same e-mail or phone; `None` if GHL does not say.
    pub allow_duplicate_contact: Option<bool>,
    /// Whether a contact may have a second opportunity in the same pipeline; `None` if GHL does not say.
    pub allow_duplicate_opportunity: Option<bool>,
}

/// The definition of a custom field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDefinition {
    /// GHL's id of the field, which values refer to.
    pub id: GhlId,
    /// Its display name.
    pub name: String,
    /// Its key, such as `contact.shoe_size`. GHL derives it from the name and never changes it.
    pub key: Option<String>,
    /// Whether it belongs to contacts or to opportunities.
    pub model: Kind,
    /// The type of its values.
    pub data_type: FieldType,
    /// The options, in order; for a list of text boxes, their labels.
    #[serde(default)]
    pub options: Vec<String>,
    /// Placeholder of the empty input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub placeholder: Option<String>,
    /// Its position among the fields.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<i64>,
    /// Allowed file extensions of uploads; empty for any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accepted_formats: Vec<String>,
    /// Whether more than one file may be uploaded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub multiple_files: Option<bool>,
    /// Maximum number of uploaded files.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_files: Option<u32>,
}

/// A custom field to be defined. GHL derives its key from the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewField {
    /// Its display name.
    pub name: String,
    /// Whether it belongs to contacts or to opportunities.
    pub model: Kind,
    /// The type of its values.
    pub data_type: FieldType,
    /// The options, in order; for a list of text boxes, their labels.
    pub options: Vec<String>,
    /// Placeholder of the empty input.
    pub placeholder: Option<String>,
    /// Its position among the fields.
    pub position: Option<i64>,
    /// Allowed file extensions of uploads; empty for any.
    pub accepted_formats: Vec<String>,
    /// Whether more than one file may be uploaded.
    pub multiple_files: Option<bool>,
    /// Maximum number of uploaded files.
    pub max_files: Option<u32>,
}

impl FieldDefinition {
    /// A new field with the same definition, for another location.
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

    /// The definition, reduced to what reading a list needs.
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

/// The type of a custom field, under GHL's names (`dataType`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum FieldType {
    /// `TEXT`: one line.
    Text,
    /// `LARGE_TEXT`: several lines.
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
    /// `DATE`: a date.
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
    /// Any other type.
    Other(String),
}

impl FieldType {
    /// The types listed here.
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

    /// GHL's name of the type.
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

    /// Whether a definition of this type must list options.
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

/// A custom value of a location: a named text for templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomValue {
    /// GHL's id of the custom value.
    pub id: GhlId,
    /// Its display name.
    pub name: String,
    /// Its placeholder in templates, such as `{{ custom_values.office_hours }}`.
    pub key: Option<String>,
    /// The text.
    pub value: String,
}

/// A tag of a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// GHL's id of the tag.
    pub id: GhlId,
    /// Its name, which contacts refer to.
    pub name: String,
}

/// A user of a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// GHL's id of the user.
    pub id: GhlId,
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: Option<String>,
}

/// A sales pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// GHL's id of the pipeline.
    pub id: GhlId,
    /// Its display name.
    pub name: String,
    /// Its stages, in order.
    pub stages: Vec<PipelineStage>,
}

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineStage {
    /// GHL's id of the stage.
    pub id: GhlId,
    /// Its display name.
    pub name: String,
    /// Its position in the pipeline.
    pub position: u32,
}

/// A pipeline to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPipeline {
    /// Its display name.
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
