//! What is kept of migrations besides themselves, in memory, with the meaning that `shared/aws` gives it in DynamoDB; and
//! the queue of their steps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::items::MOST;
use super::{MemoryItems, TestClock, lock};
use ghl_sync_engine::ports::{Clock, MAX_DELAY, PortError};
use ghl_sync_migrate::ports::{MigrationQueue, MigrationStore, TargetClaim};
use ghl_sync_model::{
    ConnectionTestOrder, EpochMs, LocationId, Migration, MigrationId, MigrationMessage, MigrationPage, MigratorMessage,
    PageKind,
};

/// A [`MigrationStore`] in memory. What is stored goes through JSON, as it does in DynamoDB.
#[derive(Debug)]
pub struct MemoryMigrationStore {
    items: Arc<MemoryItems>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pages: BTreeMap<(MigrationId, PageKind, u32), String>,
    targets: BTreeMap<LocationId, (Option<MigrationId>, u32)>,
    largest: usize,
}

impl MemoryMigrationStore {
    /// Finds the migrations that are in `items`.
    #[must_use]
    pub fn new(items: Arc<MemoryItems>) -> Self {
        MemoryMigrationStore { items, state: Mutex::default() }
    }

    /// The largest item that was ever stored, a page or a migration, in bytes.
    #[must_use]
    pub fn largest(&self) -> usize {
        lock(&self.state).largest.max(self.items.largest())
    }
}

impl State {
    fn weigh<T: serde::Serialize>(&mut self, item: &T) -> Result<String, PortError> {
        let json = serde_json::to_string(item).map_err(|error| PortError::new("writing a migration", error))?;
        self.largest = self.largest.max(json.len());
        if json.len() > MOST {
            return Err(PortError::new("writing a migration", "the item is larger than 400 KB"));
        }
        Ok(json)
    }
}

fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, PortError> {
    serde_json::from_str(json).map_err(|error| PortError::new("reading a migration", error))
}

#[async_trait]
impl MigrationStore for MemoryMigrationStore {
    async fn claim_target(&self, target: &LocationId, id: &MigrationId) -> Result<TargetClaim, PortError> {
        let mut state = lock(&self.state);
        let (holder, round) = state.targets.entry(target.clone()).or_default();
        match holder {
            Some(other) if other != id => Ok(TargetClaim::HeldBy(other.clone())),
            _ => {
                *holder = Some(id.clone());
                Ok(TargetClaim::Claimed { round: *round })
            }
        }
    }

    async fn release_target(&self, target: &LocationId, id: &MigrationId, next_round: bool) -> Result<(), PortError> {
        if let Some((holder, round)) = lock(&self.state).targets.get_mut(target)
            && holder.as_ref() == Some(id)
        {
            *holder = None;
            *round += u32::from(next_round);
        }
        Ok(())
    }

    async fn put_page(
        &self,
        id: &MigrationId,
        kind: PageKind,
        page: &MigrationPage,
        _: EpochMs,
    ) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        let json = state.weigh(page)?;
        state.pages.insert((id.clone(), kind, page.number), json);
        Ok(())
    }

    async fn pages(
        &self,
        id: &MigrationId,
        kind: PageKind,
        from: u32,
        limit: u32,
    ) -> Result<Vec<MigrationPage>, PortError> {
        let state = lock(&self.state);
        let pages = state.pages.range((id.clone(), kind, from)..=(id.clone(), kind, u32::MAX));
        pages.take(limit as usize).map(|(_, json)| read(json)).collect()
    }

    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<Vec<MigrationId>, PortError> {
        let all = self.list(u32::MAX).await?;
        let due = all.into_iter().filter(|migration| migration.next_check_at.is_some_and(|at| at <= now));
        Ok(due.take(limit as usize).map(|migration| migration.id).collect())
    }

    async fn list(&self, limit: u32) -> Result<Vec<Migration>, PortError> {
        let mut all: Vec<Migration> = self.items.entries().into_iter().map(|entry| entry.value).collect();
        all.sort_by_key(|migration| std::cmp::Reverse(migration.created_at));
        all.truncate(limit as usize);
        Ok(all)
    }
}

/// A [`MigrationQueue`] in memory, with the side that receives. A message is received once.
pub struct MemoryMigrationQueue {
    clock: TestClock,
    waiting: Mutex<Vec<(EpochMs, String)>>,
}

impl MemoryMigrationQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(clock: TestClock) -> Self {
        MemoryMigrationQueue { clock, waiting: Mutex::default() }
    }

    /// The next message that is there now, if it is a step.
    #[must_use]
    pub fn receive(&self) -> Option<MigrationMessage> {
        match self.receive_any()? {
            MigratorMessage::Step(message) => Some(message),
            MigratorMessage::TestConnection(_) => None,
        }
    }

    /// The same, whatever it asks for.
    #[must_use]
    pub fn receive_any(&self) -> Option<MigratorMessage> {
        let now = self.clock.now();
        let mut waiting = lock(&self.waiting);
        let first =
            (0..waiting.len()).filter(|place| waiting[*place].0 <= now).min_by_key(|place| waiting[*place].0)?;
        MigratorMessage::from_json(&waiting.remove(first).1).ok()
    }

    /// All messages that wait are lost. Returns how many there were.
    pub fn lose_all(&self) -> usize {
        std::mem::take(&mut *lock(&self.waiting)).len()
    }

    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.waiting).len()
    }
}

#[async_trait]
impl MigrationQueue for MemoryMigrationQueue {
    /// Sends `message`; as with SQS, a part of a second is cut off the delay.
    async fn send(&self, message: &MigrationMessage, delay: Duration) -> Result<(), PortError> {
        let at = self.clock.now() + Duration::from_secs(delay.min(MAX_DELAY).as_secs());
        lock(&self.waiting).push((at, message.to_json()));
        Ok(())
    }

    async fn order_connection_test(&self, order: &ConnectionTestOrder) -> Result<(), PortError> {
        let message = MigratorMessage::TestConnection(order.clone());
        lock(&self.waiting).push((self.clock.now(), message.to_json()));
        Ok(())
    }
}
