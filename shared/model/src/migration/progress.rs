//! How far a migration is, for people.

use serde::{Deserialize, Serialize};

use super::{MigrationStage, MigrationStatus};

/// How far a migration is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// What is the matter with it.
    pub status: MigrationStatus,
    /// What it does.
    pub stage: MigrationStage,
    /// How much of the stage is done.
    pub current: u64,
    /// Of how much.
    pub total: u64,
    /// The same in percent of the stage, 0 to 100.
    pub percentage: f64,
    /// The same in words.
    pub message: String,
    /// How many a second, over the whole stage.
    pub rate_per_second: Option<f64>,
    /// How long the stage still takes at that rate.
    pub seconds_left: Option<u64>,
    /// Records that failed, and calls that had to be made again later.
    pub errors: u64,
}
