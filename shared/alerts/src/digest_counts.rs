//! The counts of a location at its last digest.

use ghl_sync_engine::counts::{Counts, RecordCount};
use ghl_sync_model::{EpochMs, Item, ItemKind, LocationId};
use serde::{Deserialize, Serialize};

/// Counts of a location at its last digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DigestCounts {
    /// When the counts were read.
    pub at: EpochMs,
    /// Records accepted by GHL.
    pub accepted: u64,
    /// Records that failed for good.
    pub failed: u64,
    /// Records put whose content GHL already had.
    pub unchanged: u64,
}

impl Item for DigestCounts {
    const KIND: ItemKind = ItemKind {
        name: "digest",
        load: "digest.load",
        replace: "digest.write",
        attribute: "digest",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    /// `None` for the entry of the whole stack.
    type Key = Option<LocationId>;

    fn item_key(location: &Option<LocationId>) -> String {
        match location {
            Some(location) => format!("digest#{location}"),
            None => "digest".to_owned(),
        }
    }
}

impl DigestCounts {
    pub(crate) fn of(counts: &Counts, at: EpochMs) -> DigestCounts {
        DigestCounts {
            at,
            accepted: counts.records(RecordCount::Succeeded),
            failed: counts.records(RecordCount::Failed),
            unchanged: counts.records(RecordCount::Unchanged),
        }
    }

    /// Counts added since `before`; all of them if the location's counters were reset.
    pub(crate) fn since(self, before: &DigestCounts) -> DigestCounts {
        let has_fallen = self.accepted < before.accepted || self.failed < before.failed;
        let before = if has_fallen { &DigestCounts::default() } else { before };
        DigestCounts {
            at: self.at,
            accepted: self.accepted - before.accepted,
            failed: self.failed - before.failed,
            unchanged: self.unchanged.saturating_sub(before.unchanged),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.accepted + self.failed + self.unchanged == 0
    }
}
