//! Migrating one location into another.
//!
//! The state machine: a message makes one [`step`](Migrator::step). A step takes the migration's lease, does as much as
//! its invocation has time for, writes down how far it came after each unit of work, and sends the next message. Each unit
//! may be done twice. Records go through the target's outbox, so that every promise of the engine holds for them; all
//! other calls go through the gate of their location.

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
pub use start::StartError;
pub use step::StepReport;
pub use view::{FullReport, MappingView, MigrationView, Target, Targets};

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
    /// What the environment says.
    defaults: MigrationOverlay,
}

impl Migrator {
    /// Migrates with `engine`; `items` keeps the migrations and their settings, `store` what else is kept of them, and
    /// `defaults` is what the environment says.
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

    /// The same with another engine, over the same stores.
    #[must_use]
    pub fn with_engine(self, engine: Engine) -> Migrator {
        Migrator { engine, ..self }
    }

    /// The engine that it works with.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn ports(&self) -> &Ports {
        self.engine.ports()
    }

    /// The settings that hold for `migration` now: its own over those of all over the environment's.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settings_of(&self, migration: &Migration) -> Result<MigrationSettings, PortError> {
        let common = self.config.load(&()).await?.unwrap_or_default().value.overlay;
        let overlay = migration.settings.over(&common).over(&self.defaults);
        Ok(overlay.settle(migration.source_contacts.total.or(migration.contacts.walk.total)))
    }
}
