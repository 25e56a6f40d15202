//! Which calls a record needs, one after the other: a pure machine that is fed with what GHL answers.
//!
//! ```text
//! contact:      known id ─► update ─► tags ─► done
//!               known id, and updates refuse companyName ─► update ─► upsert (if it has one) ─► tags ─► done
//!               email or phone ─► upsert ─► tags ─► done            (a duplicate answer names the id to update)
//!               neither ─► create ─► tags ─► done
//!               neither, and it may have been created before ─► find by marker ─► update what was found, or create
//!               new ─► upsert, or create, with its tags ─► done
//!   tags:       add tags (if there are any) ─► remove tags (if there are any, and it was there before)
//! opportunity:  known id ─► update ─► done
//!               else ─► find ─► update what was found and is nobody else's, or create
//!               new ─► create ─► done                               (a duplicate answer: find, and go on as above)
//!
//! deletion:     known id ─► delete ─► done                   (what is gone already is deleted)
//! undo:         known id, or found as above ─► read it ─► update what is to be restored ─► tags ─► done
//!                                                      └► delete ─► done
//!
//! of an import that can be undone: before the first of these writes, what would be written to is read
//! ```
//!
//! What may have been created before it was put with other content is looked for under what it was called then, first.

mod look;

use std::collections::BTreeSet;

use self::look::{Imaging, UndoOf, find};
use super::deal_search::DealSearch;
use crate::policy::{Class, NotStored, spelled_otherwise};
use ghl_sync_model::{
    Answer, Call, Contact, ContactRef, ContentHash, DealKey, FoundPage, GhlId, Marker, Opportunity, Payload, Provenance,
};

/// The calls that a record still needs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    payload: Payload,
    /// GHL's id of it, once known.
    ghl_id: Option<GhlId>,
    /// GHL's id of the opportunity's contact.
    contact_id: Option<GhlId>,
    /// What a contact that nothing else would find again is marked with.
    marker: Marker,
    /// Its id was found by that.
    found_by_marker: bool,
    presence: Presence,
    step: Step,
    /// Where an opportunity is looked for, and what was found.
    search: DealSearch,
    /// Who created what has its id, as far as the answers say.
    provenance: Provenance,
    /// `companyName` goes by an upsert of its own: GHL refuses it in updates here.
    company_apart: bool,
    /// Tags that it shall not have, in GHL's own spelling, where that is another one.
    spelled_otherwise: BTreeSet<String>,
    /// What GHL did not store of what was sent.
    not_stored: NotStored,
    /// An upsert of it met a contact that was there, of which nothing was known before.
    met: bool,
    is_deletion: bool,
    /// What was put before its deletion may have been sent, so GHL may have it under another id: one more look says.
    looks_back: bool,
    /// That look found it.
    is_left_behind: bool,
    /// What GHL shows is read before it is written first.
    imaging: Option<Imaging>,
    /// It undoes what an import wrote.
    undo: Option<Box<UndoOf>>,
    /// It took another road once (duplicate, gone); a second time it gives up.
    diverted: bool,
}

/// What is known, while its id is not, of whether GHL has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Its producer has looked: it is not there. Nobody has tried to create it since.
    New,
    /// Nobody has looked, and nobody has tried to create it.
    Untried,
    /// Somebody may have created it without anybody knowing.
    InDoubt,
}

/// What a record was called when it may have been created, before it was put with other content.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Former {
    /// A contact that carried our marker.
    pub(super) marked: bool,
    /// An opportunity of these contacts, pipelines and names, oldest first.
    pub(super) deals: Vec<(ContactRef, ContentHash)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Find out whether it exists.
    Find,
    /// Create it, or update it if its id is known.
    Write,
    /// Write the fields that update refuses.
    Complete,
    /// Add the tags.
    Tag,
    /// Remove the tags that it shall not have.
    Untag,
    /// Delete it.
    Delete,
    /// Look whether it is there all the same, under another id.
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
                DealSearch::of(former.deals.into_iter().chain(place))
            }
            Payload::Contact(_) => DealSearch::default(),
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

    /// The deletion of what `payload` has been sent to, which GHL has under `ghl_id`; if that `is_unsure`, GHL may have
    /// created it anew since, without anybody knowing.
    pub(super) fn deletion(payload: Payload, ghl_id: GhlId, marker: Marker, is_unsure: bool) -> Operation {
        let looks_back = is_unsure && matches!(&payload, Payload::Contact(contact) if contact.has_natural_key());
        let operation = Operation::new(payload, Some(ghl_id), None, marker, Presence::InDoubt, Former::default());
        Operation { step: Step::Delete, is_deletion: true, looks_back, ..operation }
    }

    /// What GHL has after a deletion all the same, under another id, which is the known one now.
    pub(super) fn left_behind(&self) -> Option<&GhlId> {
        self.ghl_id.as_ref().filter(|_| self.is_left_behind)
    }

    /// Whether it deletes.
    pub(super) fn is_deletion(&self) -> bool {
        self.is_deletion
    }

    /// The same, where GHL is known to refuse (or not) `companyName` in updates.
    pub(super) fn with_company_apart(self, company_apart: bool) -> Operation {
        Operation { company_apart, ..self }
    }

    /// What GHL did not store of what was sent.
    pub(super) fn not_stored(&self) -> &NotStored {
        &self.not_stored
    }

    /// The contact that was sent and GHL's id of the one that was there, if the first call met one that was not known.
    pub(super) fn met(&self) -> Option<(&Contact, &GhlId)> {
        match &self.payload {
            Payload::Contact(contact) if self.met => self.ghl_id.as_ref().map(|id| (contact, id)),
            _ => None,
        }
    }

    /// Who created what has its id, as far as the answers to these calls say.
    pub(super) fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// GHL's id of it, once known.
    pub(super) fn ghl_id(&self) -> Option<&GhlId> {
        self.ghl_id.as_ref()
    }

    /// The next call, or `None` when all is done.
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
            // Until its id is written down, it must be found again.
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

    /// The contact as it is upserted or created: with its tags only if it has none there that they would replace.
    fn written(&self, contact: &Contact) -> Contact {
        let tags = if self.takes_tags_along() { contact.tags.clone() } else { Vec::new() };
        Contact { tags, remove_tags: Vec::new(), ..contact.clone() }
    }

    /// The contact as it is updated: its tags have calls of their own.
    fn updated(&self, contact: &Contact) -> Contact {
        let company_name = contact.company_name.clone().filter(|_| !self.company_apart);
        Contact { tags: Vec::new(), remove_tags: Vec::new(), company_name, ..contact.clone() }
    }

    /// Whether an upsert follows an update. After a duplicate answer it would meet the same conflict again.
    fn is_completed(&self, contact: &Contact) -> bool {
        let may_upsert = !self.diverted && self.undo.is_none();
        self.company_apart && contact.company_name.is_some() && contact.has_natural_key() && may_upsert
    }

    /// What comes when it has its tags. A contact that was just created has no others.
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

    /// Takes the answer to the last call.
    pub(super) fn advance(&mut self, answer: Answer) {
        if self.look().is_some() {
            return self.looked(answer);
        }
        match (&self.payload, answer) {
            (Payload::Contact(contact), Answer::ContactWritten { id, provenance, view }) => {
                // The first answer stands: whatever comes after it finds the contact there.
                if self.provenance == Provenance::Unknown {
                    self.provenance = provenance;
                }
                let updated = self.step == Step::Write && self.ghl_id.is_some();
                let has_tags = contact.tags.is_empty() || self.takes_tags_along();
                let completes = updated && self.is_completed(contact);
                self.met |= self.ghl_id.is_none() && provenance == Provenance::Found;
                // An update meets what is there.
                let provenance = if updated { Provenance::Found } else { provenance };
                let sent = match updated {
                    // What no call takes is not stored, either.
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
                // An undo knows how GHL spells them: another spelling is another tag.
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

    /// Takes what a search answered, before it is known which of it is another record's.
    pub(super) fn read(&mut self, answer: &Answer) {
        if let Answer::Opportunities(page) = answer {
            self.search.read(page.clone());
        }
    }

    /// What the last search found and may be this record, the likeliest first.
    pub(super) fn candidates(&self) -> Vec<GhlId> {
        self.search.candidates()
    }

    /// The opportunity that was found is this record's; or none of the page is.
    pub(super) fn settle_on(&mut self, own: Option<GhlId>) {
        let goes_on = own.is_none() && self.search.turn();
        self.step = if goes_on { Step::Find } else { Step::Write };
        if own.is_some() && self.presence == Presence::Untried {
            self.provenance = Provenance::Found;
        }
        self.ghl_id = own;
        self.end_a_search_for_nothing();
    }

    /// The contact and the pipeline of each place in which an opportunity is looked for.
    pub(super) fn places(&self) -> impl Iterator<Item = &ContactRef> {
        self.search.places()
    }

    /// Whether more opportunities were found than are looked through, and none that is this record's.
    pub(super) fn is_lost_among_others(&self) -> bool {
        self.ghl_id.is_none() && self.search.is_cut_short()
    }

    /// Whether the search has shown this opportunity, and it is not this record's.
    pub(super) fn has_ruled_out(&self, id: &GhlId) -> bool {
        self.search.has_ruled_out(id)
    }

    /// The calls that writing `payload` takes when GHL has the record and nothing goes wrong.
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

    /// Goes on as if the last call had been answered by a GHL that has nothing of it yet.
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

    /// Takes another road after a failure of `class`. Returns whether there is one.
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
            // The same update again, without it.
            return !std::mem::replace(&mut self.company_apart, true);
        }
        if let Payload::Opportunity(_) = &self.payload {
            return self.divert_deal(class);
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
        // A duplicate answer says that it is there already; what is gone was another one.
        self.provenance = if other_road.is_some() { Provenance::Found } else { Provenance::Unknown };
        self.ghl_id = other_road;
        true
    }

    fn divert_deal(&mut self, class: &Class) -> bool {
        match class {
            // Its producer was wrong, or somebody was quicker: which deals there are must be looked at after all. A deal
            // that no search has shown is never taken for this one.
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

/// Where an opportunity is looked for, and under which name.
fn place_of(opportunity: &Opportunity, contact_id: Option<&GhlId>) -> Option<(ContactRef, ContentHash)> {
    let contact_id = contact_id.or(opportunity.contact_id.as_ref())?.clone();
    let place = ContactRef { contact_id, pipeline_id: opportunity.pipeline_id.clone(), after: None };
    Some((place, DealKey::hash(&opportunity.name)))
}

#[cfg(test)]
mod tests;
