//! A standard queue in memory: at least once, in no order, and late when a test wants it.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{TestClock, lock};
use ghl_sync_engine::ports::{BatchQueue, Clock, MAX_DELAY, PortError};
use ghl_sync_model::{Ask, Batch, EpochMs, LocationId};

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives once, when it should.
    Arrives,
    /// It never arrives.
    Lost,
    /// It arrives this much later than it should.
    Late(Duration),
    /// It arrives when it should, and once more so much later.
    Twice(Duration),
}

/// A message that was received, and comes again unless it is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Names this message to [`MemoryQueue::delete`].
    pub id: u64,
    /// What is in it.
    pub batch: Batch,
}

/// Decides on the fate of the n-th message.
type Fates = Box<dyn Fn(u64, &Batch) -> Fate + Send + Sync>;

/// A [`BatchQueue`] in memory, with the side that receives.
pub struct MemoryQueue {
    clock: TestClock,
    /// A message that was received and not deleted comes again after this.
    visibility: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    sent: Vec<(EpochMs, Batch, Duration)>,
    asks: Vec<(Ask, LocationId, Duration)>,
    last_id: u64,
    fates: Option<Fates>,
    /// Nobody takes what is sent.
    is_gone: bool,
}

struct Message {
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

    /// From now on, `fates` decides what becomes of a message; it is told its number (from 1) and its content.
    pub fn decide(&self, fates: impl Fn(u64, &Batch) -> Fate + Send + Sync + 'static) {
        lock(&self.state).fates = Some(Box::new(fates));
    }

    /// The queue ends with its process: whatever is sent from now on is lost.
    pub fn end(&self) {
        lock(&self.state).is_gone = true;
    }

    /// It begins anew, empty: all messages that waited, or were received and not deleted, are lost.
    pub fn begin_anew(&self) {
        let mut state = lock(&self.state);
        state.messages.clear();
        state.is_gone = false;
    }

    /// All messages that were sent: when, what, and with which delay.
    #[must_use]
    pub fn sent(&self) -> Vec<(EpochMs, Batch, Duration)> {
        lock(&self.state).sent.clone()
    }

    /// The locations of which somebody has asked for this, and with which delay. Nobody receives these messages: a test
    /// does what they ask for itself.
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

    /// The next message that is there; waits for one.
    pub async fn receive(&self) -> Delivery {
        loop {
            let changed = self.changed.notified();
            let now = self.clock.now();
            match self.take(now) {
                Ok(delivery) => return delivery,
                Err(Some(visible_at)) => {
                    // Whichever comes first; a message more only makes us look again.
                    let _ = tokio::time::timeout(now.until(visible_at), changed).await;
                }
                Err(None) => changed.await,
            }
        }
    }

    /// The message is done with.
    pub fn delete(&self, id: u64) {
        lock(&self.state).messages.retain(|message| message.id != id);
    }

    /// A message that is visible, or else when the next one will be.
    fn take(&self, now: EpochMs) -> Result<Delivery, Option<EpochMs>> {
        let mut state = lock(&self.state);
        let first = state.messages.iter_mut().min_by_key(|message| (message.visible_at, message.id)).ok_or(None)?;
        if first.visible_at > now {
            return Err(Some(first.visible_at));
        }
        first.visible_at = now + self.visibility;
        let id = first.id;
        match Batch::from_json(&first.body) {
            Ok(batch) => Ok(Delivery { id, batch }),
            // What the engine writes it can read; anything else would be a dead letter.
            Err(_) => Err(Some(now)),
        }
    }

    fn accept(&self, batch: &Batch, delay: Duration) {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        state.sent.push((now, batch.clone(), delay));
        let number = state.sent.len() as u64;
        let fate = state.fates.as_ref().map_or(Fate::Arrives, |fates| fates(number, batch));
        let fate = if state.is_gone { Fate::Lost } else { fate };
        let due = now + Duration::from_secs(delay.min(MAX_DELAY).as_secs());
        let arrivals = match fate {
            Fate::Arrives => vec![due],
            Fate::Lost => vec![],
            Fate::Late(late) => vec![due + late],
            Fate::Twice(later) => vec![due, due + later],
        };
        for visible_at in arrivals {
            state.last_id += 1;
            let id = state.last_id;
            state.messages.push(Message { id, visible_at, body: batch.to_json() });
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

/// As SQS does: one character that it does not carry, or a body that is too long, and the message is refused.
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
    /// Sends `batch`; as with SQS, a part of a second is cut off the delay.
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
