//! The outbox's item: something that must reach GHL.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use super::outcome::REMEMBERED_ERRORS;
use super::{
    Conflict, ContentHash, CreationKey, EpochMs, GhlId, ImportId, LastError, LocationId, Opportunity, Payload,
    PayloadError, Provenance, RecordId, RecordKey, Undo,
};

/// In which order a location's due records go out.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    pub const ALL: [Priority; Priority::COUNT] = [Priority::High, Priority::Normal, Priority::Low];

    /// The priority as it is written in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
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
    /// Whether the producer has looked, and GHL has nothing of it yet. Its first try is then a call cheaper: a contact
    /// takes its tags along, and an opportunity is not looked for. Should GHL have it all the same, nothing is doubled,
    /// but a contact's tags are replaced.
    pub is_new: bool,
    /// Who wins over this content where GHL's differs, once GHL has accepted it; `None` leaves it to the location's rule.
    pub conflict: Option<Conflict>,
    /// When the producer says that this content was true: content that is true of a later time stays. `None` replaces
    /// whatever stands, and counts as true when it is put.
    pub as_of: Option<EpochMs>,
    /// The import that puts it. The record belongs to the import that put its present content: a later put that changes
    /// something takes it out of this one.
    pub import: Option<ImportId>,
    /// Since when that import can be undone, if it can: what GHL shows is read and kept before the record is written.
    pub undo_since: Option<EpochMs>,
}

impl PutRecord {
    /// A record of normal priority, of which the producer knows no more than its content.
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

    /// Checks what may be put; what is stored already may be otherwise.
    ///
    /// # Errors
    /// [`PayloadError`] names the field: `id`, or one of the payload.
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

/// A record as the outbox holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Whose record.
    pub location_id: LocationId,
    /// Its kind, and its producer's id of it.
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
    /// What went wrong last; `None` once a version was accepted after it.
    pub last_error: Option<LastError>,
    /// What went wrong before, newest first: see [`Record::errors`].
    pub earlier_errors: Vec<LastError>,
    /// GHL's id of it.
    pub ghl_id: Option<GhlId>,
    /// The version that GHL accepted last.
    pub accepted_version: Option<u64>,
    /// Hash of the content that GHL accepted last.
    pub accepted_hash: Option<ContentHash>,
    /// When GHL accepted it last.
    pub accepted_at: Option<EpochMs>,
    /// The fields of the accepted version that GHL did not store, by its names.
    pub not_stored: Vec<String>,
    /// When it failed for good, exactly while it stands as failed.
    pub failed_at: Option<EpochMs>,
    /// The request that a dry run would have sent, while that is the last word on it.
    pub dry_run: Option<String>,
    /// The record whose GHL id it waits for.
    pub waits_for: Option<RecordKey>,
    /// The records that are not due until this one has its GHL id.
    pub awaited_by: Vec<RecordKey>,
    /// Hash of what GHL said in its fields when reconciling made it due again.
    pub overruled: Option<ContentHash>,
    /// When GHL's content was changed that superseded it, while that content stands.
    pub superseded_at: Option<EpochMs>,
    /// What its last put said of who wins where GHL's content differs.
    pub conflict: Option<Conflict>,
    /// Its producer has looked, and GHL had nothing of it when it was put first.
    pub is_new: bool,
    /// What GHL may have created it under before it was put with other content, oldest first; empty once GHL's id of it
    /// is known.
    pub former: Vec<CreationKey>,
    /// Who created what stands under `ghl_id` in GHL.
    pub provenance: Provenance,
    /// Somebody asked that it be deleted in GHL: that is what it is due for. A put withdraws it.
    pub deletion: bool,
    /// The import that put its present content.
    pub import: Option<ImportId>,
    /// When its content was dropped after GHL had accepted it: `payload` is what [remains](Payload::remains) of it.
    pub content_dropped_at: Option<EpochMs>,
    /// How far the undo of that import has come with it; `None` if the import cannot be undone.
    pub undo: Option<Undo>,
}

impl Record {
    /// When this record is due once the contact that it may wait for has its GHL id; `None` if it neither waits nor is
    /// due. The time differs from the one that it is due at now: whoever is about to let it wait notices.
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

    /// Who created `ghl_id`, now that an answer has said `told`. The first answer about an id stands: an update of what
    /// our own call created says that it was there, and an id that was found stays found.
    #[must_use]
    pub fn provenance_of(&self, ghl_id: &GhlId, told: Provenance) -> Provenance {
        let is_same = self.ghl_id.as_ref() == Some(ghl_id);
        if is_same && self.provenance != Provenance::Unknown { self.provenance } else { told }
    }

    /// Since when its import can be undone; `None` if it cannot, or is undone already.
    #[must_use]
    pub fn undo_since(&self) -> Option<EpochMs> {
        match self.undo {
            Some(Undo::Possible { since } | Undo::Asked { since }) => Some(since),
            Some(Undo::Done(_)) | None => None,
        }
    }

    /// Whether it is due for being undone, or failed with that.
    #[must_use]
    pub fn is_undoing(&self) -> bool {
        matches!(self.undo, Some(Undo::Asked { .. }))
    }

    /// The last errors, newest first, at most five, in short. They outlive the acceptance that ended
    /// them, and go with the next one that met none.
    #[must_use]
    pub fn errors(&self) -> Vec<LastError> {
        self.last_error.iter().chain(&self.earlier_errors).take(REMEMBERED_ERRORS).map(LastError::in_short).collect()
    }

    /// The errors that are remembered beside an acceptance of this record.
    #[must_use]
    pub fn errors_when_accepted(&self) -> Vec<LastError> {
        if self.last_error.is_some() { self.errors() } else { Vec::new() }
    }
}

/// For tests: a record as its first put leaves it, but for being due.
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
