//! The queue of batches, and the dead-letter messages.

use std::time::Duration;

use async_trait::async_trait;

use super::PortError;
use ghl_sync_model::{Ask, Batch, DeadLetter, LocationId};

/// Sends batches and requests.
#[async_trait]
pub trait BatchQueue: Send + Sync {
    /// Sends `batch`, to be received after `delay` (at most [`MAX_DELAY`], whole seconds).
    async fn send(&self, batch: &Batch, delay: Duration) -> Result<(), PortError>;

    /// Sends `ask` for `location`, to be received after `delay` (same limits).
    async fn ask(&self, ask: Ask, location: &LocationId, delay: Duration) -> Result<(), PortError>;

    /// The same for many locations, in as few requests as possible. Returns the locations that failed; an error only if
    /// all did.
    async fn ask_all(&self, ask: Ask, asks: &[(LocationId, Duration)]) -> Result<Vec<LocationId>, PortError>;
}

/// The longest delay of a message (SQS: 15 minutes).
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// Messages that nobody could handle: the dead-letter queue, and the parking queue for messages that are not batches.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Approximate number of messages in both queues, including those currently taken; `None` if the queues are not
    /// configured.
    async fn depth(&self) -> Result<Option<u64>, PortError>;

    /// Puts a copy of `letter` into the parking queue, which only people read. Repeating it adds another copy.
    async fn park(&self, letter: &DeadLetter) -> Result<(), PortError>;

    /// Takes up to `limit` (at most 10) messages from `queue`, invisible to others for `hidden_for`. Empty if there are
    /// none.
    async fn take(
        &self,
        queue: DeadLetterQueue,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<Vec<TakenDeadLetter>, PortError>;

    /// Deletes a message permanently. Deleting it again is not an error.
    async fn delete(&self, receipt: &Receipt) -> Result<(), PortError>;

    /// Makes a message visible to everybody again, at once.
    async fn put_back(&self, receipt: &Receipt) -> Result<(), PortError>;
}

/// One of the two queues of dead-letter messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterQueue {
    /// The dead-letter queue of the batches.
    Dead,
    /// The parking queue.
    Parked,
}

/// A dead-letter message that was taken from its queue for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenDeadLetter {
    /// The message.
    pub letter: DeadLetter,
    /// Identifies the message to [`DeadLetters::delete`] and [`DeadLetters::put_back`].
    pub receipt: Receipt,
}

/// Identifies one taking of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Queue from which it was taken.
    pub queue: DeadLetterQueue,
    /// The queue's handle for this taking (in SQS, the receipt handle).
    pub handle: String,
}
