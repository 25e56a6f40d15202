//! What of a change decides which events follow from it.

use ghl_sync_engine::usecase::GateTrouble;
use ghl_sync_model::{EpochMs, GhlId, ImportId, ImportStanding, LocationId, Record, RecordKey, ScopeId, Undo, Undone};

use crate::OutcomeError;

/// What a stream shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A record changed.
    Record(Box<RecordChange>),
    /// Something was told of an import.
    Import(LocationId, ImportId),
    /// It was noticed that a rate scope got into trouble.
    Trouble(GateTrouble, ScopeId),
    /// Something else: nothing follows from it.
    Other,
}

/// A change of a record: how it was before, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChange {
    /// Whose record.
    pub location_id: LocationId,
    /// The record that has changed.
    pub key: RecordKey,
    /// How it was; `None` if it is new.
    pub old: Option<Facts>,
    /// How it is; `None` if it was removed.
    pub new: Option<Facts>,
}

/// What of a record decides which events follow, and what they say. Nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// [`Record::version`]
    pub version: u64,
    /// [`Record::ghl_id`]
    pub ghl_id: Option<GhlId>,
    /// [`Record::import`]
    pub import: Option<String>,
    /// The import that it is pending in.
    pub pending_in: Option<ImportId>,
    /// [`Record::accepted_version`]
    pub accepted_version: Option<u64>,
    /// [`Record::accepted_at`]
    pub accepted_at: Option<EpochMs>,
    /// [`Record::not_stored`]
    pub not_stored: Vec<String>,
    /// [`Record::failed_at`]
    pub failed_at: Option<EpochMs>,
    /// [`Record::last_error`], without its message.
    pub last_error: Option<OutcomeError>,
    /// [`Record::superseded_at`]
    pub superseded_at: Option<EpochMs>,
    /// What the undo of its import did, if that is the last thing that became of it.
    pub undone: Option<Undone>,
}

impl From<&Record> for Facts {
    fn from(record: &Record) -> Facts {
        let last_error = record.last_error.as_ref();
        Facts {
            version: record.version,
            ghl_id: record.ghl_id.clone(),
            import: record.import.as_ref().map(ToString::to_string),
            pending_in: record.import.clone().filter(|_| ImportStanding::of(record) == ImportStanding::Pending),
            accepted_version: record.accepted_version,
            accepted_at: record.accepted_at,
            not_stored: record.not_stored.clone(),
            failed_at: record.failed_at,
            last_error: last_error.map(|error| OutcomeError { code: error.code.to_string(), status: error.status }),
            superseded_at: record.superseded_at,
            undone: undone(record.undo.as_ref()),
        }
    }
}

/// What an undo did, once it is done.
#[must_use]
pub fn undone(undo: Option<&Undo>) -> Option<Undone> {
    match undo? {
        Undo::Done(undone) => Some(undone.clone()),
        Undo::Possible { .. } | Undo::Asked { .. } => None,
    }
}
