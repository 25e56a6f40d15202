//! A person's decisions about the mapping: the mapping file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Part;

/// A decision about one item of the source's structure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Choice {
    /// `create`: create it in the target.
    Create,
    /// `skip`: leave it out.
    Skip,
    /// Use the target's item with this id or key.
    Use(String),
}

impl From<String> for Choice {
    fn from(text: String) -> Choice {
        match text.as_str() {
            "create" => Choice::Create,
            "skip" => Choice::Skip,
            _ => Choice::Use(text),
        }
    }
}

impl From<Choice> for String {
    fn from(choice: Choice) -> String {
        match choice {
            Choice::Create => "create".to_owned(),
            Choice::Skip => "skip".to_owned(),
            Choice::Use(text) => text,
        }
    }
}

/// Decisions about single items, by the source's id or key (a tag by its name).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MappingOverrides {
    /// Custom fields.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    pub custom_fields: BTreeMap<String, Choice>,
    /// Custom values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    pub custom_values: BTreeMap<String, Choice>,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    pub tags: BTreeMap<String, Choice>,
    /// Users.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    pub users: BTreeMap<String, Choice>,
    /// Pipelines.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    pub pipelines: BTreeMap<String, Choice>,
    /// Stages of pipelines.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    pub stages: BTreeMap<String, Choice>,
}

impl MappingOverrides {
    /// The decisions for items of one kind.
    #[must_use]
    pub fn of(&self, part: Part) -> &BTreeMap<String, Choice> {
        match part {
            Part::CustomFields => &self.custom_fields,
            Part::CustomValues => &self.custom_values,
            Part::Tags => &self.tags,
            Part::Users => &self.users,
            Part::Pipelines => &self.pipelines,
            Part::Stages => &self.stages,
        }
    }

    /// Adds the decisions of `other`, which take precedence.
    pub fn extend(&mut self, other: MappingOverrides) {
        self.custom_fields.extend(other.custom_fields);
        self.custom_values.extend(other.custom_values);
        self.tags.extend(other.tags);
        self.users.extend(other.users);
        self.pipelines.extend(other.pipelines);
        self.stages.extend(other.stages);
    }
}

/// A decision that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}.{entry}: {reason}", .part.as_str())]
pub struct OverrideError {
    /// The kind of structure.
    pub part: Part,
    /// Its entry in the mapping file.
    pub entry: String,
    /// The problem, and how to fix it.
    pub reason: String,
}
