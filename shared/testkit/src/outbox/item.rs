//! An item of the in-memory outbox, and the effect of each write on it.

use std::collections::BTreeSet;

use super::Key;
use ghl_sync_engine::ports::{MAX_AWAITED_BY, PortError};
use ghl_sync_model::{
    Conflict, ContentHash, CreationKey, EpochMs, GhlId, ImportId, LastError, Outcome, Payload, Priority, Provenance,
    PutRecord, Record, RecordKey, Resolution, Undo,
};

/// A record in stored form.
#[derive(Debug, Clone)]
pub(super) struct OutboxItem {
    pub(super) payload: Payload,
    pub(super) version: u64,
    pub(super) priority: Priority,
    /// Whether the index contains the record. Its due time is stored separately and may remain afterwards.
    pub(super) in_due_index: bool,
    pub(super) due_at: Option<EpochMs>,
    pub(super) put_at: EpochMs,
    pub(super) not_before: Option<EpochMs>,
    pub(super) attempts: u32,
    pub(super) last_error: Option<LastError>,
    pub(super) earlier_errors: Vec<LastError>,
    pub(super) ghl_id: Option<GhlId>,
    pub(super) accepted: Option<(u64, ContentHash)>,
    pub(super) accepted_at: Option<EpochMs>,
    pub(super) not_stored: Vec<String>,
    pub(super) waits_for: Option<RecordKey>,
    pub(super) awaited_by: BTreeSet<RecordKey>,
    pub(super) overruled: Option<ContentHash>,
    pub(super) superseded_at: Option<EpochMs>,
    pub(super) failed_at: Option<EpochMs>,
    pub(super) dry_run: Option<String>,
    pub(super) conflict: Option<Conflict>,
    pub(super) as_of: Option<EpochMs>,
    pub(super) is_new: bool,
    pub(super) former: Vec<CreationKey>,
    pub(super) provenance: Provenance,
    pub(super) deletion: bool,
    pub(super) import: Option<ImportId>,
    pub(super) content_dropped_at: Option<EpochMs>,
    pub(super) undo: Option<Undo>,
    pub(super) damage: Option<String>,
}

/// Reads the item of `key` as a record.
pub(super) fn record((location_id, key): &Key, item: &OutboxItem) -> Record {
    Record {
        location_id: location_id.clone(),
        key: key.clone(),
        payload: item.payload.clone(),
        version: item.version,
        priority: item.priority,
        due_at: item.due_at.filter(|_| item.in_due_index),
        put_at: Some(item.put_at),
        not_before: item.not_before,
        attempts: item.attempts,
        last_error: item.last_error.clone(),
        earlier_errors: item.earlier_errors.clone(),
        ghl_id: item.ghl_id.clone(),
        accepted_version: item.accepted.map(|(version, _)| version),
        accepted_hash: item.accepted.map(|(_, hash)| hash),
        accepted_at: item.accepted_at,
        not_stored: item.not_stored.clone(),
        failed_at: item.failed_at,
        dry_run: item.dry_run.clone(),
        waits_for: item.waits_for.clone(),
        awaited_by: item.awaited_by.iter().cloned().collect(),
        overruled: item.overruled,
        superseded_at: item.superseded_at,
        conflict: item.conflict,
        is_new: item.is_new,
        former: item.former.clone(),
        provenance: item.provenance,
        deletion: item.deletion,
        import: item.import.clone(),
        content_dropped_at: item.content_dropped_at,
        undo: item.undo.clone(),
    }
}

/// Maximum size of a DynamoDB item, in bytes.
const MAX_ITEM: usize = 400 * 1024;
/// Maximum size of all attributes of bounded length, including their names.
const SMALL_ATTRIBUTES: usize = 4 * 1024;

impl OutboxItem {
    /// Whether DynamoDB would accept the item.
    pub(super) fn fits(&self) -> bool {
        let json = |errors: &[LastError]| serde_json::to_string(errors).map_or(0, |json| json.len());
        let dry_run = self.dry_run.as_ref().map_or(0, String::len);
        let errors = json(self.last_error.as_slice()) + json(&self.earlier_errors);
        let awaited_by: usize = self.awaited_by.iter().map(|key| key.to_string().len()).sum();
        self.payload.to_json().len() + dry_run + errors + awaited_by + SMALL_ATTRIBUTES <= MAX_ITEM
    }

    /// Applies a change, unless DynamoDB would not accept the result.
    pub(super) fn within_bounds<T>(
        &mut self,
        action: &'static str,
        change: impl FnOnce(&mut OutboxItem) -> T,
    ) -> Result<T, PortError> {
        let before = self.clone();
        let answer = change(self);
        if self.fits() {
            return Ok(answer);
        }
        *self = before;
        Err(PortError::new(action, "ValidationException: Item size has exceeded the maximum allowed size"))
    }

    pub(super) fn new(put: &PutRecord, now: EpochMs) -> OutboxItem {
        OutboxItem {
            payload: put.payload.clone(),
            version: 1,
            priority: put.priority,
            in_due_index: true,
            due_at: Some(now),
            put_at: now,
            not_before: None,
            attempts: 0,
            last_error: None,
            earlier_errors: Vec::new(),
            ghl_id: put.ghl_id.clone(),
            accepted: None,
            accepted_at: None,
            not_stored: Vec::new(),
            waits_for: None,
            awaited_by: BTreeSet::new(),
            overruled: None,
            superseded_at: None,
            conflict: put.conflict,
            as_of: put.as_of,
            is_new: put.is_new,
            former: Vec::new(),
            provenance: Provenance::Unknown,
            deletion: false,
            import: put.import.clone(),
            content_dropped_at: None,
            undo: put.undo_since.map(|since| Undo::Possible { since }),
            failed_at: None,
            dry_run: None,
            damage: None,
        }
    }

    /// Whether the content was accepted as the record's last version, or was superseded. A put with another GHL id is
    /// always new.
    pub(super) fn has_settled(&self, put: &PutRecord) -> bool {
        let payload = &put.payload;
        if put.ghl_id.is_some() && put.ghl_id != self.ghl_id {
            return false;
        }
        let is_superseded = self.superseded_at.is_some() && self.payload == *payload;
        is_superseded || self.accepted == Some((self.version, payload.hash()))
    }

    /// When the current content was true.
    pub(super) fn true_since(&self) -> EpochMs {
        self.as_of.unwrap_or(self.put_at)
    }

    pub(super) fn put(&mut self, put: &PutRecord, now: EpochMs) {
        self.remember_key(put);
        self.version += 1;
        self.payload = put.payload.clone();
        self.priority = put.priority;
        self.in_due_index = true;
        self.due_at = Some(now);
        self.put_at = now;
        self.attempts = 0;
        self.failed_at = None;
        self.dry_run = None;
        self.deletion = false;
        self.damage = None;
        self.overruled = None;
        self.superseded_at = None;
        self.content_dropped_at = None;
        if put.ghl_id.is_some() {
            self.provenance = Provenance::Unknown;
        }
        self.conflict = put.conflict;
        self.import.clone_from(&put.import);
        self.undo = put.undo_since.map(|since| Undo::Possible { since });
        self.as_of = put.as_of;
        self.ghl_id = put.ghl_id.clone().or(self.ghl_id.take());
    }

    /// Replaces the content of a failed record: a put under the same import that does not make the content true at a
    /// later time.
    pub(super) fn mend(&mut self, seen: &Record, payload: &Payload, now: EpochMs) {
        let as_of = self.true_since();
        let put = PutRecord {
            import: seen.import.clone(),
            undo_since: seen.undo_since(),
            as_of: Some(as_of),
            ..seen.put_again(payload.clone())
        };
        self.put(&put, now);
    }

    /// Returns whether the record is now due for deletion.
    pub(super) fn ask_deletion(&mut self, seen: &Record, now: EpochMs) -> bool {
        let asked = self.version == seen.version && self.ghl_id.is_some();
        if asked {
            self.version += 1;
            self.deletion = true;
            self.leave_due_index();
            self.in_due_index = true;
            self.due_at = Some(now);
            self.attempts = 0;
            (self.failed_at, self.dry_run, self.overruled, self.superseded_at) = (None, None, None, None);
            self.undo = None;
        }
        asked
    }

    /// Returns whether GHL has the record's last version and nothing has happened to it since; only then is the
    /// content dropped.
    pub(super) fn drop_content(&mut self, seen: &Record, now: EpochMs) -> bool {
        let is_at_rest = !self.in_due_index && self.failed_at.is_none() && self.dry_run.is_none();
        let dropped = is_at_rest
            && self.version == seen.version
            && self.accepted.is_some_and(|(version, _)| version == seen.version);
        if dropped {
            self.payload = self.payload.remains();
            self.content_dropped_at = Some(now);
            (self.last_error, self.earlier_errors, self.former) = (None, Vec::new(), Vec::new());
        }
        dropped
    }

    /// Returns whether the record is now due for its undo.
    pub(super) fn ask_undo(&mut self, seen: &Record, now: EpochMs) -> bool {
        let since = seen.undo_since().filter(|_| self.version == seen.version && !self.deletion);
        if let Some(since) = since {
            self.version += 1;
            self.undo = Some(Undo::Asked { since });
            self.leave_due_index();
            self.in_due_index = true;
            self.due_at = Some(now);
            self.attempts = 0;
            (self.failed_at, self.dry_run, self.overruled, self.superseded_at) = (None, None, None, None);
        }
        since.is_some()
    }

    /// Remembers the current creation key if the new content lacks it: GHL may have created the record under that
    /// key.
    fn remember_key(&mut self, put: &PutRecord) {
        let former = CreationKey::of(&self.payload).filter(|key| CreationKey::of(&put.payload).as_ref() != Some(key));
        if let Some(key) = former.filter(|_| self.ghl_id.is_none()) {
            self.former = key.after(std::mem::take(&mut self.former));
        }
    }

    /// Stores the outcome of the version that was sent. An acceptance always counts, any other outcome only while the
    /// record is due (or if it was stored already). Returns whether it counted.
    pub(super) fn settle(&mut self, sent: &Record, outcome: &Outcome, now: EpochMs) -> bool {
        match outcome {
            Outcome::Accepted { ghl_id, hash, provenance, not_stored } => {
                self.learn_id(sent, Some(ghl_id), *provenance);
                self.accepted = Some((sent.version, *hash));
                self.accepted_at = Some(now);
                self.awaited_by.clear();
                self.not_stored.clone_from(not_stored);
                self.leave_due_index();
                self.attempts = 0;
                self.not_before = None;
                self.last_error = None;
                self.earlier_errors = sent.errors_when_accepted();
                self.failed_at = None;
                self.dry_run = None;
                self.superseded_at = None;
            }
            Outcome::Failed { error, ghl_id, provenance } if self.in_due_index || self.failed_at == Some(now) => {
                self.fail(error, now);
                self.earlier_errors = sent.errors();
                self.learn_id(sent, ghl_id.as_ref(), *provenance);
            }
            Outcome::Retry { due_at, error, not_before, ghl_id, provenance } if self.in_due_index => {
                self.due_at = Some(*due_at);
                self.attempts = sent.attempts.saturating_add(1);
                self.last_error = Some(error.clone());
                self.earlier_errors = sent.errors();
                self.not_before = *not_before;
                self.waits_for = None;
                self.learn_id(sent, ghl_id.as_ref(), *provenance);
            }
            Outcome::Wait { due_at, waits_for, not_before, ghl_id, provenance, is_gone } if self.in_due_index => {
                if *is_gone {
                    (self.ghl_id, self.provenance) = (None, Provenance::Unknown);
                }
                self.due_at = Some(*due_at);
                self.waits_for.clone_from(waits_for);
                self.not_before = not_before.or(self.not_before);
                self.learn_id(sent, ghl_id.as_ref(), *provenance);
                self.keep_errors(sent);
            }
            Outcome::Await { record } if self.is_due_as(sent) || self.sleeps_for(record) => {
                self.leave_due_index();
                self.waits_for = Some(record.clone());
                self.keep_errors(sent);
            }
            Outcome::Undone(undone)
                if self.in_due_index == sent.due_at.is_some() || self.undo == Some(Undo::Done(undone.clone())) =>
            {
                if sent.due_at.is_none() {
                    (self.failed_at, self.dry_run) = (None, None);
                    (self.overruled, self.superseded_at) = (None, None);
                }
                self.undo = Some(Undo::Done(undone.clone()));
                self.leave_due_index();
                (self.accepted, self.accepted_at, self.not_stored) = (None, None, Vec::new());
                (self.attempts, self.not_before, self.last_error) = (0, None, None);
                self.earlier_errors = sent.errors_when_accepted();
                if undone.deleted {
                    (self.ghl_id, self.provenance) = (None, Provenance::Unknown);
                }
            }
            Outcome::WouldSend { request, stays_due: true } if self.in_due_index => {
                self.dry_run = Some(request.clone());
                self.keep_errors(sent);
            }
            Outcome::WouldSend { request, stays_due: false }
                if self.in_due_index || self.dry_run.as_ref() == Some(request) =>
            {
                self.dry_run = Some(request.clone());
                self.keep_errors(sent);
                self.leave_due_index();
            }
            _ => return false,
        }
        true
    }

    /// For outcomes that do not count: restores attempts and errors.
    fn keep_errors(&mut self, sent: &Record) {
        self.attempts = sent.attempts;
        self.last_error.clone_from(&sent.last_error);
        self.earlier_errors.clone_from(&sent.earlier_errors);
    }

    pub(super) fn resolve(&mut self, resolution: &Resolution, now: EpochMs) {
        match resolution {
            Resolution::Resend { overruled } => {
                self.in_due_index = true;
                self.due_at = Some(now);
                self.priority = Priority::Low;
                self.attempts = 0;
                self.overruled = Some(*overruled);
                self.superseded_at = None;
            }
            Resolution::Supersede { changed_at } => {
                self.leave_due_index();
                self.superseded_at = Some(*changed_at);
                self.overruled = None;
            }
            Resolution::Agree => {
                self.overruled = None;
                self.superseded_at = None;
            }
        }
    }

    /// Whether an acceptance would forget a waiting record that the sender did not know of.
    pub(super) fn is_awaited_by_more_than(&self, sent: &Record, outcome: &Outcome) -> bool {
        let is_accepted = matches!(outcome, Outcome::Accepted { .. }) && self.version == sent.version;
        is_accepted && self.awaited_by.iter().any(|key| !sent.awaited_by.contains(key))
    }

    pub(super) fn await_id(&mut self, waiting: &RecordKey) -> bool {
        let has_room = self.awaited_by.len() < MAX_AWAITED_BY || self.awaited_by.contains(waiting);
        let takes = self.ghl_id.is_none() && !self.in_due_index && has_room;
        if takes {
            self.awaited_by.insert(waiting.clone());
        }
        takes
    }

    pub(super) fn wake(&mut self, awaited: &RecordKey, due_at: EpochMs) {
        if self.in_due_index || self.sleeps_for(awaited) {
            self.in_due_index = true;
            self.due_at = Some(due_at);
            self.waits_for = None;
        }
    }

    fn is_due_as(&self, seen: &Record) -> bool {
        self.in_due_index && self.due_at == seen.due_at
    }

    fn sleeps_for(&self, awaited: &RecordKey) -> bool {
        !self.in_due_index && self.waits_for.as_ref() == Some(awaited)
    }

    /// Returns whether the record was pending, or was withdrawn by this very write.
    pub(super) fn withdraw(&mut self, seen: &Record, error: &LastError, now: EpochMs) -> bool {
        let is_pending = self.in_due_index || self.waits_for.is_some() || self.failed_at == Some(now);
        if is_pending {
            self.fail(error, now);
            self.earlier_errors = seen.errors();
        }
        is_pending
    }

    pub(super) fn fail(&mut self, error: &LastError, now: EpochMs) {
        self.failed_at = Some(now);
        self.last_error = Some(error.clone());
        self.leave_due_index();
    }

    fn leave_due_index(&mut self) {
        self.in_due_index = false;
        self.due_at = None;
        self.waits_for = None;
    }
}
