//! The request for a migration.

use serde::{Deserialize, Serialize};

use super::{MappingOverrides, MigrationOverlay};
use crate::LocationId;

/// A request to migrate `source` into `target`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MigrationRequest {
    /// The source location.
    pub source: LocationId,
    /// The target location.
    pub target: LocationId,
    /// Continue without approval once the mapping is complete, unless it has questions.
    #[serde(default)]
    pub auto_approve: bool,
    /// Settings of this migration, which override those of all migrations.
    #[serde(default)]
    pub settings: MigrationOverlay,
    /// Decisions about single items, which override the mapping.
    #[serde(default)]
    pub overrides: MappingOverrides,
}
