//! Forgets records and erases persons: deletes everything stored about them here. Nothing is deleted in GHL.

use std::collections::BTreeSet;
use std::time::Duration;

use ghl_sync_engine::ports::{Entry, ListedPage, Loaded, PortError, RemoteKey, Replaced, Versioned};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{GhlId, LocationId, Payload, PreImage, Record, RecordCursor, RecordKey, ScopeId};

use crate::{OperateError, Operator};

/// Records read at a time; DynamoDB ends a page at 1 MB.
const AT_ONCE: u32 = 1_000;
/// Longest time that one request works: API Gateway stops waiting after 30 s.
const LONGEST: Duration = Duration::from_secs(15);

/// The person to erase: the contacts that match all given fields, and the opportunities of these contacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The e-mail address, in any case.
    pub email: Option<String>,
    /// The phone number; only its digits are compared.
    pub phone: Option<String>,
    /// Contacts that an earlier part of the same erasure found.
    pub found: Vec<ErasedContact>,
}

/// A contact that was erased.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErasedContact {
    /// Key of the record.
    pub record: RecordKey,
    /// GHL's id of the contact, if it was known; GHL still has it.
    pub ghl_id: Option<GhlId>,
}

/// Why a record is not deleted in GHL.
#[derive(Debug, thiserror::Error)]
pub enum DeletionError {
    /// The location is unknown, or a store failed.
    #[error(transparent)]
    Operate(#[from] OperateError),
    /// The record was never put, or is forgotten.
    #[error("it was never put into this location, or is forgotten already")]
    UnknownRecord,
    /// The record's item cannot be read.
    #[error("it cannot be read here; put it again first")]
    Unreadable,
    /// The record has no GHL id.
    #[error("its GHL id is unknown: wait until GHL accepts it, or forget it if GHL never will")]
    NotInGhl,
    /// Other records have the same GHL id.
    #[error("GHL has {} under the same id: forget this record instead, or delete it in GHL", list(.0))]
    Shared(Vec<RecordKey>),
    /// The record was put or finished in between.
    #[error("it changed in between; ask again")]
    Changed,
}

impl From<PortError> for DeletionError {
    fn from(error: PortError) -> DeletionError {
        DeletionError::Operate(error.into())
    }
}

fn list(keys: &[RecordKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Results of an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Erased {
    /// The contacts that were erased.
    pub contacts: Vec<ErasedContact>,
    /// Their opportunities.
    pub opportunities: Vec<RecordKey>,
    /// Known states that were deleted with them.
    pub known_states: u64,
    /// Where to continue; `None` if the whole location was processed.
    pub next: Option<RecordCursor>,
}

impl Person {
    fn is(&self, record: &Record) -> bool {
        let Payload::Contact(contact) = &record.payload else { return false };
        let same_email = self.email.as_ref().is_none_or(|email| {
            contact
                .email
                .as_ref()
                .is_some_and(|of_contact| of_contact.trim().to_lowercase() == email.trim().to_lowercase())
        });
        let same_phone = self
            .phone
            .as_ref()
            .is_none_or(|phone| contact.phone.as_ref().is_some_and(|of_contact| digits(of_contact) == digits(phone)));
        same_email && same_phone && (self.email.is_some() || self.phone.is_some())
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

impl Operator {
    /// Deletes the record of `key` with its known state. Returns whether there was one. GHL keeps its copy, and a call
    /// that is under way still arrives. Records that waited for it check again.
    ///
    /// # Errors
    /// If the location is unknown, or a store fails; repeating the call is safe.
    pub async fn forget(&self, location: &LocationId, key: &RecordKey) -> Result<bool, OperateError> {
        let settings = self.known(location).await?;
        let loaded = self.ports().outbox.load(location, std::slice::from_ref(key)).await?;
        let Some(loaded) = loaded.into_iter().next() else { return Ok(false) };
        let ghl_id = match loaded {
            Loaded::Record(record) => record.ghl_id,
            Loaded::Damaged { .. } => None,
        };
        let scope = &settings.scope;
        self.forget_one(location, scope, key, ghl_id.as_ref()).await?;
        self.ports().sink.emit(&Event::Operated { location, scope, action: "forget" });
        self.engine.tell_standings_of(scope).await;
        Ok(true)
    }

    /// Makes the record of `key` due for deletion in GHL: paced, retried and recorded like a put. When GHL has deleted
    /// it, it is forgotten here as well. A put before that withdraws the deletion.
    ///
    /// # Errors
    /// [`DeletionError`]; repeating the call is safe.
    pub async fn delete_in_ghl(&self, location: &LocationId, key: &RecordKey) -> Result<(), DeletionError> {
        let settings = self.known(location).await?;
        let ports = self.ports();
        let loaded = ports.outbox.load(location, std::slice::from_ref(key)).await?;
        let record = match loaded.into_iter().next() {
            None => return Err(DeletionError::UnknownRecord),
            Some(Loaded::Damaged { .. }) => return Err(DeletionError::Unreadable),
            Some(Loaded::Record(record)) => record,
        };
        let Some(ghl_id) = &record.ghl_id else { return Err(DeletionError::NotInGhl) };
        let others = self.engine.other_holders(location, key, ghl_id).await?;
        if !others.is_empty() {
            return Err(DeletionError::Shared(others));
        }
        if record.deletion && record.due_at.is_some() {
            return Ok(());
        }
        if !ports.outbox.ask_deletion(&record, ports.clock.now()).await? {
            return Err(DeletionError::Changed);
        }
        ports.sink.emit(&Event::Operated { location, scope: &settings.scope, action: "delete" });
        ports.gates.advance_work_seq(&settings.scope, ports.clock.now()).await?;
        self.engine.fan_out(&settings.scope).await?;
        Ok(())
    }

    /// Deletes everything stored here about `person` in `location`, from `after` on. A large location takes more than
    /// one call: pass each call what the previous one found.
    ///
    /// # Errors
    /// If the location is unknown, or a store fails; repeating the call is safe.
    pub async fn erase(
        &self,
        location: &LocationId,
        person: &Person,
        after: Option<RecordCursor>,
    ) -> Result<Erased, OperateError> {
        let settings = self.known(location).await?;
        let started = self.ports().clock.now();
        let mut erased = Erased { contacts: person.found.clone(), next: after, ..Erased::default() };
        loop {
            // Contacts come before opportunities, so that the opportunities' contacts are already known.
            let ListedPage { records, next } =
                self.ports().outbox.listed(location, None, erased.next.as_ref(), AT_ONCE).await?;
            for loaded in records {
                if let Loaded::Record(record) = loaded {
                    self.erase_if_wanted(&settings.scope, person, &record, &mut erased).await?;
                }
            }
            erased.next = next;
            if erased.next.is_none() || self.ports().clock.now().since(started) >= LONGEST {
                break;
            }
        }
        let scope = &settings.scope;
        self.ports().sink.emit(&Event::Operated { location, scope, action: "erase" });
        self.engine.tell_standings_of(scope).await;
        Ok(erased)
    }

    async fn erase_if_wanted(
        &self,
        scope: &ScopeId,
        person: &Person,
        record: &Record,
        erased: &mut Erased,
    ) -> Result<(), PortError> {
        let (key, ghl_id) = (&record.key, record.ghl_id.as_ref());
        if person.is(record) {
            erased.contacts.push(ErasedContact { record: key.clone(), ghl_id: record.ghl_id.clone() });
        } else if is_of(record, &erased.contacts) {
            erased.opportunities.push(key.clone());
        } else {
            return Ok(());
        }
        erased.known_states += u64::from(self.forget_one(&record.location_id, scope, key, ghl_id).await?);
        Ok(())
    }

    /// Forgets one record. Returns whether it had a known state, which goes first: without the record, nobody knows its
    /// id.
    async fn forget_one(
        &self,
        location: &LocationId,
        scope: &ScopeId,
        key: &RecordKey,
        ghl_id: Option<&GhlId>,
    ) -> Result<bool, PortError> {
        let ports = self.ports();
        let was_known = self.forget_what_was_told(location, key, ghl_id).await?;
        let waiting: Vec<RecordKey> = ports.outbox.forget(location, key).await?.into_iter().flatten().collect();
        if self.wake_those(location, &waiting, key).await? {
            self.engine.start(scope).await?;
        }
        Ok(was_known)
    }
}

impl Operator {
    /// Makes the records due that wait for the record of `key`, which is about to go or is gone. Returns whether there
    /// were any.
    pub(super) async fn wake_those(
        &self,
        location: &LocationId,
        waiting: &[RecordKey],
        key: &RecordKey,
    ) -> Result<bool, PortError> {
        if waiting.is_empty() {
            return Ok(false);
        }
        let ports = self.ports();
        let now = ports.clock.now();
        for loaded in ports.outbox.load(location, waiting).await? {
            if let Loaded::Record(waiting) = loaded {
                ports.outbox.wake(&waiting, key, now).await?;
            }
        }
        Ok(true)
    }

    /// Forgets the known state of a record. Returns whether there was one.
    pub(super) async fn forget_what_was_told(
        &self,
        location: &LocationId,
        key: &RecordKey,
        ghl_id: Option<&GhlId>,
    ) -> Result<bool, PortError> {
        let was_known = match ghl_id {
            Some(ghl_id) => self.ports().known.forget(RemoteKey { location, kind: key.kind, ghl_id }).await?,
            None => false,
        };
        self.forget_image(location, key).await?;
        Ok(was_known)
    }

    /// Empties the pre-image of an import, if one is stored.
    async fn forget_image(&self, location: &LocationId, key: &RecordKey) -> Result<(), PortError> {
        let images: Versioned<PreImage> = Versioned::new(self.ports().items.clone());
        let of = (location.clone(), key.clone());
        let mut standing = images.load(&of).await?;
        // An invocation that is sending the record may write in between.
        while let Some(Entry { rev, value }) = standing.filter(|entry| !entry.value.is_empty()) {
            standing = match images.replace(&of, rev, &value.voided(None)).await? {
                Replaced::Written { .. } => return Ok(()),
                Replaced::Conflict(now) => now,
            };
        }
        Ok(())
    }
}

/// Whether the record is an opportunity of one of these contacts.
fn is_of(record: &Record, contacts: &[ErasedContact]) -> bool {
    let Payload::Opportunity(opportunity) = &record.payload else { return false };
    let by_record: BTreeSet<&str> = contacts.iter().map(|contact| contact.record.id.as_str()).collect();
    let by_id: BTreeSet<&GhlId> = contacts.iter().filter_map(|contact| contact.ghl_id.as_ref()).collect();
    opportunity.contact_record.as_ref().is_some_and(|id| by_record.contains(id.as_str()))
        || opportunity.contact_id.as_ref().is_some_and(|id| by_id.contains(id))
}
