//! What alerts need of the world beside the engine's ports.

use async_trait::async_trait;
use ghl_sync_engine::ports::PortError;

use crate::Message;

/// Somebody who passes messages on to people.
#[async_trait]
pub trait Announcer: Send + Sync {
    /// Takes a message, to be passed on at least once.
    async fn announce(&self, message: &Message) -> Result<(), PortError>;
}
