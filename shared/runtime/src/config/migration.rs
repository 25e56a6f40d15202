//! Where the steps of migrations are queued, and how fast a migration fills the outbox: `MIGRATION_…`.

use ghl_sync_model::MigrationOverlay;

use super::variables::Variables;

/// What the environment says of migrations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MigrationConfig {
    /// URL of the queue of steps; `None` in a function that has nothing to do with migrations.
    pub queue_url: Option<String>,
    /// What holds for a migration unless the API, or its own request, says otherwise. What is not set follows from the
    /// account's size.
    pub overlay: MigrationOverlay,
}

impl MigrationConfig {
    pub(super) fn read(vars: &mut Variables) -> MigrationConfig {
        let has_size = vars.text("MIGRATION_BATCH_SIZE").is_some();
        let batch_size: u32 = vars.number("MIGRATION_BATCH_SIZE", 20, 1..=500);
        MigrationConfig {
            queue_url: vars.url("MIGRATION_QUEUE_URL"),
            overlay: MigrationOverlay {
                batch_size: has_size.then_some(batch_size),
                rate_limit_delay: vars.seconds("MIGRATION_RATE_LIMIT_DELAY", 60.0),
                ..MigrationOverlay::default()
            },
        }
    }
}
