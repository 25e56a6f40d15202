//! The outbox in memory, with the meaning that `shared/aws` gives it in DynamoDB.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;

use super::lag::LaggingIndex;
use super::{Lag, TestClock, lock};
use crate::domain::{
    ContentHash, EpochMs, ErrorCode, FailedCursor, GhlId, LastError, LocationId, Outcome, Payload, Priority, PutRecord,
    Record, RecordKey, Resolution,
};
use crate::ports::{Backlog, Clock, Due, FailedPage, Loaded, Outbox, PortError, Put, Settled, Tallied};

/// An [`Outbox`] in memory, whose due index may lag.
#[derive(Debug)]
pub struct MemoryOutbox {
    clock: TestClock,
    state: Mutex<State>,
}

type Key = (LocationId, RecordKey);

#[derive(Debug)]
struct State {
    items: BTreeMap<Key, Item>,
    lag: Lag,
    due: BTreeMap<LocationId, LaggingIndex<RecordKey, (Priority, EpochMs)>>,
}

#[derive(Debug, Clone)]
struct Item {
    payload: Payload,
    version: u64,
    priority: Priority,
    /// Whether the index has it; its due time stands beside it and may outlive it.
    in_due_index: bool,
    due_at: Option<EpochMs>,
    put_at: EpochMs,
    not_before: Option<EpochMs>,
    attempts: u32,
    last_error: Option<LastError>,
    earlier_errors: Vec<LastError>,
    ghl_id: Option<GhlId>,
    accepted: Option<(u64, ContentHash)>,
    accepted_at: Option<EpochMs>,
    waits_for: Option<RecordKey>,
    overruled: Option<ContentHash>,
    superseded_at: Option<EpochMs>,
    failed_at: Option<EpochMs>,
    dry_run: Option<String>,
    damage: Option<String>,
}

impl MemoryOutbox {
    /// An outbox without records.
    #[must_use]
    pub fn new(clock: TestClock, lag: Lag) -> Self {
        let state = State { items: BTreeMap::new(), lag, due: BTreeMap::new() };
        MemoryOutbox { clock, state: Mutex::new(state) }
    }

    /// The record as it is now.
    #[must_use]
    pub fn record(&self, location: &LocationId, key: &RecordKey) -> Option<Record> {
        let key = (location.clone(), key.clone());
        lock(&self.state).items.get(&key).map(|item| record(&key, item))
    }

    /// All records as they are now.
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

    /// How many records are due now or later.
    #[must_use]
    pub fn open_count(&self) -> usize {
        lock(&self.state).items.values().filter(|item| item.in_due_index).count()
    }

    /// The records that failed for good.
    #[must_use]
    pub fn failed(&self) -> Vec<Record> {
        let state = lock(&self.state);
        let failed = state.items.iter().filter(|(_, item)| item.failed_at.is_some());
        failed.map(|(key, item)| record(key, item)).collect()
    }

    /// When and which records of `location` failed, in the index's order.
    fn failed_in(&self, location: &LocationId) -> Vec<(EpochMs, RecordKey)> {
        let state = lock(&self.state);
        let failed = state.items.iter().filter(|((of, _), _)| of == location);
        let mut failed: Vec<_> = failed.filter_map(|((_, key), item)| Some((item.failed_at?, key.clone()))).collect();
        failed.sort();
        failed
    }

    /// The request that a dry run left at the record.
    #[must_use]
    pub fn dry_run(&self, location: &LocationId, key: &RecordKey) -> Option<String> {
        lock(&self.state).items.get(&(location.clone(), key.clone()))?.dry_run.clone()
    }

    /// Makes the record unreadable; a put mends it.
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
        state.index(self.clock.now(), &key);
    }

    /// Changes the item of `key`, and then its entry in the index.
    fn change<T>(&self, key: &Key, change: impl FnOnce(&mut BTreeMap<Key, Item>) -> T) -> T {
        let mut state = lock(&self.state);
        let answer = change(&mut state.items);
        state.index(self.clock.now(), key);
        answer
    }
}

impl State {
    /// Brings the index up to the item of `key`.
    fn index(&mut self, now: EpochMs, key: &Key) {
        let entry = self.items.get(key).filter(|item| item.in_due_index);
        let entry = entry.and_then(|item| Some((item.priority, item.due_at?)));
        let due = self.due.entry(key.0.clone()).or_insert_with(|| LaggingIndex::new(self.lag.clone()));
        due.set(now, &key.1, entry);
    }
}

fn record((location_id, key): &Key, item: &Item) -> Record {
    Record {
        location_id: location_id.clone(),
        key: key.clone(),
        payload: item.payload.clone(),
        version: item.version,
        priority: item.priority,
        due_at: item.due_at.filter(|_| item.in_due_index),
        put_at: Some(item.put_at),
        not_before: item.not_before,
        attempts: item.attempts,
        last_error: item.last_error.clone(),
        earlier_errors: item.earlier_errors.clone(),
        ghl_id: item.ghl_id.clone(),
        accepted_version: item.accepted.map(|(version, _)| version),
        accepted_hash: item.accepted.map(|(_, hash)| hash),
        accepted_at: item.accepted_at,
        failed_at: item.failed_at,
        dry_run: item.dry_run.clone(),
        waits_for: item.waits_for.clone(),
        overruled: item.overruled,
        superseded_at: item.superseded_at,
    }
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn put(&self, put: &PutRecord, now: EpochMs) -> Result<Put, PortError> {
        let key = (put.location_id.clone(), put.key());
        Ok(self.change(&key, |items| match items.get_mut(&key) {
            Some(item) if item.has_settled(&put.payload) && !item.in_due_index => Put::Unchanged,
            Some(item) => {
                item.put(put, now);
                Put::Stored
            }
            None => {
                items.insert(key.clone(), Item::new(put, now));
                Put::Stored
            }
        }))
    }

    async fn due(&self, location: &LocationId, priority: Priority, limit: u32) -> Result<Vec<Due>, PortError> {
        let mut state = lock(&self.state);
        let Some(index) = state.due.get_mut(location) else {
            return Ok(Vec::new());
        };
        let mut due: Vec<Due> = index
            .visible(self.clock.now())
            .filter(|(_, (of, _))| *of == priority)
            .map(|(key, (_, due_at))| Due { key: key.clone(), due_at: *due_at })
            .collect();
        due.sort_by(|a, b| (a.due_at, &a.key).cmp(&(b.due_at, &b.key)));
        due.truncate(limit as usize);
        Ok(due)
    }

    async fn load(&self, location: &LocationId, keys: &[RecordKey]) -> Result<Vec<Loaded>, PortError> {
        let state = lock(&self.state);
        let mut seen = BTreeSet::new();
        let keys = keys.iter().filter(|key| seen.insert(*key)).map(|key| (location.clone(), key.clone()));
        Ok(keys
            .filter_map(|key| {
                let item = state.items.get(&key)?;
                Some(match &item.damage {
                    Some(reason) => Loaded::Damaged { key: key.1, reason: reason.clone() },
                    None => Loaded::Record(Box::new(record(&key, item))),
                })
            })
            .collect())
    }

    async fn settle(&self, sent: &Record, outcome: &Outcome, now: EpochMs) -> Result<Settled, PortError> {
        let key = (sent.location_id.clone(), sent.key.clone());
        Ok(self.change(&key, |items| {
            let Some(item) = items.get_mut(&key) else {
                return Settled::ChangedMeanwhile; // What was deleted is not brought back.
            };
            if item.version == sent.version && item.settle(sent, outcome, now) {
                return Settled::Done;
            }
            item.learn(sent, outcome, now);
            Settled::ChangedMeanwhile
        }))
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

    async fn of_ghl_id(&self, location: &LocationId, ghl_id: &GhlId) -> Result<Vec<RecordKey>, PortError> {
        let state = lock(&self.state);
        let items = state.items.iter().filter(|((of, _), item)| of == location && item.ghl_id.as_ref() == Some(ghl_id));
        Ok(items.map(|((_, key), _)| key.clone()).collect())
    }

    async fn resolve(&self, record: &Record, resolution: &Resolution, now: EpochMs) -> Result<bool, PortError> {
        let key = (record.location_id.clone(), record.key.clone());
        Ok(self.change(&key, |items| match items.get_mut(&key) {
            Some(item) if item.version == record.version && item.failed_at.is_none() && is_as_due_as(item, record) => {
                item.resolve(resolution, now);
                true
            }
            _ => false,
        }))
    }
}

/// Whether it is, or is not, due as `seen`.
fn is_as_due_as(item: &Item, seen: &Record) -> bool {
    item.due_at.filter(|_| item.in_due_index) == seen.due_at
}

fn tallied(found: usize, cap: u32) -> Tallied {
    Tallied { count: found.min(cap as usize) as u64, capped: found > cap as usize }
}

impl Item {
    fn new(put: &PutRecord, now: EpochMs) -> Item {
        Item {
            payload: put.payload.clone(),
            version: 1,
            priority: put.priority,
            in_due_index: true,
            due_at: Some(now),
            put_at: now,
            not_before: None,
            attempts: 0,
            last_error: None,
            earlier_errors: Vec::new(),
            ghl_id: put.ghl_id.clone(),
            accepted: None,
            accepted_at: None,
            waits_for: None,
            overruled: None,
            superseded_at: None,
            failed_at: None,
            dry_run: None,
            damage: None,
        }
    }

    /// Whether GHL has accepted this content as the record's last version, or has superseded it.
    fn has_settled(&self, payload: &Payload) -> bool {
        let is_superseded = self.superseded_at.is_some() && self.payload == *payload;
        is_superseded || self.accepted == Some((self.version, payload.hash()))
    }

    fn put(&mut self, put: &PutRecord, now: EpochMs) {
        self.version += 1;
        self.payload = put.payload.clone();
        self.priority = put.priority;
        self.in_due_index = true;
        self.due_at = Some(now);
        self.put_at = now;
        self.attempts = 0;
        self.failed_at = None;
        self.dry_run = None;
        self.damage = None;
        self.overruled = None;
        self.superseded_at = None;
        self.ghl_id = put.ghl_id.clone().or(self.ghl_id.take());
    }

    /// Writes down how it ended with the version that was sent. An acceptance always counts, anything else only while
    /// the record is due (or when it was written already). Returns whether it counted.
    fn settle(&mut self, sent: &Record, outcome: &Outcome, now: EpochMs) -> bool {
        match outcome {
            Outcome::Accepted { ghl_id, hash } => {
                self.ghl_id = Some(ghl_id.clone());
                self.accepted = Some((sent.version, *hash));
                self.accepted_at = Some(now);
                self.leave_due_index();
                self.attempts = 0;
                self.not_before = None;
                self.last_error = None;
                self.earlier_errors = sent.errors_when_accepted();
                self.failed_at = None;
                self.dry_run = None;
                self.superseded_at = None;
            }
            Outcome::Failed { error, ghl_id } if self.in_due_index || self.failed_at == Some(now) => {
                self.fail(error, now);
                self.earlier_errors = sent.errors();
                self.learn_id(ghl_id.as_ref());
            }
            Outcome::Retry { due_at, error, not_before, ghl_id } if self.in_due_index => {
                self.due_at = Some(*due_at);
                self.attempts = sent.attempts.saturating_add(1);
                self.last_error = Some(error.clone());
                self.earlier_errors = sent.errors();
                self.not_before = *not_before;
                self.waits_for = None;
                self.learn_id(ghl_id.as_ref());
            }
            Outcome::Wait { due_at, waits_for, not_before, ghl_id } if self.in_due_index => {
                self.due_at = Some(*due_at);
                self.waits_for.clone_from(waits_for);
                self.not_before = not_before.or(self.not_before);
                self.learn_id(ghl_id.as_ref());
            }
            Outcome::WouldSend { request, stays_due: true } if self.in_due_index => {
                self.dry_run = Some(request.clone());
            }
            Outcome::WouldSend { request, stays_due: false }
                if self.in_due_index || self.dry_run.as_ref() == Some(request) =>
            {
                self.dry_run = Some(request.clone());
                self.leave_due_index();
            }
            _ => return false,
        }
        true
    }

    fn resolve(&mut self, resolution: &Resolution, now: EpochMs) {
        match resolution {
            Resolution::Resend { overruled } => {
                self.in_due_index = true;
                self.due_at = Some(now);
                self.priority = Priority::Low;
                self.attempts = 0;
                self.overruled = Some(*overruled);
                self.superseded_at = None;
            }
            Resolution::Supersede { changed_at } => {
                self.leave_due_index();
                self.superseded_at = Some(*changed_at);
                self.overruled = None;
            }
            Resolution::Agree => {
                self.overruled = None;
                self.superseded_at = None;
            }
        }
    }

    /// Writes down what GHL told of an older version: it is true of the record all the same.
    fn learn(&mut self, sent: &Record, outcome: &Outcome, now: EpochMs) {
        match outcome {
            Outcome::Accepted { ghl_id, hash } => {
                if self.accepted.is_none_or(|(version, _)| version < sent.version) {
                    self.ghl_id = Some(ghl_id.clone());
                    self.accepted = Some((sent.version, *hash));
                    self.accepted_at = Some(now);
                }
            }
            Outcome::Failed { ghl_id, .. } => self.learn_id(ghl_id.as_ref()),
            Outcome::Retry { not_before, ghl_id, .. } | Outcome::Wait { not_before, ghl_id, .. } => {
                self.learn_id(ghl_id.as_ref());
                if not_before.is_some() {
                    self.not_before = *not_before;
                    self.due_at = *not_before;
                }
            }
            Outcome::WouldSend { .. } => {}
        }
    }

    fn learn_id(&mut self, ghl_id: Option<&GhlId>) {
        if let Some(id) = ghl_id {
            self.ghl_id = Some(id.clone());
        }
    }

    fn fail(&mut self, error: &LastError, now: EpochMs) {
        self.failed_at = Some(now);
        self.last_error = Some(error.clone());
        self.leave_due_index();
    }

    fn leave_due_index(&mut self) {
        self.in_due_index = false;
        self.due_at = None;
        self.waits_for = None;
    }
}

#[cfg(test)]
mod tests {
    //! The meaning that the tests of `shared/aws` (`put.rs`, `settle.rs`) give to the table.

    use std::time::Duration;

    use super::*;
    use crate::domain::{Contact, RecordId};
    use crate::testing::block_on_paused;

    const NOW: EpochMs = EpochMs(10);
    const LATER: EpochMs = EpochMs(90);

    fn put(name: &str) -> PutRecord {
        let payload = Payload::Contact(Contact { first_name: Some(name.to_owned()), ..Contact::default() });
        PutRecord {
            location_id: LocationId::new("loc").unwrap(),
            id: RecordId::new("a").unwrap(),
            payload,
            priority: Priority::Normal,
            ghl_id: None,
        }
    }

    fn id(text: &str) -> Option<GhlId> {
        Some(GhlId::new(text).unwrap())
    }

    fn accepted(put: &PutRecord) -> Outcome {
        Outcome::Accepted { ghl_id: id("G1").unwrap(), hash: put.payload.hash() }
    }

    fn error() -> LastError {
        LastError { code: ErrorCode::Rejected, status: Some(422), message: "no".to_owned(), at: NOW }
    }

    fn failed() -> Outcome {
        Outcome::Failed { error: error(), ghl_id: id("G1") }
    }

    fn retry(not_before: Option<EpochMs>) -> Outcome {
        Outcome::Retry { due_at: LATER, error: error(), not_before, ghl_id: id("G1") }
    }

    fn wait() -> Outcome {
        Outcome::Wait { due_at: LATER, waits_for: None, not_before: None, ghl_id: None }
    }

    /// An outbox that holds Ada, and Ada as she was loaded.
    async fn with_ada() -> (MemoryOutbox, Record) {
        let outbox = MemoryOutbox::new(TestClock::start(), Lag::none());
        outbox.put(&put("Ada"), NOW).await.unwrap();
        let record = outbox.records().remove(0);
        (outbox, record)
    }

    fn now(outbox: &MemoryOutbox) -> Record {
        outbox.records().remove(0)
    }

    #[test]
    fn accepted_content_of_a_record_that_is_not_due_is_a_no_op_and_anything_else_is_stored() {
        block_on_paused(async {
            let (outbox, ada) = with_ada().await;
            assert_eq!(outbox.put(&put("Ada"), NOW).await.unwrap(), Put::Stored, "due: every put counts");
            outbox.settle(&now(&outbox), &accepted(&put("Ada")), NOW).await.unwrap();
            assert_eq!(outbox.put(&put("Ada"), NOW).await.unwrap(), Put::Unchanged);
            assert_eq!(outbox.put(&put("Eve"), NOW).await.unwrap(), Put::Stored);
            outbox.settle(&now(&outbox), &failed(), NOW).await.unwrap();
            assert_eq!(outbox.put(&put("Ada"), NOW).await.unwrap(), Put::Stored, "GHL may have taken the newer one");
            assert_eq!((ada.version, now(&outbox).version), (1, 4));
        });
    }

    #[test]
    fn a_record_put_again_meanwhile_stays_due_and_learns_what_ghl_told() {
        for outcome in [accepted(&put("Ada")), failed(), retry(None)] {
            block_on_paused(async move {
                let (outbox, ada) = with_ada().await;
                outbox.put(&put("Eve"), EpochMs(11)).await.unwrap();
                assert_eq!(outbox.settle(&ada, &outcome, NOW).await.unwrap(), Settled::ChangedMeanwhile);
                let record = now(&outbox);
                assert_eq!((record.version, record.due_at, record.attempts), (2, Some(EpochMs(11)), 0));
                assert_eq!(record.ghl_id, id("G1"));
                let accepted = matches!(outcome, Outcome::Accepted { .. }).then_some(1);
                assert_eq!(record.accepted_version, accepted);
            });
        }
    }

    #[test]
    fn a_call_that_may_still_arrive_holds_back_the_newer_version_too() {
        block_on_paused(async {
            let (outbox, ada) = with_ada().await;
            outbox.put(&put("Eve"), NOW).await.unwrap();
            outbox.settle(&ada, &retry(Some(EpochMs(80))), NOW).await.unwrap();
            assert_eq!((now(&outbox).not_before, now(&outbox).due_at), (Some(EpochMs(80)), Some(EpochMs(80))));
            outbox.put(&put("Zoe"), EpochMs(20)).await.unwrap();
            assert_eq!(now(&outbox).not_before, Some(EpochMs(80)), "a put does not lift it");
        });
    }

    #[test]
    fn a_late_failure_does_not_undo_an_acceptance_and_a_late_acceptance_undoes_a_failure() {
        for late in [failed(), retry(None), wait()] {
            block_on_paused(async move {
                let (outbox, ada) = with_ada().await;
                outbox.settle(&ada, &accepted(&put("Ada")), NOW).await.unwrap();
                assert_eq!(outbox.settle(&ada, &late, LATER).await.unwrap(), Settled::ChangedMeanwhile);
                assert_eq!((now(&outbox).due_at, outbox.failed().len()), (None, 0));
            });
        }
        block_on_paused(async {
            let (outbox, ada) = with_ada().await;
            outbox.settle(&ada, &failed(), NOW).await.unwrap();
            assert_eq!(outbox.settle(&ada, &accepted(&put("Ada")), LATER).await.unwrap(), Settled::Done);
            assert_eq!(outbox.failed(), []);
        });
    }

    #[test]
    fn a_retry_counts_the_attempt_and_a_wait_does_not() {
        block_on_paused(async {
            let (outbox, ada) = with_ada().await;
            outbox.settle(&ada, &retry(None), NOW).await.unwrap();
            assert_eq!((now(&outbox).attempts, now(&outbox).due_at), (1, Some(LATER)));
            outbox.settle(&now(&outbox), &wait(), NOW).await.unwrap();
            assert_eq!(now(&outbox).attempts, 1);
        });
    }

    #[test]
    fn what_was_deleted_is_not_brought_back() {
        block_on_paused(async {
            let (outbox, ada) = with_ada().await;
            outbox.delete(&ada.location_id, &ada.key);
            assert_eq!(outbox.settle(&ada, &failed(), NOW).await.unwrap(), Settled::ChangedMeanwhile);
            assert_eq!(outbox.records(), []);
        });
    }

    #[test]
    fn the_due_index_lags_behind_what_load_tells() {
        block_on_paused(async {
            let outbox = MemoryOutbox::new(TestClock::start(), Lag::of(Duration::from_secs(5)));
            let ada = put("Ada");
            outbox.put(&ada, NOW).await.unwrap();
            let due = async || outbox.due(&ada.location_id, Priority::Normal, 9).await.unwrap().len();
            assert_eq!((due().await, outbox.load(&ada.location_id, &[ada.key()]).await.unwrap().len()), (0, 1));
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(due().await, 1);
            outbox.settle(&now(&outbox), &accepted(&ada), NOW).await.unwrap();
            assert_eq!(due().await, 1, "it still shows what is settled");
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(due().await, 0);
        });
    }
}
