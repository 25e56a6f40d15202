//! The mapping of the source's structure to the target.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use crate::{FieldType, GhlId};

/// The kinds of structure that are mapped.
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
    /// All kinds, in order of the enum.
    pub const ALL: [Part; Part::COUNT] =
        [Part::CustomFields, Part::CustomValues, Part::Tags, Part::Users, Part::Pipelines, Part::Stages];

    /// The kind's name, as stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The mapping of one item of the source's structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mapped {
    /// The source's id of the item.
    pub source_id: GhlId,
    /// Its name in the source.
    pub source_name: String,
    /// For a stage: the source's id of its pipeline.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pipeline_id: Option<GhlId>,
    /// Its counterpart in the target.
    pub target: MappedTo,
    /// How the counterpart was found.
    pub how: MatchMethod,
    /// Confidence, 0 to 1.
    pub confidence: f64,
    /// The reason, for a person.
    pub explanation: String,
}

/// What an item of the source becomes in the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum MappedTo {
    /// An existing item of the target.
    Existing {
        /// The target's id of that item.
        id: GhlId,
        /// Its name in the target.
        name: String,
    },
    /// A new item in the target.
    Create {
        /// Name of the new item.
        name: String,
    },
    /// It is left out.
    Skip {
        /// Why it is left out, in words.
        reason: String,
    },
    /// A person must decide.
    Ask {
        /// Why a person must decide, in words.
        reason: String,
        /// Possible counterparts, most likely first.
        suggestions: Vec<Suggestion>,
    },
}

/// A possible counterpart in the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Suggestion {
    /// The target's id of the counterpart.
    pub id: GhlId,
    /// Its name in the target.
    pub name: String,
    /// Similarity of the two, 0 to 1.
    pub confidence: f64,
}

/// How a counterpart was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = How))]
#[serde(rename_all = "snake_case")]
pub enum MatchMethod {
    /// By key, by e-mail address, or by exactly the same name.
    ExactKey,
    /// By name, ignoring case, spaces, accents and punctuation.
    ExactName,
    /// By its position among its siblings.
    Position,
    /// By similarity.
    Similar,
    /// A person decided.
    Override,
    /// This migration created it.
    Created,
    /// No counterpart was found.
    None,
}

/// Two fields that would match if their types did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TypeConflict {
    /// The source's id of the field.
    pub source_id: GhlId,
    /// Its name in the source.
    pub source_name: String,
    /// Its type in the source.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub source_type: FieldType,
    /// The target's id of the field.
    pub target_id: GhlId,
    /// Its name in the target.
    pub target_name: String,
    /// Its type in the target.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub target_type: FieldType,
    /// How the conflict is resolved.
    pub resolution: String,
}

/// The mapping of the source's whole structure.
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
    /// Fields with the same name and incompatible types.
    pub type_conflicts: Vec<TypeConflict>,
    /// Further notes for a person.
    pub warnings: Vec<String>,
    /// The mapping's totals.
    pub summary: MappingSummary,
}

impl MappingReport {
    /// The mapping of the items of one kind.
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

    /// The mapping of the items of one kind, for changing it.
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

    /// The items that a person must decide about.
    pub fn questions(&self) -> impl Iterator<Item = (Part, &Mapped)> {
        Part::ALL
            .into_iter()
            .flat_map(|part| self.of(part).iter().map(move |mapped| (part, mapped)))
            .filter(|(_, mapped)| matches!(mapped.target, MappedTo::Ask { .. }))
    }
}

/// The totals of a mapping. Items count as mapped if they exist in the target or will be created there.
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
    /// Items to be created in the target.
    pub to_create: u64,
    /// Items that a person must decide about.
    pub questions: u64,
    /// Fields with the same name and incompatible types.
    pub type_conflicts: u64,
    /// Share of all items that are mapped, or left out by a person's decision; rounded down.
    pub overall_readiness_percent: u8,
}
