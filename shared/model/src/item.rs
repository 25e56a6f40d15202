//! What is stored as an item of its own, changed by whoever read it last.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::EpochMs;

/// A value that has an item of its own, as JSON. Whoever changes it writes all of it, if nobody else has meanwhile.
pub trait Item: Serialize + DeserializeOwned + Send + Sync {
    /// What is the same for all items of this type.
    const KIND: ItemKind;
    /// Which of them.
    type Key: ?Sized + Sync;

    /// The item's own key, unlike that of any other item, of whatever kind.
    fn item_key(of: &Self::Key) -> String;

    /// What an item says that exists but was never given a value; `None` if there is no such item.
    fn unset() -> Option<Self> {
        None
    }

    /// Nobody needs it after this.
    fn keep_until(&self) -> Option<EpochMs> {
        None
    }

    /// When to look at it, for a kind that is checked.
    fn next_check_at(&self) -> Option<EpochMs> {
        None
    }
}

/// What is the same for all items of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemKind {
    /// What the kind is called in logs.
    pub name: &'static str,
    /// What reading one is called in errors.
    pub load: &'static str,
    /// What writing one is called in errors.
    pub replace: &'static str,
    /// The attribute that holds the value.
    pub attribute: &'static str,
    /// What they are listed as, if they are.
    pub listed: Option<&'static str>,
    /// Whether they are found by [`Item::next_check_at`].
    pub checked: bool,
    /// Whether a reader is content with what was there a moment ago, at half the price.
    pub may_be_stale: bool,
}
