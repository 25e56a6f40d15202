//! Configuration of migrations: the queue of their steps, and how fast they fill the outbox (`MIGRATION_…`).

use ghl_sync_model::MigrationOverlay;

use super::variables::EnvironmentReader;

/// Configuration of migrations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MigrationEnvConfig {
    /// URL of the queue of steps; `None` in a function that does not handle migrations.
    pub queue_url: Option<String>,
    /// Default settings, which the API or a migration's own request may override. Absent ones follow from the
    /// account's size.
    pub overlay: MigrationOverlay,
}

impl MigrationEnvConfig {
    pub(super) fn read(vars: &mut EnvironmentReader) -> MigrationEnvConfig {
        let has_size = vars.text("MIGRATION_BATCH_SIZE").is_some();
        let batch_size: u32 = vars.number("MIGRATION_BATCH_SIZE", 20, 1..=500);
        MigrationEnvConfig {
            queue_url: vars.url("MIGRATION_QUEUE_URL"),
            overlay: MigrationOverlay {
                batch_size: has_size.then_some(batch_size),
                rate_limit_delay: vars.seconds("MIGRATION_RATE_LIMIT_DELAY", 60.0),
                ..MigrationOverlay::default()
            },
        }
    }
}
