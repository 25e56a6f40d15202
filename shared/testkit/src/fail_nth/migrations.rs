//! Decorates the ports of migrations.

use std::time::Duration;

use async_trait::async_trait;

use super::{FailNth, Op};
use ghl_sync_engine::ports::PortError;
use ghl_sync_migrate::ports::{MigrationQueue, MigrationStore, TargetClaim};
use ghl_sync_model::{
    ConnectionTestOrder, EpochMs, LocationId, Migration, MigrationId, MigrationMessage, MigrationPage, PageKind,
};

#[async_trait]
impl<P: MigrationStore> MigrationStore for FailNth<P> {
    async fn claim_target(&self, target: &LocationId, id: &MigrationId) -> Result<TargetClaim, PortError> {
        self.faults.pass(Op::MigrationClaim, self.port.claim_target(target, id)).await
    }

    async fn release_target(&self, target: &LocationId, id: &MigrationId, next_round: bool) -> Result<(), PortError> {
        self.faults.pass(Op::MigrationClaim, self.port.release_target(target, id, next_round)).await
    }

    async fn put_page(
        &self,
        id: &MigrationId,
        kind: PageKind,
        page: &MigrationPage,
        keep_until: EpochMs,
    ) -> Result<(), PortError> {
        self.faults.pass(Op::MigrationPut, self.port.put_page(id, kind, page, keep_until)).await
    }

    async fn pages(
        &self,
        id: &MigrationId,
        kind: PageKind,
        from: u32,
        limit: u32,
    ) -> Result<Vec<MigrationPage>, PortError> {
        self.faults.pass(Op::MigrationPages, self.port.pages(id, kind, from, limit)).await
    }

    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<Vec<MigrationId>, PortError> {
        self.faults.pass(Op::MigrationCheck, self.port.needing_check(now, limit)).await
    }

    async fn list(&self, limit: u32) -> Result<Vec<Migration>, PortError> {
        self.faults.pass(Op::MigrationCheck, self.port.list(limit)).await
    }
}

#[async_trait]
impl<P: MigrationQueue> MigrationQueue for FailNth<P> {
    async fn send(&self, message: &MigrationMessage, delay: Duration) -> Result<(), PortError> {
        self.faults.pass(Op::MigrationSend, self.port.send(message, delay)).await
    }

    async fn order_connection_test(&self, order: &ConnectionTestOrder) -> Result<(), PortError> {
        self.faults.pass(Op::MigrationSend, self.port.order_connection_test(order)).await
    }
}
