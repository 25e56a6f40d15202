//! Gates in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lag::LaggingIndex;
use super::{Lag, TestClock, lock};
use crate::ports::{Clock, GateEntry, GateStore, Looks, PortError, Replaced};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{EpochMs, ScopeId};

/// A [`GateStore`] in memory: compare and swap on `rev`, and an index of when to look that may lag. Gates are kept as
/// the JSON that the real store keeps.
pub struct MemoryGateStore {
    clock: TestClock,
    state: Mutex<State>,
}

/// Sees each write: the time, the scope, the gate before and the gate after.
type Witness = Box<dyn FnMut(EpochMs, &ScopeId, &Gate, &Gate) + Send>;

struct State {
    gates: BTreeMap<ScopeId, Item>,
    look: LaggingIndex<ScopeId, EpochMs>,
    witness: Option<Witness>,
    /// Scopes in parts of the index that do not answer.
    silent: BTreeSet<ScopeId>,
}

#[derive(Debug, Clone, Default)]
struct Item {
    rev: u64,
    kick: u64,
    kicked_at: Option<EpochMs>,
    gate: Option<String>,
}

impl MemoryGateStore {
    /// No gates yet.
    #[must_use]
    pub fn new(clock: TestClock, lag: Lag) -> Self {
        let state =
            State { gates: BTreeMap::new(), look: LaggingIndex::new(lag), witness: None, silent: BTreeSet::new() };
        MemoryGateStore { clock, state: Mutex::new(state) }
    }

    /// From now on, `witness` sees each gate that is written: the true time, the scope, the gate before and after.
    pub fn watch(&self, witness: impl FnMut(EpochMs, &ScopeId, &Gate, &Gate) + Send + 'static) {
        lock(&self.state).witness = Some(Box::new(witness));
    }

    /// From now on, the parts of the index that these scopes are in do not answer, one part each.
    pub fn silence(&self, scopes: impl IntoIterator<Item = ScopeId>) {
        lock(&self.state).silent = scopes.into_iter().collect();
    }

    /// The gate as it is stored.
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

fn read(item: &Item) -> Result<GateEntry, PortError> {
    let Item { rev, kick, kicked_at, gate } = item;
    let gate = match gate {
        Some(json) => serde_json::from_str(json).map_err(|error| PortError::new("reading a gate", error))?,
        None => Gate::default(),
    };
    Ok(GateEntry { rev: *rev, kick: *kick, kicked_at: *kicked_at, gate })
}

#[async_trait]
impl GateStore for MemoryGateStore {
    async fn load(&self, scope: &ScopeId) -> Result<GateEntry, PortError> {
        lock(&self.state).gates.get(scope).map_or_else(|| Ok(GateEntry::default()), read)
    }

    async fn replace(&self, scope: &ScopeId, rev: u64, gate: &Gate) -> Result<Replaced, PortError> {
        let json = serde_json::to_string(gate).map_err(|error| PortError::new("writing a gate", error))?;
        let mut state = lock(&self.state);
        let State { gates, look, witness, .. } = &mut *state;
        let item = gates.entry(scope.clone()).or_default();
        if item.rev != rev {
            return read(item).map(|entry| Replaced::Conflict(Box::new(entry)));
        }
        if let Some(witness) = witness {
            witness(self.clock.now(), scope, &read(item)?.gate, gate);
        }
        item.rev += 1;
        item.gate = Some(json);
        look.set(self.clock.now(), scope, gate.look_at());
        Ok(Replaced::Written { rev: rev + 1 })
    }

    async fn kick(&self, scope: &ScopeId, now: EpochMs) -> Result<u64, PortError> {
        let mut state = lock(&self.state);
        let item = state.gates.entry(scope.clone()).or_default();
        item.rev += 1;
        item.kick += 1;
        item.kicked_at = Some(now);
        let kick = item.kick;
        state.look.set(self.clock.now(), scope, Some(now));
        Ok(kick)
    }

    async fn needing_look(&self, now: EpochMs, limit: u32) -> Result<Looks, PortError> {
        let mut state = lock(&self.state);
        let silent = state.silent.clone();
        let mut looks: Vec<(EpochMs, ScopeId)> = state
            .look
            .visible(self.clock.now())
            .filter(|(scope, look_at)| **look_at <= now && !silent.contains(*scope))
            .map(|(scope, look_at)| (*look_at, scope.clone()))
            .collect();
        looks.sort();
        looks.truncate(limit as usize);
        let failed = silent.iter().map(|_| PortError::new("gates.needing_look", "a part of the index does not answer"));
        Ok(Looks { scopes: looks.into_iter().map(|(_, scope)| scope).collect(), failed: failed.collect() })
    }
}
