//! Gates in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lag::LaggingIndex;
use super::{Lag, TestClock, lock};
use ghl_sync_engine::ports::{Clock, DueChecks, GateEntry, GateStore, PortError, Replaced};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{EpochMs, ScopeId};

/// A [`GateStore`] in memory: compare and swap on `rev`, and an index of due checks that may lag. Gates are stored as
/// the same JSON as in the real store.
pub struct MemoryGateStore {
    clock: TestClock,
    state: Mutex<GateStoreState>,
}

/// Observes each write: the time, the scope, the gate before and the gate after.
type CallRecorder = Box<dyn FnMut(EpochMs, &ScopeId, &Gate, &Gate) + Send>;

struct GateStoreState {
    gates: BTreeMap<ScopeId, GateItem>,
    look: LaggingIndex<ScopeId, EpochMs>,
    recorder: Option<CallRecorder>,
    /// Scopes in parts of the index that do not answer.
    silent: BTreeSet<ScopeId>,
}

#[derive(Debug, Clone, Default)]
struct GateItem {
    rev: u64,
    work_seq: u64,
    gate: Option<String>,
}

impl MemoryGateStore {
    /// Starts without gates.
    #[must_use]
    pub fn new(clock: TestClock, lag: Lag) -> Self {
        let state = GateStoreState {
            gates: BTreeMap::new(),
            look: LaggingIndex::new(lag),
            recorder: None,
            silent: BTreeSet::new(),
        };
        MemoryGateStore { clock, state: Mutex::new(state) }
    }

    /// From now on, `recorder` observes each write of a gate: the true time, the scope, the gate before and after.
    pub fn watch(&self, recorder: impl FnMut(EpochMs, &ScopeId, &Gate, &Gate) + Send + 'static) {
        lock(&self.state).recorder = Some(Box::new(recorder));
    }

    /// From now on, the parts of the index that hold these scopes do not answer; each scope is in a part of its own.
    pub fn silence(&self, scopes: impl IntoIterator<Item = ScopeId>) {
        lock(&self.state).silent = scopes.into_iter().collect();
    }

    /// The stored gate.
    #[must_use]
    pub fn entry(&self, scope: &ScopeId) -> GateEntry {
        lock(&self.state).gates.get(scope).and_then(|item| read(item).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for MemoryGateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&lock(&self.state).gates).finish()
    }
}

fn read(item: &GateItem) -> Result<GateEntry, PortError> {
    let GateItem { rev, work_seq, gate } = item;
    let gate = match gate {
        Some(json) => serde_json::from_str(json).map_err(|error| PortError::new("reading a gate", error))?,
        None => Gate::default(),
    };
    Ok(GateEntry { rev: *rev, work_seq: *work_seq, gate })
}

#[async_trait]
impl GateStore for MemoryGateStore {
    async fn load(&self, scope: &ScopeId) -> Result<GateEntry, PortError> {
        lock(&self.state).gates.get(scope).map_or_else(|| Ok(GateEntry::default()), read)
    }

    async fn replace(&self, scope: &ScopeId, rev: u64, gate: &Gate) -> Result<Replaced<GateEntry>, PortError> {
        let json = serde_json::to_string(gate).map_err(|error| PortError::new("writing a gate", error))?;
        let mut state = lock(&self.state);
        let GateStoreState { gates, look, recorder, .. } = &mut *state;
        let item = gates.entry(scope.clone()).or_default();
        if item.rev != rev {
            return read(item).map(Replaced::Conflict);
        }
        if let Some(recorder) = recorder {
            recorder(self.clock.now(), scope, &read(item)?.gate, gate);
        }
        item.rev += 1;
        item.gate = Some(json);
        look.set(self.clock.now(), scope, gate.next_check_at());
        Ok(Replaced::Written { rev: rev + 1 })
    }

    async fn advance_work_seq(&self, scope: &ScopeId, now: EpochMs) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        let item = state.gates.entry(scope.clone()).or_default();
        item.rev += 1;
        item.work_seq += 1;
        state.look.set(self.clock.now(), scope, Some(now));
        Ok(())
    }

    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<DueChecks, PortError> {
        let mut state = lock(&self.state);
        let silent = state.silent.clone();
        let mut looks: Vec<(EpochMs, ScopeId)> = state
            .look
            .visible(self.clock.now())
            .filter(|(scope, next_check_at)| **next_check_at <= now && !silent.contains(*scope))
            .map(|(scope, next_check_at)| (*next_check_at, scope.clone()))
            .collect();
        looks.sort();
        looks.truncate(limit as usize);
        let failed =
            silent.iter().map(|_| PortError::new("gates.needing_check", "a part of the index does not answer"));
        Ok(DueChecks { scopes: looks.into_iter().map(|(_, scope)| scope).collect(), failed: failed.collect() })
    }
}
