//! A migration's additional data in memory, with the semantics of its DynamoDB store in `shared/aws`, and the queue
//! of migration steps.

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

/// A [`MigrationStore`] in memory. Stored values pass through JSON, as in DynamoDB.
#[derive(Debug)]
pub struct MemoryMigrationStore {
    items: Arc<MemoryItems>,
    state: Mutex<MigrationStoreState>,
}

#[derive(Debug, Default)]
struct MigrationStoreState {
    pages: BTreeMap<(MigrationId, PageKind, u32), String>,
    targets: BTreeMap<LocationId, (Option<MigrationId>, u32)>,
    largest: usize,
}

impl MemoryMigrationStore {
    /// Uses the migrations in `items`.
    #[must_use]
    pub fn new(items: Arc<MemoryItems>) -> Self {
        MemoryMigrationStore { items, state: Mutex::default() }
    }

    /// Size of the largest item ever stored, a page or a migration, in bytes.
    #[must_use]
    pub fn largest(&self) -> usize {
        lock(&self.state).largest.max(self.items.largest())
    }
}

impl MigrationStoreState {
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

/// A [`MigrationQueue`] in memory, including its receiving side. Each message is received once.
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

    /// The next message that is due, if it is a step.
    #[must_use]
    pub fn receive(&self) -> Option<MigrationMessage> {
        match self.receive_any()? {
            MigratorMessage::Step(message) => Some(message),
            MigratorMessage::TestConnection(_) => None,
        }
    }

    /// The next message that is due, of any kind.
    #[must_use]
    pub fn receive_any(&self) -> Option<MigratorMessage> {
        let now = self.clock.now();
        let mut waiting = lock(&self.waiting);
        let first =
            (0..waiting.len()).filter(|place| waiting[*place].0 <= now).min_by_key(|place| waiting[*place].0)?;
        MigratorMessage::from_json(&waiting.remove(first).1).ok()
    }

    /// Drops all waiting messages. Returns how many there were.
    pub fn lose_all(&self) -> usize {
        std::mem::take(&mut *lock(&self.waiting)).len()
    }

    /// Number of waiting messages.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.waiting).len()
    }
}

#[async_trait]
impl MigrationQueue for MemoryMigrationQueue {
    /// Sends `message`. As with SQS, the delay is rounded down to seconds.
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
