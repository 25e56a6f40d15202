//! A location's structure: everything besides its records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::pipeline::{Pipelines, SandboxPipeline};

/// Custom fields, custom values, tags, users and pipelines of one location.
#[derive(Debug, Clone, Default)]
pub(crate) struct LocationStructure {
    pub(crate) custom_fields: BTreeMap<String, StoredCustomField>,
    pub(crate) custom_values: BTreeMap<String, StoredCustomValue>,
    pub(crate) tags: BTreeMap<String, StoredTag>,
    pub(crate) users: BTreeMap<String, StoredUser>,
    pub(crate) pipelines: Pipelines,
    pub(crate) profile: Profile,
}

/// A new or changed part of a location, as of after the write.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StructurePart {
    CustomField(StoredCustomField),
    CustomValue(StoredCustomValue),
    Tag(StoredTag),
    User(StoredUser),
    /// All pipelines, which reads show at once.
    Pipelines(Vec<SandboxPipeline>),
    /// All pipelines after a call changed some at `at`, in milliseconds since the epoch.
    PipelinesAt {
        at: u64,
        pipelines: Vec<SandboxPipeline>,
    },
    Profile(Profile),
}

/// The definition of a custom field.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredCustomField {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Includes its model: `contact.size`.
    pub(crate) key: String,
    /// `contact` or `opportunity`.
    pub(crate) model: String,
    pub(crate) data_type: String,
    pub(crate) options: Vec<String>,
    /// All other fields, by the names under which they are shown.
    pub(crate) shown: Map<String, Value>,
}

/// A text with a name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredCustomValue {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A tag that the location knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredTag {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A user of the location.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredUser {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
}

/// A location's description of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) name: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) country: Option<String>,
}

impl LocationStructure {
    /// A structure of only `pipelines`.
    pub(super) fn of(pipelines: Vec<SandboxPipeline>) -> LocationStructure {
        LocationStructure { pipelines: Pipelines::of(pipelines), ..LocationStructure::default() }
    }

    /// Stores a part. Reads of pipelines lag `lag` milliseconds behind.
    pub(super) fn put(&mut self, part: StructurePart, lag: u64) {
        match part {
            StructurePart::CustomField(field) => drop(self.custom_fields.insert(field.id.clone(), field)),
            StructurePart::CustomValue(value) => drop(self.custom_values.insert(value.id.clone(), value)),
            StructurePart::Tag(tag) => drop(self.tags.insert(tag.id.clone(), tag)),
            StructurePart::User(user) => drop(self.users.insert(user.id.clone(), user)),
            StructurePart::Pipelines(pipelines) => self.pipelines = Pipelines::of(pipelines),
            StructurePart::PipelinesAt { at, pipelines } => self.pipelines.write(pipelines, at, lag),
            StructurePart::Profile(profile) => self.profile = profile,
        }
    }

    /// Removes the custom field, custom value or tag with this id.
    pub(super) fn remove(&mut self, id: &str) {
        self.custom_fields.remove(id);
        self.custom_values.remove(id);
        self.tags.remove(id);
    }

    pub(crate) fn pipeline(&self, id: &str) -> Option<&SandboxPipeline> {
        self.pipelines.current().iter().find(|pipeline| pipeline.id == id)
    }

    /// The custom field that a value names by id or key. A key may omit its model.
    pub(crate) fn custom_field(&self, model: &str, name: &str) -> Option<&StoredCustomField> {
        let of_model = || self.custom_fields.values().filter(|field| field.model == model);
        let by_key = |field: &&StoredCustomField| {
            field.key == name || field.key.split_once('.').is_some_and(|(_, key)| key == name)
        };
        of_model().find(|field| field.id == name).or_else(|| of_model().find(by_key))
    }
}
