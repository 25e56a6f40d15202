//! Reads messages of the ingest queue. Each holds items in the format of the HTTP API, for senders that can reach a
//! queue but cannot call an API.
//!
//! Rejected items are set aside with the reason, and the others go on. If a store fails, the message is delivered
//! again. Of one record's contents the newest wins, in whatever order the messages arrive.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{Engine, Event};
use ghl_sync_model::{EpochMs, ImportId, LocationId, Priority, PutRecord};

use self::read::{Placed, fault, items_of};
use crate::items::ItemFault;
use crate::{ImportError, take_into_import};

/// Messages are processed together until they hold this many records.
const GROUP: usize = 2_000;
/// Time reserved for one such group: messages that cannot be started in time are delivered again.
const TIME_FOR_A_GROUP: Duration = Duration::from_secs(20);
/// Most faults reported per message; further ones are only counted.
const TOLD: usize = 5;

/// A message of the ingest queue.
#[derive(Debug, Clone, Default)]
pub struct IngestMessage {
    /// SQS's id of the message.
    pub id: String,
    /// One item as JSON, or a list of them.
    pub body: String,
    /// When the message was sent.
    pub sent_at: Option<EpochMs>,
    /// The attribute `location_id`: default location for items without one.
    pub location_id: Option<String>,
    /// The attribute `import`: default import for items without one.
    pub import: Option<String>,
    /// The attribute `as_of`: default date of the content for items without one.
    pub as_of: Option<String>,
}

/// The rejected items of a message.
#[derive(Debug)]
pub struct RefusedLetter<'a> {
    /// The message.
    pub message: &'a IngestMessage,
    /// The rejected item, a list of several, or the whole body. Sent again as a message, it is rejected again until it
    /// is fixed.
    pub body: String,
    /// The fields and their problems, without values.
    pub reason: String,
    /// Date of the content, if the message has one: sent again, it must not replace newer content.
    pub as_of: Option<String>,
}

/// Stores rejected items.
#[async_trait]
pub trait RefusedItems: Send + Sync {
    /// Keeps the items for a person to look at.
    async fn put_aside(&self, refused: &RefusedLetter<'_>) -> Result<(), PortError>;
}

/// Processes the messages of the ingest queue. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    engine: Engine,
    refused: Arc<dyn RefusedItems>,
}

/// A message, with its items read.
struct SortedMessage<'a> {
    message: &'a IngestMessage,
    records: Vec<PutRecord>,
    /// Rejected items: position, text and fault.
    refused: Vec<(usize, &'a str, ItemFault)>,
    /// Whether something could not be looked up, stored or set aside, so that the message must be delivered again.
    must_repeat: bool,
}

/// Lookups cached while messages are processed.
#[derive(Default)]
struct LookupCache {
    /// The default priority of each location; `None` if the location is unknown.
    locations: BTreeMap<LocationId, Option<Priority>>,
    /// Each import that was looked up; `None` if it takes no records.
    imports: BTreeMap<(LocationId, ImportId), Option<OpenImport>>,
}

/// An import that takes records.
#[derive(Debug, Clone, Copy)]
struct OpenImport {
    undo_since: Option<EpochMs>,
}

impl Intake {
    /// Puts records through `engine`, and rejected items into `refused`.
    #[must_use]
    pub fn new(engine: Engine, refused: Arc<dyn RefusedItems>) -> Intake {
        Intake { engine, refused }
    }

    /// A copy with another engine.
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Intake {
        Intake { engine, ..self.clone() }
    }

    /// Processes `messages` until `deadline`. Returns for each whether it is done with; the others must be delivered
    /// again, which is safe.
    pub async fn take(&self, messages: &[IngestMessage], deadline: EpochMs) -> Vec<bool> {
        let mut done = Vec::with_capacity(messages.len());
        let (mut stored, mut refused) = (0, 0);
        let mut cache = LookupCache::default();
        let mut rest = messages.iter();
        while !rest.as_slice().is_empty() && self.now() + TIME_FOR_A_GROUP <= deadline {
            let mut group: Vec<SortedMessage<'_>> = Vec::new();
            while group.iter().map(|sorted| sorted.records.len()).sum::<usize>() < GROUP {
                let Some(message) = rest.next() else { break };
                group.push(self.sort(message, &mut cache).await);
            }
            stored += self.put(&mut group).await;
            refused += self.put_aside(&mut group).await;
            done.extend(group.iter().map(|sorted| !sorted.must_repeat));
        }
        done.resize(messages.len(), false);
        let repeated = done.iter().filter(|done| !**done).count();
        self.emit(&Event::Ingested { messages: messages.len(), stored, refused, repeated });
        done
    }

    /// Reads the items of a message one by one.
    async fn sort<'a>(&self, message: &'a IngestMessage, cache: &mut LookupCache) -> SortedMessage<'a> {
        let mut sorted = SortedMessage { message, records: Vec::new(), refused: Vec::new(), must_repeat: false };
        let items = match items_of(&message.body) {
            Ok(items) => items,
            Err(fault) => {
                sorted.refused.push((0, &message.body, fault));
                return sorted;
            }
        };
        let now = self.now();
        for (place, text) in items.into_iter().enumerate() {
            let read = match Placed::read(text, message) {
                Ok(placed) => match self.record(&placed, message, cache, now).await {
                    Ok(read) => read,
                    Err(error) => {
                        self.engine.port_failed(placed.location, &error);
                        sorted.must_repeat = true;
                        return sorted;
                    }
                },
                Err(fault) => Err(fault),
            };
            match read {
                Ok(record) => sorted.records.push(record),
                Err(fault) => sorted.refused.push((place, text, fault)),
            }
        }
        sorted
    }

    /// The record in an item, or the reason to reject it.
    async fn record(
        &self,
        placed: &Placed,
        message: &IngestMessage,
        cache: &mut LookupCache,
        now: EpochMs,
    ) -> Result<Result<PutRecord, ItemFault>, PortError> {
        let Some(default) = self.priority(&placed.location, cache).await? else {
            return Ok(Err(fault("location_id", UNKNOWN_LOCATION)));
        };
        let record = match placed.record(default, message, now) {
            Ok(record) => record,
            Err(fault) => return Ok(Err(fault)),
        };
        let Some(import) = &record.import else { return Ok(Ok(record)) };
        Ok(match self.takes(&placed.location, import, cache).await? {
            Some(OpenImport { undo_since }) => Ok(PutRecord { undo_since, ..record }),
            None => Err(fault("import", CANCELLED_IMPORT)),
        })
    }

    /// The default priority of `location`, or `None` if the location is unknown.
    async fn priority(&self, location: &LocationId, cache: &mut LookupCache) -> Result<Option<Priority>, PortError> {
        if let Some(known) = cache.locations.get(location) {
            return Ok(*known);
        }
        let settings = self.engine.ports().registry.location(location).await?;
        let priority = settings.map(|settings| settings.default_priority);
        cache.locations.insert(location.clone(), priority);
        Ok(priority)
    }

    /// The import, if it takes records. It begins with its first record.
    async fn takes(
        &self,
        location: &LocationId,
        import: &ImportId,
        cache: &mut LookupCache,
    ) -> Result<Option<OpenImport>, PortError> {
        let key = (location.clone(), import.clone());
        if let Some(takes) = cache.imports.get(&key) {
            return Ok(*takes);
        }
        let takes = match take_into_import(&self.engine, location, import).await {
            Ok(undo_since) => Some(OpenImport { undo_since }),
            Err(ImportError::Port(error)) => return Err(error),
            Err(_) => None,
        };
        cache.imports.insert(key, takes);
        Ok(takes)
    }

    /// Puts the records of all messages together, so that each gate is notified once. Returns how many were stored, or
    /// need not be.
    async fn put(&self, group: &mut [SortedMessage<'_>]) -> usize {
        let in_order = group.iter_mut().filter(|sorted| !sorted.must_repeat);
        let records: Vec<PutRecord> = in_order.flat_map(|sorted| sorted.records.iter().cloned()).collect();
        if records.is_empty() {
            return 0;
        }
        let put = self.engine.put_and_start(&records).await;
        let mut ends = put.items.iter().map(Result::is_ok);
        for sorted in group.iter_mut().filter(|sorted| !sorted.must_repeat) {
            let failed = ends.by_ref().take(sorted.records.len()).filter(|is_put| !is_put).count();
            sorted.must_repeat = failed > 0;
        }
        put.items.iter().filter(|item| item.is_ok()).count()
    }

    /// Sets aside rejected items, one letter per message, except for messages that will be delivered again anyway.
    /// Returns the number of items.
    async fn put_aside(&self, group: &mut [SortedMessage<'_>]) -> usize {
        let refused = group.iter_mut().filter(|sorted| !sorted.must_repeat && !sorted.refused.is_empty());
        let put_aside = refused.map(async |sorted| {
            let letter = letter(sorted.message, &sorted.refused);
            if let Err(error) = self.refused.put_aside(&letter).await {
                self.emit(&Event::PortFailed { scope: None, error: &error });
                sorted.must_repeat = true;
                return 0;
            }
            let (message_id, items) = (sorted.message.id.as_str(), sorted.refused.len());
            self.emit(&Event::ItemsRefused { message_id, items, reason: &letter.reason });
            items
        });
        futures::future::join_all(put_aside).await.into_iter().sum()
    }

    fn now(&self) -> EpochMs {
        self.engine.ports().clock.now()
    }

    fn emit(&self, event: &Event<'_>) {
        self.engine.ports().sink.emit(event);
    }
}

const UNKNOWN_LOCATION: &str =
    "is not in GHL_LOCATIONS, and nothing was ever set for it; PUT its settings by the API (`{}` will do)";

const CANCELLED_IMPORT: &str =
    "was cancelled or undone, and takes no more records until its `state` is set to `open` by the API";

/// The letter with the rejected items of `message`.
fn letter<'a>(message: &'a IngestMessage, refused: &[(usize, &'a str, ItemFault)]) -> RefusedLetter<'a> {
    let body = match refused {
        [(_, item, _)] => (*item).to_owned(),
        items => format!("[{}]", items.iter().map(|(_, item, _)| *item).collect::<Vec<_>>().join(",")),
    };
    let as_of = message.as_of.clone().or_else(|| message.sent_at.map(|time| time.0.to_string()));
    RefusedLetter { message, body, reason: reason(refused), as_of }
}

fn reason(refused: &[(usize, &str, ItemFault)]) -> String {
    let mut reason = String::new();
    for (n, (place, _, ItemFault { field, detail })) in refused.iter().take(TOLD).enumerate() {
        let separator = if n > 0 { "; " } else { "" };
        let what = match (field.as_str(), refused.len()) {
            ("", 1) => "the body",
            ("", _) => "it",
            (field, _) => field,
        };
        // Writing to a string cannot fail.
        let _ = match refused.len() {
            1 => write!(reason, "{what} {detail}"),
            _ => write!(reason, "{separator}item {place}: {what} {detail}"),
        };
    }
    if refused.len() > TOLD {
        let _ = write!(reason, "; and {} more", refused.len() - TOLD);
    }
    reason
}
