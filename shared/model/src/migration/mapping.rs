//! What becomes of the source's structure in the target.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use crate::{FieldType, GhlId};

/// The kinds of things that are mapped.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Part {
    /// Custom fields.
    CustomFields,
    /// Custom values.
    CustomValues,
    /// Tags.
    Tags,
    /// Users.
    Users,
    /// Pipelines.
    Pipelines,
    /// Stages of pipelines.
    Stages,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; Part::COUNT] =
        [Part::CustomFields, Part::CustomValues, Part::Tags, Part::Users, Part::Pipelines, Part::Stages];

    /// The kind as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What becomes of one thing of the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mapped {
    /// The source's id of it.
    pub source_id: GhlId,
    /// Its name there.
    pub source_name: String,
    /// Of a stage: the source's id of its pipeline.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pipeline_id: Option<GhlId>,
    /// What it becomes.
    pub target: MappedTo,
    /// How that was found.
    pub how: How,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// Why, for a person.
    pub explanation: String,
}

/// What becomes of a thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum MappedTo {
    /// It is this one of the target.
    Existing {
        /// The target's id of it.
        id: GhlId,
        /// Its name there.
        name: String,
    },
    /// It is made anew in the target.
    Create {
        /// Under this name.
        name: String,
    },
    /// It is left out.
    Skip {
        /// Why it is left out, in words.
        reason: String,
    },
    /// A person must say.
    Ask {
        /// Why a person must decide, in words.
        reason: String,
        /// What it may be, the most likely first.
        suggestions: Vec<Suggestion>,
    },
}

/// What a thing may be in the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Suggestion {
    /// The target's id of it.
    pub id: GhlId,
    /// Its name there.
    pub name: String,
    /// How alike they are, 0 to 1.
    pub confidence: f64,
}

/// How a match was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By the key, the e-mail address, or the very same name.
    ExactKey,
    /// By the name, but for case, spaces, accents and punctuation.
    ExactName,
    /// By the place among its siblings.
    Position,
    /// By likeness.
    Similar,
    /// A person said so.
    Override,
    /// This migration made it.
    Created,
    /// Nothing was found.
    None,
}

/// Two fields that would be the same, were it not for their types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TypeConflict {
    /// The source's id of the field.
    pub source_id: GhlId,
    /// Its name there.
    pub source_name: String,
    /// Its type there.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub source_type: FieldType,
    /// The target's id of the field.
    pub target_id: GhlId,
    /// Its name there.
    pub target_name: String,
    /// Its type there.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub target_type: FieldType,
    /// What is done about it.
    pub resolution: String,
}

/// What becomes of the source's structure.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct MappingReport {
    /// Custom fields.
    pub custom_fields: Vec<Mapped>,
    /// Custom values.
    pub custom_values: Vec<Mapped>,
    /// Tags.
    pub tags: Vec<Mapped>,
    /// Users.
    pub users: Vec<Mapped>,
    /// Pipelines.
    pub pipelines: Vec<Mapped>,
    /// Stages.
    pub stages: Vec<Mapped>,
    /// Fields of the same name and of types that do not go together.
    pub type_conflicts: Vec<TypeConflict>,
    /// What else a person should know.
    pub warnings: Vec<String>,
    /// The numbers.
    pub summary: MappingSummary,
}

impl MappingReport {
    /// What becomes of the things of a kind.
    #[must_use]
    pub fn of(&self, part: Part) -> &[Mapped] {
        match part {
            Part::CustomFields => &self.custom_fields,
            Part::CustomValues => &self.custom_values,
            Part::Tags => &self.tags,
            Part::Users => &self.users,
            Part::Pipelines => &self.pipelines,
            Part::Stages => &self.stages,
        }
    }

    /// What becomes of the things of a kind, to be changed.
    pub fn of_mut(&mut self, part: Part) -> &mut Vec<Mapped> {
        match part {
            Part::CustomFields => &mut self.custom_fields,
            Part::CustomValues => &mut self.custom_values,
            Part::Tags => &mut self.tags,
            Part::Users => &mut self.users,
            Part::Pipelines => &mut self.pipelines,
            Part::Stages => &mut self.stages,
        }
    }

    /// What a person must decide.
    pub fn questions(&self) -> impl Iterator<Item = (Part, &Mapped)> {
        Part::ALL
            .into_iter()
            .flat_map(|part| self.of(part).iter().map(move |mapped| (part, mapped)))
            .filter(|(_, mapped)| matches!(mapped.target, MappedTo::Ask { .. }))
    }
}

/// The numbers of a mapping. Mapped is what exists in the target, or will be made there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
#[expect(missing_docs, reason = "pairs of how many there are and how many are mapped")]
pub struct MappingSummary {
    pub pipelines_total: u64,
    pub pipelines_mapped: u64,
    pub stages_total: u64,
    pub stages_mapped: u64,
    pub fields_total: u64,
    pub fields_mapped: u64,
    pub values_total: u64,
    pub values_mapped: u64,
    pub tags_total: u64,
    pub tags_mapped: u64,
    pub users_total: u64,
    pub users_mapped: u64,
    /// Things that will be made in the target.
    pub to_create: u64,
    /// Things that a person must decide.
    pub questions: u64,
    /// Fields of the same name and of types that do not go together.
    pub type_conflicts: u64,
    /// The share of all things that are mapped, or left out because somebody said so; rounded down.
    pub overall_readiness_percent: u8,
}
