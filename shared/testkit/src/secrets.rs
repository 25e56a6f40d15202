//! Secrets in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use ghl_sync_access::ports::{SecretError, SecretStore};
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{CredentialsRef, Secret};

/// A [`SecretStore`] in memory.
#[derive(Debug, Default)]
pub struct MemorySecrets {
    state: Mutex<SecretsState>,
}

#[derive(Debug, Default)]
struct SecretsState {
    secrets: BTreeMap<CredentialsRef, String>,
    reads: u64,
    is_down: bool,
}

impl MemorySecrets {
    /// Stores `text` at `reference`, replacing any old value.
    pub fn put(&self, reference: &CredentialsRef, text: impl Into<String>) {
        lock(&self.state).secrets.insert(reference.clone(), text.into());
    }

    /// Sets whether the store is down from now on.
    pub fn set_down(&self, is_down: bool) {
        lock(&self.state).is_down = is_down;
    }

    /// Number of reads.
    #[must_use]
    pub fn reads(&self) -> u64 {
        lock(&self.state).reads
    }
}

#[async_trait]
impl SecretStore for MemorySecrets {
    async fn read(&self, reference: &CredentialsRef) -> Result<Secret, SecretError> {
        let mut state = lock(&self.state);
        state.reads += 1;
        if state.is_down {
            return Err(PortError::new("secrets.read", "the store is down").into());
        }
        let secret = state.secrets.get(reference).map(Secret::new);
        secret.ok_or_else(|| SecretError::Missing("there is no such secret".to_owned()))
    }
}
