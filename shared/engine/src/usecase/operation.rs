//! Which calls a record needs, one after the other: a pure machine that is fed with what GHL answers.
//!
//! ```text
//! contact:      known id ─► update ─► upsert (if it has fields that update refuses) ─► add tags ─► done
//!               email or phone ─► upsert ─► add tags ─► done        (a duplicate answer names the id to update)
//!               neither ─► create ─► add tags ─► done
//!               neither, and it may have been created before ─► find by marker ─► update what was found, or create
//!               new ─► upsert, or create, with its tags ─► done
//! opportunity:  known id ─► update ─► done
//!               else ─► find ─► update what was found, or create    (likewise)
//!               new ─► create ─► done                               (a duplicate answer: find, and go on as above)
//! ```

use crate::domain::{Answer, Call, Contact, ContactRef, GhlId, Marker, Opportunity, Payload, Provenance};
use crate::policy::Class;

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
    /// Opportunities of the same contact and pipeline under other names: not to be touched.
    others: Vec<GhlId>,
    /// Who created what has its id, as far as the answers say.
    provenance: Provenance,
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
    Done,
}

impl Operation {
    pub(super) fn new(
        payload: Payload,
        ghl_id: Option<GhlId>,
        contact_id: Option<GhlId>,
        marker: Marker,
        presence: Presence,
    ) -> Operation {
        let step = match &payload {
            Payload::Opportunity(_) if ghl_id.is_none() && presence != Presence::New => Step::Find,
            Payload::Contact(contact)
                if ghl_id.is_none() && !contact.has_natural_key() && presence == Presence::InDoubt =>
            {
                Step::Find
            }
            _ => Step::Write,
        };
        Operation {
            payload,
            ghl_id,
            contact_id,
            marker,
            found_by_marker: false,
            presence,
            step,
            others: Vec::new(),
            provenance: Provenance::Unknown,
            diverted: false,
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
        match &self.payload {
            Payload::Contact(contact) => self.next_of_contact(contact),
            Payload::Opportunity(opportunity) => self.next_of_opportunity(opportunity),
        }
    }

    fn next_of_contact(&self, contact: &Contact) -> Option<Call> {
        match (self.step, &self.ghl_id) {
            // Until its id is written down, it must be found again.
            (Step::Write, Some(id)) if self.found_by_marker => {
                Some(Call::UpdateContact { id: id.clone(), contact: self.marker.on(contact) })
            }
            (Step::Write, Some(id)) => Some(Call::UpdateContact { id: id.clone(), contact: contact.clone() }),
            (Step::Write, None) if contact.has_natural_key() => Some(Call::UpsertContact(self.written(contact))),
            (Step::Find, _) => Some(Call::FindMarked(self.marker.clone())),
            (Step::Write, None) => Some(Call::CreateContact(self.marker.on(&self.written(contact)))),
            (Step::Complete, _) => Some(Call::UpsertContact(self.written(contact))),
            (Step::Tag, Some(id)) => {
                Some(Call::AddTags { id: id.clone(), tags: contact.tags.iter().cloned().collect() })
            }
            (Step::Tag, None) | (Step::Done, _) => None,
        }
    }

    /// The contact as it is upserted or created: with its tags only if it has none there that they would replace.
    fn written(&self, contact: &Contact) -> Contact {
        let tags = if self.takes_tags_along() { contact.tags.clone() } else { Vec::new() };
        Contact { tags, ..contact.clone() }
    }

    fn takes_tags_along(&self) -> bool {
        self.presence == Presence::New && self.step == Step::Write && self.ghl_id.is_none() && !self.diverted
    }

    fn next_of_opportunity(&self, opportunity: &Opportunity) -> Option<Call> {
        let contact_id = || self.contact_id.clone().or_else(|| opportunity.contact_id.clone());
        match (self.step, &self.ghl_id) {
            (Step::Find, _) => contact_id().map(|contact_id| {
                Call::FindOpportunities(ContactRef { contact_id, pipeline_id: opportunity.pipeline_id.clone() })
            }),
            (Step::Write, Some(id)) => {
                Some(Call::UpdateOpportunity { id: id.clone(), opportunity: opportunity.clone() })
            }
            (Step::Write, None) => {
                contact_id().map(|contact_id| Call::CreateOpportunity { contact_id, opportunity: opportunity.clone() })
            }
            (Step::Complete | Step::Tag | Step::Done, _) => None,
        }
    }

    /// Takes the answer to the last call.
    pub(super) fn advance(&mut self, answer: Answer) {
        match (&self.payload, answer) {
            (Payload::Contact(contact), Answer::ContactWritten { id, provenance }) => {
                // The first answer stands: whatever comes after it finds the contact there.
                if self.provenance == Provenance::Unknown {
                    self.provenance = provenance;
                }
                let updated = self.step == Step::Write && self.ghl_id.is_some();
                let has_tags = contact.tags.is_empty() || self.takes_tags_along();
                self.ghl_id.get_or_insert(id);
                // After a duplicate answer an upsert would meet the same conflict again.
                self.step =
                    if updated && contact.has_upsert_only_fields() && contact.has_natural_key() && !self.diverted {
                        Step::Complete
                    } else if has_tags {
                        Step::Done
                    } else {
                        Step::Tag
                    };
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
            (Payload::Opportunity(_), Answer::OpportunityWritten { id }) => {
                if self.ghl_id.is_none() {
                    self.provenance = Provenance::Created;
                }
                self.ghl_id.get_or_insert(id);
                self.step = Step::Done;
            }
            (Payload::Opportunity(opportunity), Answer::Opportunities(found)) => {
                let (same, others): (Vec<_>, Vec<_>) =
                    found.into_iter().partition(|found| found.name == opportunity.name);
                self.ghl_id = same.into_iter().next().map(|found| found.id);
                if self.ghl_id.is_some() && self.presence == Presence::Untried {
                    self.provenance = Provenance::Found;
                }
                self.others = others.into_iter().map(|found| found.id).collect();
                self.step = Step::Write;
            }
            _ => self.step = Step::Done,
        }
    }

    /// The calls that writing `payload` takes when GHL has the record and nothing goes wrong.
    pub(super) fn calls_to_write_again(payload: &Payload, marker: Marker) -> u64 {
        let mut operation = Operation::new(payload.clone(), Some(GhlId::unknown()), None, marker, Presence::Untried);
        let mut calls = 0;
        while operation.next().is_some() {
            calls += 1;
            operation.pretend();
        }
        calls
    }

    /// Goes on as if the last call had been answered by a GHL that has nothing of it yet.
    pub(super) fn pretend(&mut self) {
        let answer = match (&self.payload, self.step) {
            (Payload::Opportunity(_), Step::Find) => Answer::Opportunities(Vec::new()),
            (Payload::Opportunity(_), _) => Answer::OpportunityWritten { id: GhlId::unknown() },
            (Payload::Contact(_), Step::Find) => Answer::Contact(None),
            (Payload::Contact(_), Step::Tag) => Answer::TagsAdded,
            (Payload::Contact(_), _) => {
                Answer::ContactWritten { id: GhlId::unknown(), provenance: Provenance::Unknown }
            }
        };
        self.advance(answer);
    }

    /// Takes another road after a failure of `class`. Returns whether there is one.
    pub(super) fn divert(&mut self, class: &Class) -> bool {
        let is_unseen = matches!(self.payload, Payload::Opportunity(_)) && self.presence == Presence::New;
        if matches!(class, Class::Duplicate(_)) && self.ghl_id.is_none() && is_unseen {
            // Its producer was wrong, or somebody was quicker: which deals there are must be looked at after all.
            self.presence = Presence::InDoubt;
            self.step = Step::Find;
            return true;
        }
        let other_road = match class {
            // Where a contact may have one deal a pipeline only, the one that is there may be another one.
            Class::Duplicate(id) if self.ghl_id.is_none() && !self.others.contains(id) => Some(id.clone()),
            Class::Gone if self.ghl_id.is_some() => None,
            _ => return false,
        };
        if self.diverted {
            return false;
        }
        self.diverted = true;
        self.step = match (&self.payload, &other_road) {
            (Payload::Opportunity(_), None) => Step::Find,
            _ => Step::Write,
        };
        // A duplicate answer says that it is there already; what is gone was another one.
        self.provenance = if other_road.is_some() { Provenance::Found } else { Provenance::Unknown };
        self.ghl_id = other_road;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Contact, Endpoint, FoundOpportunity, Kind, NotCarried, RemoteContact};

    fn id(text: &str) -> GhlId {
        GhlId::new(text).unwrap()
    }

    fn operation(payload: Payload, ghl_id: Option<GhlId>, contact_id: Option<GhlId>) -> Operation {
        Operation::new(payload, ghl_id, contact_id, marker(), Presence::Untried)
    }

    fn marker() -> Marker {
        Marker::of(&crate::domain::LocationId::new("loc").unwrap(), &"contact#1".parse().unwrap())
    }

    fn contact(json: &str) -> Payload {
        Payload::from_json(Kind::Contact, json).unwrap()
    }

    fn deal() -> Payload {
        Payload::from_json(Kind::Opportunity, r#"{"contactId":"c1","pipelineId":"p1","name":"Roof"}"#).unwrap()
    }

    /// The endpoints that are called when each write answers with `written`.
    fn calls(mut operation: Operation, found: &[FoundOpportunity]) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        while let Some(call) = operation.next() {
            endpoints.push(call.endpoint());
            operation.advance(match call.endpoint() {
                Endpoint::FindOpportunities => Answer::Opportunities(found.to_vec()),
                Endpoint::CreateOpportunity | Endpoint::UpdateOpportunity => {
                    Answer::OpportunityWritten { id: id("o1") }
                }
                Endpoint::AddTags => Answer::TagsAdded,
                _ => Answer::ContactWritten { id: id("c1"), provenance: Provenance::Unknown },
            });
            assert!(endpoints.len() < 10, "{endpoints:?}");
        }
        assert!(operation.ghl_id().is_some());
        endpoints
    }

    #[test]
    fn each_record_takes_the_calls_that_it_needs_and_no_more() {
        use Endpoint::{
            AddTags, CreateContact, CreateOpportunity, FindOpportunities, UpdateContact, UpdateOpportunity,
            UpsertContact,
        };
        let plain = || contact(r#"{"email":"a@b.c"}"#);
        let tagged = || contact(r#"{"email":"a@b.c","tags":["x"]}"#);
        let company = || contact(r#"{"email":"a@b.c","companyName":"X","tags":["x"]}"#);
        let nameless = || contact(r#"{"firstName":"A"}"#);
        let other = FoundOpportunity { id: id("o8"), name: "Garage".into() };
        let same = FoundOpportunity { id: id("o9"), name: "Roof".into() };
        let table = [
            (operation(plain(), None, None), vec![], vec![UpsertContact]),
            (operation(tagged(), None, None), vec![], vec![UpsertContact, AddTags]),
            (operation(plain(), Some(id("c1")), None), vec![], vec![UpdateContact]),
            (operation(company(), Some(id("c1")), None), vec![], vec![UpdateContact, UpsertContact, AddTags]),
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
    fn what_is_new_takes_one_call() {
        for payload in [
            contact(r#"{"email":"a@b.c","companyName":"X","tags":["x"]}"#),
            contact(r#"{"firstName":"A","tags":["x"]}"#),
            deal(),
        ] {
            let operation = Operation::new(payload, None, None, marker(), Presence::New);
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
        let mut diverted = Operation::new(tagged, None, None, marker(), Presence::New);
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
        let mut deal = Operation::new(deal(), None, None, marker(), Presence::New);
        assert!(deal.divert(&Class::Duplicate(id("o9"))));
        assert_eq!(deal.next().unwrap().endpoint(), Endpoint::FindOpportunities);
        let mut same = deal.clone();
        same.advance(Answer::Opportunities(vec![FoundOpportunity { id: id("o9"), name: "Roof".into() }]));
        assert!(matches!(same.next(), Some(Call::UpdateOpportunity { id: found, .. }) if found == id("o9")));
        deal.advance(Answer::Opportunities(vec![FoundOpportunity { id: id("o9"), name: "Garage".into() }]));
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
            let mut again = Operation::new(nameless.clone(), None, None, marker(), Presence::InDoubt);
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
    fn a_duplicate_answer_leads_to_an_update_of_what_exists() {
        for payload in [contact(r#"{"email":"a@b.c","companyName":"X"}"#), deal()] {
            let mut operation = operation(payload, None, None);
            assert!(operation.divert(&Class::Duplicate(id("x7"))));
            assert!(matches!(
                operation.next(),
                Some(Call::UpdateContact { id: found, .. } | Call::UpdateOpportunity { id: found, .. })
                    if found == id("x7")
            ));
            assert!(!operation.divert(&Class::Duplicate(id("x8"))), "only once");
        }
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
            (contact(r#"{"email":"a@b.c","companyName":"X","tags":["x"]}"#), 3),
            (deal(), 1),
        ];
        for (payload, expected) in table {
            assert_eq!(Operation::calls_to_write_again(&payload, marker()), expected, "{payload:?}");
        }
    }

    #[test]
    fn a_deal_of_another_name_is_never_overwritten() {
        let mut operation = operation(deal(), None, None);
        operation.advance(Answer::Opportunities(vec![FoundOpportunity { id: id("o8"), name: "Garage".into() }]));
        assert_eq!(operation.next().unwrap().endpoint(), Endpoint::CreateOpportunity);
        assert!(!operation.divert(&Class::Duplicate(id("o8"))));
        assert!(operation.divert(&Class::Duplicate(id("o9"))), "its own, which the search did not show yet");
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
