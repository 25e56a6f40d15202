//! Reads GHL's copy before a write: for an import that can be undone, and for the undo itself.

use std::mem;

use super::{Former, Operation, Presence, Step};
use crate::policy::{Class, ShownNow, Undoing, reversal};
use ghl_sync_model::{
    Answer, Before, Call, Contact, EpochMs, Kind, LeftField, LeftReason, Marker, Payload, PreImage, Provenance, Record,
    RemoteContent, Undone,
};

/// The pre-image of an import that can be undone.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Imaging {
    /// GHL's copy (`Some(None)`: it has none); `None` if not read yet.
    shown: Option<Option<Before>>,
    /// Whether a write was done, or may have been: GHL's copy is no pre-image any more.
    written: bool,
}

/// State of an operation that undoes an import.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct UndoOf {
    image: PreImage,
    is_ours: bool,
    written_at: EpochMs,
    /// Whether the GHL ids of custom fields sent by key are known, or cannot be.
    knows_ids: bool,
    /// Whether the actions have been decided.
    decided: bool,
    deletes: bool,
    /// Whether GHL has no such record, or no longer.
    gone: bool,
    left: Vec<LeftField>,
}

/// The search for a contact by the keys that GHL matches on.
pub(super) fn find(contact: &Contact) -> Call {
    let key = |key: &Option<String>| key.clone().filter(|key| !key.is_empty());
    Call::FindContact { email: key(&contact.email), phone: key(&contact.phone) }
}

impl Operation {
    /// The same, but GHL's copy is read before the first write.
    pub(in super::super) fn with_image(self) -> Operation {
        Operation { imaging: Some(Imaging::default()), ..self }
    }

    /// The undo of what an import wrote to `record`; `image` is GHL's copy from before.
    pub(in super::super) fn undo(record: &Record, image: PreImage) -> Operation {
        let last_sent = image.sent(record.key.kind).pop();
        let payload = last_sent.unwrap_or_else(|| record.payload.clone());
        let known = record.ghl_id.clone().or_else(|| Some(image.before.as_ref()?.ghl_id.clone()));
        let marker = Marker::of(&record.location_id, &record.key);
        let operation = Operation::new(payload, known, None, marker, Presence::InDoubt, Former::default());
        let undo = UndoOf {
            is_ours: match record.key.kind {
                Kind::Contact => record.ghl_id.is_some() && record.provenance == Provenance::Created,
                // None existed before, so one that a later search found was created by a call without an answer.
                Kind::Opportunity => record.provenance != Provenance::Found,
            },
            written_at: record.accepted_at.unwrap_or_default().max(image.taken_at),
            knows_ids: image.before.is_none() || !image.has_keys(),
            image,
            decided: false,
            deletes: false,
            gone: false,
            left: Vec::new(),
        };
        let mut operation = Operation { undo: Some(Box::new(undo)), ..operation };
        operation.end_a_search_for_nothing();
        operation
    }

    /// The read that must precede the next write, if it is wanted and not done yet.
    pub(super) fn look(&self) -> Option<Call> {
        let wanted = match (&self.undo, &self.imaging) {
            (Some(undo), _) => !undo.decided,
            (None, Some(imaging)) => imaging.shown.is_none() && !imaging.written,
            (None, None) => false,
        };
        if !wanted || self.step != Step::Write {
            return None;
        }
        if self.undo.as_ref().is_some_and(|undo| !undo.knows_ids) {
            return Some(Call::ListCustomFields);
        }
        match (&self.payload, &self.ghl_id) {
            (Payload::Contact(_), Some(id)) => Some(Call::GetContact(id.clone())),
            (Payload::Contact(contact), None) if contact.has_natural_key() => Some(find(contact)),
            (Payload::Opportunity(_), Some(id)) => Some(Call::GetOpportunity(id.clone())),
            (Payload::Contact(_) | Payload::Opportunity(_), None) => None,
        }
    }

    /// Continues without ids if the token may not read custom field definitions: fields sent by key stay. Returns
    /// whether that was the last question.
    pub(in super::super) fn goes_on_without_ids(&mut self) -> bool {
        let asked = self.look() == Some(Call::ListCustomFields);
        if let Some(undo) = self.undo.as_mut().filter(|_| asked) {
            undo.knows_ids = true;
        }
        asked
    }

    /// Whether the next call only reads.
    pub(in super::super) fn is_looking(&self) -> bool {
        self.look().is_some()
    }

    /// Processes the answer to such a read.
    pub(super) fn looked(&mut self, answer: Answer) {
        if let (Answer::CustomFields(definitions), Some(undo)) = (&answer, &mut self.undo) {
            undo.image = undo.image.by_id(definitions);
            undo.knows_ids = true;
            return;
        }
        let shown = match answer {
            Answer::Contact(Some(contact)) => Some(ShownNow {
                ghl_id: contact.id,
                content: RemoteContent::Contact(contact.content),
                changed_at: contact.updated_at,
            }),
            Answer::Opportunity(opportunity) => Some(ShownNow {
                ghl_id: opportunity.id,
                content: RemoteContent::Opportunity(opportunity.content),
                changed_at: opportunity.updated_at,
            }),
            _ => None,
        };
        match &mut self.imaging {
            Some(imaging) => imaging.shown = Some(shown.map(|shown| Before::new(shown.ghl_id, shown.content))),
            None => self.decide(shown.as_ref()),
        }
    }

    /// GHL's copy before the first write, once a write is next: nothing, if there was nothing to read. `None` if no
    /// image is taken.
    pub(in super::super) fn shown_before(&self) -> Option<Option<&Before>> {
        let imaging = self.imaging.as_ref()?;
        Some(imaging.shown.as_ref().and_then(Option::as_ref))
    }

    /// Notes that a write was done, or may have been.
    pub(in super::super) fn note_written(&mut self) {
        if let Some(imaging) = &mut self.imaging {
            imaging.written = true;
        }
    }

    /// Whether a write was done, or may have been.
    pub(in super::super) fn has_written(&self) -> bool {
        self.imaging.as_ref().is_some_and(|imaging| imaging.written)
    }

    /// The payload as an undo needs it: an opportunity has GHL's id of its contact.
    pub(in super::super) fn sent(&self) -> Payload {
        let mut payload = self.payload.clone();
        if let (Payload::Opportunity(opportunity), Some(contact_id)) = (&mut payload, &self.contact_id) {
            opportunity.contact_record = None;
            opportunity.contact_id = Some(contact_id.clone());
        }
        payload
    }

    /// Discards the pre-image if nothing was written: the target is now another GHL record.
    pub(super) fn look_again(&mut self) {
        if let Some(imaging) = self.imaging.as_mut().filter(|imaging| !imaging.written) {
            imaging.shown = None;
        }
    }

    /// Ends an undo that found nothing to read.
    pub(super) fn end_a_search_for_nothing(&mut self) {
        let is_undecided = self.undo.as_ref().is_some_and(|undo| !undo.decided);
        if is_undecided && self.step == Step::Write && self.look().is_none() {
            self.decide(None);
        }
    }

    /// Decides the undo's actions from GHL's copy.
    fn decide(&mut self, shown: Option<&ShownNow>) {
        let Some(undo) = &mut self.undo else { return };
        // A contact that our marker found is ours, as if the answer had said so.
        let is_ours = undo.is_ours || self.provenance == Provenance::Created;
        let undoing = Undoing { image: &undo.image, is_ours, written_at: undo.written_at };
        let reversal = reversal(self.payload.kind(), &undoing, shown);
        undo.decided = true;
        undo.gone = shown.is_none();
        undo.left = reversal.left;
        undo.deletes = reversal.delete;
        self.ghl_id = shown.map(|shown| shown.ghl_id.clone()).or(self.ghl_id.take());
        self.step = match (reversal.delete, reversal.restore) {
            (true, _) => Step::Delete,
            (false, None) => Step::Done,
            (false, Some(payload)) => {
                let step = first_step(&payload);
                self.payload = payload;
                step
            }
        };
    }

    /// Whether the next step deletes what the import created.
    pub(in super::super) fn is_undo_by_deletion(&self) -> bool {
        self.undo.is_some() && self.step == Step::Delete
    }

    /// Cancels the deletion, because another record has the same GHL id.
    pub(in super::super) fn keep_shared(&mut self) {
        self.give_up_undo(LeftReason::Shared);
    }

    fn give_up_undo(&mut self, why: LeftReason) {
        let kind = self.payload.kind();
        if let Some(undo) = &mut self.undo {
            undo.deletes = false;
            undo.gone |= why == LeftReason::Gone;
            undo.left.push(LeftField::new(kind.as_str(), why));
        }
        self.step = Step::Done;
    }

    /// Changes course if the record is gone, or was deleted while it was being restored.
    pub(super) fn divert_look(&mut self, class: &Class) -> bool {
        match class {
            Class::Gone if self.look().is_some() => self.looked(Answer::Contact(None)),
            Class::Gone => self.give_up_undo(LeftReason::Gone),
            // The same update again, without `companyName`.
            Class::CompanyRefused => return !mem::replace(&mut self.company_apart, true),
            _ => return false,
        }
        true
    }

    /// Result of the undo; `None` if this is not an undo.
    pub(in super::super) fn undone(&self, at: EpochMs) -> Option<Undone> {
        let undo = self.undo.as_ref()?;
        let not_stored = self.not_stored.fields();
        let not_stored = not_stored.iter().map(|field| LeftField::new(field, LeftReason::NotStored));
        let left = undo.left.iter().cloned().chain(not_stored).collect();
        Some(Undone::new(at, undo.deletes || undo.gone, left))
    }
}

fn first_step(payload: &Payload) -> Step {
    let Payload::Contact(contact) = payload else { return Step::Write };
    let Contact { tags, remove_tags, .. } = contact;
    let fields = Contact { tags: Vec::new(), remove_tags: Vec::new(), ..contact.clone() };
    match (fields == Contact::default(), tags.is_empty(), remove_tags.is_empty()) {
        (false, ..) => Step::Write,
        (true, false, _) => Step::Tag,
        (true, true, false) => Step::Untag,
        (true, true, true) => Step::Done,
    }
}
