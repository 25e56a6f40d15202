//! Known states in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use ghl_sync_engine::policy::Precedence;
use ghl_sync_engine::ports::{KnownBefore, KnownStates, PortError, RemoteKey, Replacement};
use ghl_sync_model::{EpochMs, EventId, GhlId, Kind, KnownState, LocationId, RemoteContent};

/// Maximum size of a DynamoDB item, in bytes.
const ITEM: usize = 400 * 1024;
/// Maximum size of an item without its content, in bytes.
const ATTRIBUTES: usize = 2 * 1024;

/// [`KnownStates`] in memory. Counts its writes, and refuses items that are too long for DynamoDB.
#[derive(Debug, Default)]
pub struct MemoryKnownStates {
    state: Mutex<KnownStatesState>,
}

#[derive(Debug, Default)]
struct KnownStatesState {
    states: BTreeMap<(LocationId, Kind, GhlId), KnownState>,
    seen: BTreeMap<EventId, EpochMs>,
    writes: u64,
}

impl MemoryKnownStates {
    /// Number of writes, including refused ones.
    #[must_use]
    pub fn writes(&self) -> u64 {
        lock(&self.state).writes
    }
}

fn owned(key: RemoteKey<'_>) -> (LocationId, Kind, GhlId) {
    (key.location.clone(), key.kind, key.ghl_id.clone())
}

fn short(state: &KnownState) -> KnownBefore {
    KnownBefore { event_id: state.event_id.clone(), hash: state.content.as_ref().map(RemoteContent::hash) }
}

#[async_trait]
impl KnownStates for MemoryKnownStates {
    async fn replace(
        &self,
        key: RemoteKey<'_>,
        state: &KnownState,
        precedence: &Precedence,
        _now: EpochMs,
    ) -> Result<Replacement, PortError> {
        let size = state.content.as_ref().map_or(0, |content| content.to_json().len());
        if size + ATTRIBUTES > ITEM {
            let error = "ValidationException: Item size to update has exceeded the maximum allowed size";
            return Err(PortError::new("known.replace", error));
        }
        let mut stored = lock(&self.state);
        stored.writes += 1;
        let known = stored.states.get(&owned(key));
        if let Some(known) = known.filter(|known| !precedence.over(known)) {
            return Ok(Replacement::Refused(short(known)));
        }
        let before = known.map(short);
        stored.states.insert(owned(key), state.clone());
        Ok(Replacement::Done(before))
    }

    async fn load(&self, key: RemoteKey<'_>) -> Result<Option<KnownState>, PortError> {
        Ok(lock(&self.state).states.get(&owned(key)).cloned())
    }

    async fn forget(&self, key: RemoteKey<'_>) -> Result<bool, PortError> {
        Ok(lock(&self.state).states.remove(&owned(key)).is_some())
    }

    async fn remember(&self, event: &EventId, now: EpochMs, until: EpochMs) -> Result<bool, PortError> {
        let mut stored = lock(&self.state);
        stored.writes += 1;
        if stored.seen.get(event).is_some_and(|until| *until > now) {
            return Ok(false);
        }
        stored.seen.insert(event.clone(), until);
        Ok(true)
    }
}
