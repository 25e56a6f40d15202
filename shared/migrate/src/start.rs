//! Starting a migration, or a dry run of it.

use std::time::Duration;

use super::Migrator;
use super::commands::audit;
use super::step::{LATE, calls_of_both};
use crate::ports::TargetClaim;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{InvalidId, LocationId, Migration, MigrationId, MigrationRequest, MigrationStatus, SettingsError};

/// Why a migration did not start. Nothing was written to GHL.
#[derive(Debug, thiserror::Error)]
pub enum MigrationStartError {
    /// A location cannot be migrated into itself.
    #[error("field `target` is the same as `source`")]
    SameLocation,
    /// A location is unknown or not enabled.
    #[error("field `{field}`: location {location} is unknown or not enabled; put its settings first")]
    NotEnabled {
        /// The location's side.
        field: &'static str,
        /// The location.
        location: LocationId,
    },
    /// A setting is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The target belongs to another migration.
    #[error("location {target} is the target of migration {by}, which is not over; finish or cancel that first")]
    TargetIsBusy {
        /// The target.
        target: LocationId,
        /// The other migration.
        by: MigrationId,
    },
    /// No valid id could be formed.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Migrator {
    /// Starts a migration on behalf of `by`.
    ///
    /// # Errors
    /// [`MigrationStartError`]; nothing was written to GHL.
    pub async fn start(&self, request: MigrationRequest, by: Option<&str>) -> Result<Migration, MigrationStartError> {
        self.begin(request, by, false).await
    }

    /// Performs a dry run: connects, discovers, maps and forecasts, and ends there without writing anything to GHL.
    ///
    /// # Errors
    /// [`MigrationStartError`].
    pub async fn preview(&self, request: MigrationRequest, by: Option<&str>) -> Result<Migration, MigrationStartError> {
        self.begin(request, by, true).await
    }

    /// Checks that the two locations are different and enabled.
    ///
    /// # Errors
    /// [`MigrationStartError`] names the location and the problem.
    pub async fn check_locations(&self, source: &LocationId, target: &LocationId) -> Result<(), MigrationStartError> {
        if source == target {
            return Err(MigrationStartError::SameLocation);
        }
        for (field, location) in [("source", source), ("target", target)] {
            let settings = self.ports().registry.location(location).await?;
            if settings.is_none_or(|settings| !settings.enabled) {
                return Err(MigrationStartError::NotEnabled { field, location: location.clone() });
            }
        }
        Ok(())
    }

    async fn begin(
        &self,
        request: MigrationRequest,
        by: Option<&str>,
        dry_run: bool,
    ) -> Result<Migration, MigrationStartError> {
        request.settings.check()?;
        self.check_locations(&request.source, &request.target).await?;
        let mut migration = self.new_migration(request, dry_run)?;
        audit(&mut migration.audit, migration.created_at, by, if dry_run { "preview" } else { "start" });
        migration.calls_before = calls_of_both(self, &migration).await?;
        if !dry_run {
            // The migration is stored before its claim, paused, so that whoever meets the claim finds its owner.
            migration.status = MigrationStatus::Paused;
            self.migrations.replace(&migration.id, 0, &migration).await?;
            match self.claim(&migration.target, &migration.id).await? {
                Ok(round) => migration.round = round,
                Err(by) => {
                    migration.status = MigrationStatus::Cancelled;
                    migration.reason = Some(format!("the target is that of migration {by}"));
                    migration.finished_at = Some(migration.created_at);
                    self.migrations.replace(&migration.id, 1, &migration).await?;
                    return Err(MigrationStartError::TargetIsBusy { target: migration.target, by });
                }
            }
            migration.status = MigrationStatus::Running;
        }
        migration.next_check_at = Some(migration.created_at + LATE);
        self.migrations.replace(&migration.id, u64::from(!dry_run), &migration).await?;
        self.send(&migration, Duration::ZERO).await?;
        Ok(migration)
    }

    /// Makes `id` the owner of `target`. Returns the present owner if that is another migration that is not over.
    pub(super) async fn claim(
        &self,
        target: &LocationId,
        id: &MigrationId,
    ) -> Result<Result<u32, MigrationId>, PortError> {
        loop {
            let by = match self.store.claim_target(target, id).await? {
                TargetClaim::Claimed { round } => return Ok(Ok(round)),
                TargetClaim::HeldBy(by) => by,
            };
            let other = self.migrations.load(&by).await?;
            let writes = |other: &Migration| !other.status.is_over() || other.goes_on();
            if other.is_some_and(|other| writes(&other.value)) {
                return Ok(Err(by));
            }
            self.store.release_target(target, &by, false).await?;
        }
    }

    fn new_migration(&self, request: MigrationRequest, dry_run: bool) -> Result<Migration, InvalidId> {
        let now = self.ports().clock.now();
        let chance = (self.ports().randomness.roll() * f64::from(u32::MAX)) as u32;
        let id = MigrationId::new(format!("mig-{:x}-{chance:08x}", now.0))?;
        Ok(Migration::new(id, request, dry_run, now))
    }
}
