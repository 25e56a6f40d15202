//! What the locations of an API host know together, in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::ports::{FleetEntry, FleetReplaced, FleetStore, PortError};
use ghl_sync_limiter::Fleet;
use ghl_sync_model::Api;

/// A [`FleetStore`] in memory: compare and swap on `rev`. It keeps the JSON that the real store keeps.
#[derive(Debug, Default)]
pub struct MemoryFleetStore {
    items: Mutex<BTreeMap<Api, (u64, String)>>,
}

impl MemoryFleetStore {
    /// How often it was written.
    #[must_use]
    pub fn writes(&self) -> u64 {
        lock(&self.items).values().map(|(rev, _)| rev).sum()
    }
}

fn read(item: Option<&(u64, String)>) -> Result<FleetEntry, PortError> {
    let Some((rev, json)) = item else {
        return Ok(FleetEntry::default());
    };
    let fleet = serde_json::from_str(json).map_err(|error| PortError::new("reading the fleet", error))?;
    Ok(FleetEntry { rev: *rev, fleet })
}

#[async_trait]
impl FleetStore for MemoryFleetStore {
    async fn load(&self, api: Api) -> Result<FleetEntry, PortError> {
        read(lock(&self.items).get(&api))
    }

    async fn replace(&self, api: Api, rev: u64, fleet: &Fleet) -> Result<FleetReplaced, PortError> {
        let json = serde_json::to_string(fleet).map_err(|error| PortError::new("writing the fleet", error))?;
        let mut items = lock(&self.items);
        let standing = read(items.get(&api))?;
        if standing.rev != rev {
            return Ok(FleetReplaced::Conflict(Box::new(standing)));
        }
        items.insert(api, (rev + 1, json));
        Ok(FleetReplaced::Written { rev: rev + 1 })
    }
}
