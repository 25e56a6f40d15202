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

use self::look::{Imaging, UndoOf};
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
            imaging: None,
            undo: None,
            diverted: false,
        }
    }

    /// The deletion of what `payload` has been sent to, which GHL has under `ghl_id`.
    pub(super) fn deletion(payload: Payload, ghl_id: GhlId, marker: Marker) -> Operation {
        let operation = Operation::new(payload, Some(ghl_id), None, marker, Presence::InDoubt, Former::default());
        Operation { step: Step::Delete, is_deletion: true, ..operation }
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
            (Step::Delete, None) | (Step::Complete | Step::Tag | Step::Untag | Step::Done, _) => None,
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
            (Payload::Contact(_), Step::Find) => Answer::Contact(None),
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
        if self.undo.is_some() || self.look().is_some() {
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
mod tests {
    use super::*;
    use ghl_sync_model::{Contact, Endpoint, FoundOpportunity, Kind, NotCarried, RemoteContact, View};

    fn id(text: &str) -> GhlId {
        GhlId::new(text).unwrap()
    }

    fn operation(payload: Payload, ghl_id: Option<GhlId>, contact_id: Option<GhlId>) -> Operation {
        Operation::new(payload, ghl_id, contact_id, marker(), Presence::Untried, Former::default())
    }

    fn marker() -> Marker {
        Marker::of(&ghl_sync_model::LocationId::new("loc").unwrap(), &"contact#1".parse().unwrap())
    }

    fn contact(json: &str) -> Payload {
        Payload::from_json(Kind::Contact, json).unwrap()
    }

    fn deal() -> Payload {
        Payload::from_json(Kind::Opportunity, r#"{"contactId":"c1","pipelineId":"p1","name":"Roof"}"#).unwrap()
    }

    fn page(found: &[FoundOpportunity]) -> Answer {
        Answer::Opportunities(FoundPage { found: found.to_vec(), next: None })
    }

    /// The endpoints that are called when each write answers with `written`.
    fn calls(mut operation: Operation, found: &[FoundOpportunity]) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        while let Some(call) = operation.next() {
            endpoints.push(call.endpoint());
            operation.advance(match call.endpoint() {
                Endpoint::FindOpportunities => page(found),
                Endpoint::CreateOpportunity | Endpoint::UpdateOpportunity => {
                    Answer::OpportunityWritten { id: id("o1"), view: None }
                }
                Endpoint::AddTags => Answer::TagsAdded { tags: None },
                Endpoint::RemoveTags => Answer::TagsRemoved { tags: None },
                _ => Answer::ContactWritten { id: id("c1"), provenance: Provenance::Unknown, view: None },
            });
            assert!(endpoints.len() < 10, "{endpoints:?}");
        }
        assert!(operation.ghl_id().is_some());
        endpoints
    }

    #[test]
    fn each_record_takes_the_calls_that_it_needs_and_no_more() {
        use Endpoint::{
            AddTags, CreateContact, CreateOpportunity, FindOpportunities, RemoveTags, UpdateContact, UpdateOpportunity,
            UpsertContact,
        };
        let plain = || contact(r#"{"email":"a@b.c"}"#);
        let tagged = || contact(r#"{"email":"a@b.c","tags":["x"]}"#);
        let moved = || contact(r#"{"email":"a@b.c","tags":["x"],"removeTags":["y"]}"#);
        let company = || contact(r#"{"email":"a@b.c","companyName":"X","tags":["x"]}"#);
        let nameless = || contact(r#"{"firstName":"A"}"#);
        let apart = |payload, ghl_id| operation(payload, Some(id(ghl_id)), None).with_company_apart(true);
        let other = FoundOpportunity { id: id("o8"), name: "Garage".into() };
        let same = FoundOpportunity { id: id("o9"), name: "Roof".into() };
        let table = [
            (operation(plain(), None, None), vec![], vec![UpsertContact]),
            (operation(tagged(), None, None), vec![], vec![UpsertContact, AddTags]),
            (operation(plain(), Some(id("c1")), None), vec![], vec![UpdateContact]),
            (operation(moved(), Some(id("c1")), None), vec![], vec![UpdateContact, AddTags, RemoveTags]),
            (apart(contact(r#"{"email":"a@b.c","removeTags":["y"]}"#), "c1"), vec![], vec![UpdateContact, RemoveTags]),
            (operation(company(), Some(id("c1")), None), vec![], vec![UpdateContact, AddTags]),
            (apart(company(), "c1"), vec![], vec![UpdateContact, UpsertContact, AddTags]),
            (apart(plain(), "c1"), vec![], vec![UpdateContact]),
            (apart(contact(r#"{"email":"a@b.c","gender":"f"}"#), "c1"), vec![], vec![UpdateContact]),
            (operation(nameless(), None, None), vec![], vec![CreateContact]),
            (operation(deal(), None, None), vec![], vec![FindOpportunities, CreateOpportunity]),
            (operation(deal(), None, None), vec![other.clone()], vec![FindOpportunities, CreateOpportunity]),
            (operation(deal(), None, None), vec![other, same], vec![FindOpportunities, UpdateOpportunity]),
            (operation(deal(), Some(id("o1")), None), vec![], vec![UpdateOpportunity]),
        ];
        for (operation, found, expected) in table {
            assert_eq!(calls(operation.clone(), &found), expected, "{operation:?}");
        }
    }

    #[test]
    fn tags_are_removed_only_from_a_contact_that_was_there_before() {
        for (provenance, expected) in [
            (Provenance::Created, None),
            (Provenance::Found, Some(Endpoint::RemoveTags)),
            (Provenance::Unknown, Some(Endpoint::RemoveTags)),
        ] {
            let mut operation = operation(contact(r#"{"email":"a@b.c","removeTags":["y"]}"#), None, None);
            let Some(Call::UpsertContact(sent)) = operation.next() else { panic!("{operation:?}") };
            assert_eq!(sent.remove_tags, Vec::<String>::new());
            operation.advance(Answer::ContactWritten { id: id("c1"), provenance, view: None });
            assert_eq!(operation.next().map(|call| call.endpoint()), expected);
        }
    }

    #[test]
    fn a_tag_that_ghl_spells_otherwise_is_removed_as_ghl_spells_it_and_if_it_stays_is_told() {
        for (shown_last, not_stored) in [(&["vip"][..], vec![]), (&["vip", "old lead"], vec!["removeTags".to_owned()])]
        {
            let mut operation =
                operation(contact(r#"{"email":"a@b.c","removeTags":["Old Lead"]}"#), Some(id("c1")), None);
            let shown = |tags: &[&str]| Some(tags.iter().map(|tag| (*tag).to_owned()).collect());
            let provenance = Provenance::Unknown;
            operation.advance(Answer::ContactWritten { id: id("c1"), provenance, view: None });
            operation.advance(Answer::TagsRemoved { tags: shown(&["vip", "old lead"]) });
            let tags = ["old lead".to_owned()].into();
            assert_eq!(operation.next(), Some(Call::RemoveTags { id: id("c1"), tags }));
            operation.advance(Answer::TagsRemoved { tags: shown(shown_last) });
            assert_eq!((operation.next(), operation.not_stored().fields()), (None, not_stored));
        }
    }

    #[test]
    fn what_is_new_takes_one_call() {
        for payload in [
            contact(r#"{"email":"a@b.c","companyName":"X","tags":["x"]}"#),
            contact(r#"{"firstName":"A","tags":["x"]}"#),
            deal(),
        ] {
            let operation = Operation::new(payload, None, None, marker(), Presence::New, Former::default());
            if let Some(Call::UpsertContact(contact) | Call::CreateContact(contact)) = operation.next() {
                assert_eq!(contact.tags, ["x"]);
            }
            assert_eq!(calls(operation.clone(), &[]).len(), 1, "{operation:?}");
        }
    }

    #[test]
    fn tags_are_taken_along_only_where_none_can_be_replaced() {
        let tagged = contact(r#"{"email":"a@b.c","tags":["x"]}"#);
        let untried = operation(tagged.clone(), None, None);
        let mut diverted = Operation::new(tagged, None, None, marker(), Presence::New, Former::default());
        assert!(diverted.divert(&Class::Duplicate(id("c7"))));
        for operation in [untried, diverted] {
            let (Call::UpsertContact(contact) | Call::UpdateContact { contact, .. }) = operation.next().unwrap() else {
                panic!("{operation:?}")
            };
            assert!(contact.tags.is_empty() || operation.ghl_id().is_some());
            assert_eq!(calls(operation, &[]).last(), Some(&Endpoint::AddTags));
        }
    }

    #[test]
    fn a_new_deal_that_is_there_all_the_same_is_looked_for_and_updated_or_left_to_the_other_one() {
        let mut deal = Operation::new(deal(), None, None, marker(), Presence::New, Former::default());
        assert!(deal.divert(&Class::Duplicate(id("o9"))));
        assert_eq!(deal.next().unwrap().endpoint(), Endpoint::FindOpportunities);
        let mut same = deal.clone();
        same.advance(page(&[FoundOpportunity { id: id("o9"), name: "Roof".into() }]));
        assert!(matches!(same.next(), Some(Call::UpdateOpportunity { id: found, .. }) if found == id("o9")));
        deal.advance(page(&[FoundOpportunity { id: id("o9"), name: "Garage".into() }]));
        assert_eq!(deal.next().unwrap().endpoint(), Endpoint::CreateOpportunity);
        assert!(!deal.divert(&Class::Duplicate(id("o9"))), "another deal is never overwritten");
    }

    #[test]
    fn a_contact_that_nothing_else_would_find_is_looked_for_by_its_marker_before_it_is_created_again() {
        let nameless = contact(r#"{"firstName":"A","source":"Fair"}"#);
        let first = operation(nameless.clone(), None, None);
        let Some(Call::CreateContact(created)) = first.next() else { panic!("{first:?}") };
        assert_eq!(created.source, Some(format!("Fair {}", marker())));
        for found in [None, Some(id("c7"))] {
            let mut again =
                Operation::new(nameless.clone(), None, None, marker(), Presence::InDoubt, Former::default());
            assert_eq!(again.next(), Some(Call::FindMarked(marker())));
            let remote = |id| {
                Box::new(RemoteContact {
                    id,
                    content: Contact::default(),
                    created_at: None,
                    updated_at: None,
                    not_carried: NotCarried::default(),
                    raw: ().into(),
                })
            };
            again.advance(Answer::Contact(found.clone().map(remote)));
            match (again.next(), found) {
                (Some(Call::CreateContact(again)), None) => assert_eq!(again.source, created.source),
                (Some(Call::UpdateContact { id, contact }), Some(found)) => {
                    // It keeps its marker until its id is known.
                    assert_eq!((id, contact.source), (found, created.source.clone()));
                }
                (next, _) => panic!("{next:?}"),
            }
        }
    }

    #[test]
    fn a_duplicate_answer_leads_to_an_update_of_the_contact_that_exists() {
        let mut operation = operation(contact(r#"{"email":"a@b.c","companyName":"X"}"#), None, None);
        assert!(operation.divert(&Class::Duplicate(id("x7"))));
        assert!(matches!(operation.next(), Some(Call::UpdateContact { id: found, .. }) if found == id("x7")));
        assert!(!operation.divert(&Class::Duplicate(id("x8"))), "only once");
    }

    #[test]
    fn what_may_have_been_created_is_looked_for_under_what_it_was_called_then() {
        let marked = Former { marked: true, ..Former::default() };
        let named = contact(r#"{"email":"a@b.c"}"#);
        let again = Operation::new(named, None, None, marker(), Presence::InDoubt, marked);
        assert_eq!(again.next(), Some(Call::FindMarked(marker())));

        let elsewhere = ContactRef { contact_id: id("c1"), pipeline_id: id("p0"), after: None };
        let former = Former { marked: false, deals: vec![(elsewhere, DealKey::hash("Garage"))] };
        let mut again = Operation::new(deal(), None, None, marker(), Presence::InDoubt, former);
        let mut found = again.clone();
        found.advance(page(&[FoundOpportunity { id: id("o7"), name: "Garage".into() }]));
        assert!(matches!(found.next(), Some(Call::UpdateOpportunity { id: found, .. }) if found == id("o7")));
        again.advance(page(&[FoundOpportunity { id: id("o7"), name: "Roof".into() }]));
        assert!(matches!(again.next(), Some(Call::FindOpportunities(of)) if of.pipeline_id == id("p1")));
        again.advance(page(&[]));
        assert_eq!(again.next().unwrap().endpoint(), Endpoint::CreateOpportunity);
    }

    #[test]
    fn a_dry_run_comes_to_the_end_of_every_record() {
        for payload in [contact(r#"{"email":"a@b.c","companyName":"X","tags":["x"]}"#), deal()] {
            let mut operation = operation(payload, None, None);
            let calls = std::iter::from_fn(|| operation.next().inspect(|_| operation.pretend()));
            let calls: Vec<Call> = calls.take(9).collect();
            assert_eq!(calls.len(), 2, "{calls:?}");
        }
    }

    #[test]
    fn what_ghl_has_already_saves_the_calls_that_writing_it_again_would_take() {
        let table = [
            (contact(r#"{"email":"a@b.c"}"#), 1),
            (contact(r#"{"firstName":"A"}"#), 1),
            (contact(r#"{"email":"a@b.c","tags":["x"]}"#), 2),
            (contact(r#"{"email":"a@b.c","companyName":"X","tags":["x"]}"#), 2),
            (deal(), 1),
        ];
        for (payload, expected) in table {
            assert_eq!(Operation::calls_to_write_again(&payload, marker()), expected, "{payload:?}");
        }
    }

    #[test]
    fn a_deal_of_another_name_is_never_overwritten() {
        let mut operation = operation(deal(), None, None);
        operation.advance(page(&[FoundOpportunity { id: id("o8"), name: "Garage".into() }]));
        assert_eq!(operation.next().unwrap().endpoint(), Endpoint::CreateOpportunity);
        assert!(operation.has_ruled_out(&id("o8")) && !operation.has_ruled_out(&id("o9")));
        for id in ["o8", "o9"] {
            assert!(!operation.divert(&Class::Duplicate(self::id(id))), "no search has shown that it is this one");
        }
    }

    #[test]
    fn a_company_that_an_update_may_not_have_goes_by_an_upsert_and_is_told_where_none_can_carry_it() {
        let mut refused = operation(contact(r#"{"email":"a@b.c","companyName":"X"}"#), Some(id("c1")), None);
        let Some(Call::UpdateContact { contact: sent, .. }) = refused.next() else { panic!("{refused:?}") };
        assert_eq!(sent.company_name.as_deref(), Some("X"));
        assert!(refused.divert(&Class::CompanyRefused));
        let Some(Call::UpdateContact { contact: sent, .. }) = refused.next() else { panic!("{refused:?}") };
        assert_eq!(sent.company_name, None);
        assert!(!refused.divert(&Class::CompanyRefused), "only once");
        assert_eq!(calls(refused, &[]), [Endpoint::UpdateContact, Endpoint::UpsertContact]);

        let nameless = contact(r#"{"firstName":"A","companyName":"X"}"#);
        let mut lost = operation(nameless, Some(id("c1")), None).with_company_apart(true);
        let content = Contact { first_name: Some("A".to_owned()), ..Contact::default() };
        let view = Some(Box::new(View { content, is_whole: true, has_custom_fields: true }));
        lost.advance(Answer::ContactWritten { id: id("c1"), provenance: Provenance::Unknown, view });
        assert_eq!(lost.next(), None);
        assert_eq!(lost.not_stored().fields(), ["companyName"]);
    }

    #[test]
    fn what_is_gone_is_made_anew_once() {
        let mut operation = operation(contact(r#"{"email":"a@b.c"}"#), Some(id("c1")), None);
        assert!(operation.divert(&Class::Gone));
        assert_eq!(operation.next().unwrap().endpoint(), Endpoint::UpsertContact);
        assert!(!operation.divert(&Class::Gone));
        let mut operation = super::tests::operation(deal(), Some(id("o1")), None);
        assert!(operation.divert(&Class::Gone));
        assert_eq!(operation.next().unwrap().endpoint(), Endpoint::FindOpportunities);
    }

    #[test]
    fn other_failures_have_no_other_road() {
        let mut operation = operation(deal(), None, None);
        assert!(!operation.divert(&Class::Permanent));
        assert!(!operation.divert(&Class::Gone));
    }
}
