//! The queue of batches, and the letters that nobody could handle.

use std::time::Duration;

use async_trait::async_trait;

use super::PortError;
use ghl_sync_model::{Ask, Batch, DeadLetter, LocationId};

/// The queue of batches.
#[async_trait]
pub trait BatchQueue: Send + Sync {
    /// Sends `batch`, to be received after `delay` (at most [`MAX_DELAY`], in whole seconds).
    async fn send(&self, batch: &Batch, delay: Duration) -> Result<(), PortError>;

    /// Asks for something of `location`, after `delay` likewise.
    async fn ask(&self, ask: Ask, location: &LocationId, delay: Duration) -> Result<(), PortError>;

    /// The same for many locations, in as few requests as there can be. Returns those that could not be asked; an error
    /// only if none could.
    async fn ask_all(&self, ask: Ask, asks: &[(LocationId, Duration)]) -> Result<Vec<LocationId>, PortError>;
}

/// The longest delay of a message (SQS: 15 minutes).
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// Messages that could not be handled: the dead-letter queue, and the queue beside it where what is no batch is parked.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// How many there are in both, about, those that somebody is at included; `None` if nobody said which queues they
    /// are.
    async fn depth(&self) -> Result<Option<u64>, PortError>;

    /// Puts a copy of `letter` into the parking queue, where nothing takes it but a person. Done twice it is there twice.
    async fn park(&self, letter: &DeadLetter) -> Result<(), PortError>;

    /// Takes up to `limit` (at most 10) letters out of `queue`; nobody else sees them for as long as `hidden_for`. None
    /// if there are none.
    async fn take(
        &self,
        queue: DeadLetterQueue,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<Vec<TakenDeadLetter>, PortError>;

    /// Deletes a letter for good. One that was deleted before is no error.
    async fn delete(&self, receipt: &Receipt) -> Result<(), PortError>;

    /// Shows a letter to everybody again, at once.
    async fn put_back(&self, receipt: &Receipt) -> Result<(), PortError>;
}

/// One of the two queues of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterQueue {
    /// The dead-letter queue of the batches.
    Dead,
    /// What is parked.
    Parked,
}

/// A letter that was taken out of its queue for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenDeadLetter {
    /// The letter.
    pub letter: DeadLetter,
    /// Names it to [`DeadLetters::delete`] and [`DeadLetters::put_back`].
    pub receipt: Receipt,
}

/// Who has taken a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Out of which queue.
    pub queue: DeadLetterQueue,
    /// The queue's name for this taking of the letter.
    pub handle: String,
}
