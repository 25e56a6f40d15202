//! Stores for the states that GHL has reported, and for how far reconciling has read.

use async_trait::async_trait;

use super::PortError;
use crate::policy::Precedence;
use ghl_sync_model::{Bookmark, ContentHash, EpochMs, EventId, GhlId, Kind, KnownState, LocationId};

/// The last known GHL state of each record, and the ids of the events seen. Separate from the outbox: nothing in here
/// is due.
#[async_trait]
pub trait KnownStates: Send + Sync {
    /// Stores `state` as the record's known state, if `precedence` ranks it above the current one. One write, which may
    /// be repeated.
    async fn replace(
        &self,
        key: RemoteKey<'_>,
        state: &KnownState,
        precedence: &Precedence,
        now: EpochMs,
    ) -> Result<Replacement, PortError>;

    /// The known state of a record (strongly consistent); `None` if GHL has reported nothing about it.
    async fn load(&self, key: RemoteKey<'_>) -> Result<Option<KnownState>, PortError>;

    /// Deletes the known state of a record. Returns whether there was one.
    async fn forget(&self, key: RemoteKey<'_>) -> Result<bool, PortError>;

    /// Remembers `event` until at least `until`; false if it was already remembered. One write.
    async fn remember(&self, event: &EventId, now: EpochMs, until: EpochMs) -> Result<bool, PortError>;
}

/// Identifies a record by GHL's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteKey<'a> {
    /// Location that owns the record.
    pub location: &'a LocationId,
    /// Contact or opportunity.
    pub kind: Kind,
    /// GHL's id of the record.
    pub ghl_id: &'a GhlId,
}

/// Result of [`KnownStates::replace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// The state is stored. Holds the previous state, if there was one.
    Done(Option<KnownBefore>),
    /// The known state is newer, or the same.
    Refused(KnownBefore),
}

/// The previous known state, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBefore {
    /// The event that reported it.
    pub event_id: EventId,
    /// Hash of its content; `None` for a deleted record.
    pub hash: Option<ContentHash>,
}

/// How far reconciling has read each location's changes.
#[async_trait]
pub trait Bookmarks: Send + Sync {
    /// Where to continue; `None` if the location was never read.
    async fn find(&self, location: &LocationId) -> Result<Option<Bookmark>, PortError>;

    /// Stores `bookmark` in place of the previous one.
    async fn keep(&self, location: &LocationId, bookmark: &Bookmark) -> Result<(), PortError>;

    /// The location that was last asked to reconcile; `None` if none ever was.
    async fn last_asked(&self) -> Result<Option<LocationId>, PortError>;

    /// Stores the location that was asked last.
    async fn keep_last_asked(&self, location: &LocationId) -> Result<(), PortError>;
}

/// The order of the app's installations and removals.
#[async_trait]
pub trait Installations: Send + Sync {
    /// Records that the app was installed in `location`, or removed from it, at `at`; false if a later event says
    /// otherwise. Returns true again for the same event, since its consequences may not have been carried out. One
    /// write.
    async fn note(&self, location: &LocationId, installed: bool, at: EpochMs) -> Result<bool, PortError>;
}
