//! The state of a migration: one stored item, written with its revision compared and advanced.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::{
    AuditEntry, CallCount, Forecast, MappingOverrides, MappingSummary, MigrationOverlay, MigrationRequest,
    MigrationStage, MigrationStatus, PartReports, Progress, ReportVerify, RolledBack,
};
use crate::{
    Api, EpochMs, GhlId, Holder, Item, ItemKind, Kind, LocationId, MigrationId, PageCursor, RecordId, RecordKey,
    RemoteLocation, Time,
};

/// One of the two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Side {
    /// The account that is read.
    Source,
    /// The account that is written to.
    Target,
}

impl Side {
    /// The side's name, as stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The state of a migration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// Our own id of the migration.
    pub id: MigrationId,
    /// The source location.
    pub source: LocationId,
    /// The target location.
    pub target: LocationId,
    /// Whether it ends after the mapping and the forecast.
    pub dry_run: bool,
    /// Whether it continues without approval, unless the mapping has questions.
    pub auto_approve: bool,
    /// Whether a person has approved it.
    pub approved: bool,
    /// Its own settings, which override those of all migrations.
    pub settings: MigrationOverlay,
    /// A person's decisions about the mapping.
    pub overrides: MappingOverrides,
    /// Where the migration stands: running, waiting for approval, done, …
    pub status: MigrationStatus,
    /// The current stage.
    pub stage: MigrationStage,
    /// Why it does not continue.
    pub reason: Option<String>,
    /// Number of earlier rollbacks into this target. Part of each record id.
    pub round: u32,
    /// Grows with every step; a message of another generation is stale.
    pub generation: u64,
    /// The lease of the step that is under way.
    pub lease: Option<MigrationLease>,
    /// When to check whether its message was lost.
    pub next_check_at: Option<EpochMs>,
    /// When it was requested.
    pub created_at: EpochMs,
    /// When this state was written.
    pub updated_at: EpochMs,
    /// When the current stage began.
    pub stage_since: EpochMs,
    /// When it ended.
    pub finished_at: Option<EpochMs>,
    /// The source account, once it has answered.
    pub source_account: Option<Account>,
    /// The target account, once it has answered.
    pub target_account: Option<Account>,
    /// Pages of the source's structure; 0 before it was read.
    pub source_structure: u32,
    /// Pages of the target's structure; 0 before it was read.
    pub target_structure: u32,
    /// Pages of the mapping; 0 before it exists.
    pub mapping: u32,
    /// Progress of the first scan of the target's contacts.
    pub target_contacts: Scan,
    /// Progress of the first scan of the target's opportunities.
    #[serde(rename = "target_deals")]
    pub target_opportunities: Scan,
    /// Progress of the first scan of the source's contacts.
    pub source_contacts: Scan,
    /// Progress of the first scan of the source's opportunities.
    #[serde(rename = "source_deals")]
    pub source_opportunities: Scan,
    /// Totals of the mapping.
    pub summary: Option<MappingSummary>,
    /// Expected effects and cost.
    pub forecast: Option<Forecast>,
    /// Pages of the journal.
    pub journal: u32,
    /// Results for the structure.
    pub parts: PartReports,
    /// Progress of transferring the contacts.
    pub contacts: Transfer,
    /// Progress of transferring the opportunities.
    pub opportunities: Transfer,
    /// Progress of the verification.
    pub verify: VerifyState,
    /// Progress of the rollback.
    pub reverted: Reverted,
    /// State of the withdrawal after a cancellation; `None` if nothing is left to withdraw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,
    /// Calls of both locations when the migration began.
    pub calls_before: CallCount,
    /// Calls of both locations since then.
    pub calls: CallCount,
    /// Consecutive steps that achieved nothing because GHL failed.
    pub trouble: u32,
    /// Consecutive units of work that failed because of a store.
    #[serde(default)]
    pub store_trouble: u32,
    /// Failures of GHL in total.
    pub errors: u64,
    /// Actions of people, oldest first; the last 50 entries.
    pub audit: Vec<AuditEntry>,
}

impl Migration {
    /// Name under which all migrations are listed.
    pub const LISTED: &str = "migration";

    /// The migration that `request` asks for at `now`, before its first step.
    #[must_use]
    pub fn new(id: MigrationId, request: MigrationRequest, dry_run: bool, now: EpochMs) -> Migration {
        let MigrationRequest { source, target, auto_approve, settings, overrides } = request;
        Migration {
            id,
            source,
            target,
            dry_run,
            auto_approve,
            approved: false,
            settings,
            overrides,
            status: MigrationStatus::Running,
            stage: MigrationStage::Connect,
            reason: None,
            round: 0,
            generation: 1,
            lease: None,
            next_check_at: None,
            created_at: now,
            updated_at: now,
            stage_since: now,
            finished_at: None,
            source_account: None,
            target_account: None,
            source_structure: 0,
            target_structure: 0,
            mapping: 0,
            target_contacts: Scan::default(),
            target_opportunities: Scan::default(),
            source_contacts: Scan::default(),
            source_opportunities: Scan::default(),
            summary: None,
            forecast: None,
            journal: 0,
            parts: PartReports::default(),
            contacts: Transfer::default(),
            opportunities: Transfer::default(),
            verify: VerifyState::default(),
            reverted: Reverted::default(),
            withdrawal: None,
            calls_before: CallCount::default(),
            calls: CallCount::default(),
            trouble: 0,
            store_trouble: 0,
            errors: 0,
            audit: Vec::new(),
        }
    }
}

/// A migration can be continued or rolled back for this long. Its stored data is kept for longer.
const USABLE: Duration = DAY.saturating_mul(365);
/// A migration is kept for this long after its last change.
const KEPT: Duration = DAY.saturating_mul(400);
/// Its pages are kept for this long after the request: longer than the migration itself.
const PAGES_KEPT: Duration = DAY.saturating_mul(800);
const DAY: Duration = Duration::from_hours(24);

impl Migration {
    /// The location on `side`.
    #[must_use]
    pub fn location(&self, side: Side) -> &LocationId {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// The key of a source record in the target's outbox.
    #[must_use]
    pub fn key(&self, kind: Kind, source_id: &GhlId) -> Option<RecordKey> {
        Some(RecordKey { kind, id: self.record_id(source_id)? })
    }

    /// The id of a source record in the target's outbox. Each rollback changes it, so that deleted records are
    /// created anew.
    #[must_use]
    pub fn record_id(&self, source_id: &GhlId) -> Option<RecordId> {
        let id = match self.round {
            0 => format!("m.{source_id}"),
            round => format!("m{round}.{source_id}"),
        };
        RecordId::new(id).ok()
    }
}

impl Migration {
    /// Whether it has steps left: it continues on its own, or is withdrawing records after a cancellation.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.status.is_active() || self.status == MigrationStatus::Cancelled && self.withdrawal.is_some()
    }

    /// Whether it was requested so long ago that its stored data may soon expire.
    #[must_use]
    pub fn is_too_old(&self, now: EpochMs) -> bool {
        now.since(self.created_at) > USABLE
    }

    /// When its pages may be deleted.
    #[must_use]
    pub fn keep_pages_until(&self) -> EpochMs {
        self.created_at + PAGES_KEPT
    }
}

impl Item for Migration {
    const KIND: ItemKind = ItemKind {
        name: "migration",
        load: "migrations.load",
        replace: "migrations.write",
        attribute: "migration",
        listed: Some(Migration::LISTED),
        checked: true,
        may_be_stale: false,
    };
    type Key = MigrationId;

    fn item_key(id: &MigrationId) -> String {
        format!("migration#{id}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.updated_at + KEPT)
    }

    fn next_check_at(&self) -> Option<EpochMs> {
        self.next_check_at
    }
}

/// The lease of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationLease {
    /// The process that performs the step.
    pub holder: Holder,
    /// When the lease expires.
    pub until: EpochMs,
}

/// An account that has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The location's own data.
    pub location: RemoteLocation,
    /// The API that serves it.
    pub api: Api,
}

/// Progress of reading a long list, page by page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scan {
    /// Where to continue, within the current pipeline or the whole list.
    pub cursor: Option<PageCursor>,
    /// Index of the current pipeline: API v1 lists opportunities by pipeline.
    pub pipeline: u32,
    /// Records per page, after a page of GHL's maximum size turned out longer than we accept; 0 before.
    pub limit: u32,
    /// Pages read.
    pub pages: u32,
    /// Records read.
    pub seen: u64,
    /// Records in the whole list, if GHL reported it.
    pub total: Option<u64>,
    /// Whether the whole list has been read.
    pub done: bool,
}

/// Progress of transferring records of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Transfer {
    /// Progress of reading the source.
    #[serde(rename = "walk")]
    pub scan: Scan,
    /// Pages with records in progress.
    pub open: Vec<OpenPage>,
    /// Records of final pages that GHL accepted.
    pub accepted: u64,
    /// Records of final pages that failed for good.
    pub failed: u64,
    /// Records of final pages that were withdrawn before GHL accepted them.
    pub withdrawn: u64,
    /// Records of final pages that wait for a contact that failed.
    pub blocked: u64,
    /// Records that could not be put, or were left out.
    pub skipped: u64,
    /// Records of the next page that have already been put.
    pub offset: u32,
    /// Consecutive checks without any change.
    pub idle: u32,
}

/// Withdrawal of the records that a cancelled migration has put and GHL has not accepted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withdrawal {
    /// Records may still be due.
    Asked,
    /// All records are withdrawn and the target's sender has been notified; calls under way may still bring results.
    Told,
}

/// A page with records in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPage {
    /// Its number.
    pub number: u32,
    /// Records in progress at the last check.
    pub open: u32,
    /// Records accepted at the last check.
    pub accepted: u32,
}

/// Progress of the verification, which reads both sides again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VerifyState {
    /// Scan of the target's contacts.
    pub target_contacts: Scan,
    /// Scan of the target's opportunities.
    #[serde(rename = "target_deals")]
    pub target_opportunities: Scan,
    /// Scan of the source's contacts.
    pub source_contacts: Scan,
    /// Scan of the source's opportunities.
    #[serde(rename = "source_deals")]
    pub source_opportunities: Scan,
    /// Pages of contacts read back.
    pub contact_snapshots: u32,
    /// Pages of opportunities read back.
    #[serde(rename = "deal_snapshots")]
    pub opportunity_snapshots: u32,
    /// Pages of findings.
    pub findings: u32,
    /// Results so far.
    pub found: ReportVerify,
    /// Contacts that were read individually because the list differed.
    pub looked_at: u32,
}

/// Progress of the rollback.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reverted {
    /// Next page of opportunities.
    #[serde(rename = "deals")]
    pub opportunities: u32,
    /// Next page of contacts.
    pub contacts: u32,
    /// Records of that page that are done.
    pub offset: u32,
    /// When all records were done and the pipelines could be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_done_at: Option<EpochMs>,
    /// Results so far.
    pub done: RolledBack,
}

/// A migration in the list of migrations.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MigrationLine))]
pub struct MigrationSummaryLine {
    /// Our own id of the migration.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub migration_id: MigrationId,
    /// The source location.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub source: LocationId,
    /// The target location.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub target: LocationId,
    /// Its progress.
    #[serde(flatten)]
    pub progress: Progress,
    /// When it was requested.
    pub created_at: Time,
    /// When it ended.
    pub finished_at: Option<Time>,
}

impl Transfer {
    /// Records in progress.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.open.iter().map(|page| u64::from(page.open)).sum()
    }

    /// Records that GHL has accepted, including those on pages that are not final.
    #[must_use]
    pub fn accepted_so_far(&self) -> u64 {
        self.accepted + self.open.iter().map(|page| u64::from(page.accepted)).sum::<u64>()
    }

    /// Whether everything was read and every page is final.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.scan.done && self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_migration_keeps_the_names_of_earlier_builds() {
        let request: MigrationRequest =
            serde_json::from_value(serde_json::json!({ "source": "a", "target": "b" })).unwrap();
        let migration = Migration::new(MigrationId::new("mig-1").unwrap(), request, false, EpochMs(0));
        let stored = serde_json::to_value(&migration).unwrap();
        for path in [
            "/target_deals",
            "/source_deals",
            "/contacts/walk",
            "/opportunities/walk",
            "/verify/target_deals",
            "/verify/source_deals",
            "/verify/deal_snapshots",
            "/reverted/deals",
        ] {
            assert!(stored.pointer(path).is_some(), "{path} is not in {stored}");
        }
        for (kind, name) in [
            (crate::PageKind::SourceOpportunities, "source_deals"),
            (crate::PageKind::TargetOpportunities, "target_deals"),
        ] {
            assert_eq!((kind.as_str(), serde_json::to_value(kind).unwrap()), (name, name.into()));
        }
        let page = serde_json::to_value(crate::PageContent::Opportunities(Vec::new())).unwrap();
        assert_eq!(page, serde_json::json!({ "deals": [] }));
    }
}
