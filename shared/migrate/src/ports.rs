//! Ports: where migrations are stored, and the queue of their steps.

use std::time::Duration;

use async_trait::async_trait;

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{
    ConnectionTestOrder, EpochMs, LocationId, Migration, MigrationId, MigrationMessage, MigrationPage, PageKind,
};

/// The result of [`MigrationStore::claim_target`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetClaim {
    /// The target belongs to this migration, since now or before.
    Claimed {
        /// Number of earlier rollbacks into the target.
        round: u32,
    },
    /// The target belongs to another migration.
    HeldBy(MigrationId),
}

/// Stores data of migrations besides their state: pages, and one claim per target. It also finds migrations.
#[async_trait]
pub trait MigrationStore: Send + Sync {
    /// Makes migration `id` the owner of `target`, unless another one owns it.
    async fn claim_target(&self, target: &LocationId, id: &MigrationId) -> Result<TargetClaim, PortError>;

    /// Frees `target` if migration `id` owns it; `next_round` advances the target's round.
    async fn release_target(&self, target: &LocationId, id: &MigrationId, next_round: bool) -> Result<(), PortError>;

    /// Stores a page, replacing the one of this kind and number; it may be deleted after `keep_until`.
    async fn put_page(
        &self,
        id: &MigrationId,
        kind: PageKind,
        page: &MigrationPage,
        keep_until: EpochMs,
    ) -> Result<(), PortError>;

    /// Up to `limit` pages of a kind from number `from` on, in order (strongly consistent). Fewer than `limit` mean
    /// that there are no more.
    async fn pages(
        &self,
        id: &MigrationId,
        kind: PageKind,
        from: u32,
        limit: u32,
    ) -> Result<Vec<MigrationPage>, PortError>;

    /// At most `limit` migrations whose check ([`Migration::next_check_at`]) is due. Eventually consistent.
    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<Vec<MigrationId>, PortError>;

    /// At most `limit` migrations, newest first. Eventually consistent.
    async fn list(&self, limit: u32) -> Result<Vec<Migration>, PortError>;
}

/// The queue of migration steps and connection tests.
#[async_trait]
pub trait MigrationQueue: Send + Sync {
    /// Sends `message` for delivery after `delay` (at most [`MAX_DELAY`](ghl_sync_engine::ports::MAX_DELAY), in whole
    /// seconds).
    async fn send(&self, message: &MigrationMessage, delay: Duration) -> Result<(), PortError>;

    /// Sends `order` for immediate delivery.
    async fn order_connection_test(&self, order: &ConnectionTestOrder) -> Result<(), PortError>;
}
