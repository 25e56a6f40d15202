//! Decorates the outbox.

use async_trait::async_trait;

use super::{FailNth, Op};
use ghl_sync_engine::ports::{
    Backlog, Due, FailedPage, ImportPage, ListedPage, Loaded, Outbox, PortError, Put, Settled, Tallied,
};
use ghl_sync_model::{
    EpochMs, FailedCursor, GhlId, ImportId, ImportStanding, Kind, LastError, LocationId, Outcome, Payload, Priority,
    PutRecord, Record, RecordCursor, RecordKey, Resolution,
};

#[async_trait]
impl<P: Outbox> Outbox for FailNth<P> {
    async fn put(&self, record: &PutRecord, now: EpochMs) -> Result<Put, PortError> {
        self.faults.pass(Op::OutboxPut, self.port.put(record, now)).await
    }

    async fn due(&self, location: &LocationId, priority: Priority, limit: u32) -> Result<Vec<Due>, PortError> {
        self.faults.pass(Op::OutboxDue, self.port.due(location, priority, limit)).await
    }

    async fn load(&self, location: &LocationId, keys: &[RecordKey]) -> Result<Vec<Loaded>, PortError> {
        self.faults.pass(Op::OutboxLoad, self.port.load(location, keys)).await
    }

    async fn settle(&self, record: &Record, outcome: &Outcome, now: EpochMs) -> Result<Settled, PortError> {
        self.faults.pass(Op::OutboxSettle, self.port.settle(record, outcome, now)).await
    }

    async fn quarantine(
        &self,
        location: &LocationId,
        key: &RecordKey,
        reason: &str,
        now: EpochMs,
    ) -> Result<(), PortError> {
        self.faults.pass(Op::OutboxQuarantine, self.port.quarantine(location, key, reason, now)).await
    }

    async fn drop_content(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::OutboxDropContent, self.port.drop_content(record, now)).await
    }

    async fn count_due(&self, location: &LocationId, priority: Priority, cap: u32) -> Result<Backlog, PortError> {
        self.faults.pass(Op::OutboxCount, self.port.count_due(location, priority, cap)).await
    }

    async fn backlog(&self, location: &LocationId, cap: u32) -> Result<[Backlog; 3], PortError> {
        self.faults.pass(Op::OutboxCount, self.port.backlog(location, cap)).await
    }

    async fn count_failed(&self, location: &LocationId, cap: u32) -> Result<Tallied, PortError> {
        self.faults.pass(Op::OutboxCount, self.port.count_failed(location, cap)).await
    }

    async fn failed(
        &self,
        location: &LocationId,
        after: Option<&FailedCursor>,
        limit: u32,
    ) -> Result<FailedPage, PortError> {
        self.faults.pass(Op::OutboxFailed, self.port.failed(location, after, limit)).await
    }

    async fn listed(
        &self,
        location: &LocationId,
        kind: Option<Kind>,
        after: Option<&RecordCursor>,
        limit: u32,
    ) -> Result<ListedPage, PortError> {
        self.faults.pass(Op::OutboxList, self.port.listed(location, kind, after, limit)).await
    }

    async fn ask_deletion(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::OutboxAskDeletion, self.port.ask_deletion(record, now)).await
    }

    async fn ask_undo(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::OutboxAskUndo, self.port.ask_undo(record, now)).await
    }

    async fn forget(&self, location: &LocationId, key: &RecordKey) -> Result<Option<Vec<RecordKey>>, PortError> {
        self.faults.pass(Op::OutboxForget, self.port.forget(location, key)).await
    }

    async fn replay(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::OutboxReplay, self.port.replay(record, now)).await
    }

    async fn mend(&self, record: &Record, payload: &Payload, now: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::OutboxMend, self.port.mend(record, payload, now)).await
    }

    async fn dismiss(&self, record: &Record) -> Result<Option<Vec<RecordKey>>, PortError> {
        self.faults.pass(Op::OutboxDismiss, self.port.dismiss(record)).await
    }

    async fn await_id(&self, waiting: &Record, awaited: &RecordKey) -> Result<bool, PortError> {
        self.faults.pass(Op::OutboxAwaitId, self.port.await_id(waiting, awaited)).await
    }

    async fn wake(&self, waiting: &Record, awaited: &RecordKey, now: EpochMs) -> Result<(), PortError> {
        self.faults.pass(Op::OutboxWake, self.port.wake(waiting, awaited, now)).await
    }

    async fn of_ghl_id(&self, location: &LocationId, ghl_id: &GhlId) -> Result<Vec<RecordKey>, PortError> {
        self.faults.pass(Op::OutboxOfGhlId, self.port.of_ghl_id(location, ghl_id)).await
    }

    async fn count_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        cap: u32,
    ) -> Result<Tallied, PortError> {
        self.faults.pass(Op::OutboxCount, self.port.count_import(location, import, standing, cap)).await
    }

    async fn of_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Result<ImportPage, PortError> {
        self.faults.pass(Op::OutboxOfImport, self.port.of_import(location, import, standing, after, limit)).await
    }

    async fn withdraw(&self, record: &Record, error: &LastError, now: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::OutboxWithdraw, self.port.withdraw(record, error, now)).await
    }

    async fn resolve(&self, record: &Record, resolution: &Resolution, now: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::OutboxResolve, self.port.resolve(record, resolution, now)).await
    }
}
