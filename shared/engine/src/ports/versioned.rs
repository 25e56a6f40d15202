//! Items with optimistic locking: read, change, and write if nobody else has written in between.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;

use super::PortError;
use ghl_sync_model::{EpochMs, Item, ItemKind, json};

/// A store of items. Every item has a revision, which each write compares and advances.
#[async_trait]
pub trait ItemStore: Send + Sync {
    /// The item, if it exists: as it is now (strongly consistent), unless its kind allows stale reads.
    async fn load(&self, kind: &'static ItemKind, key: &str) -> Result<Option<StoredItem>, PortError>;

    /// The items in the order of `keys`, which must be distinct; as they are now (strongly consistent).
    async fn load_each(&self, kind: &'static ItemKind, keys: &[String]) -> Result<Vec<Option<StoredItem>>, PortError>;

    /// Deletes the item; with `rev`, only if that is still its revision. Returns whether the item is gone.
    async fn remove(&self, kind: &'static ItemKind, key: &str, rev: Option<u64>) -> Result<bool, PortError>;

    /// Stores `item` if the stored revision is still `rev` (0: none yet). A write repeated after a lost reply
    /// recognizes its own earlier success.
    async fn replace(
        &self,
        kind: &'static ItemKind,
        key: &str,
        rev: u64,
        item: NewItem,
    ) -> Result<Replaced<Option<StoredItem>>, PortError>;

    /// A page of items of a listed kind, in descending key order. Items written a moment ago may be missing; listed
    /// items are current.
    async fn list(&self, kind: &'static ItemKind, wanted: &Listing) -> Result<ItemPage<StoredItem>, PortError>;
}

/// The range and number of items to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Smallest key, inclusive.
    pub from: String,
    /// Largest key, exclusive.
    pub before: String,
    /// Most items on the page, 1 to 100.
    pub limit: u32,
}

/// A page of items with their keys, in descending key order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPage<T> {
    /// The items.
    pub items: Vec<(String, T)>,
    /// [`Listing::before`] of the next page; `None` on the last page.
    pub next: Option<String>,
}

/// Result of [`ItemStore::replace`], [`Versioned::replace`] and [`GateStore::replace`](super::GateStore::replace).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced<S> {
    /// The value is stored with this revision.
    Written {
        /// The new revision.
        rev: u64,
    },
    /// Somebody else wrote first; holds the current value.
    Conflict(S),
}

/// An item as it is stored. Its value may be secret, so the type has no `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StoredItem {
    /// Advances with every write; 0 if it never had a value.
    pub rev: u64,
    /// Its value as JSON, if it ever had one.
    pub json: Option<String>,
}

/// An item to store. Its value may be secret, so the type has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct NewItem {
    /// Its value as JSON.
    pub json: String,
    /// See [`Item::keep_until`].
    pub keep_until: Option<EpochMs>,
    /// See [`Item::next_check_at`].
    pub next_check_at: Option<EpochMs>,
}

impl NewItem {
    /// `value` in its stored form.
    ///
    /// # Errors
    /// If `value` cannot be serialized as JSON.
    pub fn of<T: Item>(value: &T) -> Result<NewItem, PortError> {
        let json = serde_json::to_string(value).map_err(|error| PortError::new(T::KIND.replace, error))?;
        Ok(NewItem { json, keep_until: value.keep_until(), next_check_at: value.next_check_at() })
    }
}

/// A value and the revision at which it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry<T> {
    /// Advances with every write; 0 if it does not exist yet.
    pub rev: u64,
    /// The value.
    pub value: T,
}

impl<T: Item> TryFrom<StoredItem> for Entry<T> {
    type Error = PortError;

    /// An unreadable value is reported by its attribute and position only, since its text may be secret.
    fn try_from(StoredItem { rev, json }: StoredItem) -> Result<Entry<T>, PortError> {
        let ItemKind { attribute, load, .. } = T::KIND;
        let value = match json {
            Some(json) => json::from_str(&json).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                format!("attribute `{attribute}` cannot be read at line {line} column {column}")
            }),
            None => T::unset().ok_or_else(|| format!("attribute `{attribute}` is missing")),
        };
        Ok(Entry { rev, value: value.map_err(|problem| PortError::new(load, problem))? })
    }
}

/// The store for the values of one type, with optimistic locking.
pub struct Versioned<T> {
    store: Arc<dyn ItemStore>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Versioned<T> {
    fn clone(&self) -> Self {
        Versioned { store: self.store.clone(), of: PhantomData }
    }
}

impl<T: Item> fmt::Debug for Versioned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Versioned").field(&T::KIND.name).finish()
    }
}

impl<T: Item> Versioned<T> {
    /// Values kept in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn ItemStore>) -> Self {
        Versioned { store, of: PhantomData }
    }

    /// The value and its revision; `None` if it does not exist.
    ///
    /// # Errors
    /// If the store does not answer, or the stored value cannot be read.
    pub async fn load(&self, of: &T::Key) -> Result<Option<Entry<T>>, PortError> {
        self.store.load(&T::KIND, &T::item_key(of)).await?.map(Entry::try_from).transpose()
    }

    /// The values and their revisions, in the order of `of`, which must be distinct.
    ///
    /// # Errors
    /// If the store does not answer, or a stored value cannot be read.
    pub async fn load_each(&self, of: &[T::Key]) -> Result<Vec<Option<Entry<T>>>, PortError>
    where
        T::Key: Sized,
    {
        let keys: Vec<String> = of.iter().map(T::item_key).collect();
        let stored = self.store.load_each(&T::KIND, &keys).await?;
        stored.into_iter().map(|item| item.map(Entry::try_from).transpose()).collect()
    }

    /// Deletes the value; with `rev`, only if that is still its revision. Returns whether it is gone.
    ///
    /// # Errors
    /// If the store does not answer: the value may have been deleted.
    pub async fn remove(&self, of: &T::Key, rev: Option<u64>) -> Result<bool, PortError> {
        self.store.remove(&T::KIND, &T::item_key(of), rev).await
    }

    /// Stores `value` if the stored revision is still `rev` (0: none yet).
    ///
    /// # Errors
    /// If the store does not answer: the value may have been stored. If the current value cannot be read.
    pub async fn replace(&self, of: &T::Key, rev: u64, value: &T) -> Result<Replaced<Option<Entry<T>>>, PortError> {
        Ok(match self.store.replace(&T::KIND, &T::item_key(of), rev, NewItem::of(value)?).await? {
            Replaced::Written { rev } => Replaced::Written { rev },
            Replaced::Conflict(standing) => Replaced::Conflict(standing.map(Entry::try_from).transpose()?),
        })
    }

    /// A page of values, in descending key order.
    ///
    /// # Errors
    /// If the store does not answer, or a stored value cannot be read.
    pub async fn list(&self, wanted: &Listing) -> Result<ItemPage<Entry<T>>, PortError> {
        let ItemPage { items, next } = self.store.list(&T::KIND, wanted).await?;
        let items = items.into_iter().map(|(key, item)| Ok((key, item.try_into()?)));
        Ok(ItemPage { items: items.collect::<Result<_, PortError>>()?, next })
    }
}
