//! Mirrors: lists that their source sends in full again and again, so that contacts missing from a list are known to
//! be gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{EpochMs, Item, ItemKind, LocationId, MirrorName, RecordId, RunId};

/// A mirror starts anew if its source has sent nothing for this long.
const KEPT: Duration = Duration::from_secs(400 * 86_400);

/// The state of a mirror: its current run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mirror {
    /// The last committed run; `None` before the first.
    pub committed: Option<MirrorRun>,
}

/// A run of a mirror: one transmission of the whole list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorRun {
    /// The run's id, chosen by its source.
    pub run: RunId,
    /// Number of parts.
    pub parts: u32,
    /// Number of contacts.
    pub present: u64,
    /// When it was committed.
    pub at: EpochMs,
}

/// A part of a run, with its contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorPart {
    /// The contacts of the part.
    pub ids: Vec<RecordId>,
    /// Rejected items: their contacts are unknown.
    pub refused: u64,
    /// When it was sent.
    pub at: EpochMs,
}

/// Identifies a part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorPartKey {
    /// Location that receives the list.
    pub location: LocationId,
    /// The mirror.
    pub name: MirrorName,
    /// The run.
    pub run: RunId,
    /// The part's number, from 0.
    pub part: u32,
}

/// Action for contacts that were in the last committed run and are missing from the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnMissing {
    /// Do nothing.
    #[default]
    Keep,
    /// Add this tag.
    Tag(String),
    /// Remove this tag.
    Untag(String),
    /// Delete them in GHL, then here.
    Delete,
}

impl OnMissing {
    /// Whether the action puts the record again, with other content.
    #[must_use]
    pub fn is_put(&self) -> bool {
        match self {
            OnMissing::Tag(_) | OnMissing::Untag(_) => true,
            OnMissing::Keep | OnMissing::Delete => false,
        }
    }
}

impl Item for Mirror {
    const KIND: ItemKind = ItemKind {
        name: "mirror",
        load: "mirrors.load",
        replace: "mirrors.write",
        attribute: "mirror",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = (LocationId, MirrorName);

    fn item_key((location, name): &(LocationId, MirrorName)) -> String {
        format!("mirror#{location}#{name}")
    }

    fn unset() -> Option<Mirror> {
        Some(Mirror::default())
    }

    fn keep_until(&self) -> Option<EpochMs> {
        self.committed.as_ref().map(|run| run.at + KEPT)
    }
}

impl Item for MirrorPart {
    const KIND: ItemKind = ItemKind {
        name: "mirror_part",
        load: "mirrors.load",
        replace: "mirrors.write",
        attribute: "part",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = MirrorPartKey;

    fn item_key(MirrorPartKey { location, name, run, part }: &MirrorPartKey) -> String {
        format!("mirror#{location}#{name}#{run}#{part}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.at + KEPT)
    }
}
