//! A decorator that makes chosen calls of a port fail, and adds latency to every call.

mod migrations;
mod outbox;
mod queues;
mod stores;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{TestRandomness, lock};
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::ItemKind;

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
    OutboxDropContent,
    OutboxAskDeletion,
    OutboxAskUndo,
    OutboxReplay,
    OutboxMend,
    OutboxDismiss,
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
    CountersTell,
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
    PreImageLoad,
    PreImageReplace,
    NoticeLoad,
    NoticeReplace,
    AlertsLoad,
    AlertsReplace,
    RetentionLoad,
    RetentionKeep,
    FactsLoad,
    FactsReplace,
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
    /// The operations that read and replace an item of this kind.
    #[expect(clippy::panic, reason = "for tests: a new kind is told of here")]
    fn of_items(kind: &ItemKind) -> (Op, Op) {
        match kind.name {
            "tokens" => (Op::TokenLoad, Op::TokenReplace),
            "settings" => (Op::SettingsRead, Op::SettingsStore),
            "migration" => (Op::MigrationLoad, Op::MigrationReplace),
            "migration_config" => (Op::MigrationConfig, Op::MigrationConfig),
            "mirror" | "mirror_part" => (Op::MirrorLoad, Op::MirrorReplace),
            "pre_image" => (Op::PreImageLoad, Op::PreImageReplace),
            "import" | "import_list" | "begun" | "list" | "drop" => (Op::ImportLoad, Op::ImportReplace),
            "api_key" => (Op::KeyLoad, Op::KeyReplace),
            "audit" => (Op::AuditLoad, Op::AuditWrite),
            "notice" => (Op::NoticeLoad, Op::NoticeReplace),
            "facts" | "profile" => (Op::FactsLoad, Op::FactsReplace),
            "alerts" | "digest" => (Op::AlertsLoad, Op::AlertsReplace),
            "host_health" => (Op::HostHealthLoad, Op::HostHealthReplace),
            "retention" => (Op::RetentionLoad, Op::RetentionKeep),
            other => panic!("no operations are named for items of the kind {other}"),
        }
    }
}

/// How a call of a port fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortFault {
    /// The call has no effect, and reports an error.
    Refused,
    /// The call takes effect, but its answer is lost: the caller sees an error.
    Unanswered,
    /// The call has no effect, and never returns.
    Hangs,
}

/// Decides which calls fail. Shared by all decorators of a world.
pub struct PortFaults {
    randomness: TestRandomness,
    /// Latency of a port in each direction, in milliseconds.
    way_ms: RangeInclusive<u64>,
    state: Mutex<FaultsState>,
}

/// Decides whether a call fails, by its operation and number (from 1).
type Rule = Box<dyn Fn(Op, u64) -> Option<PortFault> + Send>;

#[derive(Default)]
struct FaultsState {
    calls: BTreeMap<Op, u64>,
    rules: Vec<Rule>,
}

impl PortFaults {
    /// Starts without faults. Each call takes a random time of `way_ms` in each direction: one await before the port
    /// has done anything, and one after.
    #[must_use]
    pub fn new(way_ms: RangeInclusive<u64>, randomness: TestRandomness) -> Self {
        PortFaults { randomness, way_ms, state: Mutex::default() }
    }

    /// Makes future calls of `op` with these numbers (from 1, counted from now) fail with `fault`.
    pub fn fail(&self, op: Op, calls: RangeInclusive<u64>, fault: PortFault) {
        let mut state = lock(&self.state);
        let made = state.calls.get(&op).copied().unwrap_or_default();
        let (first, last) = calls.into_inner();
        let calls = made.saturating_add(first)..=made.saturating_add(last);
        state.rules.push(Box::new(move |of, number| (of == op && calls.contains(&number)).then_some(fault)));
    }

    /// From now on, `rule` decides which calls fail, by operation and number (from 1). The first rule with an answer
    /// wins.
    pub fn decide(&self, rule: impl Fn(Op, u64) -> Option<PortFault> + Send + 'static) {
        lock(&self.state).rules.push(Box::new(rule));
    }

    /// Removes all faults.
    pub fn heal(&self) {
        lock(&self.state).rules.clear();
    }

    /// Number of calls of `op`.
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

    /// For calls that the real port mostly answers from memory: adds no latency.
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

impl fmt::Debug for PortFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortFaults").field("way_ms", &self.way_ms).finish_non_exhaustive()
    }
}

/// A port with the faults of [`PortFaults`].
#[derive(Debug)]
pub struct FailNth<P> {
    port: Arc<P>,
    faults: Arc<PortFaults>,
}

impl<P> FailNth<P> {
    /// Decorates `port` with `faults`.
    #[must_use]
    pub fn new(port: Arc<P>, faults: Arc<PortFaults>) -> Self {
        FailNth { port, faults }
    }
}
