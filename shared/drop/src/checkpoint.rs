//! The progress of an import: one item for each list in the bucket.

use std::time::Duration;

use ghl_sync_import::report::ImportReport;
use ghl_sync_model::{EpochMs, ImportId, Item, ItemKind};
use serde::{Deserialize, Serialize};

use crate::ListState;

/// A checkpoint is deleted this long after its import ended or last moved, or later if its file is kept longer. A list
/// dropped again after that is read anew; its unchanged contacts need no call.
const KEEP: Duration = Duration::from_secs(35 * 24 * 3600);

/// The progress of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The content being imported.
    pub content: Content,
    /// Number of the current or next step; messages of earlier steps are obsolete. It only grows, even when other
    /// content starts the import over.
    pub step: u64,
    /// Deadline for this step: a step that died is redelivered before then.
    pub expected_until: EpochMs,
    /// When the import began.
    pub began_at: EpochMs,
    /// When a contact was last put.
    pub moved_at: EpochMs,
    /// What is done and what comes next.
    pub phase: Phase,
    /// Contacts that needed no call. A step that died may count some twice.
    pub unchanged: u64,
    /// When the location's facts were requested, if they were missing or stale.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub facts_asked_at: Option<EpochMs>,
    /// Values for the list of lists.
    #[serde(default)]
    pub shown: ListFigures,
}

/// Values that the list of a location's lists shows beside the [`Phase`]. Earlier builds wrote none of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ListFigures {
    /// Upload time of the file that the stored mark refers to.
    pub uploaded_at: Option<EpochMs>,
    /// When the bucket may delete that file.
    pub deleted_from: Option<EpochMs>,
    /// State of the list, and when it entered that state.
    pub state: Option<(ListState, EpochMs)>,
    /// Number of rows, once counted. Before the list is done or held, only rows that look like people count.
    pub rows: Option<u64>,
    /// Rows that are, or would be, left out; once known.
    pub left_out: Option<u64>,
    /// Contacts that failed, once it is done.
    pub failed: Option<u64>,
    /// The import of the list's contacts, once it has begun.
    pub import: Option<ImportId>,
}

impl ListFigures {
    /// Copies the number of rows and of rows left out.
    pub(crate) fn take(&mut self, import: &ImportReport) {
        (self.rows, self.left_out) = (Some(import.rows), Some(import.left_out));
    }
}

/// The content that is imported. If any of it changes, the import starts over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The list's ETag.
    pub file: String,
    /// Key and ETag of the mapping, if there is one.
    pub mapping: Option<(String, String)>,
    /// Hash of the location's facts; `None` if none are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub facts: Option<String>,
}

/// What an import has done, and what comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Contacts are being put.
    Putting {
        /// Number of outcomes (contacts and rows left out) already handled.
        next: u64,
    },
    /// All contacts are put, and some are not in GHL yet.
    Waiting {
        /// When the wait for GHL began.
        since: EpochMs,
        /// Number of leading outcomes that have ended.
        ended: u64,
    },
    /// The import has ended, and the report says how.
    Ended(ImportEnd),
}

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportEnd {
    /// Complete: results and rejects cover all rows.
    Done,
    /// A question must be answered first. Nothing was put.
    NeedsMapping,
    /// Nothing can be read from the file.
    Refused,
    /// The mapping holds the list for review. Nothing was put.
    Held,
}

impl Checkpoint {
    /// The start of an import of `content`.
    pub(crate) fn begin(content: Content, step: u64, now: EpochMs) -> Checkpoint {
        let phase = Phase::Putting { next: 0 };
        Checkpoint {
            content,
            step,
            expected_until: now,
            began_at: now,
            moved_at: now,
            phase,
            unchanged: 0,
            facts_asked_at: None,
            shown: ListFigures::default(),
        }
    }

    /// The start of an import of new content of the same list.
    pub(crate) fn anew(self, content: Content, step: u64, now: EpochMs) -> Checkpoint {
        let ListFigures { uploaded_at, deleted_from, state, .. } = self.shown;
        let shown = ListFigures { uploaded_at, deleted_from, state, ..ListFigures::default() };
        Checkpoint { shown, ..Checkpoint::begin(content, step, now) }
    }

    /// The state of the list.
    pub(crate) fn state(&self) -> ListState {
        match self.phase {
            Phase::Putting { next: 0 } => ListState::Reading,
            Phase::Putting { .. } | Phase::Waiting { .. } => ListState::Importing,
            Phase::Ended(ImportEnd::Done) => ListState::Done,
            Phase::Ended(ImportEnd::NeedsMapping) => ListState::NeedsMapping,
            Phase::Ended(ImportEnd::Refused) => ListState::Refused,
            Phase::Ended(ImportEnd::Held) => ListState::Held,
        }
    }

    /// Updates the state and its start time, if the state changed.
    pub(crate) fn keep_since(&mut self, now: EpochMs) {
        let state = self.state();
        if self.shown.state.is_none_or(|(before, _)| before != state) {
            self.shown.state = Some((state, now));
        }
    }

    /// Whether no further step follows.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Whether dropping the list again changes nothing, because its import is done or under way.
    pub(crate) fn stands(&self, now: EpochMs) -> bool {
        match &self.phase {
            Phase::Ended(ImportEnd::Done) => true,
            // A person may have fixed the problem.
            Phase::Ended(ImportEnd::NeedsMapping | ImportEnd::Refused | ImportEnd::Held) => false,
            Phase::Putting { .. } | Phase::Waiting { .. } => now < self.expected_until,
        }
    }
}

impl Item for Checkpoint {
    const KIND: ItemKind = ItemKind {
        name: "drop",
        load: "drops.load",
        replace: "drops.store",
        attribute: "drop",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = String;

    fn item_key(file: &String) -> String {
        format!("drop#{file}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        let deleted_from = self.shown.deleted_from.unwrap_or_default();
        Some(deleted_from.max(self.expected_until + KEEP))
    }
}
