//! What people ask of migrations: start, preview, approve, pause, resume, cancel, roll back, and their settings.

use std::time::Duration;

use super::Migrator;
use super::step::calls_of_both;
use crate::domain::{
    AuditEntry, CallCount, InvalidId, LocationId, MappingOverrides, Migration, MigrationId, MigrationOverlay,
    MigrationRequest, MigrationStage, MigrationStatus, PartReport, Reverted, SettingsError, Transfer, VerifyState,
    Walk,
};
use crate::ports::{MigrationEntry, MigrationWritten, PortError, StoredMigrationConfig, TargetClaim};

/// Entries of an audit that are kept.
const AUDIT: usize = 50;
/// A migration whose first message got lost is looked at after this.
const LATE: Duration = Duration::from_secs(60);

/// Why a migration was not started. Nothing was written to GHL.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A location cannot be migrated into itself.
    #[error("field `target` is the same as `source`")]
    SameLocation,
    /// A location is unknown or not enabled.
    #[error("field `{field}`: location {location} is unknown or not enabled; put its settings first")]
    NotEnabled {
        /// Which of the two.
        field: &'static str,
        /// The location.
        location: LocationId,
    },
    /// A setting makes no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The target is the target of another migration.
    #[error("location {target} is the target of migration {by}, which is not over; finish or cancel that first")]
    TargetIsBusy {
        /// The target.
        target: LocationId,
        /// The other migration.
        by: MigrationId,
    },
    /// No name could be made for it.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a command was not followed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such migration.
    #[error("migration {0} is unknown")]
    Unknown(MigrationId),
    /// It makes no sense as the migration stands.
    #[error("migration {id} is {}: it cannot be {command}", .status.as_str())]
    NotNow {
        /// Which.
        id: MigrationId,
        /// How it stands.
        status: MigrationStatus,
        /// What was asked for: `approved`, `paused`, …
        command: &'static str,
    },
    /// Its target is the target of another migration by now.
    #[error("location {target} is the target of migration {by}, which is not over; finish or cancel that first")]
    TargetIsBusy {
        /// The target.
        target: LocationId,
        /// The other migration.
        by: MigrationId,
    },
    /// A setting makes no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Somebody else changed the same at the same time, again and again.
    #[error("somebody else changes migration {0} just now; try again")]
    Busy(MigrationId),
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Migrator {
    /// Starts a migration; `by` is who asks for it.
    ///
    /// # Errors
    /// [`StartError`]; nothing was written to GHL.
    pub async fn start(&self, request: MigrationRequest, by: Option<&str>) -> Result<Migration, StartError> {
        self.begin(request, by, false).await
    }

    /// Only looks: connects, discovers, maps and forecasts, and ends there without writing anything to GHL.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn preview(&self, request: MigrationRequest, by: Option<&str>) -> Result<Migration, StartError> {
        self.begin(request, by, true).await
    }

    async fn begin(&self, request: MigrationRequest, by: Option<&str>, dry_run: bool) -> Result<Migration, StartError> {
        request.settings.check()?;
        if request.source == request.target {
            return Err(StartError::SameLocation);
        }
        for (field, location) in [("source", &request.source), ("target", &request.target)] {
            let settings = self.ports().directory.location(location).await?;
            if settings.is_none_or(|settings| !settings.enabled) {
                return Err(StartError::NotEnabled { field, location: location.clone() });
            }
        }
        let mut migration = self.new_migration(request, dry_run)?;
        audit(&mut migration.audit, migration.created_at, by, if dry_run { "preview" } else { "start" });
        migration.calls_before = calls_of_both(self, &migration).await?;
        if !dry_run {
            // So that whoever meets the claim finds whose it is, it is there before the claim, and does nothing yet.
            migration.status = MigrationStatus::Paused;
            self.store.replace(0, &migration).await?;
            match self.claim(&migration.target, &migration.id).await? {
                Ok(round) => migration.round = round,
                Err(by) => {
                    migration.status = MigrationStatus::Cancelled;
                    migration.reason = Some(format!("the target is that of migration {by}"));
                    migration.finished_at = Some(migration.created_at);
                    self.store.replace(1, &migration).await?;
                    return Err(StartError::TargetIsBusy { target: migration.target, by });
                }
            }
            migration.status = MigrationStatus::Running;
        }
        migration.look_at = Some(migration.created_at + LATE);
        self.store.replace(u64::from(!dry_run), &migration).await?;
        self.send(&migration, Duration::ZERO).await?;
        Ok(migration)
    }

    /// Makes `target` that of `id`. Whose it is, if it is another one's that is not over.
    async fn claim(&self, target: &LocationId, id: &MigrationId) -> Result<Result<u32, MigrationId>, PortError> {
        loop {
            let by = match self.store.claim_target(target, id).await? {
                TargetClaim::Claimed { round } => return Ok(Ok(round)),
                TargetClaim::HeldBy(by) => by,
            };
            let other = self.store.load(&by).await?;
            if other.is_some_and(|other| !other.migration.status.is_over()) {
                return Ok(Err(by));
            }
            self.store.release_target(target, &by, false).await?;
        }
    }

    fn new_migration(&self, request: MigrationRequest, dry_run: bool) -> Result<Migration, InvalidId> {
        let now = self.ports().clock.now();
        let chance = (self.ports().dice.roll() * f64::from(u32::MAX)) as u32;
        let MigrationRequest { source, target, auto_approve, settings, overrides } = request;
        Ok(Migration {
            id: MigrationId::new(format!("mig-{:x}-{chance:08x}", now.0))?,
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
            look_at: None,
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
            parts: [PartReport::default(); 6],
            contacts: Transfer::default(),
            opportunities: Transfer::default(),
            verify: VerifyState::default(),
            reverted: Reverted::default(),
            calls_before: CallCount::default(),
            calls: CallCount::default(),
            trouble: 0,
            errors: 0,
            audit: Vec::new(),
        })
    }

    /// Agrees with the mapping, with these `overrides` over those that were given before, and goes on. A migration that
    /// needs input takes its answers so, too.
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
        self.command(id, "approved", by, &[AwaitingApproval, NeedsInput, Failed], |migration| {
            migration.approved = true;
            migration.overrides.extend(overrides.clone());
            go_on(migration);
        })
        .await
    }

    /// Stops a migration for a while. What is in the outbox already still goes out.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn pause(&self, id: &MigrationId, by: Option<&str>) -> Result<Migration, CommandError> {
        self.command(id, "paused", by, &[MigrationStatus::Running], |migration| {
            migration.status = MigrationStatus::Paused;
        })
        .await
    }

    /// Goes on with a migration that was paused, that failed, or whose questions were answered in GHL itself.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn resume(&self, id: &MigrationId, by: Option<&str>) -> Result<Migration, CommandError> {
        use MigrationStatus::{Failed, NeedsInput, Paused};
        self.command(id, "resumed", by, &[Paused, Failed, NeedsInput], go_on).await
    }

    /// Stops a migration for good. What it wrote stays, and what is in the outbox already still goes out.
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
            })
            .await?;
        self.store.release_target(&migration.target, id, false).await?;
        Ok(migration)
    }

    /// Deletes what a migration created in its target, and only that.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn rollback(&self, id: &MigrationId, by: Option<&str>) -> Result<Migration, CommandError> {
        use MigrationStatus::{Cancelled, Done, Failed, NeedsInput, Paused, Running};
        let may = [Cancelled, Done, Failed, NeedsInput, Paused, Running];
        let entry = self.known(id).await?;
        let MigrationEntry { migration, .. } = entry;
        let refused = CommandError::NotNow { id: id.clone(), status: migration.status, command: "rolled back" };
        if migration.dry_run || !may.contains(&migration.status) {
            return Err(refused);
        }
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

    /// The settings of all migrations.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn config(&self) -> Result<(StoredMigrationConfig, MigrationOverlay), PortError> {
        let stored = self.store.config().await?;
        let effective = stored.overlay.over(&self.defaults);
        Ok((stored, effective))
    }

    /// Sets what `overlay` says for all migrations, also for those under way, from their next step on.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn set_config(
        &self,
        overlay: &MigrationOverlay,
        by: Option<&str>,
    ) -> Result<StoredMigrationConfig, CommandError> {
        overlay.check()?;
        let now = self.ports().clock.now();
        loop {
            let mut config = self.store.config().await?;
            config.overlay = overlay.over(&config.overlay);
            let action = serde_json::to_string(overlay).unwrap_or_default();
            audit(&mut config.audit, now, by, &action);
            match self.store.store_config(&config).await? {
                MigrationWritten::Written { rev } => return Ok(StoredMigrationConfig { rev, ..config }),
                MigrationWritten::Conflict => {}
            }
        }
    }

    async fn known(&self, id: &MigrationId) -> Result<MigrationEntry, CommandError> {
        self.store.load(id).await?.ok_or_else(|| CommandError::Unknown(id.clone()))
    }

    /// Changes a migration that is in one of these states, and sends its message if it is active.
    async fn command(
        &self,
        id: &MigrationId,
        command: &'static str,
        by: Option<&str>,
        may: &[MigrationStatus],
        change: impl Fn(&mut Migration) + Send,
    ) -> Result<Migration, CommandError> {
        for _ in 0..20 {
            let MigrationEntry { rev, mut migration } = self.known(id).await?;
            if !may.contains(&migration.status) {
                return Err(CommandError::NotNow { id: id.clone(), status: migration.status, command });
            }
            let now = self.ports().clock.now();
            migration.updated_at = now;
            change(&mut migration);
            audit(&mut migration.audit, now, by, command);
            let is_active = migration.status.is_active();
            // Whoever makes a step just now sees the change when it writes, and goes by it.
            if migration.lease.as_ref().is_none_or(|lease| lease.until <= now) {
                migration.generation += 1;
                migration.look_at = is_active.then_some(now + LATE);
            }
            if let MigrationWritten::Conflict = self.store.replace(rev, &migration).await? {
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

/// Goes on where it stopped. Before anything was written, what the target is made of is read anew: somebody may have
/// mended it.
fn go_on(migration: &mut Migration) {
    let was_asking = migration.status == MigrationStatus::NeedsInput;
    migration.status = MigrationStatus::Running;
    migration.reason = None;
    migration.trouble = 0;
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

fn audit(entries: &mut Vec<AuditEntry>, at: crate::domain::EpochMs, by: Option<&str>, action: &str) {
    entries.push(AuditEntry { at, by: by.map(str::to_owned), action: action.to_owned() });
    let surplus = entries.len().saturating_sub(AUDIT);
    entries.drain(..surplus);
}
