//! What the locations of an API host know together, in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use ghl_sync_engine::ports::{HostHealthEntry, HostHealthReplaced, HostHealthStore, PortError};
use ghl_sync_limiter::HostHealth;
use ghl_sync_model::Api;

/// A [`HostHealthStore`] in memory: compare and swap on `rev`. It keeps the JSON that the real store keeps.
#[derive(Debug, Default)]
pub struct MemoryHostHealthStore {
    items: Mutex<BTreeMap<Api, (u64, String)>>,
}

impl MemoryHostHealthStore {
    /// How often it was written.
    #[must_use]
    pub fn writes(&self) -> u64 {
        lock(&self.items).values().map(|(rev, _)| rev).sum()
    }
}

fn read(item: Option<&(u64, String)>) -> Result<HostHealthEntry, PortError> {
    let Some((rev, json)) = item else {
        return Ok(HostHealthEntry::default());
    };
    let host_health = serde_json::from_str(json).map_err(|error| PortError::new("reading the host_health", error))?;
    Ok(HostHealthEntry { rev: *rev, host_health })
}

#[async_trait]
impl HostHealthStore for MemoryHostHealthStore {
    async fn load(&self, api: Api) -> Result<HostHealthEntry, PortError> {
        read(lock(&self.items).get(&api))
    }

    async fn replace(&self, api: Api, rev: u64, host_health: &HostHealth) -> Result<HostHealthReplaced, PortError> {
        let json =
            serde_json::to_string(host_health).map_err(|error| PortError::new("writing the host_health", error))?;
        let mut items = lock(&self.items);
        let standing = read(items.get(&api))?;
        if standing.rev != rev {
            return Ok(HostHealthReplaced::Conflict(Box::new(standing)));
        }
        items.insert(api, (rev + 1, json));
        Ok(HostHealthReplaced::Written { rev: rev + 1 })
    }
}
