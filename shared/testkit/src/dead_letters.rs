//! Dead-letter messages in memory.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::{TestClock, lock};
use ghl_sync_engine::ports::{Clock, DeadLetterQueue, DeadLetters, PortError, Receipt, TakenDeadLetter};
use ghl_sync_model::{DeadLetter, EpochMs};

/// [`DeadLetters`] in memory: both queues.
#[derive(Debug)]
pub struct MemoryDeadLetters {
    clock: TestClock,
    letters: Mutex<Vec<QueuedDeadLetter>>,
}

/// A message in its queue. Its receipt consists of its number and the count of its receives, so that an old receipt
/// is invalid.
#[derive(Debug, Clone)]
struct QueuedDeadLetter {
    letter: DeadLetter,
    queue: DeadLetterQueue,
    number: usize,
    visible_at: EpochMs,
    taken: u64,
}

impl MemoryDeadLetters {
    /// Both queues, empty.
    #[must_use]
    pub fn new(clock: TestClock) -> Self {
        MemoryDeadLetters { clock, letters: Mutex::default() }
    }

    /// Adds a message that died.
    pub fn add(&self, queue: DeadLetterQueue, letter: DeadLetter) {
        let visible_at = self.clock.now();
        let mut letters = lock(&self.letters);
        let number = letters.iter().map(|kept| kept.number + 1).max().unwrap_or_default();
        letters.push(QueuedDeadLetter { letter, queue, number, visible_at, taken: 0 });
    }

    /// The ids of the visible messages.
    #[must_use]
    pub fn visible(&self, queue: DeadLetterQueue) -> Vec<String> {
        let now = self.clock.now();
        let letters = lock(&self.letters);
        let visible = letters.iter().filter(|kept| kept.queue == queue && kept.visible_at <= now);
        visible.map(|kept| kept.letter.id.clone()).collect()
    }
}

impl QueuedDeadLetter {
    fn receipt(&self) -> Receipt {
        Receipt { queue: self.queue, handle: format!("{}-{}", self.number, self.taken) }
    }
}

#[async_trait]
impl DeadLetters for MemoryDeadLetters {
    async fn depth(&self) -> Result<Option<u64>, PortError> {
        Ok(Some(lock(&self.letters).len() as u64))
    }

    async fn park(&self, letter: &DeadLetter) -> Result<(), PortError> {
        self.add(DeadLetterQueue::Parked, letter.clone());
        Ok(())
    }

    async fn take(
        &self,
        queue: DeadLetterQueue,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<Vec<TakenDeadLetter>, PortError> {
        let now = self.clock.now();
        let mut letters = lock(&self.letters);
        let visible = letters.iter_mut().filter(|kept| kept.queue == queue && kept.visible_at <= now);
        let taken = visible.take(limit as usize).map(|kept| {
            kept.visible_at = now + hidden_for;
            kept.taken += 1;
            TakenDeadLetter { letter: kept.letter.clone(), receipt: kept.receipt() }
        });
        Ok(taken.collect())
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), PortError> {
        lock(&self.letters).retain(|kept| kept.receipt() != *receipt);
        Ok(())
    }

    async fn put_back(&self, receipt: &Receipt) -> Result<(), PortError> {
        let now = self.clock.now();
        for kept in lock(&self.letters).iter_mut().filter(|kept| kept.receipt() == *receipt) {
            kept.visible_at = now;
        }
        Ok(())
    }
}
