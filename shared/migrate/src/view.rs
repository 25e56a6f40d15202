//! What people see of migrations.

use super::Migrator;
use crate::policy::progress;
use ghl_sync_engine::ports::{Entry, PortError};
use ghl_sync_model::{
    EpochMs, Finding, KindReport, MappingReport, Migration, MigrationId, MigrationPage, MigrationReport,
    MigrationStatus, MigrationSummaryLine, PageContent, PageKind, Part, Progress, Time, Transfer,
};

/// A migration, and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct MigrationView {
    /// The migration.
    pub migration: Migration,
    /// How far it is.
    pub progress: Progress,
}

/// All that is known of what a migration came to.
#[derive(Debug, Clone, PartialEq)]
pub struct FullReport {
    /// The numbers.
    pub report: MigrationReport,
    /// What becomes of the structure; `None` before it was mapped.
    pub mapping: Option<MappingReport>,
    /// What a person should know of single records.
    pub findings: Vec<Finding>,
}

impl Migrator {
    /// How a migration stands; `None` if it is unknown.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn status(&self, id: &MigrationId) -> Result<Option<MigrationView>, PortError> {
        Ok(self.migrations.load(id).await?.map(|entry| self.view(entry.value)))
    }

    /// The same of a migration that was just changed.
    #[must_use]
    pub fn view(&self, migration: Migration) -> MigrationView {
        let progress = progress(&migration, self.ports().clock.now());
        MigrationView { migration, progress }
    }

    /// The migrations, the newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, limit: u32) -> Result<Vec<MigrationSummaryLine>, PortError> {
        let now = self.ports().clock.now();
        let line = |migration: Migration| MigrationSummaryLine {
            progress: progress(&migration, now),
            migration_id: migration.id,
            source: migration.source,
            target: migration.target,
            created_at: Time(migration.created_at),
            finished_at: Time::maybe(migration.finished_at),
        };
        Ok(self.store.list(limit).await?.into_iter().map(line).collect())
    }

    /// What a migration came to, or has come to so far; `None` if it is unknown.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn report(&self, id: &MigrationId) -> Result<Option<MigrationReport>, PortError> {
        let now = self.ports().clock.now();
        Ok(self.migrations.load(id).await?.map(|entry| report(entry.value, now)))
    }

    /// The same with the mapping and all findings; `None` if it is unknown.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn full_report(&self, id: &MigrationId) -> Result<Option<FullReport>, PortError> {
        let Some(Entry { value: migration, .. }) = self.migrations.load(id).await? else {
            return Ok(None);
        };
        let mapping = self.mapping_so_far(&migration).await?;
        let pages = self.read_pages(id, PageKind::Findings, migration.verify.findings).await?;
        let report = report(migration, self.ports().clock.now());
        Ok(Some(FullReport { report, mapping, findings: findings_of(pages) }))
    }

    /// What becomes of the structure; `None` before it was mapped, and if the migration is unknown.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn mapping(&self, id: &MigrationId) -> Result<Option<MappingReport>, PortError> {
        match self.migrations.load(id).await? {
            Some(entry) => self.mapping_so_far(&entry.value).await,
            None => Ok(None),
        }
    }

    async fn mapping_so_far(&self, migration: &Migration) -> Result<Option<MappingReport>, PortError> {
        match migration.mapping {
            0 => Ok(None),
            _ => self.mapping_of(migration).await.map(Some),
        }
    }

    /// A page of what a person should know of single records, from 0 on; empty behind the last.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn findings(&self, id: &MigrationId, page: u32) -> Result<Vec<Finding>, PortError> {
        let mut pages = self.store.pages(id, PageKind::Findings, page, 1).await?;
        pages.retain(|found| found.number == page);
        Ok(findings_of(pages))
    }
}

fn findings_of(pages: Vec<MigrationPage>) -> Vec<Finding> {
    let findings = |page: MigrationPage| match page.content {
        PageContent::Findings(findings) => findings,
        _ => Vec::new(),
    };
    pages.into_iter().flat_map(findings).collect()
}

fn report(migration: Migration, now: EpochMs) -> MigrationReport {
    let of = |part: Part| migration.parts.of(part);
    let end = migration.finished_at.unwrap_or(now);
    let reverted = matches!(migration.status, MigrationStatus::RollingBack | MigrationStatus::RolledBack);
    MigrationReport {
        contacts: kind_report(&migration.contacts, migration.source_contacts.total),
        opportunities: kind_report(&migration.opportunities, migration.source_deals.total),
        custom_fields: of(Part::CustomFields),
        custom_values: of(Part::CustomValues),
        tags: of(Part::Tags),
        users: of(Part::Users),
        pipelines: of(Part::Pipelines),
        stages: of(Part::Stages),
        readiness_percent: migration.summary.map_or(0, |summary| summary.overall_readiness_percent),
        mapping: migration.summary,
        forecast: migration.forecast,
        verify: (migration.verify.found.checked > 0 || migration.verify.source_deals.done)
            .then_some(migration.verify.found),
        rolled_back: reverted.then_some(migration.reverted.done),
        ghl: migration.calls,
        seconds: end.since(migration.created_at).as_secs_f64(),
        started_at: migration.created_at,
        finished_at: migration.finished_at,
        migration_id: migration.id,
        source: migration.source,
        target: migration.target,
        status: migration.status,
        stage: migration.stage,
        reason: migration.reason,
        dry_run: migration.dry_run,
    }
}

fn kind_report(transfer: &Transfer, surveyed: Option<u64>) -> KindReport {
    KindReport {
        source: transfer.walk.total.or(surveyed).unwrap_or(0),
        migrated: transfer.accepted_so_far(),
        failed: transfer.failed,
        blocked: transfer.blocked,
        skipped: transfer.skipped,
        open: transfer.under_way(),
    }
}
