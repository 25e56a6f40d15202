//! Marks: index entries that list a location's lists, newest first.

use ghl_sync_model::{ContentHash, EpochMs, Item, ItemKind, ListCursor, LocationId};
use serde::{Deserialize, Serialize};

use crate::ListPlace;

/// Digits of a time in a key, so that keys sort by time.
const TIME_DIGITS: usize = 16;
/// Digits of the hash of a file's key. The key itself may be too long for the index.
const HASH_DIGITS: usize = 16;

/// Records that a list was put into the bucket. Its [`Checkpoint`](crate::Checkpoint) holds its state. A mark whose
/// time differs from the checkpoint's is void: its file is gone, or its writer died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Location that owns the list.
    pub(crate) location: LocationId,
    /// When the file was uploaded.
    pub(crate) at: EpochMs,
    /// The file's key.
    pub(crate) file: String,
    /// When the bucket may delete the file.
    pub(crate) deleted_from: EpochMs,
}

impl Mark {
    pub(crate) fn of(place: &ListPlace, at: EpochMs, deleted_from: EpochMs) -> Mark {
        Mark { location: place.location.clone(), at, file: place.key.clone(), deleted_from }
    }

    /// Its sort position among the location's marks.
    pub(crate) fn key(&self) -> (LocationId, ListCursor) {
        let hash = ContentHash::of(self.file.as_bytes()).to_string();
        (self.location.clone(), ListCursor { at: self.at, list: hash.chars().take(HASH_DIGITS).collect() })
    }

    /// Bounds around all keys of the location.
    pub(crate) fn range(location: &LocationId) -> (String, String) {
        (format!("list#{location}#"), format!("list#{location}$"))
    }
}

impl Item for Mark {
    const KIND: ItemKind = ItemKind {
        name: "list",
        load: "lists.load",
        replace: "lists.mark",
        attribute: "list",
        listed: Some("list"),
        checked: false,
        may_be_stale: false,
    };
    type Key = (LocationId, ListCursor);

    fn item_key((location, ListCursor { at, list }): &(LocationId, ListCursor)) -> String {
        format!("list#{location}#{:0TIME_DIGITS$}#{list}", at.0)
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.deleted_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_a_location_sort_as_times_do_and_lie_between_its_bounds_whatever_the_file_is_called() {
        let key = |at, name: &str| {
            let place = ListPlace::of(&format!("in/loc/contacts/{name}")).unwrap();
            Mark::item_key(&Mark::of(&place, EpochMs(at), EpochMs::NEVER).key())
        };
        let long = "x".repeat(1000);
        let keys = [key(0, "z.csv"), key(9, "a#b.csv"), key(1_795_000_000_000, &long), key(EpochMs::LAST_DATED.0, "a")];
        assert!(keys.is_sorted());
        let (from, before) = Mark::range(&"loc".parse().unwrap());
        assert!(keys.iter().all(|key| from < *key && *key < before && key.len() < 100), "{keys:?}");
        assert_ne!(key(9, "a.csv"), key(9, "b.csv"));
    }
}
