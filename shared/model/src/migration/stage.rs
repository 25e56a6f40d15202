//! Where a migration stands.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

/// What a migration does, in this order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MigrationStage {
    /// Both accounts answer, and are two.
    Connect,
    /// What both sides are made of, and whom they know.
    Discover,
    /// What becomes of each thing, and what it will cost.
    Map,
    /// A person looks at it.
    AwaitApproval,
    /// Custom fields that the target lacks.
    CustomFields,
    /// Custom values that the target lacks.
    CustomValues,
    /// Tags that the target lacks.
    Tags,
    /// Pipelines that the target lacks.
    Pipelines,
    /// The contacts.
    Contacts,
    /// The opportunities.
    Opportunities,
    /// Both sides are read again and compared.
    Verify,
    /// The report.
    Finish,
}

impl MigrationStage {
    /// All of them, in their order.
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

    /// The one after it; none after the last.
    #[must_use]
    pub fn next(self) -> Option<MigrationStage> {
        MigrationStage::ALL.into_iter().skip_while(|stage| *stage != self).nth(1)
    }

    /// The stage as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What is the matter with a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MigrationStatus {
    /// It goes on by itself.
    Running,
    /// The mapping is made; somebody must agree.
    AwaitingApproval,
    /// Something cannot be decided without a person; the mapping says what.
    NeedsInput,
    /// Somebody stopped it for a while.
    Paused,
    /// Somebody stopped it for good. What GHL has accepted stays, and the rest is withdrawn.
    Cancelled,
    /// It cannot go on, for the reason that stands beside it. Resuming tries again.
    Failed,
    /// What it created is being deleted.
    RollingBack,
    /// What it created is deleted.
    RolledBack,
    /// It is over, and not everything arrived as it is in the source: the reason has the numbers, the findings name the
    /// records.
    Incomplete,
    /// It is complete.
    Done,
}

impl MigrationStatus {
    /// Whether it goes on by itself.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, MigrationStatus::Running | MigrationStatus::RollingBack)
    }

    /// Whether it waits for a person.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        !self.is_active() && !self.is_over()
    }

    /// Whether it will never write to its target again, unless it is rolled back.
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

    /// The status as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
