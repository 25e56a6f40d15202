//! A standard queue in memory: delivers at least once, in no order, and late if a test wants it.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{TestClock, lock};
use ghl_sync_engine::ports::{BatchQueue, Clock, MAX_DELAY, PortError};
use ghl_sync_model::{Ask, Batch, EpochMs, LocationId};

/// The fate of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFate {
    /// It arrives once and on time.
    Arrives,
    /// It never arrives.
    Lost,
    /// It arrives this much later.
    Late(Duration),
    /// It arrives on time, and once more this much later.
    Twice(Duration),
}

/// A received message, which comes again unless it is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDelivery {
    /// Identifies the message for [`MemoryQueue::delete`].
    pub id: u64,
    /// Content of the message.
    pub batch: Batch,
}

/// Decides the fate of the n-th message.
type Fates = Box<dyn Fn(u64, &Batch) -> MessageFate + Send + Sync>;

/// A [`BatchQueue`] in memory, including its receiving side.
pub struct MemoryQueue {
    clock: TestClock,
    /// A message that was received but not deleted comes again after this time.
    visibility: Duration,
    state: Mutex<QueueState>,
    changed: Notify,
}

#[derive(Default)]
struct QueueState {
    messages: Vec<QueuedMessage>,
    sent: Vec<(EpochMs, Batch, Duration)>,
    asks: Vec<(Ask, LocationId, Duration)>,
    last_id: u64,
    fates: Option<Fates>,
    /// Whether sent messages are lost because the process has ended.
    is_gone: bool,
}

struct QueuedMessage {
    id: u64,
    visible_at: EpochMs,
    body: String,
}

impl MemoryQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(clock: TestClock, visibility: Duration) -> Self {
        MemoryQueue { clock, visibility, state: Mutex::default(), changed: Notify::new() }
    }

    /// From now on, `fates` decides the fate of each message by its number (from 1) and content.
    pub fn decide(&self, fates: impl Fn(u64, &Batch) -> MessageFate + Send + Sync + 'static) {
        lock(&self.state).fates = Some(Box::new(fates));
    }

    /// Ends the queue with its process: all messages sent from now on are lost.
    pub fn end(&self) {
        lock(&self.state).is_gone = true;
    }

    /// Restarts the queue empty: all messages that waited, or were received but not deleted, are lost.
    pub fn begin_anew(&self) {
        let mut state = lock(&self.state);
        state.messages.clear();
        state.is_gone = false;
    }

    /// All sent messages: time, batch and delay.
    #[must_use]
    pub fn sent(&self) -> Vec<(EpochMs, Batch, Duration)> {
        lock(&self.state).sent.clone()
    }

    /// The locations for which `ask` was requested, and the delays. Nobody receives these messages: a test performs
    /// them itself.
    #[must_use]
    pub fn asked(&self, ask: Ask) -> Vec<(LocationId, Duration)> {
        let state = lock(&self.state);
        let asks = state.asks.iter().filter(|(asked, ..)| *asked == ask);
        asks.map(|(_, location, delay)| (location.clone(), *delay)).collect()
    }

    /// Sends `batch` as a person with a console does.
    pub fn send_by_hand(&self, batch: &Batch) {
        self.accept(batch, Duration::ZERO);
    }

    /// Waits for the next message and receives it.
    pub async fn receive(&self) -> QueueDelivery {
        loop {
            let changed = self.changed.notified();
            let now = self.clock.now();
            match self.take(now) {
                Ok(delivery) => return delivery,
                Err(Some(visible_at)) => {
                    // Whichever comes first; an additional message only makes us check again.
                    let _ = tokio::time::timeout(now.until(visible_at), changed).await;
                }
                Err(None) => changed.await,
            }
        }
    }

    /// Deletes a message that was handled.
    pub fn delete(&self, id: u64) {
        lock(&self.state).messages.retain(|message| message.id != id);
    }

    /// A visible message, or else the time when the next one becomes visible.
    fn take(&self, now: EpochMs) -> Result<QueueDelivery, Option<EpochMs>> {
        let mut state = lock(&self.state);
        let first = state.messages.iter_mut().min_by_key(|message| (message.visible_at, message.id)).ok_or(None)?;
        if first.visible_at > now {
            return Err(Some(first.visible_at));
        }
        first.visible_at = now + self.visibility;
        let id = first.id;
        match Batch::from_json(&first.body) {
            Ok(batch) => Ok(QueueDelivery { id, batch }),
            // The engine writes only readable messages; anything else would be a dead-letter message.
            Err(_) => Err(Some(now)),
        }
    }

    fn accept(&self, batch: &Batch, delay: Duration) {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        state.sent.push((now, batch.clone(), delay));
        let number = state.sent.len() as u64;
        let fate = state.fates.as_ref().map_or(MessageFate::Arrives, |fates| fates(number, batch));
        let fate = if state.is_gone { MessageFate::Lost } else { fate };
        let due = now + Duration::from_secs(delay.min(MAX_DELAY).as_secs());
        let arrivals = match fate {
            MessageFate::Arrives => vec![due],
            MessageFate::Lost => vec![],
            MessageFate::Late(late) => vec![due + late],
            MessageFate::Twice(later) => vec![due, due + later],
        };
        for visible_at in arrivals {
            state.last_id += 1;
            let id = state.last_id;
            state.messages.push(QueuedMessage { id, visible_at, body: batch.to_json() });
        }
        drop(state);
        self.changed.notify_one();
    }
}

impl fmt::Debug for MemoryQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        let waiting = state.messages.iter().map(|message| (message.visible_at.0, &message.body));
        f.debug_map().entries(waiting).finish()
    }
}

/// Refuses a body with a character that SQS does not carry, or one that is too long, as SQS does.
fn check_body(body: &str) -> Result<(), PortError> {
    let carries = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
    if body.len() > 256 * 1024 {
        return Err(PortError::new("queue.send", "the message is longer than 256 KiB"));
    }
    if !body.chars().all(carries) {
        return Err(PortError::new("queue.send", "InvalidMessageContents"));
    }
    Ok(())
}

#[async_trait]
impl BatchQueue for MemoryQueue {
    /// Sends `batch`. As with SQS, the delay is rounded down to seconds.
    async fn send(&self, batch: &Batch, delay: Duration) -> Result<(), PortError> {
        check_body(&batch.to_json())?;
        self.accept(batch, delay);
        Ok(())
    }

    async fn ask(&self, ask: Ask, location: &LocationId, delay: Duration) -> Result<(), PortError> {
        lock(&self.state).asks.push((ask, location.clone(), delay));
        Ok(())
    }

    async fn ask_all(&self, ask: Ask, asks: &[(LocationId, Duration)]) -> Result<Vec<LocationId>, PortError> {
        let asks = asks.iter().map(|(location, delay)| (ask, location.clone(), *delay));
        lock(&self.state).asks.extend(asks);
        Ok(Vec::new())
    }
}
