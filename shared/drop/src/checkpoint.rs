//! How far an import is: one item for each list of the bucket.

use std::time::Duration;

use ghl_sync_import::report::ImportReport;
use ghl_sync_model::{EpochMs, ImportId, Item, ItemKind};
use serde::{Deserialize, Serialize};

use crate::ListState;

/// An import that has ended, or of which nothing was heard for so long, is forgotten, unless its file is kept for longer: a
/// list that is dropped again after that is read again, and its unchanged contacts need no call.
const KEEP: Duration = Duration::from_secs(35 * 24 * 3600);

/// How far an import is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What is imported.
    pub content: Content,
    /// The step that is under way, or the next. A message of an earlier one is out of date. It grows for ever, also where
    /// another content begins.
    pub step: u64,
    /// Until when the step of this number is expected to have ended: a step that died comes again before.
    pub expected_until: EpochMs,
    /// When the import began.
    pub began_at: EpochMs,
    /// When something was put last.
    pub moved_at: EpochMs,
    /// What is done, and what is next.
    pub phase: Phase,
    /// Contacts that needed no call. Some may be counted twice where a step died.
    pub unchanged: u64,
    /// When somebody was asked to read what the location is, if that was not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub facts_asked_at: Option<EpochMs>,
    /// What the list of its location's lists shows of it.
    #[serde(default)]
    pub shown: Shown,
}

/// What the list of a location's lists shows of one, beside its [`Phase`]. An earlier build wrote none of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Shown {
    /// When the file was put into the bucket that its mark is of.
    pub uploaded_at: Option<EpochMs>,
    /// When the bucket may delete that file.
    pub deleted_from: Option<EpochMs>,
    /// Where it stands, and since when.
    pub state: Option<(ListState, EpochMs)>,
    /// Its rows, once they were counted: before it is done or held, those that look like people.
    pub rows: Option<u64>,
    /// Rows that are, or would be, left out, once that is known.
    pub left_out: Option<u64>,
    /// Contacts that failed, once it is done.
    pub failed: Option<u64>,
    /// The import that its contacts are put under, once that has begun.
    pub import: Option<ImportId>,
}

impl Shown {
    /// Takes over how many rows there are, and how many are in no contact.
    pub(crate) fn take(&mut self, import: &ImportReport) {
        (self.rows, self.left_out) = (Some(import.rows), Some(import.left_out));
    }
}

/// What is imported: another content begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The list's ETag.
    pub file: String,
    /// The key and the ETag of the mapping, where there is one.
    pub mapping: Option<(String, String)>,
    /// What is known of the location, as a hash; `None` if nothing is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub facts: Option<String>,
}

/// What is done of an import, and what is next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Contacts are put.
    Putting {
        /// So many outcomes of the list (contacts, rows left out) are done with.
        next: u64,
    },
    /// All are put, and some are not in GHL yet.
    Waiting {
        /// Since when it waits for GHL.
        since: EpochMs,
        /// So many outcomes of the list, from the first on, have come to their end.
        ended: u64,
    },
    /// The report says what came of it.
    Ended(End),
}

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All is told in results and rejects.
    Done,
    /// Something must be answered first; nothing was put.
    NeedsMapping,
    /// Nothing can be read from it.
    Refused,
    /// Its mapping says that it is only looked at; nothing was put.
    Held,
}

impl Checkpoint {
    /// Where an import of `content` begins.
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
            shown: Shown::default(),
        }
    }

    /// Where an import of another content of the same list begins.
    pub(crate) fn anew(self, content: Content, step: u64, now: EpochMs) -> Checkpoint {
        let Shown { uploaded_at, deleted_from, state, .. } = self.shown;
        let shown = Shown { uploaded_at, deleted_from, state, ..Shown::default() };
        Checkpoint { shown, ..Checkpoint::begin(content, step, now) }
    }

    /// How far the list is.
    pub(crate) fn state(&self) -> ListState {
        match self.phase {
            Phase::Putting { next: 0 } => ListState::Reading,
            Phase::Putting { .. } | Phase::Waiting { .. } => ListState::Importing,
            Phase::Ended(End::Done) => ListState::Done,
            Phase::Ended(End::NeedsMapping) => ListState::NeedsMapping,
            Phase::Ended(End::Refused) => ListState::Refused,
            Phase::Ended(End::Held) => ListState::Held,
        }
    }

    /// Keeps since when the list is as far as it is.
    pub(crate) fn keep_since(&mut self, now: EpochMs) {
        let state = self.state();
        if self.shown.state.is_none_or(|(before, _)| before != state) {
            self.shown.state = Some((state, now));
        }
    }

    /// Whether no step follows.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Whether a list that is dropped again is left to what was, or is, done with it.
    pub(crate) fn stands(&self, now: EpochMs) -> bool {
        match &self.phase {
            Phase::Ended(End::Done) => true,
            // A person may have mended what stood in the way.
            Phase::Ended(End::NeedsMapping | End::Refused | End::Held) => false,
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
