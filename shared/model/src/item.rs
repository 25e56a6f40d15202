//! Values that are stored as items of their own and replaced as a whole.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::EpochMs;

/// A value that is stored as JSON in an item of its own. A writer replaces the whole value, provided that nobody else
/// has changed it since it was read.
pub trait Item: Serialize + DeserializeOwned + Send + Sync {
    /// Properties that all items of this type share.
    const KIND: ItemKind;
    /// Identifies one item of this type.
    type Key: ?Sized + Sync;

    /// The item's key, unique across all kinds.
    fn item_key(of: &Self::Key) -> String;

    /// The value of an existing item that was never given one; `None` if this type has no such items.
    fn unset() -> Option<Self> {
        None
    }

    /// When the item may be deleted; `None` keeps it.
    fn keep_until(&self) -> Option<EpochMs> {
        None
    }

    /// When to check the item, for a kind that is checked.
    fn next_check_at(&self) -> Option<EpochMs> {
        None
    }
}

/// Properties that all items of a type share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemKind {
    /// Name of the kind in logs.
    pub name: &'static str,
    /// Name of the read operation in errors.
    pub load: &'static str,
    /// Name of the write operation in errors.
    pub replace: &'static str,
    /// The attribute that holds the value.
    pub attribute: &'static str,
    /// Name under which the items are listed, if they are.
    pub listed: Option<&'static str>,
    /// Whether [`Item::next_check_at`] finds the items.
    pub checked: bool,
    /// Whether readers accept slightly stale data, at half the price.
    pub may_be_stale: bool,
}
