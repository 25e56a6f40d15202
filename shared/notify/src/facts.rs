//! The parts of a change that decide which events follow from it.

use ghl_sync_engine::usecase::GateTrouble;
use ghl_sync_model::{EpochMs, GhlId, ImportId, ImportStanding, LocationId, Record, RecordKey, ScopeId, Undo, Undone};

use crate::OutcomeError;

/// A change read from a table stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedItem {
    /// A record changed.
    Record(Box<RecordChange>),
    /// An import's item changed.
    Import(LocationId, ImportId),
    /// The gate recorded trouble of a rate scope.
    Trouble(GateTrouble, ScopeId),
    /// Anything else. No event follows from it.
    Other,
}

/// A record before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChange {
    /// Location that owns the record.
    pub location_id: LocationId,
    /// The record that has changed.
    pub key: RecordKey,
    /// Its state before the change; `None` if it is new.
    pub old: Option<RecordFacts>,
    /// Its state after the change; `None` if it was removed.
    pub new: Option<RecordFacts>,
}

/// The parts of a record that decide which events follow and appear in them. None of its content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordFacts {
    /// [`Record::version`]
    pub version: u64,
    /// [`Record::ghl_id`]
    pub ghl_id: Option<GhlId>,
    /// [`Record::import`]
    pub import: Option<String>,
    /// The import in which the record is pending.
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
    /// Result of the undo of its import, if that was the record's last outcome.
    pub undone: Option<Undone>,
}

impl From<&Record> for RecordFacts {
    fn from(record: &Record) -> RecordFacts {
        let last_error = record.last_error.as_ref();
        RecordFacts {
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

/// The result of an undo, once it is done.
#[must_use]
pub fn undone(undo: Option<&Undo>) -> Option<Undone> {
    match undo? {
        Undo::Done(undone) => Some(undone.clone()),
        Undo::Possible { .. } | Undo::Asked { .. } => None,
    }
}
