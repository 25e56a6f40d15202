//! Stages and statuses of a migration.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

/// The stages of a migration, in this order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MigrationStage {
    /// Check that both accounts answer and are not the same.
    Connect,
    /// Read the structure and the records of both sides.
    Discover,
    /// Map each item, and forecast the cost.
    Map,
    /// Wait for a person's approval.
    AwaitApproval,
    /// Create the missing custom fields in the target.
    CustomFields,
    /// Create the missing custom values in the target.
    CustomValues,
    /// Create the missing tags in the target.
    Tags,
    /// Create the missing pipelines in the target.
    Pipelines,
    /// Transfer the contacts.
    Contacts,
    /// Transfer the opportunities.
    Opportunities,
    /// Read both sides again and compare them.
    Verify,
    /// Write the report.
    Finish,
}

impl MigrationStage {
    /// All stages, in order.
    pub const ALL: [MigrationStage; MigrationStage::COUNT] = [
        MigrationStage::Connect,
        MigrationStage::Discover,
        MigrationStage::Map,
        MigrationStage::AwaitApproval,
        MigrationStage::CustomFields,
        MigrationStage::CustomValues,
        MigrationStage::Tags,
        MigrationStage::Pipelines,
        MigrationStage::Contacts,
        MigrationStage::Opportunities,
        MigrationStage::Verify,
        MigrationStage::Finish,
    ];

    /// The next stage; `None` after the last.
    #[must_use]
    pub fn next(self) -> Option<MigrationStage> {
        MigrationStage::ALL.into_iter().skip_while(|stage| *stage != self).nth(1)
    }

    /// The stage's name, as stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Where a migration stands: running, waiting for approval, done, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MigrationStatus {
    /// It continues on its own.
    Running,
    /// The mapping is complete and needs a person's approval.
    AwaitingApproval,
    /// A person must decide something; the mapping says what.
    NeedsInput,
    /// A person paused it.
    Paused,
    /// A person cancelled it. Records that GHL has accepted stay; the rest are withdrawn.
    Cancelled,
    /// It cannot continue, for the reason stated beside it. Resuming it tries again.
    Failed,
    /// What it created is being deleted.
    RollingBack,
    /// What it created has been deleted.
    RolledBack,
    /// It is over, but some records are missing or differ from the source: the reason has the numbers, the findings
    /// name the records.
    Incomplete,
    /// It is complete.
    Done,
}

impl MigrationStatus {
    /// Whether it continues on its own.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, MigrationStatus::Running | MigrationStatus::RollingBack)
    }

    /// Whether it waits for a person.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        !self.is_active() && !self.is_over()
    }

    /// Whether it will never write to its target again, except in a rollback.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(
            self,
            MigrationStatus::Cancelled
                | MigrationStatus::RolledBack
                | MigrationStatus::Incomplete
                | MigrationStatus::Done
        )
    }

    /// The status's name, as stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
