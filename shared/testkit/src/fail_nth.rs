//! A decorator that fails chosen calls of a port, and makes every call take a while.

mod migrations;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{TestRandomness, lock};
use ghl_sync_engine::counts::{Counted, Counts};
use ghl_sync_engine::policy::Precedence;
use ghl_sync_engine::ports::{
    Backlog, BatchQueue, Bookmarks, Counters, DeadLetterQueue, DeadLetters, Due, DueChecks, Entry, FailedPage,
    GateEntry, GateStore, ImportPage, Installations, ItemPage, ItemStore, KnownStates, ListedPage, Listing, Loaded,
    LocationRegistry, NewItem, Outbox, PortError, Put, Receipt, RemoteKey, Replaced, Replacement, Settled, StoredItem,
    StoredSettings, TakenDeadLetter, Tallied,
};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{
    Batch, Bookmark, DeadLetter, EpochMs, EventId, FailedCursor, GhlId, ImportId, ImportStanding, ItemKind, Kind,
    KnownState, LastError, LocationId, LocationSettings, Outcome, Priority, PutRecord, Record, RecordCursor, RecordKey,
    Resolution, ScopeId, SettingsOverlay,
};

/// An operation of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the ports' methods")]
pub enum Op {
    OutboxPut,
    OutboxDue,
    OutboxLoad,
    OutboxSettle,
    OutboxQuarantine,
    GateLoad,
    GateReplace,
    GateAdvance,
    GateCheck,
    HostHealthLoad,
    HostHealthReplace,
    QueueSend,
    OutboxFailed,
    OutboxList,
    OutboxForget,
    OutboxAskDeletion,
    OutboxReplay,
    OutboxOfGhlId,
    OutboxResolve,
    OutboxAwaitId,
    OutboxWake,
    OutboxCount,
    OutboxOfImport,
    OutboxWithdraw,
    ImportLoad,
    ImportReplace,
    CountersAdd,
    CountersTick,
    CountersRead,
    DeadLettersDepth,
    DeadLettersPark,
    DeadLettersTake,
    DeadLettersDelete,
    DeadLettersPutBack,
    KnownReplace,
    KnownLoad,
    KnownForget,
    KnownRemember,
    BookmarkFind,
    BookmarkKeep,
    InstallationsNote,
    SettingsRead,
    SettingsRegister,
    SettingsStore,
    TokenLoad,
    TokenReplace,
    KeyLoad,
    KeyReplace,
    AuditLoad,
    AuditWrite,
    MirrorLoad,
    MirrorReplace,
    MigrationLoad,
    MigrationReplace,
    MigrationClaim,
    MigrationPut,
    MigrationPages,
    MigrationCheck,
    MigrationConfig,
    MigrationSend,
}

impl Op {
    /// Reading an item of this kind, and replacing it.
    #[expect(clippy::panic, reason = "for tests: a new kind is told of here")]
    fn of_items(kind: &ItemKind) -> (Op, Op) {
        match kind.name {
            "tokens" => (Op::TokenLoad, Op::TokenReplace),
            "settings" => (Op::SettingsRead, Op::SettingsStore),
            "migration" => (Op::MigrationLoad, Op::MigrationReplace),
            "migration_config" => (Op::MigrationConfig, Op::MigrationConfig),
            "mirror" | "mirror_part" => (Op::MirrorLoad, Op::MirrorReplace),
            "import" | "import_list" => (Op::ImportLoad, Op::ImportReplace),
            "api_key" => (Op::KeyLoad, Op::KeyReplace),
            "audit" => (Op::AuditLoad, Op::AuditWrite),
            "host_health" => (Op::HostHealthLoad, Op::HostHealthReplace),
            other => panic!("no operations are named for items of the kind {other}"),
        }
    }
}

/// How a call of a port fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortFault {
    /// It is not done, and says so.
    Refused,
    /// It is done, but the answer is lost: the caller sees an error.
    Unanswered,
    /// It is not done, and never returns.
    Hangs,
}

/// Which calls fail, shared by all decorators of a world.
pub struct Faults {
    randomness: TestRandomness,
    /// What the way to a port takes, and the way back, in milliseconds.
    way_ms: RangeInclusive<u64>,
    state: Mutex<State>,
}

/// Decides whether a call fails; it is told its number (from 1).
type Rule = Box<dyn Fn(Op, u64) -> Option<PortFault> + Send>;

#[derive(Default)]
struct State {
    calls: BTreeMap<Op, u64>,
    rules: Vec<Rule>,
}

impl Faults {
    /// No faults yet. Each call takes twice a time in `way_ms`, as chance will have it: it is an await before the port
    /// has done anything, and one after.
    #[must_use]
    pub fn new(way_ms: RangeInclusive<u64>, randomness: TestRandomness) -> Self {
        Faults { randomness, way_ms, state: Mutex::default() }
    }

    /// Of the calls of `op` from now on, those with these numbers (from 1) fail like this.
    pub fn fail(&self, op: Op, calls: RangeInclusive<u64>, fault: PortFault) {
        let mut state = lock(&self.state);
        let made = state.calls.get(&op).copied().unwrap_or_default();
        let (first, last) = calls.into_inner();
        let calls = made.saturating_add(first)..=made.saturating_add(last);
        state.rules.push(Box::new(move |of, number| (of == op && calls.contains(&number)).then_some(fault)));
    }

    /// From now on, `rule` says which calls fail; it is told the operation and the call's number (from 1). The first
    /// rule that has an answer decides.
    pub fn decide(&self, rule: impl Fn(Op, u64) -> Option<PortFault> + Send + 'static) {
        lock(&self.state).rules.push(Box::new(rule));
    }

    /// All ports are well again.
    pub fn heal(&self) {
        lock(&self.state).rules.clear();
    }

    /// How often `op` was called.
    #[must_use]
    pub fn calls(&self, op: Op) -> u64 {
        lock(&self.state).calls.get(&op).copied().unwrap_or_default()
    }

    fn next(&self, op: Op) -> Option<PortFault> {
        let mut state = lock(&self.state);
        let number = state.calls.entry(op).or_default();
        *number += 1;
        let number = *number;
        state.rules.iter().find_map(|rule| rule(op, number))
    }

    async fn way(&self) {
        tokio::time::sleep(Duration::from_millis(self.randomness.within(self.way_ms.clone()))).await;
    }

    async fn pass<T>(&self, op: Op, call: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
        let fault = self.next(op);
        self.way().await;
        let answer = suffer(fault, call).await;
        self.way().await;
        answer
    }

    /// For what the real port mostly answers from memory.
    async fn pass_at_once<T>(&self, op: Op, call: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
        suffer(self.next(op), call).await
    }
}

async fn suffer<T>(fault: Option<PortFault>, call: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
    match fault {
        None => call.await,
        Some(PortFault::Refused) => Err(PortError::new("a call", "it was refused")),
        Some(PortFault::Unanswered) => {
            call.await.and(Err(PortError::new("a call", "it was done, but its answer was lost")))
        }
        Some(PortFault::Hangs) => std::future::pending().await,
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("way_ms", &self.way_ms).finish_non_exhaustive()
    }
}

/// A port whose calls fail as [`Faults`] says.
#[derive(Debug)]
pub struct FailNth<P> {
    port: Arc<P>,
    faults: Arc<Faults>,
}

impl<P> FailNth<P> {
    /// `port`, with `faults`.
    #[must_use]
    pub fn new(port: Arc<P>, faults: Arc<Faults>) -> Self {
        FailNth { port, faults }
    }
}

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

    async fn count_due(&self, location: &LocationId, priority: Priority, cap: u32) -> Result<Backlog, PortError> {
        self.faults.pass(Op::OutboxCount, self.port.count_due(location, priority, cap)).await
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

    async fn forget(&self, location: &LocationId, key: &RecordKey) -> Result<Option<Vec<RecordKey>>, PortError> {
        self.faults.pass(Op::OutboxForget, self.port.forget(location, key)).await
    }

    async fn replay(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::OutboxReplay, self.port.replay(record, now)).await
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

#[async_trait]
impl<P: GateStore> GateStore for FailNth<P> {
    async fn load(&self, scope: &ScopeId) -> Result<GateEntry, PortError> {
        self.faults.pass(Op::GateLoad, self.port.load(scope)).await
    }

    async fn replace(&self, scope: &ScopeId, rev: u64, gate: &Gate) -> Result<Replaced<GateEntry>, PortError> {
        self.faults.pass(Op::GateReplace, self.port.replace(scope, rev, gate)).await
    }

    async fn advance_work_seq(&self, scope: &ScopeId, now: EpochMs) -> Result<(), PortError> {
        self.faults.pass(Op::GateAdvance, self.port.advance_work_seq(scope, now)).await
    }

    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<DueChecks, PortError> {
        self.faults.pass(Op::GateCheck, self.port.needing_check(now, limit)).await
    }
}

#[async_trait]
impl<P: LocationRegistry> LocationRegistry for FailNth<P> {
    async fn location(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.location(location)).await
    }

    async fn location_now(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.location_now(location)).await
    }

    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.members(scope)).await
    }

    async fn locations(&self) -> Result<Vec<LocationId>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.locations()).await
    }

    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.scopes()).await
    }

    async fn register(&self, location: &LocationId) -> Result<(), PortError> {
        self.faults.pass_at_once(Op::SettingsRegister, self.port.register(location)).await
    }

    async fn stored(&self, location: &LocationId) -> Result<Option<StoredSettings>, PortError> {
        self.faults.pass(Op::SettingsRead, self.port.stored(location)).await
    }

    async fn store(
        &self,
        location: &LocationId,
        rev: u64,
        overlay: &SettingsOverlay,
    ) -> Result<Replaced<Option<Entry<SettingsOverlay>>>, PortError> {
        self.faults.pass(Op::SettingsStore, self.port.store(location, rev, overlay)).await
    }
}

#[async_trait]
impl<P: ItemStore> ItemStore for FailNth<P> {
    async fn load(&self, kind: &'static ItemKind, key: &str) -> Result<Option<StoredItem>, PortError> {
        self.faults.pass(Op::of_items(kind).0, self.port.load(kind, key)).await
    }

    async fn replace(
        &self,
        kind: &'static ItemKind,
        key: &str,
        rev: u64,
        item: NewItem,
    ) -> Result<Replaced<Option<StoredItem>>, PortError> {
        self.faults.pass(Op::of_items(kind).1, self.port.replace(kind, key, rev, item)).await
    }

    async fn list(&self, kind: &'static ItemKind, wanted: &Listing) -> Result<ItemPage<StoredItem>, PortError> {
        self.faults.pass(Op::of_items(kind).0, self.port.list(kind, wanted)).await
    }
}

#[async_trait]
impl<P: BatchQueue> BatchQueue for FailNth<P> {
    async fn send(&self, batch: &Batch, delay: Duration) -> Result<(), PortError> {
        self.faults.pass(Op::QueueSend, self.port.send(batch, delay)).await
    }

    async fn ask_to_reconcile(&self, location: &LocationId, delay: Duration) -> Result<(), PortError> {
        self.faults.pass(Op::QueueSend, self.port.ask_to_reconcile(location, delay)).await
    }

    async fn ask_all_to_reconcile(&self, asks: &[(LocationId, Duration)]) -> Result<Vec<LocationId>, PortError> {
        self.faults.pass(Op::QueueSend, self.port.ask_all_to_reconcile(asks)).await
    }
}

#[async_trait]
impl<P: Bookmarks> Bookmarks for FailNth<P> {
    async fn find(&self, location: &LocationId) -> Result<Option<Bookmark>, PortError> {
        self.faults.pass(Op::BookmarkFind, self.port.find(location)).await
    }

    async fn keep(&self, location: &LocationId, bookmark: &Bookmark) -> Result<(), PortError> {
        self.faults.pass(Op::BookmarkKeep, self.port.keep(location, bookmark)).await
    }

    async fn last_asked(&self) -> Result<Option<LocationId>, PortError> {
        self.faults.pass(Op::BookmarkFind, self.port.last_asked()).await
    }

    async fn keep_last_asked(&self, location: &LocationId) -> Result<(), PortError> {
        self.faults.pass(Op::BookmarkKeep, self.port.keep_last_asked(location)).await
    }
}

#[async_trait]
impl<P: Counters> Counters for FailNth<P> {
    async fn add(
        &self,
        location: &LocationId,
        now: EpochMs,
        counts: &Counts,
        allowed: Option<u64>,
    ) -> Result<(), PortError> {
        self.faults.pass(Op::CountersAdd, self.port.add(location, now, counts, allowed)).await
    }

    async fn of(&self, location: &LocationId, now: EpochMs) -> Result<Counted, PortError> {
        self.faults.pass(Op::CountersRead, self.port.of(location, now)).await
    }

    async fn ticked(&self, now: EpochMs) -> Result<(), PortError> {
        self.faults.pass(Op::CountersTick, self.port.ticked(now)).await
    }

    async fn last_tick(&self) -> Result<Option<EpochMs>, PortError> {
        self.faults.pass(Op::CountersRead, self.port.last_tick()).await
    }
}

#[async_trait]
impl<P: DeadLetters> DeadLetters for FailNth<P> {
    async fn depth(&self) -> Result<Option<u64>, PortError> {
        self.faults.pass(Op::DeadLettersDepth, self.port.depth()).await
    }

    async fn park(&self, letter: &DeadLetter) -> Result<(), PortError> {
        self.faults.pass(Op::DeadLettersPark, self.port.park(letter)).await
    }

    async fn take(
        &self,
        queue: DeadLetterQueue,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<Vec<TakenDeadLetter>, PortError> {
        self.faults.pass(Op::DeadLettersTake, self.port.take(queue, limit, hidden_for)).await
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), PortError> {
        self.faults.pass(Op::DeadLettersDelete, self.port.delete(receipt)).await
    }

    async fn put_back(&self, receipt: &Receipt) -> Result<(), PortError> {
        self.faults.pass(Op::DeadLettersPutBack, self.port.put_back(receipt)).await
    }
}

#[async_trait]
impl<P: KnownStates> KnownStates for FailNth<P> {
    async fn replace(
        &self,
        key: RemoteKey<'_>,
        state: &KnownState,
        precedence: &Precedence,
        now: EpochMs,
    ) -> Result<Replacement, PortError> {
        self.faults.pass(Op::KnownReplace, self.port.replace(key, state, precedence, now)).await
    }

    async fn load(&self, key: RemoteKey<'_>) -> Result<Option<KnownState>, PortError> {
        self.faults.pass(Op::KnownLoad, self.port.load(key)).await
    }

    async fn forget(&self, key: RemoteKey<'_>) -> Result<bool, PortError> {
        self.faults.pass(Op::KnownForget, self.port.forget(key)).await
    }

    async fn remember(&self, event: &EventId, now: EpochMs, until: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::KnownRemember, self.port.remember(event, now, until)).await
    }
}

#[async_trait]
impl<P: Installations> Installations for FailNth<P> {
    async fn note(&self, location: &LocationId, installed: bool, at: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::InstallationsNote, self.port.note(location, installed, at)).await
    }
}
