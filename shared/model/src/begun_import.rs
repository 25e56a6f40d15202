//! An index of the imports of all locations, in the order in which they began.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{EpochMs, ImportId, Item, ItemKind, LocationId};

/// An entry is kept for this long; older imports are no longer among the latest.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Digits of a time in a key, so that keys sort by time.
const TIME_DIGITS: usize = 16;

/// Notes that an import began. It is written once, before the import itself; the import holds the current state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunImport {
    /// When it began. If this differs from the import's own time, its writer died or was overtaken.
    pub at: EpochMs,
    /// Location of the import.
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
