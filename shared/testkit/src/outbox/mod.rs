//! The outbox in memory, with the semantics of the DynamoDB outbox in `shared/aws`.

mod item;
mod learn;
#[cfg(test)]
mod tests;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;

use self::item::{OutboxItem, record};
use super::lock;
use ghl_sync_engine::ports::{
    Backlog, Due, FailedPage, ImportPage, ListedPage, Loaded, Outbox, PortError, Put, Settled, Tallied,
};
use ghl_sync_model::{
    EpochMs, ErrorCode, FailedCursor, GhlId, ImportId, ImportStanding, Kind, LastError, LocationId, Outcome, Payload,
    Priority, PutRecord, Record, RecordCursor, RecordKey, Resolution,
};

/// An [`Outbox`] in memory.
#[derive(Debug, Default)]
pub struct MemoryOutbox {
    state: Mutex<OutboxState>,
}

type Key = (LocationId, RecordKey);

#[derive(Debug, Default)]
struct OutboxState {
    items: BTreeMap<Key, OutboxItem>,
    due: Index<(Priority, EpochMs)>,
    ghl: Index<GhlId>,
    imports: Index<(ImportId, ImportStanding)>,
    is_confused: bool,
}

/// The records of each location, in the order of the index.
#[derive(Debug)]
struct Index<E> {
    entries: BTreeMap<Key, E>,
    order: BTreeMap<(LocationId, E), BTreeSet<RecordKey>>,
}

impl<E> Default for Index<E> {
    fn default() -> Self {
        Index { entries: BTreeMap::new(), order: BTreeMap::new() }
    }
}

impl<E: Ord + Clone> Index<E> {
    fn set(&mut self, key: &Key, entry: Option<E>) {
        if self.entries.get(key) == entry.as_ref() {
            return;
        }
        if let Some(before) = self.entries.remove(key)
            && let Entry::Occupied(mut place) = self.order.entry((key.0.clone(), before))
        {
            place.get_mut().remove(&key.1);
            if place.get().is_empty() {
                place.remove();
            }
        }
        if let Some(entry) = entry {
            self.order.entry((key.0.clone(), entry.clone())).or_default().insert(key.1.clone());
            self.entries.insert(key.clone(), entry);
        }
    }

    fn within(&self, location: &LocationId, from: E, to: E) -> impl Iterator<Item = (&E, &RecordKey)> {
        let entries = self.order.range((location.clone(), from)..=(location.clone(), to));
        entries.flat_map(|((_, entry), keys)| keys.iter().map(move |key| (entry, key)))
    }
}

impl MemoryOutbox {
    /// Breaks the outbox from now on: of several records with one GHL id it hides the one that GHL accepted last, and
    /// it forgets overruled content. A check that records never flip must detect this.
    pub fn confuse(&self) {
        lock(&self.state).is_confused = true;
    }

    /// The current record.
    #[must_use]
    pub fn record(&self, location: &LocationId, key: &RecordKey) -> Option<Record> {
        let key = (location.clone(), key.clone());
        lock(&self.state).items.get(&key).map(|item| record(&key, item))
    }

    /// All current records.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        lock(&self.state).items.iter().map(|(key, item)| record(key, item)).collect()
    }

    /// The records that are due now or later.
    #[must_use]
    pub fn open(&self) -> Vec<Record> {
        let state = lock(&self.state);
        let open = state.items.iter().filter(|(_, item)| item.in_due_index);
        open.map(|(key, item)| record(key, item)).collect()
    }

    /// Number of records that are due now or later.
    #[must_use]
    pub fn open_count(&self) -> usize {
        lock(&self.state).items.values().filter(|item| item.in_due_index).count()
    }

    /// The permanently failed records.
    #[must_use]
    pub fn failed(&self) -> Vec<Record> {
        let state = lock(&self.state);
        let failed = state.items.iter().filter(|(_, item)| item.failed_at.is_some());
        failed.map(|(key, item)| record(key, item)).collect()
    }

    /// The failed records of `location` and their times, in the index's order.
    fn failed_in(&self, location: &LocationId) -> Vec<(EpochMs, RecordKey)> {
        let state = lock(&self.state);
        let failed = state.items.iter().filter(|((of, _), _)| of == location);
        let mut failed: Vec<_> = failed.filter_map(|((_, key), item)| Some((item.failed_at?, key.clone()))).collect();
        failed.sort();
        failed
    }

    /// The request that a dry run stored with the record.
    #[must_use]
    pub fn dry_run(&self, location: &LocationId, key: &RecordKey) -> Option<String> {
        lock(&self.state).items.get(&(location.clone(), key.clone()))?.dry_run.clone()
    }

    /// Makes the record unreadable; a put repairs it.
    pub fn damage(&self, location: &LocationId, key: &RecordKey, reason: &str) {
        if let Some(item) = lock(&self.state).items.get_mut(&(location.clone(), key.clone())) {
            item.damage = Some(reason.to_owned());
        }
    }

    /// Deletes the record, as a person with a console does.
    pub fn delete(&self, location: &LocationId, key: &RecordKey) {
        let key = (location.clone(), key.clone());
        let mut state = lock(&self.state);
        state.items.remove(&key);
        state.index(&key);
    }

    /// Changes the item of `key`, and then its index entries.
    fn change<T>(&self, key: &Key, change: impl FnOnce(&mut BTreeMap<Key, OutboxItem>) -> T) -> T {
        let mut state = lock(&self.state);
        let answer = change(&mut state.items);
        state.index(key);
        answer
    }
}

impl OutboxState {
    /// Updates the indexes from the item of `key`.
    fn index(&mut self, key: &Key) {
        let entry = self.items.get(key).filter(|item| item.in_due_index);
        let entry = entry.and_then(|item| Some((item.priority, item.due_at?)));
        self.due.set(key, entry);
        let ghl_id = self.items.get(key).and_then(|item| item.ghl_id.clone());
        self.ghl.set(key, ghl_id);
        let import =
            self.items.get(key).and_then(|item| Some((item.import.clone()?, ImportStanding::of(&record(key, item)))));
        self.imports.set(key, import);
    }
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn put(&self, put: &PutRecord, now: EpochMs) -> Result<Put, PortError> {
        let key = (put.location_id.clone(), put.key());
        self.change(&key, |items| match items.get_mut(&key) {
            Some(item) if put.as_of.is_some_and(|as_of| as_of < item.true_since()) => Ok(Put::Outdated),
            Some(item) if item.has_settled(put) && !item.in_due_index => {
                item.as_of = put.as_of.or(item.as_of.map(|as_of| as_of.max(now)));
                Ok(Put::Unchanged)
            }
            Some(item) => item.within_bounds("outbox.put", |item| item.put(put, now)).map(|()| Put::Stored),
            None => {
                let mut item = OutboxItem::new(put, now);
                item.within_bounds("outbox.put", |_| ())?;
                items.insert(key.clone(), item);
                Ok(Put::Stored)
            }
        })
    }

    async fn due(&self, location: &LocationId, priority: Priority, limit: u32) -> Result<Vec<Due>, PortError> {
        let state = lock(&self.state);
        let due = state.due.within(location, (priority, EpochMs(0)), (priority, EpochMs::NEVER));
        Ok(due.take(limit as usize).map(|((_, due_at), key)| Due { key: key.clone(), due_at: *due_at }).collect())
    }

    async fn load(&self, location: &LocationId, keys: &[RecordKey]) -> Result<Vec<Loaded>, PortError> {
        let state = lock(&self.state);
        let mut seen = BTreeSet::new();
        let keys = keys.iter().filter(|key| seen.insert(*key)).map(|key| (location.clone(), key.clone()));
        Ok(keys
            .filter_map(|key| {
                let item = state.items.get(&key)?;
                Some(loaded(&key, item))
            })
            .collect())
    }

    async fn settle(&self, sent: &Record, outcome: &Outcome, now: EpochMs) -> Result<Settled, PortError> {
        let key = (sent.location_id.clone(), sent.key.clone());
        self.change(&key, |items| {
            let Some(item) = items.get_mut(&key) else {
                return Ok(Settled::ChangedMeanwhile); // A deleted record must not come back.
            };
            if *outcome == Outcome::Deleted {
                if item.version == sent.version && item.deletion {
                    items.remove(&key);
                    return Ok(Settled::Done);
                }
                item.learn(sent, outcome, now);
                return Ok(Settled::ChangedMeanwhile);
            }
            if item.is_awaited_by_more_than(sent, outcome) {
                return Ok(Settled::AwaitedByMore);
            }
            item.within_bounds("outbox.settle", |item| {
                if item.version == sent.version && item.settle(sent, outcome, now) {
                    return Settled::Done;
                }
                item.learn(sent, outcome, now);
                Settled::ChangedMeanwhile
            })
        })
    }

    async fn quarantine(
        &self,
        location: &LocationId,
        key: &RecordKey,
        reason: &str,
        now: EpochMs,
    ) -> Result<(), PortError> {
        let key = (location.clone(), key.clone());
        self.change(&key, |items| {
            if let Some(item) = items.get_mut(&key).filter(|item| item.damage.is_some()) {
                let message = reason.to_owned();
                item.fail(&LastError { code: ErrorCode::Internal, status: None, message, at: now }, now);
            }
        });
        Ok(())
    }

    async fn count_due(&self, location: &LocationId, priority: Priority, cap: u32) -> Result<Backlog, PortError> {
        let due = self.due(location, priority, u32::MAX).await?;
        Ok(Backlog { tallied: tallied(due.len(), cap), oldest_at: due.first().map(|due| due.due_at) })
    }

    async fn backlog(&self, location: &LocationId, cap: u32) -> Result<[Backlog; 3], PortError> {
        let [high, normal, low] = Priority::ALL.map(|priority| self.count_due(location, priority, cap));
        Ok([high.await?, normal.await?, low.await?])
    }

    async fn count_failed(&self, location: &LocationId, cap: u32) -> Result<Tallied, PortError> {
        Ok(tallied(self.failed_in(location).len(), cap))
    }

    async fn failed(
        &self,
        location: &LocationId,
        after: Option<&FailedCursor>,
        limit: u32,
    ) -> Result<FailedPage, PortError> {
        let after = after.map(|cursor| (cursor.failed_at, cursor.key.clone()));
        let failed =
            self.failed_in(location).into_iter().filter(|place| after.as_ref().is_none_or(|after| place > after));
        let mut page: Vec<_> = failed.take(limit as usize + 1).collect();
        let more = page.len() > limit as usize;
        page.truncate(limit as usize);
        let next = page.last().filter(|_| more);
        let next = next.map(|(failed_at, key)| FailedCursor { failed_at: *failed_at, key: key.clone() });
        Ok(FailedPage { keys: page.into_iter().map(|(_, key)| key).collect(), next })
    }

    async fn listed(
        &self,
        location: &LocationId,
        kind: Option<Kind>,
        after: Option<&RecordCursor>,
        limit: u32,
    ) -> Result<ListedPage, PortError> {
        let state = lock(&self.state);
        let of_location = state.items.iter().filter(|((of, key), _)| {
            of == location && kind.is_none_or(|kind| key.kind == kind) && after.is_none_or(|after| *key > after.key)
        });
        let mut page: Vec<_> = of_location.take(limit as usize + 1).collect();
        let more = page.len() > limit as usize;
        page.truncate(limit as usize);
        let next = page.last().filter(|_| more).map(|((_, key), _)| RecordCursor { key: key.clone() });
        Ok(ListedPage { records: page.into_iter().map(|(key, item)| loaded(key, item)).collect(), next })
    }

    async fn ask_deletion(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        let key = (record.location_id.clone(), record.key.clone());
        Ok(self.change(&key, |items| items.get_mut(&key).is_some_and(|item| item.ask_deletion(record, now))))
    }

    async fn drop_content(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        let key = (record.location_id.clone(), record.key.clone());
        Ok(self.change(&key, |items| items.get_mut(&key).is_some_and(|item| item.drop_content(record, now))))
    }

    async fn ask_undo(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        let key = (record.location_id.clone(), record.key.clone());
        Ok(self.change(&key, |items| items.get_mut(&key).is_some_and(|item| item.ask_undo(record, now))))
    }

    async fn forget(&self, location: &LocationId, key: &RecordKey) -> Result<Option<Vec<RecordKey>>, PortError> {
        let key = (location.clone(), key.clone());
        Ok(self.change(&key, |items| items.remove(&key).map(|item| item.awaited_by.into_iter().collect())))
    }

    async fn replay(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        let key = (record.location_id.clone(), record.key.clone());
        Ok(self.change(&key, |items| match items.get_mut(&key) {
            Some(item) if item.failed_at.is_some() && item.version == record.version => {
                item.failed_at = None;
                item.in_due_index = true;
                item.due_at = Some(now);
                item.attempts = 0;
                true
            }
            _ => false,
        }))
    }

    async fn mend(&self, record: &Record, payload: &Payload, now: EpochMs) -> Result<bool, PortError> {
        let key = (record.location_id.clone(), record.key.clone());
        self.change(&key, |items| match items.get_mut(&key) {
            Some(item) if item.failed_at.is_some() && item.version == record.version => {
                item.within_bounds("outbox.mend", |item| item.mend(record, payload, now)).map(|()| true)
            }
            _ => Ok(false),
        })
    }

    async fn dismiss(&self, record: &Record) -> Result<Option<Vec<RecordKey>>, PortError> {
        let key = (record.location_id.clone(), record.key.clone());
        Ok(self.change(&key, |items| match items.get(&key) {
            Some(item) if item.failed_at.is_none() || item.version != record.version => None,
            Some(_) => items.remove(&key).map(|item| item.awaited_by.into_iter().collect()),
            None => Some(record.awaited_by.clone()),
        }))
    }

    async fn await_id(&self, waiting: &Record, awaited: &RecordKey) -> Result<bool, PortError> {
        let key = (waiting.location_id.clone(), awaited.clone());
        Ok(self.change(&key, |items| items.get_mut(&key).is_some_and(|item| item.await_id(&waiting.key))))
    }

    async fn wake(&self, waiting: &Record, awaited: &RecordKey, now: EpochMs) -> Result<(), PortError> {
        let key = (waiting.location_id.clone(), waiting.key.clone());
        if let Some(due_at) = waiting.woken_at(awaited, now) {
            self.change(&key, |items| {
                if let Some(item) = items.get_mut(&key) {
                    item.wake(awaited, due_at);
                }
            });
        }
        Ok(())
    }

    async fn of_ghl_id(&self, location: &LocationId, ghl_id: &GhlId) -> Result<Vec<RecordKey>, PortError> {
        let state = lock(&self.state);
        let mut keys: Vec<RecordKey> =
            state.ghl.within(location, ghl_id.clone(), ghl_id.clone()).map(|(_, key)| key.clone()).collect();
        if state.is_confused && keys.len() > 1 {
            keys.sort_by_key(|key| state.items.get(&(location.clone(), key.clone())).and_then(|item| item.accepted_at));
            keys.pop();
        }
        Ok(keys)
    }

    async fn count_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        cap: u32,
    ) -> Result<Tallied, PortError> {
        let place = (import.clone(), standing);
        Ok(tallied(lock(&self.state).imports.within(location, place.clone(), place).count(), cap))
    }

    async fn of_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Result<ImportPage, PortError> {
        let (state, place) = (lock(&self.state), (import.clone(), standing));
        let keys = state.imports.within(location, place.clone(), place).map(|(_, key)| key);
        let mut keys: Vec<RecordKey> =
            keys.filter(|key| after.is_none_or(|after| *key > after)).take(limit as usize + 1).cloned().collect();
        let more = keys.len() > limit as usize;
        keys.truncate(limit as usize);
        let next = keys.last().filter(|_| more).cloned();
        Ok(ImportPage { keys, next })
    }

    async fn withdraw(&self, record: &Record, error: &LastError, now: EpochMs) -> Result<bool, PortError> {
        let key = (record.location_id.clone(), record.key.clone());
        Ok(self.change(&key, |items| match items.get_mut(&key) {
            Some(item) if item.version == record.version => item.withdraw(record, error, now),
            _ => false,
        }))
    }

    async fn resolve(&self, record: &Record, resolution: &Resolution, now: EpochMs) -> Result<bool, PortError> {
        let key = (record.location_id.clone(), record.key.clone());
        let is_confused = lock(&self.state).is_confused;
        Ok(self.change(&key, |items| match items.get_mut(&key) {
            Some(item) if item.version == record.version && item.failed_at.is_none() && is_as_due_as(item, record) => {
                item.resolve(resolution, now);
                item.overruled = item.overruled.filter(|_| !is_confused);
                true
            }
            _ => false,
        }))
    }
}

fn loaded(key: &Key, item: &OutboxItem) -> Loaded {
    match &item.damage {
        Some(reason) => Loaded::Damaged { key: key.1.clone(), reason: reason.clone() },
        None => Loaded::Record(Box::new(record(key, item))),
    }
}

/// Whether the item's due state equals that of `seen`.
fn is_as_due_as(item: &OutboxItem, seen: &Record) -> bool {
    item.due_at.filter(|_| item.in_due_index) == seen.due_at
}

fn tallied(found: usize, cap: u32) -> Tallied {
    Tallied { count: found.min(cap as usize) as u64, capped: found > cap as usize }
}
