//! What a migration will do and cost.

use serde::{Deserialize, Serialize};

use crate::EpochMs;

/// What a migration will do and cost, as far as it can be known before.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Forecast {
    /// Fields, values, tags and pipelines that are made.
    pub structure: KindForecast,
    /// Contacts.
    pub contacts: KindForecast,
    /// Opportunities.
    pub opportunities: KindForecast,
    /// All that is created.
    pub creates: u64,
    /// All that is updated.
    pub updates: u64,
    /// All that is left out.
    pub skips: u64,
    /// All that a person should look at.
    pub conflicts: u64,
    /// Calls that are still to be made, in both locations.
    pub calls: u64,
    /// Calls of them in the source.
    pub source_calls: u64,
    /// Calls of them in the target.
    pub target_calls: u64,
    /// How long that takes at today's quota.
    pub seconds: u64,
    /// When it is finished, if it begins at once.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub finish_at: EpochMs,
    /// The share of the target's daily quota that it takes; above 100 it takes more than a day.
    pub daily_share_percent: f64,
}

impl Forecast {
    /// Whether no record will meet another one, neither of the target nor of the source.
    #[must_use]
    pub fn meets_nothing(&self) -> bool {
        self.contacts.updates + self.opportunities.updates == 0
    }
}

/// What will become of records of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KindForecast {
    /// How many the source has.
    pub source: u64,
    /// How many are created.
    pub creates: u64,
    /// How many are in the target already, and are updated.
    pub updates: u64,
    /// How many cannot be carried over, or shall not.
    pub skips: u64,
    /// How many a person should look at: several of the source that are one in the target, or one of the source that
    /// is several there.
    pub conflicts: u64,
}
