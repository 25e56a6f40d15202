//! What somebody asks for.

use serde::{Deserialize, Serialize};

use super::{MappingOverrides, MigrationOverlay};
use crate::LocationId;

/// Migrate `source` into `target`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MigrationRequest {
    /// The location that is read.
    pub source: LocationId,
    /// The location that is written to.
    pub target: LocationId,
    /// Go on without asking once the mapping is made, unless it has questions.
    #[serde(default)]
    pub auto_approve: bool,
    /// Settings of this migration, over those of all.
    #[serde(default)]
    pub settings: MigrationOverlay,
    /// What shall become of single things, whatever the mapping thinks.
    #[serde(default)]
    pub overrides: MappingOverrides,
}
