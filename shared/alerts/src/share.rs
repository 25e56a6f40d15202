//! The share of records that failed.

use ghl_sync_engine::counts::{Counts, RecordCount};
use serde::{Deserialize, Serialize};

/// Failed records out of those that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Share {
    /// Records that failed for good.
    pub failed: u64,
    /// Records that failed or were accepted.
    pub ended: u64,
}

impl Share {
    pub(crate) fn of(counts: &Counts) -> Share {
        let failed = counts.records(RecordCount::Failed);
        Share { failed, ended: failed + counts.records(RecordCount::Succeeded) }
    }

    pub(crate) fn without(self, other: Share) -> Share {
        Share { failed: self.failed.saturating_sub(other.failed), ended: self.ended.saturating_sub(other.ended) }
    }

    pub(crate) fn and(self, other: Share) -> Share {
        Share { failed: self.failed + other.failed, ended: self.ended + other.ended }
    }
}
