//! The outbox's item: something that must reach GHL.

use serde::{Deserialize, Serialize};

use super::{ContentHash, EpochMs, GhlId, LastError, LocationId, Payload, RecordId, RecordKey};

/// In which order a location's due records go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others: a person waits for it.
    High,
    /// Everyday changes.
    #[default]
    Normal,
    /// Backfills and migrations; a small share of each batch is theirs, so they never starve.
    Low,
}

impl Priority {
    /// All of them, most urgent first.
    pub const ALL: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

    /// The priority as it is written in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        }
    }
}

/// What a producer puts into the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct PutRecord {
    /// Whose record.
    pub location_id: LocationId,
    /// The caller's id; putting the same id again replaces the content.
    pub id: RecordId,
    /// The content.
    pub payload: Payload,
    /// How urgent.
    pub priority: Priority,
    /// GHL's id of it, where the producer knows it: then it is updated and never created.
    pub ghl_id: Option<GhlId>,
}

impl PutRecord {
    /// The record's key.
    #[must_use]
    pub fn key(&self) -> RecordKey {
        RecordKey { kind: self.payload.kind(), id: self.id.clone() }
    }
}

/// A record as the outbox holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Whose record.
    pub location_id: LocationId,
    /// Which.
    pub key: RecordKey,
    /// The content to send.
    pub payload: Payload,
    /// Grows with every put that changed something.
    pub version: u64,
    /// How urgent.
    pub priority: Priority,
    /// When to send it; `None` once it is accepted or has failed for good.
    pub due_at: Option<EpochMs>,
    /// A call without an answer may still arrive at GHL until then: nothing is written again before.
    pub not_before: Option<EpochMs>,
    /// When it was put last.
    pub put_at: Option<EpochMs>,
    /// Batches in which it failed in a way that counts.
    pub attempts: u32,
    /// What went wrong last.
    pub last_error: Option<LastError>,
    /// GHL's id of it.
    pub ghl_id: Option<GhlId>,
    /// The version that GHL accepted last.
    pub accepted_version: Option<u64>,
    /// Hash of the content that GHL accepted last.
    pub accepted_hash: Option<ContentHash>,
    /// The record whose GHL id it waits for.
    pub waits_for: Option<RecordKey>,
}
