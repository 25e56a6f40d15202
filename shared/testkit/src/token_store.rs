//! Issued tokens in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use ghl_sync_access::TokenEntry;
use ghl_sync_access::ports::{TokenReplaced, TokenStore};
use ghl_sync_engine::ports::PortError;

/// A [`TokenStore`] in memory: compare and swap on the fence.
#[derive(Debug, Default)]
pub struct MemoryTokenStore {
    entries: Mutex<BTreeMap<String, TokenEntry>>,
}

impl MemoryTokenStore {
    /// All entries as they are stored.
    #[must_use]
    pub fn entries(&self) -> Vec<TokenEntry> {
        lock(&self.entries).values().cloned().collect()
    }
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn load(&self, key: &str) -> Result<TokenEntry, PortError> {
        Ok(lock(&self.entries).get(key).cloned().unwrap_or_default())
    }

    async fn replace(&self, key: &str, entry: &TokenEntry) -> Result<TokenReplaced, PortError> {
        let mut entries = lock(&self.entries);
        let standing = entries.entry(key.to_owned()).or_default();
        if standing.fence + 1 != entry.fence {
            return Ok(TokenReplaced::Conflict(Box::new(standing.clone())));
        }
        *standing = entry.clone();
        Ok(TokenReplaced::Written)
    }
}
