//! Migrating one location into another.
//!
//! The migration is a state machine: one message performs one [`step`](Migrator::step). A step takes the migration's
//! lease, does as much as its invocation has time for, saves its progress after each unit of work, and sends the next
//! message. Each unit may be repeated. Records go through the target's outbox, so all of the engine's guarantees
//! apply to them; all other calls go through the gate of their location.

mod commands;
mod connect;
mod deletion;
mod discover;
mod drain;
mod finish;
mod map;
mod pages;
mod pipelines;
pub mod policy;
pub mod ports;
mod rollback;
mod rollback_pipelines;
mod snapshots;
mod start;
mod step;
mod structure;
mod test_connection;
mod transfer;
mod trouble;
mod verify;
mod view;
mod withdraw;

use std::sync::Arc;

pub use commands::CommandError;
pub use start::MigrationStartError;
pub use step::StepReport;
pub use view::{FullReport, MappingTarget, MappingTargets, MappingView, MigrationView};

use crate::ports::{MigrationQueue, MigrationStore};
use ghl_sync_engine::ports::{ItemStore, PortError, Versioned};
use ghl_sync_engine::usecase::{Engine, Ports};
use ghl_sync_model::{Migration, MigrationConfig, MigrationOverlay, MigrationSettings};

/// Migrates locations. Cheap to clone.
#[derive(Clone)]
pub struct Migrator {
    engine: Engine,
    migrations: Versioned<Migration>,
    config: Versioned<MigrationConfig>,
    store: Arc<dyn MigrationStore>,
    queue: Arc<dyn MigrationQueue>,
    /// Settings from the environment.
    defaults: MigrationOverlay,
}

impl Migrator {
    /// Creates a migrator that works with `engine`. `items` stores the migrations and their settings, `store` their
    /// other data; `defaults` are the settings from the environment.
    #[must_use]
    pub fn new(
        engine: Engine,
        items: &Arc<dyn ItemStore>,
        store: Arc<dyn MigrationStore>,
        queue: Arc<dyn MigrationQueue>,
        defaults: MigrationOverlay,
    ) -> Migrator {
        let (migrations, config) = (Versioned::new(items.clone()), Versioned::new(items.clone()));
        Migrator { engine, migrations, config, store, queue, defaults }
    }

    /// The same migrator with another engine and the same stores.
    #[must_use]
    pub fn with_engine(self, engine: Engine) -> Migrator {
        Migrator { engine, ..self }
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn ports(&self) -> &Ports {
        self.engine.ports()
    }

    /// The effective settings of `migration`: its own override those of all migrations, which override the
    /// environment's.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn settings_of(&self, migration: &Migration) -> Result<MigrationSettings, PortError> {
        let common = self.config.load(&()).await?.unwrap_or_default().value.overlay;
        let overlay = migration.settings.over(&common).over(&self.defaults);
        Ok(overlay.settle(migration.source_contacts.total.or(migration.contacts.scan.total)))
    }
}
