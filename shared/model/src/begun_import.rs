//! That an import began: imports of all locations, in the order in which they did.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{EpochMs, ImportId, Item, ItemKind, LocationId};

/// An import that began so long ago is not among the last ones any more.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Digits of a time in a key, so that keys sort as times do.
const TIME_DIGITS: usize = 16;

/// That an import began. It is written once, before the import: what the import says now is in the import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunImport {
    /// When. One of another time than the import's own was written by somebody who died, or was overtaken.
    pub at: EpochMs,
    /// Whose import.
    pub location: LocationId,
    /// The import's id within the location.
    pub import: ImportId,
}

impl Item for BegunImport {
    const KIND: ItemKind = ItemKind {
        name: "begun",
        load: "begun_imports.load",
        replace: "begun_imports.write",
        attribute: "begun",
        listed: Some("begun"),
        checked: false,
        may_be_stale: false,
    };
    type Key = BegunImport;

    fn item_key(begun: &BegunImport) -> String {
        let BegunImport { at, location, import } = begun;
        format!("begun#{:0TIME_DIGITS$}#{location}#{import}", at.0)
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.at + KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_times_do() {
        let key = |at| {
            BegunImport::item_key(&BegunImport {
                at: EpochMs(at),
                location: "loc".parse().unwrap(),
                import: "list".parse().unwrap(),
            })
        };
        assert!([0, 9, 1_795_000_000_000, EpochMs::LAST_DATED.0].map(key).is_sorted());
        assert_eq!(key(9), "begun#0000000000000009#loc#list");
    }
}
