//! What a location is made of besides its records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::pipeline::{Pipeline, Pipelines};

/// Custom fields, custom values, tags, users and pipelines of one location.
#[derive(Debug, Clone, Default)]
pub(crate) struct Structure {
    pub(crate) custom_fields: BTreeMap<String, CustomField>,
    pub(crate) custom_values: BTreeMap<String, CustomValue>,
    pub(crate) tags: BTreeMap<String, Tag>,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) pipelines: Pipelines,
    pub(crate) profile: Profile,
}

/// Something new in a location, as it is after the write.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    CustomField(CustomField),
    CustomValue(CustomValue),
    Tag(Tag),
    User(User),
    /// All of them, which reads show at once.
    Pipelines(Vec<Pipeline>),
    /// All of them, after a call changed some at `at`, in milliseconds since the epoch.
    PipelinesAt {
        at: u64,
        pipelines: Vec<Pipeline>,
    },
    Profile(Profile),
}

/// The definition of a custom field.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CustomField {
    pub(crate) id: String,
    pub(crate) name: String,
    /// With what it is a field of: `contact.size`.
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
pub(crate) struct CustomValue {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A tag that the location knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tag {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A user of the location.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
}

/// What a location says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) name: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) country: Option<String>,
}

impl Structure {
    /// Nothing but `pipelines`.
    pub(super) fn of(pipelines: Vec<Pipeline>) -> Structure {
        Structure { pipelines: Pipelines::of(pipelines), ..Structure::default() }
    }

    /// Reads of pipelines lag `lag` milliseconds behind.
    pub(super) fn put(&mut self, part: Part, lag: u64) {
        match part {
            Part::CustomField(field) => drop(self.custom_fields.insert(field.id.clone(), field)),
            Part::CustomValue(value) => drop(self.custom_values.insert(value.id.clone(), value)),
            Part::Tag(tag) => drop(self.tags.insert(tag.id.clone(), tag)),
            Part::User(user) => drop(self.users.insert(user.id.clone(), user)),
            Part::Pipelines(pipelines) => self.pipelines = Pipelines::of(pipelines),
            Part::PipelinesAt { at, pipelines } => self.pipelines.write(pipelines, at, lag),
            Part::Profile(profile) => self.profile = profile,
        }
    }

    /// Forgets the custom field, custom value or tag of this id.
    pub(super) fn remove(&mut self, id: &str) {
        self.custom_fields.remove(id);
        self.custom_values.remove(id);
        self.tags.remove(id);
    }

    pub(crate) fn pipeline(&self, id: &str) -> Option<&Pipeline> {
        self.pipelines.current().iter().find(|pipeline| pipeline.id == id)
    }

    /// The custom field that a value names by id or by key. A key may leave out whose field it is.
    pub(crate) fn custom_field(&self, model: &str, name: &str) -> Option<&CustomField> {
        let of_model = || self.custom_fields.values().filter(|field| field.model == model);
        let by_key =
            |field: &&CustomField| field.key == name || field.key.split_once('.').is_some_and(|(_, key)| key == name);
        of_model().find(|field| field.id == name).or_else(|| of_model().find(by_key))
    }
}
