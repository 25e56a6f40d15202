//! The outbox item: a record that must reach GHL.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use super::outcome::REMEMBERED_ERRORS;
use super::{
    Conflict, ContentHash, CreationKey, EpochMs, GhlId, ImportId, LastError, LocationId, Opportunity, Payload,
    PayloadError, Provenance, RecordId, RecordKey, Undo,
};

/// The order in which a location's due records are sent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Priority {
    /// First of all: a person is waiting.
    High,
    /// Everyday changes.
    #[default]
    Normal,
    /// Backfills and migrations. They get a small share of each batch, so they never starve.
    Low,
}

impl Priority {
    /// All priorities, most urgent first.
    pub const ALL: [Priority; Priority::COUNT] = [Priority::High, Priority::Normal, Priority::Low];

    /// The priority's name in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A record as a producer puts it into the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct PutRecord {
    /// Location that owns the record.
    pub location_id: LocationId,
    /// The caller's id; putting the same id again replaces the content.
    pub id: RecordId,
    /// Its content.
    pub payload: Payload,
    /// Its priority.
    pub priority: Priority,
    /// GHL's id, if the producer knows it: the record is then updated and never created.
    pub ghl_id: Option<GhlId>,
    /// Whether the producer has checked that GHL does not have the record yet. This saves a call on the first try: a
    /// contact takes its tags along, and an opportunity is not searched for. If GHL has it after all, nothing is
    /// duplicated, but a contact's tags are replaced.
    pub is_new: bool,
    /// Conflict rule for this content once GHL has accepted it; `None` leaves it to the location's rule.
    pub conflict: Option<Conflict>,
    /// When this content was true, according to the producer: content from a later time is not replaced. `None`
    /// always replaces it, and counts as true at the time of the put.
    pub as_of: Option<EpochMs>,
    /// The import that puts the record. A record belongs to the import that put its present content; a later put with
    /// a change removes it from that import.
    pub import: Option<ImportId>,
    /// Start of the import's undo period, if it can be undone: GHL's copy is then read and saved before the record is
    /// written.
    pub undo_since: Option<EpochMs>,
}

impl PutRecord {
    /// A record of normal priority, with nothing but its content.
    #[must_use]
    pub fn new(location_id: LocationId, id: RecordId, payload: Payload) -> PutRecord {
        PutRecord {
            location_id,
            id,
            payload,
            priority: Priority::Normal,
            ghl_id: None,
            is_new: false,
            conflict: None,
            as_of: None,
            import: None,
            undo_since: None,
        }
    }

    /// The record's key.
    #[must_use]
    pub fn key(&self) -> RecordKey {
        RecordKey { kind: self.payload.kind(), id: self.id.clone() }
    }

    /// Checks a record before it is put; stored records may violate these rules.
    ///
    /// # Errors
    /// [`PayloadError`] names the field: `id`, or one in the payload.
    pub fn check(&self) -> Result<(), PayloadError> {
        let check_id = |field, id: &RecordId| match RecordId::new(id.as_str()) {
            Ok(_) => Ok(()),
            Err(error) => Err(PayloadError::Field { field, reason: error.reason() }),
        };
        check_id("id", &self.id)?;
        if let Payload::Opportunity(Opportunity { contact_record: Some(id), .. }) = &self.payload {
            check_id("contactRecord", id)?;
        }
        self.payload.check()?;
        self.payload.check_size()
    }
}

/// A record as stored in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Location that owns the record.
    pub location_id: LocationId,
    /// Its kind, and its producer's id.
    pub key: RecordKey,
    /// The content to send.
    pub payload: Payload,
    /// Grows with every put that changes something.
    pub version: u64,
    /// Its priority.
    pub priority: Priority,
    /// When to send it; `None` once it is accepted or has failed for good.
    pub due_at: Option<EpochMs>,
    /// Earliest time of the next write: until then, an unanswered call may still arrive at GHL.
    pub not_before: Option<EpochMs>,
    /// When it was last put.
    pub put_at: Option<EpochMs>,
    /// Number of batches with a failure that counts.
    pub attempts: u32,
    /// The last error; `None` once a later version was accepted.
    pub last_error: Option<LastError>,
    /// Earlier errors, newest first: see [`Record::errors`].
    pub earlier_errors: Vec<LastError>,
    /// GHL's id of the record.
    pub ghl_id: Option<GhlId>,
    /// The version that GHL last accepted.
    pub accepted_version: Option<u64>,
    /// Hash of the content that GHL last accepted.
    pub accepted_hash: Option<ContentHash>,
    /// When GHL last accepted it.
    pub accepted_at: Option<EpochMs>,
    /// Fields of the accepted version that GHL did not store, by GHL's names.
    pub not_stored: Vec<String>,
    /// When it failed for good; `None` unless it currently counts as failed.
    pub failed_at: Option<EpochMs>,
    /// The request that a dry run would have sent, while that is the latest result.
    pub dry_run: Option<String>,
    /// The record whose GHL id it waits for.
    pub waits_for: Option<RecordKey>,
    /// Records that are not due until this one has its GHL id.
    pub awaited_by: Vec<RecordKey>,
    /// Hash of GHL's values in its fields when reconciling made it due again.
    pub overruled: Option<ContentHash>,
    /// When the superseding content changed in GHL, while that content stands.
    pub superseded_at: Option<EpochMs>,
    /// The conflict rule of its last put.
    pub conflict: Option<Conflict>,
    /// Whether its producer had checked, before the first put, that GHL did not have it.
    pub is_new: bool,
    /// Keys under which GHL may have created it with earlier content, oldest first; empty once its GHL id is known.
    pub former: Vec<CreationKey>,
    /// Who created the GHL record under `ghl_id`.
    pub provenance: Provenance,
    /// Somebody requested its deletion in GHL, and it is due for that. A put cancels the request.
    pub deletion: bool,
    /// The import that put its present content.
    pub import: Option<ImportId>,
    /// When its content was dropped after GHL accepted it: `payload` then holds only what
    /// [remains](Payload::remains).
    pub content_dropped_at: Option<EpochMs>,
    /// State of that import's undo for this record; `None` if the import cannot be undone.
    pub undo: Option<Undo>,
}

impl Record {
    /// The due time of this record once the given contact has its GHL id; `None` if the record neither waits for that
    /// contact nor is due. It always differs from the current due time, so that a writer who is about to make the
    /// record wait notices.
    #[must_use]
    pub fn woken_at(&self, contact: &RecordKey, now: EpochMs) -> Option<EpochMs> {
        let later = |time: EpochMs| EpochMs(time.0.saturating_add(1));
        match (self.due_at, self.waits_for.as_ref() == Some(contact)) {
            (None, false) => None,
            (Some(due_at), true) if due_at == now => Some(later(now)),
            (_, true) => Some(now),
            (Some(due_at), false) => Some(later(due_at)),
        }
    }

    /// Who created `ghl_id`, after an answer that says `told`. The first answer about an id stands: an update of a
    /// record that we created reports it as existing, and a record that was found stays found.
    #[must_use]
    pub fn provenance_of(&self, ghl_id: &GhlId, told: Provenance) -> Provenance {
        let is_same = self.ghl_id.as_ref() == Some(ghl_id);
        if is_same && self.provenance != Provenance::Unknown { self.provenance } else { told }
    }

    /// A put of other content for this record. It keeps what the last put stated beside the content, except its
    /// import.
    #[must_use]
    pub fn put_again(&self, payload: Payload) -> PutRecord {
        PutRecord {
            priority: self.priority,
            conflict: self.conflict,
            ..PutRecord::new(self.location_id.clone(), self.key.id.clone(), payload)
        }
    }

    /// Start of its import's undo period; `None` if the import cannot be undone, or the record is already undone.
    #[must_use]
    pub fn undo_since(&self) -> Option<EpochMs> {
        match self.undo {
            Some(Undo::Possible { since } | Undo::Asked { since }) => Some(since),
            Some(Undo::Done(_)) | None => None,
        }
    }

    /// Whether it is due for its undo, or its undo failed.
    #[must_use]
    pub fn is_undoing(&self) -> bool {
        matches!(self.undo, Some(Undo::Asked { .. }))
    }

    /// The last errors, shortened, newest first, at most five. They survive the acceptance that ended them, and are
    /// removed by the next acceptance without an error.
    #[must_use]
    pub fn errors(&self) -> Vec<LastError> {
        self.last_error.iter().chain(&self.earlier_errors).take(REMEMBERED_ERRORS).map(LastError::in_short).collect()
    }

    /// The errors to keep when this record is accepted.
    #[must_use]
    pub fn errors_when_accepted(&self) -> Vec<LastError> {
        if self.last_error.is_some() { self.errors() } else { Vec::new() }
    }
}

/// For tests: a record after its first put, but not due.
#[cfg(any(test, feature = "testing"))]
#[must_use]
#[allow(clippy::unwrap_used, reason = "for tests")]
pub fn put_once(key: &str, payload: Payload) -> Record {
    Record {
        location_id: "loc".parse().unwrap(),
        key: key.parse().unwrap(),
        payload,
        version: 1,
        priority: Priority::Normal,
        due_at: None,
        not_before: None,
        put_at: None,
        attempts: 0,
        last_error: None,
        earlier_errors: Vec::new(),
        ghl_id: None,
        accepted_version: None,
        accepted_hash: None,
        accepted_at: None,
        not_stored: Vec::new(),
        failed_at: None,
        dry_run: None,
        waits_for: None,
        awaited_by: Vec::new(),
        overruled: None,
        superseded_at: None,
        conflict: None,
        is_new: false,
        former: Vec::new(),
        provenance: Provenance::Unknown,
        deletion: false,
        import: None,
        content_dropped_at: None,
        undo: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let payload = Payload::from_json(crate::Kind::Contact, r#"{"email":"a@x.test"}"#).unwrap();
        put_once("opportunity#a", payload)
    }

    #[test]
    fn waking_makes_a_waiting_record_due_and_always_changes_when_one_is_due() {
        let (ann, bob): (RecordKey, RecordKey) = ("contact#ann".parse().unwrap(), "contact#bob".parse().unwrap());
        let now = EpochMs(10);
        for (due_at, waits_for, expected) in [
            (None, None, None),
            (None, Some(&bob), None),
            (None, Some(&ann), Some(10)),
            (Some(10), Some(&ann), Some(11)),
            (Some(99), Some(&ann), Some(10)),
            (Some(7), None, Some(8)),
            (Some(99), Some(&bob), Some(100)),
        ] {
            let record = Record { due_at: due_at.map(EpochMs), waits_for: waits_for.cloned(), ..record() };
            assert_eq!(record.woken_at(&ann, now), expected.map(EpochMs), "{due_at:?} {waits_for:?}");
        }
    }
}
