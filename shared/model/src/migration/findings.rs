//! Findings of the comparison of both sides.

use serde::{Deserialize, Serialize};

use crate::{EpochMs, GhlId, Kind, NotCarried};

/// A note about one record, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// The kind of record.
    pub kind: Kind,
    /// The source's id of the record.
    pub source_id: GhlId,
    /// The target's id of the record, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target_id: Option<GhlId>,
    /// The problem found.
    pub problem: Problem,
}

/// A problem with a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Problem {
    /// It is missing in the target.
    Missing {
        /// The reason, as far as it is known.
        reason: String,
    },
    /// It is in the target, with other values.
    Different {
        /// The fields that differ.
        fields: Vec<FieldDifference>,
    },
    /// GHL accepted it, but its answer showed that it did not store everything.
    NotStored {
        /// The fields that GHL did not store, by GHL's names.
        fields: Vec<String>,
    },
    /// It shares its counterpart in the target with another source record.
    Merged {
        /// The source's id of the other record.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        with: GhlId,
    },
    /// It has data that GHL lets nobody write, or that has no place in the target.
    NotCarried {
        /// When it was created in the source; the target has the time of the migration instead.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
        created_at: Option<EpochMs>,
        /// Further e-mail addresses and phone numbers, and files.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        extra: NotCarried,
        /// Fields that were left out, by name, with the reason.
        fields: Vec<String>,
    },
}

/// A field whose value differs between the two sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldDifference {
    /// The field's name; a custom field by its name in the source.
    pub field: String,
    /// The expected value.
    pub expected: String,
    /// The value in the target; empty if there is none.
    pub found: String,
}
