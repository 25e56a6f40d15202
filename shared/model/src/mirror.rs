//! A mirror: a list that its source sends whole, again and again, so that whoever is missing in it is known to be gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{EpochMs, Item, ItemKind, LocationId, MirrorName, RecordId, RunId};

/// A mirror whose source has sent nothing for so long begins anew.
const KEPT: Duration = Duration::from_secs(400 * 86_400);

/// What is known of a mirror: the run of it that counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mirror {
    /// The last run that was committed; `None` before the first.
    pub committed: Option<MirrorRun>,
}

/// A run of a mirror: one sending of the whole list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorRun {
    /// The run's id, which its source chose.
    pub run: RunId,
    /// In how many parts it was sent.
    pub parts: u32,
    /// How many contacts it had.
    pub present: u64,
    /// When it was committed.
    pub at: EpochMs,
}

/// A part of a run: who is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorPart {
    /// The contacts of the part.
    pub ids: Vec<RecordId>,
    /// Items that were refused: nobody knows who they are.
    pub refused: u64,
    /// When it was sent.
    pub at: EpochMs,
}

/// Which part of which run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorPartKey {
    /// The location that it is sent into.
    pub location: LocationId,
    /// Which mirror of it.
    pub name: MirrorName,
    /// Which run.
    pub run: RunId,
    /// Which part of it, from 0.
    pub part: u32,
}

/// What is done about contacts that a committed run had, and the next one has not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnMissing {
    /// Nothing.
    #[default]
    Keep,
    /// They get this tag.
    Tag(String),
    /// They lose this tag.
    Untag(String),
    /// They are deleted in GHL, and then here.
    Delete,
}

impl OnMissing {
    /// Whether it puts the record again, with another content.
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
