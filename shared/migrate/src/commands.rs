//! Commands for migrations under way (approve, pause, resume, cancel, roll back), and the settings of all migrations.

use std::time::Duration;

use super::Migrator;
use super::step::LATE;
use crate::policy::{MappingRules, map_structure};
use ghl_sync_engine::ports::{Entry, PortError, Replaced};
use ghl_sync_model::{
    AuditEntry, EpochMs, LocationId, MappingOverrides, Migration, MigrationConfig, MigrationId, MigrationOverlay,
    MigrationStage, MigrationStatus, OverrideError, PageKind, SettingsError, Withdrawal,
};

/// Number of audit entries kept.
const AUDIT: usize = 50;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such migration.
    #[error("migration {0} is unknown")]
    Unknown(MigrationId),
    /// The command does not fit the migration's present status.
    #[error("migration {id} is {}: it cannot be {command}", .status.as_str())]
    NotNow {
        /// The migration.
        id: MigrationId,
        /// Its status.
        status: MigrationStatus,
        /// The rejected command: `approved`, `paused`, …
        command: &'static str,
    },
    /// It was requested more than a year ago, and its stored data may soon expire.
    #[error("migration {0} was asked for more than a year ago; start a new one")]
    TooOld(MigrationId),
    /// Its target now belongs to another migration.
    #[error("location {target} is the target of migration {by}, which is not over; finish or cancel that first")]
    TargetIsBusy {
        /// The target.
        target: LocationId,
        /// The other migration.
        by: MigrationId,
    },
    /// A setting is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Decisions about the mapping cannot be followed.
    #[error("the decisions about the mapping cannot be followed: {}", causes(.0))]
    Overrides(Vec<OverrideError>),
    /// Concurrent changes by others caused a conflict again and again.
    #[error("somebody else changes migration {0} just now; try again")]
    Busy(MigrationId),
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Migrator {
    /// Approves the mapping and continues. These `overrides` take precedence over earlier ones; they also answer the
    /// questions of a migration that needs input. They may only name items that existed when both sides were read.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn approve(
        &self,
        id: &MigrationId,
        overrides: MappingOverrides,
        by: Option<&str>,
    ) -> Result<Migration, CommandError> {
        use MigrationStatus::{AwaitingApproval, Failed, NeedsInput};
        self.check_overrides(id, &overrides).await?;
        self.keep_target(id).await?;
        self.command(id, "approved", by, &[AwaitingApproval, NeedsInput, Failed], |migration| {
            migration.approved = true;
            migration.overrides.extend(overrides.clone());
            go_on(migration);
        })
        .await
    }

    /// Pauses a migration. Records that are already in the outbox are still sent.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn pause(&self, id: &MigrationId, by: Option<&str>) -> Result<Migration, CommandError> {
        self.command(id, "paused", by, &[MigrationStatus::Running], |migration| {
            migration.status = MigrationStatus::Paused;
        })
        .await
    }

    /// Continues a migration that was paused, that failed, or whose questions were answered in GHL itself.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn resume(&self, id: &MigrationId, by: Option<&str>) -> Result<Migration, CommandError> {
        use MigrationStatus::{Failed, NeedsInput, Paused};
        self.keep_target(id).await?;
        self.command(id, "resumed", by, &[Paused, Failed, NeedsInput], go_on).await
    }

    /// Stops a migration for good. Records that GHL has accepted stay. Its next steps withdraw the other records;
    /// until then it keeps its target.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn cancel(&self, id: &MigrationId, by: Option<&str>) -> Result<Migration, CommandError> {
        use MigrationStatus::{AwaitingApproval, Failed, NeedsInput, Paused, Running};
        let may = [AwaitingApproval, Failed, NeedsInput, Paused, Running];
        let migration = self
            .command(id, "cancelled", by, &may, |migration| {
                migration.status = MigrationStatus::Cancelled;
                migration.finished_at = Some(migration.updated_at);
                migration.withdrawal = may_have_put(migration).then_some(Withdrawal::Asked);
            })
            .await?;
        if !migration.goes_on() {
            self.store.release_target(&migration.target, id, false).await?;
        }
        Ok(migration)
    }

    /// Deletes everything that the migration created in its target, and nothing else.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn rollback(&self, id: &MigrationId, by: Option<&str>) -> Result<Migration, CommandError> {
        use MigrationStatus::{Cancelled, Done, Failed, Incomplete, NeedsInput, Paused, Running};
        let may = [Cancelled, Done, Incomplete, Failed, NeedsInput, Paused, Running];
        let migration = self.known(id).await?.value;
        let refused = CommandError::NotNow { id: id.clone(), status: migration.status, command: "rolled back" };
        if migration.dry_run || !may.contains(&migration.status) {
            return Err(refused);
        }
        self.check_age(&migration)?;
        if let Err(by) = self.claim(&migration.target, id).await? {
            return Err(CommandError::TargetIsBusy { target: migration.target, by });
        }
        self.command(id, "rolled back", by, &may, |migration| {
            migration.status = MigrationStatus::RollingBack;
            migration.finished_at = None;
            migration.reason = None;
            migration.stage_since = migration.updated_at;
        })
        .await
    }

    /// The settings of all migrations: as stored, and as effective with the environment's defaults.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn config(&self) -> Result<(Entry<MigrationConfig>, MigrationOverlay), PortError> {
        let stored = self.config.load(&()).await?.unwrap_or_default();
        let effective = stored.value.overlay.over(&self.defaults);
        Ok((stored, effective))
    }

    /// Sets the settings in `overlay` for all migrations. They apply to running migrations from their next step on.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn set_config(
        &self,
        overlay: &MigrationOverlay,
        by: Option<&str>,
    ) -> Result<Entry<MigrationConfig>, CommandError> {
        overlay.check()?;
        let now = self.ports().clock.now();
        loop {
            let Entry { rev, value: mut config } = self.config.load(&()).await?.unwrap_or_default();
            config.overlay = overlay.over(&config.overlay);
            let action = serde_json::to_string(overlay).unwrap_or_default();
            audit(&mut config.audit, now, by, &action);
            if let Replaced::Written { rev } = self.config.replace(&(), rev, &config).await? {
                return Ok(Entry { rev, value: config });
            }
        }
    }

    /// Ensures that the migration owns its target, without which it may not continue. It has owned it since its
    /// start, unless the start was interrupted.
    async fn keep_target(&self, id: &MigrationId) -> Result<(), CommandError> {
        let migration = self.known(id).await?.value;
        self.check_age(&migration)?;
        if migration.dry_run || !migration.status.is_waiting() {
            return Ok(());
        }
        match self.claim(&migration.target, id).await? {
            Ok(_) => Ok(()),
            Err(by) => Err(CommandError::TargetIsBusy { target: migration.target, by }),
        }
    }

    /// Checks that `overrides` can be followed, as far as both sides have been read.
    async fn check_overrides(&self, id: &MigrationId, overrides: &MappingOverrides) -> Result<(), CommandError> {
        let migration = self.known(id).await?.value;
        if *overrides == MappingOverrides::default() || migration.source_structure.min(migration.target_structure) == 0
        {
            return Ok(());
        }
        let mut all = migration.overrides.clone();
        all.extend(overrides.clone());
        let source = self.structure_of(id, PageKind::SourceStructure, migration.source_structure).await?;
        let target = self.structure_of(id, PageKind::TargetStructure, migration.target_structure).await?;
        let rules = MappingRules::from(&self.settings_of(&migration).await?);
        let errors = map_structure(&source, &target, &all, rules).err().unwrap_or_default();
        let of_these: Vec<OverrideError> =
            errors.into_iter().filter(|error| overrides.of(error.part).contains_key(&error.entry)).collect();
        if of_these.is_empty() { Ok(()) } else { Err(CommandError::Overrides(of_these)) }
    }

    fn check_age(&self, migration: &Migration) -> Result<(), CommandError> {
        match migration.is_too_old(self.ports().clock.now()) {
            true => Err(CommandError::TooOld(migration.id.clone())),
            false => Ok(()),
        }
    }

    async fn known(&self, id: &MigrationId) -> Result<Entry<Migration>, CommandError> {
        self.migrations.load(id).await?.ok_or_else(|| CommandError::Unknown(id.clone()))
    }

    /// Changes a migration that has one of these statuses, and sends its message if it is active.
    async fn command(
        &self,
        id: &MigrationId,
        command: &'static str,
        by: Option<&str>,
        may: &[MigrationStatus],
        change: impl Fn(&mut Migration) + Send,
    ) -> Result<Migration, CommandError> {
        for _ in 0..20 {
            let Entry { rev, value: mut migration } = self.known(id).await?;
            if !may.contains(&migration.status) {
                return Err(CommandError::NotNow { id: id.clone(), status: migration.status, command });
            }
            let now = self.ports().clock.now();
            migration.updated_at = now;
            change(&mut migration);
            audit(&mut migration.audit, now, by, command);
            let is_active = migration.goes_on();
            // A step that is under way notices the change when it saves, and follows it.
            if migration.lease.as_ref().is_none_or(|lease| lease.until <= now) {
                migration.generation += 1;
                migration.next_check_at = is_active.then_some(now + LATE);
            }
            if let Replaced::Conflict(_) = self.migrations.replace(id, rev, &migration).await? {
                continue;
            }
            if is_active {
                self.send(&migration, Duration::ZERO).await?;
            }
            return Ok(migration);
        }
        Err(CommandError::Busy(id.clone()))
    }
}

fn causes(errors: &[OverrideError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Whether the target's outbox may contain its records: according to its state, or because a step is under way or
/// died.
fn may_have_put(migration: &Migration) -> bool {
    !migration.dry_run && (migration.stage >= MigrationStage::Contacts || migration.lease.is_some())
}

/// Continues where it stopped. If nothing has been written yet, the target's structure is read again: somebody may
/// have fixed it.
fn go_on(migration: &mut Migration) {
    let was_asking = migration.status == MigrationStatus::NeedsInput;
    migration.status = MigrationStatus::Running;
    migration.reason = None;
    migration.trouble = 0;
    migration.store_trouble = 0;
    migration.stage_since = migration.updated_at;
    match migration.stage {
        MigrationStage::Map | MigrationStage::AwaitApproval if was_asking => {
            migration.target_structure = 0;
            migration.stage = MigrationStage::Discover;
        }
        MigrationStage::AwaitApproval => migration.stage = MigrationStage::Map,
        _ => {}
    }
}

pub(super) fn audit(entries: &mut Vec<AuditEntry>, at: EpochMs, by: Option<&str>, action: &str) {
    entries.push(AuditEntry { at, by: by.map(str::to_owned), action: action.to_owned() });
    let surplus = entries.len().saturating_sub(AUDIT);
    entries.drain(..surplus);
}
