//! Decorates the queue of batches and the dead-letter queues.

use std::time::Duration;

use async_trait::async_trait;

use super::{FailNth, Op};
use ghl_sync_engine::ports::{BatchQueue, DeadLetterQueue, DeadLetters, PortError, Receipt, TakenDeadLetter};
use ghl_sync_model::{Ask, Batch, DeadLetter, LocationId};

#[async_trait]
impl<P: BatchQueue> BatchQueue for FailNth<P> {
    async fn send(&self, batch: &Batch, delay: Duration) -> Result<(), PortError> {
        self.faults.pass(Op::QueueSend, self.port.send(batch, delay)).await
    }

    async fn ask(&self, ask: Ask, location: &LocationId, delay: Duration) -> Result<(), PortError> {
        self.faults.pass(Op::QueueSend, self.port.ask(ask, location, delay)).await
    }

    async fn ask_all(&self, ask: Ask, asks: &[(LocationId, Duration)]) -> Result<Vec<LocationId>, PortError> {
        self.faults.pass(Op::QueueSend, self.port.ask_all(ask, asks)).await
    }
}

#[async_trait]
impl<P: DeadLetters> DeadLetters for FailNth<P> {
    async fn depth(&self) -> Result<Option<u64>, PortError> {
        self.faults.pass(Op::DeadLettersDepth, self.port.depth()).await
    }

    async fn park(&self, letter: &DeadLetter) -> Result<(), PortError> {
        self.faults.pass(Op::DeadLettersPark, self.port.park(letter)).await
    }

    async fn take(
        &self,
        queue: DeadLetterQueue,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<Vec<TakenDeadLetter>, PortError> {
        self.faults.pass(Op::DeadLettersTake, self.port.take(queue, limit, hidden_for)).await
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), PortError> {
        self.faults.pass(Op::DeadLettersDelete, self.port.delete(receipt)).await
    }

    async fn put_back(&self, receipt: &Receipt) -> Result<(), PortError> {
        self.faults.pass(Op::DeadLettersPutBack, self.port.put_back(receipt)).await
    }
}
