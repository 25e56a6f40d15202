//! What is asked of a contender that is a client.

use async_trait::async_trait;

use crate::task::Person;

/// A client with memory of its own, as one process has it. It is used for several calls at once.
#[async_trait]
pub(crate) trait Client: Send + Sync {
    /// Gets a person into GHL, with all that the client does about a refusal.
    async fn upsert(&self, person: &Person) -> Result<(), GaveUp>;

    /// Writes to a store so far.
    fn store_writes(&self) -> u64 {
        0
    }
}

/// The client told its caller that it could not. Nobody tries again.
#[derive(Debug, thiserror::Error)]
#[error("the client gave up")]
pub(crate) struct GaveUp;
