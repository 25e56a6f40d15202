//! How a migration stands: one item of the store, written with its revision compared and advanced.

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
    /// The one that is read.
    Source,
    /// The one that is written to.
    Target,
}

impl Side {
    /// The side as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A migration, as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// The migration's id, of our own.
    pub id: MigrationId,
    /// The location that is read.
    pub source: LocationId,
    /// The location that is written to.
    pub target: LocationId,
    /// It ends when the mapping and the forecast are made.
    pub dry_run: bool,
    /// It goes on without asking, unless the mapping has questions.
    pub auto_approve: bool,
    /// Somebody has agreed.
    pub approved: bool,
    /// Its own settings.
    pub settings: MigrationOverlay,
    /// What people decided about the mapping.
    pub overrides: MappingOverrides,
    /// What is the matter with it.
    pub status: MigrationStatus,
    /// What it does.
    pub stage: MigrationStage,
    /// Why it does not go on.
    pub reason: Option<String>,
    /// How often what was migrated into this target was rolled back before: part of the records' ids.
    pub round: u32,
    /// Grows with every step; a message of another generation is stale.
    pub generation: u64,
    /// Who makes a step just now.
    pub lease: Option<MigrationLease>,
    /// When to look whether its message got lost.
    pub next_check_at: Option<EpochMs>,
    /// When it was asked for.
    pub created_at: EpochMs,
    /// When this was written.
    pub updated_at: EpochMs,
    /// When the stage began.
    pub stage_since: EpochMs,
    /// When it ended.
    pub finished_at: Option<EpochMs>,
    /// The source, once it answered.
    pub source_account: Option<Account>,
    /// The target, once it answered.
    pub target_account: Option<Account>,
    /// Pages of what the source is made of; 0 before it was read.
    pub source_structure: u32,
    /// Pages of what the target was made of; 0 before it was read.
    pub target_structure: u32,
    /// Pages of the mapping; 0 before it was made.
    pub mapping: u32,
    /// Reading what the target has before.
    pub target_contacts: Walk,
    /// The same of opportunities.
    pub target_deals: Walk,
    /// Reading what the source has before.
    pub source_contacts: Walk,
    /// The same of opportunities.
    pub source_deals: Walk,
    /// The mapping's numbers.
    pub summary: Option<MappingSummary>,
    /// What it will do and cost.
    pub forecast: Option<Forecast>,
    /// Pages of the journal.
    pub journal: u32,
    /// What became of the structure.
    pub parts: PartReports,
    /// The contacts.
    pub contacts: Transfer,
    /// The opportunities.
    pub opportunities: Transfer,
    /// Reading both sides again.
    pub verify: VerifyState,
    /// Deleting what was created.
    pub reverted: Reverted,
    /// It was cancelled, and what it has put is still to be withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,
    /// Both locations' calls when it began.
    pub calls_before: CallCount,
    /// Both locations' calls in the meantime.
    pub calls: CallCount,
    /// Steps in a row in which nothing could be done because GHL failed.
    pub trouble: u32,
    /// Units of work in a row that failed because a store did.
    #[serde(default)]
    pub store_trouble: u32,
    /// Failures of GHL in all.
    pub errors: u64,
    /// What people did, the oldest first; the last 50 entries.
    pub audit: Vec<AuditEntry>,
}

impl Migration {
    /// What all migrations are listed as.
    pub const LISTED: &str = "migration";

    /// What `request` asks for at `now`, with nothing done yet.
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
            target_contacts: Walk::default(),
            target_deals: Walk::default(),
            source_contacts: Walk::default(),
            source_deals: Walk::default(),
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

/// A migration can be gone on with, or rolled back, for this long. What it wrote down before is kept for longer.
const USABLE: Duration = DAY.saturating_mul(365);
/// A migration is kept for this long after its last change.
const KEPT: Duration = DAY.saturating_mul(400);
/// Its pages are kept for this long after it was asked for: for longer than itself.
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

    /// The key in the target's outbox of a record of the source.
    #[must_use]
    pub fn key(&self, kind: Kind, source_id: &GhlId) -> Option<RecordKey> {
        Some(RecordKey { kind, id: self.record_id(source_id)? })
    }

    /// Its id there. After a rollback it is another one, so that what was deleted is made anew.
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
    /// Whether steps of it are to be made: it goes on by itself, or withdraws what it has put before it was cancelled.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.status.is_active() || self.status == MigrationStatus::Cancelled && self.withdrawal.is_some()
    }

    /// Whether it was asked for so long ago that what it wrote down may be gone soon.
    #[must_use]
    pub fn is_too_old(&self, now: EpochMs) -> bool {
        now.since(self.created_at) > USABLE
    }

    /// Nobody needs its pages after this.
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

/// Somebody makes a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationLease {
    /// The process that makes the step.
    pub holder: Holder,
    /// Until when at the latest.
    pub until: EpochMs,
}

/// An account that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The location.
    pub location: RemoteLocation,
    /// Its API.
    pub api: Api,
}

/// Reading a long list, page by page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Walk {
    /// Where to go on within the pipeline or the whole.
    pub cursor: Option<PageCursor>,
    /// API v1 lists opportunities by pipeline: its number.
    pub pipeline: u32,
    /// Records per page, once a page of the most that GHL allows was longer than we take; 0 before.
    pub limit: u32,
    /// Pages that were read.
    pub pages: u32,
    /// Records that were read.
    pub seen: u64,
    /// How many there are, if GHL said so.
    pub total: Option<u64>,
    /// Whether that was all.
    pub done: bool,
}

/// Carrying records of a kind over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Transfer {
    /// Reading them.
    pub walk: Walk,
    /// Pages with records that are still under way.
    pub open: Vec<OpenPage>,
    /// Records of final pages that GHL accepted.
    pub accepted: u64,
    /// Records of final pages that failed for good.
    pub failed: u64,
    /// Records of final pages that were withdrawn before GHL had accepted them.
    pub withdrawn: u64,
    /// Records of final pages that wait for a contact that failed.
    pub blocked: u64,
    /// Records that could not be put, or were left out.
    pub skipped: u64,
    /// Records of the next page that are put already.
    pub offset: u32,
    /// Looks in a row that found nothing new.
    pub idle: u32,
}

/// Withdrawing what a cancelled migration has put and GHL does not have yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withdrawal {
    /// Some may still be due.
    Asked,
    /// All were withdrawn, and whoever sends for the target was told: what calls that were under way bring is waited for.
    Told,
}

/// A page with records under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPage {
    /// Its number.
    pub number: u32,
    /// How many were under way when it was last looked at.
    pub open: u32,
    /// How many of it had been accepted then.
    pub accepted: u32,
}

/// Reading both sides again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VerifyState {
    /// The target's contacts.
    pub target_contacts: Walk,
    /// The target's opportunities.
    pub target_deals: Walk,
    /// The source's contacts.
    pub source_contacts: Walk,
    /// The source's opportunities.
    pub source_deals: Walk,
    /// Pages of contacts that were read back.
    pub contact_snapshots: u32,
    /// Pages of opportunities that were read back.
    pub deal_snapshots: u32,
    /// Pages of findings.
    pub findings: u32,
    /// What was found.
    pub found: ReportVerify,
    /// Contacts that were looked at by themselves, because the list said something else.
    pub looked_at: u32,
}

/// Deleting what was created.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reverted {
    /// Next page of opportunities.
    pub deals: u32,
    /// Next page of contacts.
    pub contacts: u32,
    /// Records of that page that are done.
    pub offset: u32,
    /// When all records were done, and the pipelines' turn came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_done_at: Option<EpochMs>,
    /// What was deleted.
    pub done: RolledBack,
}

/// A migration in the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MigrationLine))]
pub struct MigrationSummaryLine {
    /// The migration's id, of our own.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub migration_id: MigrationId,
    /// The location that is read.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub source: LocationId,
    /// The location that is written to.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub target: LocationId,
    /// How far it is.
    #[serde(flatten)]
    pub progress: Progress,
    /// When it was asked for.
    pub created_at: Time,
    /// When it ended.
    pub finished_at: Option<Time>,
}

impl Transfer {
    /// Records that are under way.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.open.iter().map(|page| u64::from(page.open)).sum()
    }

    /// Records that GHL has accepted, those of pages that are not final included.
    #[must_use]
    pub fn accepted_so_far(&self) -> u64 {
        self.accepted + self.open.iter().map(|page| u64::from(page.accepted)).sum::<u64>()
    }

    /// Whether all was read, and all of it is final.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.walk.done && self.open.is_empty()
    }
}
