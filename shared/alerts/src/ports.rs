//! Ports that alerts need beside the engine's.

use async_trait::async_trait;
use ghl_sync_engine::ports::PortError;

use crate::Announcement;

/// Passes messages on to people.
#[async_trait]
pub trait Announcer: Send + Sync {
    /// Accepts a message for delivery at least once.
    async fn announce(&self, message: &Announcement) -> Result<(), PortError>;
}
