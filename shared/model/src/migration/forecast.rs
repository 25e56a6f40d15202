//! Forecast of a migration's effects and cost.

use serde::{Deserialize, Serialize};

use crate::EpochMs;

/// The expected effects and cost of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Forecast {
    /// Fields, values, tags and pipelines to be created.
    pub structure: KindForecast,
    /// Forecast for contacts.
    pub contacts: KindForecast,
    /// Forecast for opportunities.
    pub opportunities: KindForecast,
    /// Total to be created: structure, contacts and opportunities.
    pub creates: u64,
    /// Total to be updated.
    pub updates: u64,
    /// Total to be left out.
    pub skips: u64,
    /// Total that a person should check, including type conflicts.
    pub conflicts: u64,
    /// Remaining calls in both locations.
    pub calls: u64,
    /// Remaining calls in the source.
    pub source_calls: u64,
    /// Remaining calls in the target.
    pub target_calls: u64,
    /// Expected duration at today's quota.
    pub seconds: u64,
    /// Expected end, if the migration begins at once.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub finish_at: EpochMs,
    /// The share of the target's daily quota that it uses; above 100, it takes more than a day.
    pub daily_share_percent: f64,
}

impl Forecast {
    /// Whether no source record matches another record, neither in the target nor in the source.
    #[must_use]
    pub fn meets_nothing(&self) -> bool {
        self.contacts.updates + self.opportunities.updates == 0
    }
}

/// Expected results for structure, contacts or opportunities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KindForecast {
    /// Items or records in the source.
    pub source: u64,
    /// How many will be created.
    pub creates: u64,
    /// How many are already in the target and will be updated.
    pub updates: u64,
    /// How many cannot, or should not, be transferred.
    pub skips: u64,
    /// How many a person should check: several source records that are one in the target, or one source record
    /// that is several there.
    pub conflicts: u64,
}
