//! The interface of a contender that is a client.

use async_trait::async_trait;

use crate::task::Person;

/// A client with the memory of one process. It makes several calls at once.
#[async_trait]
pub(crate) trait Client: Send + Sync {
    /// Upserts a person in GHL, with all retries of the client.
    async fn upsert(&self, person: &Person) -> Result<(), GaveUp>;

    /// Store writes so far.
    fn store_writes(&self) -> u64 {
        0
    }
}

/// The client reported failure to its caller. Nobody tries again.
#[derive(Debug, thiserror::Error)]
#[error("the client gave up")]
pub(crate) struct GaveUp;
