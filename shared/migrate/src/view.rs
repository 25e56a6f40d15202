//! Views of migrations for people.

use super::Migrator;
use crate::policy::progress;
use ghl_sync_engine::ports::{Entry, PortError};
use ghl_sync_model::{
    EpochMs, FieldDefinition, Finding, GhlId, KindReport, MappingReport, Migration, MigrationId, MigrationPage,
    MigrationReport, MigrationStatus, MigrationSummaryLine, PageContent, PageKind, Part, Pipeline, Progress, Structure,
    Time, Transfer,
};
use serde::Serialize;

/// A migration with its progress.
#[derive(Debug, Clone, PartialEq)]
pub struct MigrationView {
    /// The migration.
    pub migration: Migration,
    /// Its progress.
    pub progress: Progress,
}

/// The complete report of a migration.
#[derive(Debug, Clone, PartialEq)]
pub struct FullReport {
    /// The totals.
    pub report: MigrationReport,
    /// The mapping of the structure; `None` before it exists.
    pub mapping: Option<MappingReport>,
    /// Notes about single records, for a person.
    pub findings: Vec<Finding>,
}

/// The mapping of the source's structure, with all possible counterparts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MappingView {
    /// The mapping of each item.
    #[serde(flatten)]
    pub report: MappingReport,
    /// The target's structure before the migration: all possible counterparts.
    pub targets: MappingTargets,
}

/// Items of the target, in GHL's order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Targets))]
pub struct MappingTargets {
    /// Custom fields.
    pub custom_fields: Vec<MappingTarget>,
    /// Custom values.
    pub custom_values: Vec<MappingTarget>,
    /// Tags.
    pub tags: Vec<MappingTarget>,
    /// Users.
    pub users: Vec<MappingTarget>,
    /// Pipelines.
    pub pipelines: Vec<MappingTarget>,
    /// Stages of all pipelines.
    pub stages: Vec<MappingTarget>,
}

/// An item of the target.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Target))]
pub struct MappingTarget {
    /// The target's id of the item.
    pub id: GhlId,
    /// Its name in the target.
    pub name: String,
    /// Distinguishes it from others of the same name: a field's kind and type, a user's e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// For a stage: the target's id of its pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_id: Option<GhlId>,
}

impl Migrator {
    /// The state of a migration; `None` if it is unknown.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn status(&self, id: &MigrationId) -> Result<Option<MigrationView>, PortError> {
        Ok(self.migrations.load(id).await?.map(|entry| self.view(entry.value)))
    }

    /// The view of a migration that was just changed.
    #[must_use]
    pub fn view(&self, migration: Migration) -> MigrationView {
        let progress = progress(&migration, self.ports().clock.now());
        MigrationView { migration, progress }
    }

    /// The migrations, the newest first.
    ///
    /// # Errors
    /// If the store fails.
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

    /// The results of a migration, final or so far; `None` if it is unknown.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn report(&self, id: &MigrationId) -> Result<Option<MigrationReport>, PortError> {
        let now = self.ports().clock.now();
        Ok(self.migrations.load(id).await?.map(|entry| report(entry.value, now)))
    }

    /// The results with the mapping and all findings; `None` if the migration is unknown.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn full_report(&self, id: &MigrationId) -> Result<Option<FullReport>, PortError> {
        let Some(Entry { value: migration, .. }) = self.migrations.load(id).await? else {
            return Ok(None);
        };
        let mapping = self.mapping_so_far(&migration).await?;
        let pages = self.read_pages(id, PageKind::Findings, migration.verify.findings).await?;
        let report = report(migration, self.ports().clock.now());
        Ok(Some(FullReport { report, mapping, findings: findings_of(pages) }))
    }

    /// The mapping of the structure with all possible counterparts; `None` before it exists, or if the migration is
    /// unknown.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn mapping(&self, id: &MigrationId) -> Result<Option<MappingView>, PortError> {
        let Some(Entry { value: migration, .. }) = self.migrations.load(id).await? else {
            return Ok(None);
        };
        let Some(report) = self.mapping_so_far(&migration).await? else { return Ok(None) };
        let target = self.structure_of(id, PageKind::TargetStructure, migration.target_structure).await?;
        Ok(Some(MappingView { report, targets: MappingTargets::of(target) }))
    }

    async fn mapping_so_far(&self, migration: &Migration) -> Result<Option<MappingReport>, PortError> {
        match migration.mapping {
            0 => Ok(None),
            _ => self.mapping_of(migration).await.map(Some),
        }
    }

    /// One page of notes about single records, from 0 on; empty after the last.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn findings(&self, id: &MigrationId, page: u32) -> Result<Vec<Finding>, PortError> {
        let mut pages = self.store.pages(id, PageKind::Findings, page, 1).await?;
        pages.retain(|found| found.number == page);
        Ok(findings_of(pages))
    }
}

impl MappingTargets {
    fn of(structure: Structure) -> MappingTargets {
        let Structure { custom_fields, custom_values, tags, users, pipelines, unread: _ } = structure;
        let plain = |id, name| MappingTarget { id, name, detail: None, pipeline_id: None };
        let field = |FieldDefinition { id, name, model, data_type, .. }| MappingTarget {
            detail: Some(format!("{model}, {data_type}")),
            ..plain(id, name)
        };
        let stages_of = |pipeline: &Pipeline| -> Vec<MappingTarget> {
            let stages = pipeline.stages.iter();
            let of = |id, name| MappingTarget { pipeline_id: Some(pipeline.id.clone()), ..plain(id, name) };
            stages.map(|stage| of(stage.id.clone(), stage.name.clone())).collect()
        };
        MappingTargets {
            custom_fields: custom_fields.into_iter().map(field).collect(),
            custom_values: custom_values.into_iter().map(|value| plain(value.id, value.name)).collect(),
            tags: tags.into_iter().map(|tag| plain(tag.id, tag.name)).collect(),
            users: users
                .into_iter()
                .map(|user| MappingTarget { detail: user.email, ..plain(user.id, user.name) })
                .collect(),
            stages: pipelines.iter().flat_map(stages_of).collect(),
            pipelines: pipelines.into_iter().map(|pipeline| plain(pipeline.id, pipeline.name)).collect(),
        }
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
        opportunities: kind_report(&migration.opportunities, migration.source_opportunities.total),
        custom_fields: of(Part::CustomFields),
        custom_values: of(Part::CustomValues),
        tags: of(Part::Tags),
        users: of(Part::Users),
        pipelines: of(Part::Pipelines),
        stages: of(Part::Stages),
        readiness_percent: migration.summary.map_or(0, |summary| summary.overall_readiness_percent),
        mapping: migration.summary,
        forecast: migration.forecast,
        verify: (migration.verify.found.checked > 0 || migration.verify.source_opportunities.done)
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
        source: transfer.scan.total.or(surveyed).unwrap_or(0),
        migrated: transfer.accepted_so_far(),
        failed: transfer.failed,
        withdrawn: transfer.withdrawn,
        blocked: transfer.blocked,
        skipped: transfer.skipped,
        open: transfer.under_way(),
    }
}
