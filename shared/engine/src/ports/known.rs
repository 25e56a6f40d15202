//! What GHL told, and how far it was asked.

use async_trait::async_trait;

use super::PortError;
use crate::policy::Precedence;
use ghl_sync_model::{Bookmark, ContentHash, EpochMs, EventId, GhlId, Kind, KnownState, LocationId};

/// The last known GHL state of each record, and which events were seen. Beside the outbox: nothing in here is due.
#[async_trait]
pub trait KnownStates: Send + Sync {
    /// Stores `state` as what is known of the record, if `precedence` puts it over what is known now. One write, which
    /// may be repeated.
    async fn replace(
        &self,
        key: RemoteKey<'_>,
        state: &KnownState,
        precedence: &Precedence,
        now: EpochMs,
    ) -> Result<Replacement, PortError>;

    /// What is known of a record (strongly consistent); `None` if GHL has told nothing of it.
    async fn load(&self, key: RemoteKey<'_>) -> Result<Option<KnownState>, PortError>;

    /// Deletes what is known of a record. Returns whether anything was.
    async fn forget(&self, key: RemoteKey<'_>) -> Result<bool, PortError>;

    /// Remembers `event` until `until` at least; false if it was remembered already. One write.
    async fn remember(&self, event: &EventId, now: EpochMs, until: EpochMs) -> Result<bool, PortError>;
}

/// A record by GHL's own id of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteKey<'a> {
    /// The location that the record is in.
    pub location: &'a LocationId,
    /// What it is.
    pub kind: Kind,
    /// GHL's id of it.
    pub ghl_id: &'a GhlId,
}

/// What [`KnownStates::replace`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// The state is stored. What was known before, if anything was.
    Done(Option<KnownBefore>),
    /// What is known is newer, or the same.
    Refused(KnownBefore),
}

/// The state that was known before, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBefore {
    /// The event that told it.
    pub event_id: EventId,
    /// Hash of its content; `None` of a deleted record.
    pub hash: Option<ContentHash>,
}

/// How far reconciling has read the changes of each location.
#[async_trait]
pub trait Bookmarks: Send + Sync {
    /// Where to go on; `None` if the location was never read.
    async fn find(&self, location: &LocationId) -> Result<Option<Bookmark>, PortError>;

    /// Keeps `bookmark` in place of the one before.
    async fn keep(&self, location: &LocationId, bookmark: &Bookmark) -> Result<(), PortError>;

    /// The location that was asked last to reconcile; `None` if none ever was.
    async fn last_asked(&self) -> Result<Option<LocationId>, PortError>;

    /// Keeps which location was asked last.
    async fn keep_last_asked(&self, location: &LocationId) -> Result<(), PortError>;
}

/// In which order the app was installed and removed.
#[async_trait]
pub trait Installations: Send + Sync {
    /// Takes note that the app was installed in `location`, or removed from it, at `at`; false if it was later told
    /// otherwise. The same again is true again: what follows from it may not have been done. One write.
    async fn note(&self, location: &LocationId, installed: bool, at: EpochMs) -> Result<bool, PortError>;
}
