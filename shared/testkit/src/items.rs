//! Items with revisions, in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use ghl_sync_engine::ports::{Entry, ItemPage, ItemStore, Listing, NewItem, PortError, Replaced, StoredItem};
use ghl_sync_model::{Item, ItemKind};

/// Largest item that DynamoDB accepts. The limit includes keys and names.
pub(super) const MOST: usize = 400 * 1024 - 512;

/// An [`ItemStore`] in memory. It stores the same JSON as the real store.
#[derive(Default)]
pub struct MemoryItems {
    state: Mutex<ItemsState>,
}

#[derive(Default)]
struct ItemsState {
    items: BTreeMap<(&'static str, String), StoredItem>,
    largest: usize,
}

impl fmt::Debug for MemoryItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryItems").finish_non_exhaustive()
    }
}

impl MemoryItems {
    /// All stored values of a type, by key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "for tests: whoever stores what cannot be read must notice")]
    pub fn entries<T: Item>(&self) -> Vec<Entry<T>> {
        let state = lock(&self.state);
        let of_kind = state.items.iter().filter(|((kind, _), _)| *kind == T::KIND.name);
        of_kind.map(|(_, item)| item.clone().try_into().expect("it was stored by us")).collect()
    }

    /// Stores `value`, whatever was there before.
    #[expect(clippy::expect_used, reason = "for tests: whoever stores what cannot be written must notice")]
    pub fn keep<T: Item>(&self, key: &T::Key, value: &T) {
        let json = serde_json::to_string(value).expect("it can be written");
        let items = &mut lock(&self.state).items;
        let item = items.entry((T::KIND.name, T::item_key(key))).or_default();
        *item = StoredItem { rev: item.rev + 1, json: Some(json) };
    }

    /// Size of the largest item ever stored, in bytes.
    pub(super) fn largest(&self) -> usize {
        lock(&self.state).largest
    }
}

#[async_trait]
impl ItemStore for MemoryItems {
    async fn load(&self, kind: &'static ItemKind, key: &str) -> Result<Option<StoredItem>, PortError> {
        Ok(lock(&self.state).items.get(&(kind.name, key.to_owned())).cloned())
    }

    async fn load_each(&self, kind: &'static ItemKind, keys: &[String]) -> Result<Vec<Option<StoredItem>>, PortError> {
        let state = lock(&self.state);
        Ok(keys.iter().map(|key| state.items.get(&(kind.name, key.clone())).cloned()).collect())
    }

    async fn remove(&self, kind: &'static ItemKind, key: &str, rev: Option<u64>) -> Result<bool, PortError> {
        let items = &mut lock(&self.state).items;
        let key = (kind.name, key.to_owned());
        let is_same = items.get(&key).is_none_or(|item| rev.is_none_or(|rev| rev == item.rev));
        if is_same {
            items.remove(&key);
        }
        Ok(is_same)
    }

    async fn replace(
        &self,
        kind: &'static ItemKind,
        key: &str,
        rev: u64,
        item: NewItem,
    ) -> Result<Replaced<Option<StoredItem>>, PortError> {
        if item.json.len() > MOST {
            return Err(PortError::new(kind.replace, "the item is larger than 400 KB"));
        }
        let ItemsState { items, largest } = &mut *lock(&self.state);
        let key = (kind.name, key.to_owned());
        let standing = items.get(&key);
        if standing.map_or(0, |standing| standing.rev) != rev {
            return Ok(Replaced::Conflict(standing.cloned()));
        }
        *largest = item.json.len().max(*largest);
        items.insert(key, StoredItem { rev: rev + 1, json: Some(item.json) });
        Ok(Replaced::Written { rev: rev + 1 })
    }

    async fn list(&self, kind: &'static ItemKind, wanted: &Listing) -> Result<ItemPage<StoredItem>, PortError> {
        let state = lock(&self.state);
        let is_wanted = |key: &str| (wanted.from.as_str()..wanted.before.as_str()).contains(&key);
        let of_kind = state.items.iter().rev().filter(|((name, key), _)| *name == kind.name && is_wanted(key));
        let mut found = of_kind.map(|((_, key), item)| (key.clone(), item.clone()));
        let items: Vec<_> = found.by_ref().take(wanted.limit as usize).collect();
        let next = found.next().and(items.last()).map(|(key, _)| key.clone());
        Ok(ItemPage { items, next })
    }
}
