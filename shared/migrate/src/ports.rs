//! Where migrations are kept, and the queue of their steps.

use std::time::Duration;

use async_trait::async_trait;

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{
    ConnectionTestOrder, EpochMs, LocationId, Migration, MigrationId, MigrationMessage, MigrationPage, PageKind,
};

/// What [`MigrationStore::claim_target`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetClaim {
    /// The target is this migration's, now or already before.
    Claimed {
        /// How often what was migrated into it was rolled back before.
        round: u32,
    },
    /// It is another one's.
    HeldBy(MigrationId),
}

/// What is kept of migrations besides themselves: pages, and one claim a target. And what finds them.
#[async_trait]
pub trait MigrationStore: Send + Sync {
    /// Makes `target` the target of migration `id`, if it is no other one's.
    async fn claim_target(&self, target: &LocationId, id: &MigrationId) -> Result<TargetClaim, PortError>;

    /// `target` is free again, if it was that of `id`; with `next_round` its round advances.
    async fn release_target(&self, target: &LocationId, id: &MigrationId, next_round: bool) -> Result<(), PortError>;

    /// Stores a page in place of the one of this kind and number; nobody needs it after `keep_until`.
    async fn put_page(
        &self,
        id: &MigrationId,
        kind: PageKind,
        page: &MigrationPage,
        keep_until: EpochMs,
    ) -> Result<(), PortError>;

    /// Up to `limit` pages of a kind from number `from` on, in the order of their numbers (strongly consistent). Fewer
    /// than `limit` mean that there are no more.
    async fn pages(
        &self,
        id: &MigrationId,
        kind: PageKind,
        from: u32,
        limit: u32,
    ) -> Result<Vec<MigrationPage>, PortError>;

    /// Migrations whose time to look at ([`Migration::next_check_at`]) has come, at most `limit`. Eventually consistent.
    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<Vec<MigrationId>, PortError>;

    /// The migrations, the newest first, at most `limit`. Eventually consistent.
    async fn list(&self, limit: u32) -> Result<Vec<Migration>, PortError>;
}

/// The queue of migrations' steps, and of other orders to whoever makes them.
#[async_trait]
pub trait MigrationQueue: Send + Sync {
    /// Sends `message`, to be received after `delay` (at most [`MAX_DELAY`](ghl_sync_engine::ports::MAX_DELAY), in whole seconds).
    async fn send(&self, message: &MigrationMessage, delay: Duration) -> Result<(), PortError>;

    /// Sends `order`, to be received at once.
    async fn order_connection_test(&self, order: &ConnectionTestOrder) -> Result<(), PortError>;
}
