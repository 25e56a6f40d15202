//! The progress of a migration, for people.

use serde::{Deserialize, Serialize};

use super::{MigrationStage, MigrationStatus};

/// The progress of a migration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// Where the migration stands: running, waiting for approval, done, …
    pub status: MigrationStatus,
    /// The current stage.
    pub stage: MigrationStage,
    /// Units of the stage that are done.
    pub current: u64,
    /// Units of the whole stage.
    pub total: u64,
    /// Percentage of the stage that is done, 0 to 100.
    pub percentage: f64,
    /// The progress in words.
    pub message: String,
    /// Units per second, averaged over the stage.
    pub rate_per_second: Option<f64>,
    /// Remaining time of the stage at that rate.
    pub seconds_left: Option<u64>,
    /// Records that failed, and calls that had to be retried.
    pub errors: u64,
}
