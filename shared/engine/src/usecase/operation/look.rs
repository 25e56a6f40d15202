//! Reading what GHL shows before it is written: for an import that can be undone, and for the undo itself.

use std::mem;

use super::{Former, Operation, Presence, Step};
use crate::policy::{Class, ShownNow, Undoing, reversal};
use ghl_sync_model::{
    Answer, Before, Call, Contact, EpochMs, Kind, LeftBecause, LeftField, Marker, Payload, PreImage, Provenance,
    Record, RemoteContent, Undone,
};

/// What is read before the first write of an import that can be undone.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Imaging {
    /// What GHL showed (`Some(None)`: nothing); `None` while nobody has looked.
    shown: Option<Option<Before>>,
    /// It was written, or may have been: what GHL shows from now on is no pre-image.
    written: bool,
}

/// What an operation that undoes knows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct UndoOf {
    image: PreImage,
    is_ours: bool,
    written_at: EpochMs,
    /// GHL's ids of the custom fields that were sent by key are known, or cannot be.
    knows_ids: bool,
    /// What is to be done is known.
    decided: bool,
    deletes: bool,
    /// GHL had nothing of it, or has not any more.
    gone: bool,
    left: Vec<LeftField>,
}

/// The search for a contact by what GHL tells contacts apart by.
pub(super) fn find(contact: &Contact) -> Call {
    let key = |key: &Option<String>| key.clone().filter(|key| !key.is_empty());
    Call::FindContact { email: key(&contact.email), phone: key(&contact.phone) }
}

impl Operation {
    /// The same, where what GHL shows is read before it is written.
    pub(in super::super) fn with_image(self) -> Operation {
        Operation { imaging: Some(Imaging::default()), ..self }
    }

    /// The undo of what an import wrote to `record`, of which GHL showed `image` before.
    pub(in super::super) fn undo(record: &Record, image: PreImage) -> Operation {
        let last_sent = image.sent(record.key.kind).pop();
        let payload = last_sent.unwrap_or_else(|| record.payload.clone());
        let known = record.ghl_id.clone().or_else(|| Some(image.before.as_ref()?.ghl_id.clone()));
        let marker = Marker::of(&record.location_id, &record.key);
        let operation = Operation::new(payload, known, None, marker, Presence::InDoubt, Former::default());
        let undo = UndoOf {
            is_ours: match record.key.kind {
                Kind::Contact => record.ghl_id.is_some() && record.provenance == Provenance::Created,
                // None was found before, so one that a later search has found is what a creation without an answer made.
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

    /// Reads what would be written, if that is wanted and has not been done.
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

    /// The token may not read the definitions of custom fields: what was sent by key stays. Returns whether that was asked.
    pub(in super::super) fn goes_on_without_ids(&mut self) -> bool {
        let asked = self.look() == Some(Call::ListCustomFields);
        if let Some(undo) = self.undo.as_mut().filter(|_| asked) {
            undo.knows_ids = true;
        }
        asked
    }

    /// Whether the next call only looks.
    pub(in super::super) fn is_looking(&self) -> bool {
        self.look().is_some()
    }

    /// Takes what a look has shown.
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
            Answer::Opportunity(deal) => Some(ShownNow {
                ghl_id: deal.id,
                content: RemoteContent::Opportunity(deal.content),
                changed_at: deal.updated_at,
            }),
            _ => None,
        };
        match &mut self.imaging {
            Some(imaging) => imaging.shown = Some(shown.map(|shown| Before::new(shown.ghl_id, shown.content))),
            None => self.decide(shown.as_ref()),
        }
    }

    /// What GHL showed before, once a write is next: nothing, if there was nothing to look at. `None` where no image is
    /// taken.
    pub(in super::super) fn shown_before(&self) -> Option<Option<&Before>> {
        let imaging = self.imaging.as_ref()?;
        Some(imaging.shown.as_ref().and_then(Option::as_ref))
    }

    /// A write was done, or may have been.
    pub(in super::super) fn note_written(&mut self) {
        if let Some(imaging) = &mut self.imaging {
            imaging.written = true;
        }
    }

    /// Whether a write was done, or may have been.
    pub(in super::super) fn has_written(&self) -> bool {
        self.imaging.as_ref().is_some_and(|imaging| imaging.written)
    }

    /// What is sent, as an undo shall know it: of an opportunity with GHL's id of its contact.
    pub(in super::super) fn sent(&self) -> Payload {
        let mut payload = self.payload.clone();
        if let (Payload::Opportunity(opportunity), Some(contact_id)) = (&mut payload, &self.contact_id) {
            opportunity.contact_record = None;
            opportunity.contact_id = Some(contact_id.clone());
        }
        payload
    }

    /// Another record of GHL's is meant than the one that was looked at, which was not written.
    pub(super) fn look_again(&mut self) {
        if let Some(imaging) = self.imaging.as_mut().filter(|imaging| !imaging.written) {
            imaging.shown = None;
        }
    }

    /// Of an undo: nothing was found that it could look at.
    pub(super) fn end_a_search_for_nothing(&mut self) {
        let is_undecided = self.undo.as_ref().is_some_and(|undo| !undo.decided);
        if is_undecided && self.step == Step::Write && self.look().is_none() {
            self.decide(None);
        }
    }

    /// Turns what the look has shown into calls.
    fn decide(&mut self, shown: Option<&ShownNow>) {
        let Some(undo) = &mut self.undo else { return };
        // What our marker has found is ours as if the answer had said so.
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

    /// Whether it is about to delete what its import created.
    pub(in super::super) fn is_undo_by_deletion(&self) -> bool {
        self.undo.is_some() && self.step == Step::Delete
    }

    /// It is not deleted after all: another record is the same.
    pub(in super::super) fn keep_shared(&mut self) {
        self.give_up_undo(LeftBecause::Shared);
    }

    fn give_up_undo(&mut self, why: LeftBecause) {
        let kind = self.payload.kind();
        if let Some(undo) = &mut self.undo {
            undo.deletes = false;
            undo.gone |= why == LeftBecause::Gone;
            undo.left.push(LeftField::new(kind.as_str(), why));
        }
        self.step = Step::Done;
    }

    /// What was looked at is gone, or was deleted by somebody while it was restored.
    pub(super) fn divert_look(&mut self, class: &Class) -> bool {
        match class {
            Class::Gone if self.look().is_some() => self.looked(Answer::Contact(None)),
            Class::Gone => self.give_up_undo(LeftBecause::Gone),
            // The same update again, without it.
            Class::CompanyRefused => return !mem::replace(&mut self.company_apart, true),
            _ => return false,
        }
        true
    }

    /// What became of it; `None` if it is no undo.
    pub(in super::super) fn undone(&self, at: EpochMs) -> Option<Undone> {
        let undo = self.undo.as_ref()?;
        let not_stored = self.not_stored.fields();
        let not_stored = not_stored.iter().map(|field| LeftField::new(field, LeftBecause::NotStored));
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
