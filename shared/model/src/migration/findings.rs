//! What the comparison of both sides found.

use serde::{Deserialize, Serialize};

use crate::{EpochMs, GhlId, Kind, NotCarried};

/// What a person should know of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The source's id of it.
    pub source_id: GhlId,
    /// The target's id of it, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target_id: Option<GhlId>,
    /// What is the matter.
    pub problem: Problem,
}

/// What is the matter with a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Problem {
    /// It is not in the target.
    Missing {
        /// Why, as far as it is known.
        reason: String,
    },
    /// It is in the target, and says something else there.
    Different {
        /// Where the two differ.
        fields: Vec<FieldDifference>,
    },
    /// GHL accepted it, and its answer showed that it did not store all of it.
    NotStored {
        /// The fields, by GHL's names.
        fields: Vec<String>,
    },
    /// It shares its counterpart in the target with another one of the source.
    Merged {
        /// The source's id of the other one.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        with: GhlId,
    },
    /// It has something that GHL lets nobody write, or that has no place in the target.
    NotCarried {
        /// When it was created; in the target that is the time of the migration.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
        created_at: Option<EpochMs>,
        /// Further e-mail addresses and phone numbers, and files.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        extra: NotCarried,
        /// Fields that were left out, by name, and why.
        fields: Vec<String>,
    },
}

/// A field in which the two sides differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldDifference {
    /// Which; a custom field by its name in the source.
    pub field: String,
    /// What it should be.
    pub expected: String,
    /// What it is in the target; empty if it has nothing.
    pub found: String,
}
