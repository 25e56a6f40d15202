//! Items that are read, changed, and written if nobody else has written meanwhile.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;

use super::PortError;
use ghl_sync_model::{EpochMs, Item, ItemKind, json};

/// Where items are kept. Each has a revision, which every write compares and advances.
#[async_trait]
pub trait ItemStore: Send + Sync {
    /// The item, if there is one: as it is now (strongly consistent), unless its kind may be stale.
    async fn load(&self, kind: &'static ItemKind, key: &str) -> Result<Option<StoredItem>, PortError>;

    /// The items, in the order of `keys`, which are different ones; as they are now (strongly consistent).
    async fn load_each(&self, kind: &'static ItemKind, keys: &[String]) -> Result<Vec<Option<StoredItem>>, PortError>;

    /// Deletes the item; with `rev`, only if that is still its revision. Returns whether there is none any more.
    async fn remove(&self, kind: &'static ItemKind, key: &str, rev: Option<u64>) -> Result<bool, PortError>;

    /// Stores `item` if the stored revision is still `rev` (0: it has none yet). A write that is repeated after a lost
    /// reply finds that it was done.
    async fn replace(
        &self,
        kind: &'static ItemKind,
        key: &str,
        rev: u64,
        item: NewItem,
    ) -> Result<Replaced<Option<StoredItem>>, PortError>;

    /// A page of the items of a kind that is listed, the last key first. What was written a moment ago may not be listed
    /// yet; what is listed is as it is now.
    async fn list(&self, kind: &'static ItemKind, wanted: &Listing) -> Result<ItemPage<StoredItem>, PortError>;
}

/// Which items to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Those with this key or a later one.
    pub from: String,
    /// Those with an earlier key.
    pub before: String,
    /// So many at most, 1 to 100.
    pub limit: u32,
}

/// Items with their keys, the last key first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPage<T> {
    /// The items.
    pub items: Vec<(String, T)>,
    /// Where the next page goes on: [`Listing::before`]. `None` on the last page.
    pub next: Option<String>,
}

/// What [`ItemStore::replace`], [`Versioned::replace`] and [`GateStore::replace`](super::GateStore::replace) did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced<S> {
    /// It is stored, with this revision.
    Written {
        /// The new revision.
        rev: u64,
    },
    /// Somebody else wrote first; this is what stands there now.
    Conflict(S),
}

/// An item as it is stored. What it says may be secret: it cannot be printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StoredItem {
    /// Advances with every write; 0 if it was never given a value.
    pub rev: u64,
    /// Its value, as JSON, if it was ever given one.
    pub json: Option<String>,
}

/// An item to store. What it says may be secret: it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct NewItem {
    /// Its value, as JSON.
    pub json: String,
    /// See [`Item::keep_until`].
    pub keep_until: Option<EpochMs>,
    /// See [`Item::next_check_at`].
    pub next_check_at: Option<EpochMs>,
}

impl NewItem {
    /// `value` as it is stored.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn of<T: Item>(value: &T) -> Result<NewItem, PortError> {
        let json = serde_json::to_string(value).map_err(|error| PortError::new(T::KIND.replace, error))?;
        Ok(NewItem { json, keep_until: value.keep_until(), next_check_at: value.next_check_at() })
    }
}

/// A value, and the revision that it was read with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry<T> {
    /// Advances with every write; 0 is one that does not exist yet.
    pub rev: u64,
    /// The value.
    pub value: T,
}

impl<T: Item> TryFrom<StoredItem> for Entry<T> {
    type Error = PortError;

    /// What cannot be read is named by its attribute and place; nothing of it is shown, it may be a secret.
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

/// The values of one type: read, change, and write if the revision is still the same.
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
    /// Those that are kept in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn ItemStore>) -> Self {
        Versioned { store, of: PhantomData }
    }

    /// The value and its revision; `None` if there is none.
    ///
    /// # Errors
    /// When the store does not answer, or what is stored cannot be read.
    pub async fn load(&self, of: &T::Key) -> Result<Option<Entry<T>>, PortError> {
        self.store.load(&T::KIND, &T::item_key(of)).await?.map(Entry::try_from).transpose()
    }

    /// The values and their revisions, in the order of `of`, which are different ones.
    ///
    /// # Errors
    /// When the store does not answer, or what is stored cannot be read.
    pub async fn load_each(&self, of: &[T::Key]) -> Result<Vec<Option<Entry<T>>>, PortError>
    where
        T::Key: Sized,
    {
        let keys: Vec<String> = of.iter().map(T::item_key).collect();
        let stored = self.store.load_each(&T::KIND, &keys).await?;
        stored.into_iter().map(|item| item.map(Entry::try_from).transpose()).collect()
    }

    /// Deletes the value; with `rev`, only if that is still its revision. Returns whether there is none any more.
    ///
    /// # Errors
    /// When the store does not answer: then it may have been deleted.
    pub async fn remove(&self, of: &T::Key, rev: Option<u64>) -> Result<bool, PortError> {
        self.store.remove(&T::KIND, &T::item_key(of), rev).await
    }

    /// Stores `value` if the stored revision is still `rev` (0: there is none yet).
    ///
    /// # Errors
    /// When the store does not answer: then it may have been stored. When what stands there cannot be read.
    pub async fn replace(&self, of: &T::Key, rev: u64, value: &T) -> Result<Replaced<Option<Entry<T>>>, PortError> {
        Ok(match self.store.replace(&T::KIND, &T::item_key(of), rev, NewItem::of(value)?).await? {
            Replaced::Written { rev } => Replaced::Written { rev },
            Replaced::Conflict(standing) => Replaced::Conflict(standing.map(Entry::try_from).transpose()?),
        })
    }

    /// A page of them, the last key first.
    ///
    /// # Errors
    /// When the store does not answer, or what is stored cannot be read.
    pub async fn list(&self, wanted: &Listing) -> Result<ItemPage<Entry<T>>, PortError> {
        let ItemPage { items, next } = self.store.list(&T::KIND, wanted).await?;
        let items = items.into_iter().map(|(key, item)| Ok((key, item.try_into()?)));
        Ok(ItemPage { items: items.collect::<Result<_, PortError>>()?, next })
    }
}
