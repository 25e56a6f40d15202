//! The ingest queue's messages: each holds items as the HTTP API takes them, for whatever sends to a queue and cannot
//! call an API.
//!
//! What is refused is put aside, with the reason, and its neighbours go on. What a store did not take comes again with its
//! message. Of one record's contents the newest stands, in whatever order the messages come.

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

/// Messages are taken together until they hold so many records.
const GROUP: usize = 2_000;
/// Time for one such group: what cannot be begun by then comes again.
const TIME_FOR_A_GROUP: Duration = Duration::from_secs(20);
/// Faults of one message that are told; the others are counted.
const TOLD: usize = 5;

/// A message of the ingest queue.
#[derive(Debug, Clone, Default)]
pub struct IngestMessage {
    /// SQS's id of the message.
    pub id: String,
    /// One item as JSON, or a list of them.
    pub body: String,
    /// When it was sent.
    pub sent_at: Option<EpochMs>,
    /// The attribute `location_id`: whose the items are that do not say it themselves.
    pub location_id: Option<String>,
    /// The attribute `import`: the import of the items that do not say it themselves.
    pub import: Option<String>,
    /// The attribute `as_of`: when the items were true that do not say it themselves.
    pub as_of: Option<String>,
}

/// What cannot be taken of a message.
#[derive(Debug)]
pub struct Refused<'a> {
    /// The message.
    pub message: &'a IngestMessage,
    /// The refused item, a list of several, or the whole body: as a message it is refused again until it is mended.
    pub body: String,
    /// Which fields, and what is wrong with them. Nothing of what they say.
    pub reason: String,
    /// When it was true, as far as the message says: sent again, it must not replace what is newer.
    pub as_of: Option<String>,
}

/// Where refused items go.
#[async_trait]
pub trait RefusedItems: Send + Sync {
    /// Keeps it for a person to look at.
    async fn put_aside(&self, refused: &Refused<'_>) -> Result<(), PortError>;
}

/// Takes in the messages of the ingest queue. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    engine: Engine,
    refused: Arc<dyn RefusedItems>,
}

/// A message, and what its items are.
struct Sorted<'a> {
    message: &'a IngestMessage,
    records: Vec<PutRecord>,
    /// The texts of refused items with their places, and why.
    refused: Vec<(usize, &'a str, ItemFault)>,
    /// Something of it could not be looked up, stored or put aside: the message comes again.
    must_repeat: bool,
}

/// What was asked for while messages are taken in.
#[derive(Default)]
struct Asked {
    /// The default priority of each location; `None` of one that nobody knows.
    locations: BTreeMap<LocationId, Option<Priority>>,
    /// Whether each import takes records, and since when it can be undone.
    imports: BTreeMap<(LocationId, ImportId), Option<Taken>>,
}

/// How an import takes records.
#[derive(Debug, Clone, Copy)]
struct Taken {
    undo_since: Option<EpochMs>,
}

impl Intake {
    /// Puts records by `engine`, and what is refused aside into `refused`.
    #[must_use]
    pub fn new(engine: Engine, refused: Arc<dyn RefusedItems>) -> Intake {
        Intake { engine, refused }
    }

    /// The same, with another engine.
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Intake {
        Intake { engine, ..self.clone() }
    }

    /// Takes `messages` in, and ends before `deadline`. Returns of each whether it is done with; one that is not must
    /// come again, which does no harm.
    pub async fn take(&self, messages: &[IngestMessage], deadline: EpochMs) -> Vec<bool> {
        let mut done = Vec::with_capacity(messages.len());
        let (mut stored, mut refused) = (0, 0);
        let mut asked = Asked::default();
        let mut rest = messages.iter();
        while !rest.as_slice().is_empty() && self.now() + TIME_FOR_A_GROUP <= deadline {
            let mut group: Vec<Sorted<'_>> = Vec::new();
            while group.iter().map(|sorted| sorted.records.len()).sum::<usize>() < GROUP {
                let Some(message) = rest.next() else { break };
                group.push(self.sort(message, &mut asked).await);
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

    /// Reads a message's items, each by itself.
    async fn sort<'a>(&self, message: &'a IngestMessage, asked: &mut Asked) -> Sorted<'a> {
        let mut sorted = Sorted { message, records: Vec::new(), refused: Vec::new(), must_repeat: false };
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
                Ok(placed) => match self.record(&placed, message, asked, now).await {
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

    /// The record that an item puts, or why it is refused.
    async fn record(
        &self,
        placed: &Placed,
        message: &IngestMessage,
        asked: &mut Asked,
        now: EpochMs,
    ) -> Result<Result<PutRecord, ItemFault>, PortError> {
        let Some(default) = self.priority(&placed.location, asked).await? else {
            return Ok(Err(fault("location_id", UNKNOWN_LOCATION)));
        };
        let record = match placed.record(default, message, now) {
            Ok(record) => record,
            Err(fault) => return Ok(Err(fault)),
        };
        let Some(import) = &record.import else { return Ok(Ok(record)) };
        Ok(match self.takes(&placed.location, import, asked).await? {
            Some(Taken { undo_since }) => Ok(PutRecord { undo_since, ..record }),
            None => Err(fault("import", CANCELLED_IMPORT)),
        })
    }

    /// The default priority of `location`, or `None` if nobody knows it.
    async fn priority(&self, location: &LocationId, asked: &mut Asked) -> Result<Option<Priority>, PortError> {
        if let Some(known) = asked.locations.get(location) {
            return Ok(*known);
        }
        let settings = self.engine.ports().registry.location(location).await?;
        let priority = settings.map(|settings| settings.default_priority);
        asked.locations.insert(location.clone(), priority);
        Ok(priority)
    }

    /// How an import takes records, if it does; it begins with the first of them.
    async fn takes(
        &self,
        location: &LocationId,
        import: &ImportId,
        asked: &mut Asked,
    ) -> Result<Option<Taken>, PortError> {
        let key = (location.clone(), import.clone());
        if let Some(takes) = asked.imports.get(&key) {
            return Ok(*takes);
        }
        let takes = match take_into_import(&self.engine, location, import).await {
            Ok(undo_since) => Some(Taken { undo_since }),
            Err(ImportError::Port(error)) => return Err(error),
            Err(_) => None,
        };
        asked.imports.insert(key, takes);
        Ok(takes)
    }

    /// Puts the records of all messages together, so that each gate is told once. Returns how many were stored, or need
    /// not be.
    async fn put(&self, group: &mut [Sorted<'_>]) -> usize {
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

    /// Puts aside what is refused, one letter a message; not of a message that comes again anyway. Returns how many items.
    async fn put_aside(&self, group: &mut [Sorted<'_>]) -> usize {
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

/// What is put aside of `message`.
fn letter<'a>(message: &'a IngestMessage, refused: &[(usize, &'a str, ItemFault)]) -> Refused<'a> {
    let body = match refused {
        [(_, item, _)] => (*item).to_owned(),
        items => format!("[{}]", items.iter().map(|(_, item, _)| *item).collect::<Vec<_>>().join(",")),
    };
    let as_of = message.as_of.clone().or_else(|| message.sent_at.map(|time| time.0.to_string()));
    Refused { message, body, reason: reason(refused), as_of }
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
        // Writing to a text cannot fail.
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
