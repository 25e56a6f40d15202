//! Decides which calls a record needs, one after the other: a pure state machine fed with GHL's answers.
//!
//! ```text
//! contact:      known id ─► update ─► tags ─► done
//!               known id, and updates refuse companyName ─► update ─► upsert (if it has one) ─► tags ─► done
//!               email or phone ─► upsert ─► tags ─► done            (a duplicate answer names the id to update)
//!               neither ─► create ─► tags ─► done
//!               neither, but possibly created before ─► find by marker ─► update the match, or create
//!               new ─► upsert, or create, with its tags ─► done
//!   tags:       add tags (if there are any) ─► remove tags (if there are any, and it was there before)
//! opportunity:  known id ─► update ─► done
//!               else ─► find ─► update a match that no other record holds, or create
//!               new ─► create ─► done                               (a duplicate answer: find, and continue as above)
//!
//! deletion:     known id ─► delete ─► done                   (a record that is already gone counts as deleted)
//! undo:         known id, or found as above ─► read it ─► update the fields to restore ─► tags ─► done
//!                                                      └► delete ─► done
//!
//! for an import that can be undone: read the target before the first of these writes
//! ```
//!
//! A record that may have been created before it was put with other content is first searched for under its former
//! name.

mod look;

use std::collections::BTreeSet;

use self::look::{Imaging, UndoOf, find};
use super::opportunity_search::OpportunitySearch;
use crate::policy::{Class, NotStored, spelled_otherwise};
use ghl_sync_model::{
    Answer, Call, Contact, ContactRef, ContentHash, FoundPage, GhlId, Marker, Opportunity, OpportunityKey, Payload,
    Provenance,
};

/// The calls that a record still needs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    payload: Payload,
    /// GHL's id of the record, once known.
    ghl_id: Option<GhlId>,
    /// GHL's id of the opportunity's contact.
    contact_id: Option<GhlId>,
    /// Marks a contact that has no other key to be found by.
    marker: Marker,
    /// Whether the id was found by the marker.
    found_by_marker: bool,
    presence: Presence,
    step: Step,
    /// Where to search for an opportunity, and what was found.
    search: OpportunitySearch,
    /// Who created the object with this id, as far as the answers say.
    provenance: Provenance,
    /// Whether `companyName` needs an upsert of its own: GHL rejects it in updates here.
    company_apart: bool,
    /// Tags to remove, in GHL's spelling where that differs.
    spelled_otherwise: BTreeSet<String>,
    /// The fields that GHL did not store.
    not_stored: NotStored,
    /// Whether an upsert matched an existing contact that was not known before.
    met: bool,
    is_deletion: bool,
    /// Whether an earlier write may have created the contact again under another id, which a final search must check.
    looks_back: bool,
    /// Whether that search found it.
    is_left_behind: bool,
    /// Reads GHL's copy before the first write, if set.
    imaging: Option<Imaging>,
    /// The undo of an import, if this is one.
    undo: Option<Box<UndoOf>>,
    /// Whether it has already changed course once (duplicate, gone). A second time, it gives up.
    diverted: bool,
}

/// What we know about whether GHL has the record while its id is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// The producer has checked that it does not exist. Nobody has tried to create it since.
    New,
    /// Nobody has checked, and nobody has tried to create it.
    Untried,
    /// Somebody may have created it without our knowing.
    InDoubt,
}

/// How a record may be found that was possibly created before it was put with other content.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Former {
    /// Whether it was a contact with our marker.
    pub(super) marked: bool,
    /// The opportunity's contacts, pipelines and names, oldest first.
    pub(super) opportunities: Vec<(ContactRef, ContentHash)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Find out whether the record exists.
    Find,
    /// Create the record, or update it if its id is known.
    Write,
    /// Write the fields that an update rejects.
    Complete,
    /// Add the tags.
    Tag,
    /// Remove the unwanted tags.
    Untag,
    /// Delete the record.
    Delete,
    /// Check whether it still exists under another id.
    LookBack,
    Done,
}

impl Operation {
    pub(super) fn new(
        payload: Payload,
        ghl_id: Option<GhlId>,
        contact_id: Option<GhlId>,
        marker: Marker,
        presence: Presence,
        former: Former,
    ) -> Operation {
        let may_be_marked =
            |contact: &Contact| former.marked || (!contact.has_natural_key() && presence == Presence::InDoubt);
        let step = match &payload {
            Payload::Opportunity(_) if ghl_id.is_none() && presence != Presence::New => Step::Find,
            Payload::Contact(contact) if ghl_id.is_none() && may_be_marked(contact) => Step::Find,
            _ => Step::Write,
        };
        let search = match &payload {
            Payload::Opportunity(opportunity) => {
                let place = place_of(opportunity, contact_id.as_ref());
                OpportunitySearch::of(former.opportunities.into_iter().chain(place))
            }
            Payload::Contact(_) => OpportunitySearch::default(),
        };
        Operation {
            payload,
            ghl_id,
            contact_id,
            marker,
            found_by_marker: false,
            presence,
            step,
            search,
            provenance: Provenance::Unknown,
            company_apart: false,
            spelled_otherwise: BTreeSet::new(),
            not_stored: NotStored::default(),
            met: false,
            is_deletion: false,
            looks_back: false,
            is_left_behind: false,
            imaging: None,
            undo: None,
            diverted: false,
        }
    }

    /// Deletes the object that `payload` was sent to, which has the id `ghl_id`. If that `is_unsure`, GHL may have
    /// created it again without our knowing.
    pub(super) fn deletion(payload: Payload, ghl_id: GhlId, marker: Marker, is_unsure: bool) -> Operation {
        let looks_back = is_unsure && matches!(&payload, Payload::Contact(contact) if contact.has_natural_key());
        let operation = Operation::new(payload, Some(ghl_id), None, marker, Presence::InDoubt, Former::default());
        Operation { step: Step::Delete, is_deletion: true, looks_back, ..operation }
    }

    /// The id of an object that still exists after a deletion. It is the known id now.
    pub(super) fn left_behind(&self) -> Option<&GhlId> {
        self.ghl_id.as_ref().filter(|_| self.is_left_behind)
    }

    /// Whether the operation is a deletion.
    pub(super) fn is_deletion(&self) -> bool {
        self.is_deletion
    }

    /// The same, but with the knowledge whether GHL rejects `companyName` in updates.
    pub(super) fn with_company_apart(self, company_apart: bool) -> Operation {
        Operation { company_apart, ..self }
    }

    /// The fields that GHL did not store.
    pub(super) fn not_stored(&self) -> &NotStored {
        &self.not_stored
    }

    /// The contact that was sent and the id of the contact it matched, if the first call matched one that was not
    /// known.
    pub(super) fn met(&self) -> Option<(&Contact, &GhlId)> {
        match &self.payload {
            Payload::Contact(contact) if self.met => self.ghl_id.as_ref().map(|id| (contact, id)),
            _ => None,
        }
    }

    /// Who created the object, as far as the answers to these calls say.
    pub(super) fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// GHL's id of the record, once known.
    pub(super) fn ghl_id(&self) -> Option<&GhlId> {
        self.ghl_id.as_ref()
    }

    /// The next call, or `None` when all are done.
    pub(super) fn next(&self) -> Option<Call> {
        if let Some(look) = self.look() {
            return Some(look);
        }
        match &self.payload {
            Payload::Contact(contact) => self.next_of_contact(contact),
            Payload::Opportunity(opportunity) => self.next_of_opportunity(opportunity),
        }
    }

    fn next_of_contact(&self, contact: &Contact) -> Option<Call> {
        match (self.step, &self.ghl_id) {
            // Keep the marker until the id is stored: until then, the contact must be found again by it.
            (Step::Write, Some(id)) if self.found_by_marker => {
                Some(Call::UpdateContact { id: id.clone(), contact: self.marker.on(&self.updated(contact)) })
            }
            (Step::Write, Some(id)) => Some(Call::UpdateContact { id: id.clone(), contact: self.updated(contact) }),
            (Step::Write, None) if contact.has_natural_key() => Some(Call::UpsertContact(self.written(contact))),
            (Step::Find, _) => Some(Call::FindMarked(self.marker.clone())),
            (Step::Write, None) => Some(Call::CreateContact(self.marker.on(&self.written(contact)))),
            (Step::Complete, _) => Some(Call::UpsertContact(self.written(contact))),
            (Step::Tag, Some(id)) => {
                Some(Call::AddTags { id: id.clone(), tags: contact.tags.iter().cloned().collect() })
            }
            (Step::Untag, Some(id)) => {
                let tags = match self.spelled_otherwise.is_empty() {
                    true => contact.remove_tags.iter().cloned().collect(),
                    false => self.spelled_otherwise.clone(),
                };
                Some(Call::RemoveTags { id: id.clone(), tags })
            }
            (Step::Delete, Some(id)) => Some(Call::DeleteContact(id.clone())),
            (Step::LookBack, _) => Some(find(contact)),
            (Step::Tag | Step::Untag | Step::Delete, None) | (Step::Done, _) => None,
        }
    }

    /// The contact for an upsert or a create. It carries its tags only if they replace no existing ones.
    fn written(&self, contact: &Contact) -> Contact {
        let tags = if self.takes_tags_along() { contact.tags.clone() } else { Vec::new() };
        Contact { tags, remove_tags: Vec::new(), ..contact.clone() }
    }

    /// The contact for an update. Its tags have calls of their own.
    fn updated(&self, contact: &Contact) -> Contact {
        let company_name = contact.company_name.clone().filter(|_| !self.company_apart);
        Contact { tags: Vec::new(), remove_tags: Vec::new(), company_name, ..contact.clone() }
    }

    /// Whether an upsert follows the update. After a duplicate answer, it would hit the same conflict again.
    fn is_completed(&self, contact: &Contact) -> bool {
        let may_upsert = !self.diverted && self.undo.is_none();
        self.company_apart && contact.company_name.is_some() && contact.has_natural_key() && may_upsert
    }

    /// The step after the tags were added. A contact that was just created has no other tags.
    fn after_tags(&self, contact: &Contact) -> Step {
        let is_new = self.provenance == Provenance::Created && !self.found_by_marker && self.undo.is_none();
        if contact.remove_tags.is_empty() || is_new { Step::Done } else { Step::Untag }
    }

    fn takes_tags_along(&self) -> bool {
        self.presence == Presence::New && self.step == Step::Write && self.ghl_id.is_none() && !self.diverted
    }

    fn next_of_opportunity(&self, opportunity: &Opportunity) -> Option<Call> {
        let contact_id = || self.contact_id.clone().or_else(|| opportunity.contact_id.clone());
        match (self.step, &self.ghl_id) {
            (Step::Find, _) => self.search.next(),
            (Step::Write, Some(id)) => {
                Some(Call::UpdateOpportunity { id: id.clone(), opportunity: opportunity.clone() })
            }
            (Step::Write, None) => {
                contact_id().map(|contact_id| Call::CreateOpportunity { contact_id, opportunity: opportunity.clone() })
            }
            (Step::Delete, Some(id)) => {
                let pipeline_id = opportunity.pipeline_id.clone();
                Some(Call::DeleteOpportunity { id: id.clone(), pipeline_id })
            }
            (Step::Delete, None) | (Step::Complete | Step::Tag | Step::Untag | Step::LookBack | Step::Done, _) => None,
        }
    }

    /// Processes the answer to the last call.
    pub(super) fn advance(&mut self, answer: Answer) {
        if self.look().is_some() {
            return self.looked(answer);
        }
        match (&self.payload, answer) {
            (Payload::Contact(contact), Answer::ContactWritten { id, provenance, view }) => {
                // The first answer counts: later calls find the contact there.
                if self.provenance == Provenance::Unknown {
                    self.provenance = provenance;
                }
                let updated = self.step == Step::Write && self.ghl_id.is_some();
                let has_tags = contact.tags.is_empty() || self.takes_tags_along();
                let completes = updated && self.is_completed(contact);
                self.met |= self.ghl_id.is_none() && provenance == Provenance::Found;
                // An update always finds an existing contact.
                let provenance = if updated { Provenance::Found } else { provenance };
                let sent = match updated {
                    // Fields that no call carries are not stored either.
                    true if !completes => Contact { tags: Vec::new(), remove_tags: Vec::new(), ..contact.clone() },
                    true => self.updated(contact),
                    false => self.written(contact),
                };
                self.not_stored.contact_written(&sent, view.as_deref(), provenance);
                self.ghl_id.get_or_insert(id);
                self.step = match (completes, has_tags) {
                    (true, _) => Step::Complete,
                    (false, true) => self.after_tags(contact),
                    (false, false) => Step::Tag,
                };
            }
            (Payload::Contact(contact), Answer::TagsAdded { tags }) => {
                self.not_stored.tags_added(&contact.tags, tags.as_deref());
                self.step = self.after_tags(contact);
            }
            (Payload::Contact(contact), Answer::TagsRemoved { tags }) => {
                // An undo knows GHL's spelling: another spelling is another tag.
                let has_one = |shown: &Vec<String>| contact.remove_tags.iter().any(|tag| shown.contains(tag));
                if self.undo.is_some() && !tags.as_ref().is_some_and(has_one) {
                    self.step = Step::Done;
                    return;
                }
                let left = spelled_otherwise(&contact.remove_tags, tags.as_deref());
                if left.is_empty() || !self.spelled_otherwise.is_empty() {
                    self.not_stored.tags_removed(&contact.remove_tags, tags.as_deref());
                    self.step = Step::Done;
                }
                self.spelled_otherwise = left;
            }
            (Payload::Contact(_), Answer::Contact(found)) if self.step == Step::LookBack => {
                if let Some(found) = found.filter(|found| self.ghl_id.as_ref() != Some(&found.id)) {
                    (self.ghl_id, self.is_left_behind) = (Some(found.id), true);
                }
                self.step = Step::Done;
            }
            (Payload::Contact(_), Answer::Contact(found)) => {
                self.ghl_id = found.map(|found| found.id);
                self.found_by_marker = self.ghl_id.is_some();
                // Nobody else writes this marker.
                if self.found_by_marker {
                    self.provenance = Provenance::Created;
                }
                self.step = Step::Write;
            }
            (Payload::Opportunity(opportunity), Answer::OpportunityWritten { id, view }) => {
                self.not_stored.opportunity_written(opportunity, view.as_deref());
                if self.ghl_id.is_none() {
                    self.provenance = Provenance::Created;
                }
                self.ghl_id.get_or_insert(id);
                self.step = Step::Done;
            }
            (Payload::Opportunity(_), Answer::Opportunities(page)) => {
                self.search.read(page);
                let first = self.candidates().into_iter().next();
                self.settle_on(first);
            }
            (Payload::Contact(_), Answer::Deleted) if self.looks_back => self.step = Step::LookBack,
            _ => self.step = Step::Done,
        }
        self.end_a_search_for_nothing();
    }

    /// Takes a search result before it is known which matches belong to other records.
    pub(super) fn read(&mut self, answer: &Answer) {
        if let Answer::Opportunities(page) = answer {
            self.search.read(page.clone());
        }
    }

    /// Matches of the last search that may be this record, the likeliest first.
    pub(super) fn candidates(&self) -> Vec<GhlId> {
        self.search.candidates()
    }

    /// Ends the page: `own` is this record's opportunity, or none on the page is.
    pub(super) fn settle_on(&mut self, own: Option<GhlId>) {
        let goes_on = own.is_none() && self.search.turn();
        self.step = if goes_on { Step::Find } else { Step::Write };
        if own.is_some() && self.presence == Presence::Untried {
            self.provenance = Provenance::Found;
        }
        self.ghl_id = own;
        self.end_a_search_for_nothing();
    }

    /// The contact and the pipeline of each place to search for an opportunity.
    pub(super) fn places(&self) -> impl Iterator<Item = &ContactRef> {
        self.search.places()
    }

    /// Whether the search stopped at its limit without finding this record's opportunity.
    pub(super) fn is_lost_among_others(&self) -> bool {
        self.ghl_id.is_none() && self.search.is_cut_short()
    }

    /// Whether the search has seen this opportunity and ruled it out.
    pub(super) fn has_ruled_out(&self, id: &GhlId) -> bool {
        self.search.has_ruled_out(id)
    }

    /// Number of calls that writing `payload` takes if GHL has the record and nothing goes wrong.
    pub(super) fn calls_to_write_again(payload: &Payload, marker: Marker) -> u64 {
        let known = Some(GhlId::unknown());
        let mut operation = Operation::new(payload.clone(), known, None, marker, Presence::Untried, Former::default());
        let mut calls = 0;
        while operation.next().is_some() {
            calls += 1;
            operation.pretend();
        }
        calls
    }

    /// Continues as if GHL, without any data of this record, had answered the last call.
    pub(super) fn pretend(&mut self) {
        if self.look().is_some() {
            return self.looked(Answer::Contact(None));
        }
        let answer = match (&self.payload, self.step) {
            (_, Step::Delete) => Answer::Deleted,
            (Payload::Opportunity(_), Step::Find) => Answer::Opportunities(FoundPage::default()),
            (Payload::Opportunity(_), _) => Answer::OpportunityWritten { id: GhlId::unknown(), view: None },
            (Payload::Contact(_), Step::Find | Step::LookBack) => Answer::Contact(None),
            (Payload::Contact(_), Step::Tag) => Answer::TagsAdded { tags: None },
            (Payload::Contact(_), Step::Untag) => Answer::TagsRemoved { tags: None },
            (Payload::Contact(_), _) => {
                Answer::ContactWritten { id: GhlId::unknown(), provenance: Provenance::Unknown, view: None }
            }
        };
        self.advance(answer);
    }

    /// Changes course after a failure of `class`. Returns whether that is possible.
    pub(super) fn divert(&mut self, class: &Class) -> bool {
        if self.is_deletion {
            return false;
        }
        let is_known_to_be_gone = *class == Class::Gone && self.undo.is_none() && self.ghl_id.is_some();
        if (self.undo.is_some() || self.look().is_some()) && !is_known_to_be_gone {
            return self.divert_look(class);
        }
        if matches!(class, Class::Duplicate(_) | Class::Gone) {
            self.look_again();
        }
        if *class == Class::CompanyRefused {
            // The same update again, without `companyName`.
            return !std::mem::replace(&mut self.company_apart, true);
        }
        if let Payload::Opportunity(_) = &self.payload {
            return self.divert_opportunity(class);
        }
        let other_road = match class {
            Class::Duplicate(id) if self.ghl_id.is_none() => Some(id.clone()),
            Class::Gone if self.ghl_id.is_some() => None,
            _ => return false,
        };
        if self.diverted {
            return false;
        }
        self.diverted = true;
        self.step = Step::Write;
        // A duplicate answer means that it exists already; an object that is gone was a different one.
        self.provenance = if other_road.is_some() { Provenance::Found } else { Provenance::Unknown };
        self.ghl_id = other_road;
        true
    }

    fn divert_opportunity(&mut self, class: &Class) -> bool {
        match class {
            // The producer was wrong, or somebody was quicker, so the existing opportunities must be searched after
            // all. An opportunity that no search has shown is never taken for this one.
            Class::Duplicate(_) if self.ghl_id.is_none() && self.presence == Presence::New => {
                self.presence = Presence::InDoubt;
            }
            Class::Gone if self.ghl_id.is_some() && !self.diverted => {
                self.diverted = true;
                self.ghl_id = None;
                self.provenance = Provenance::Unknown;
            }
            _ => return false,
        }
        let Payload::Opportunity(opportunity) = &self.payload else { return false };
        if let Some((place, name)) = place_of(opportunity, self.contact_id.as_ref()) {
            self.search.again(place, name);
        }
        self.step = Step::Find;
        true
    }
}

/// The place and the name under which to search for an opportunity.
fn place_of(opportunity: &Opportunity, contact_id: Option<&GhlId>) -> Option<(ContactRef, ContentHash)> {
    let contact_id = contact_id.or(opportunity.contact_id.as_ref())?.clone();
    let place = ContactRef { contact_id, pipeline_id: opportunity.pipeline_id.clone(), after: None };
    Some((place, OpportunityKey::hash(&opportunity.name)))
}

#[cfg(test)]
mod tests;
