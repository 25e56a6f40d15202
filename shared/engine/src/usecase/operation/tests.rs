//! The calls that a record takes, answer by answer.

use super::*;
use ghl_sync_model::{Contact, Endpoint, FoundOpportunity, Kind, ListedContact, NotCarried, View};

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

fn opportunity() -> Payload {
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
        (operation(opportunity(), None, None), vec![], vec![FindOpportunities, CreateOpportunity]),
        (operation(opportunity(), None, None), vec![other.clone()], vec![FindOpportunities, CreateOpportunity]),
        (operation(opportunity(), None, None), vec![other, same], vec![FindOpportunities, UpdateOpportunity]),
        (operation(opportunity(), Some(id("o1")), None), vec![], vec![UpdateOpportunity]),
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
    for (shown_last, not_stored) in [(&["vip"][..], vec![]), (&["vip", "old lead"], vec!["removeTags".to_owned()])] {
        let mut operation = operation(contact(r#"{"email":"a@b.c","removeTags":["Old Lead"]}"#), Some(id("c1")), None);
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
        opportunity(),
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
fn a_new_opportunity_that_is_there_all_the_same_is_looked_for_and_updated_or_left_to_the_other_one() {
    let mut opportunity = Operation::new(opportunity(), None, None, marker(), Presence::New, Former::default());
    assert!(opportunity.divert(&Class::Duplicate(id("o9"))));
    assert_eq!(opportunity.next().unwrap().endpoint(), Endpoint::FindOpportunities);
    let mut same = opportunity.clone();
    same.advance(page(&[FoundOpportunity { id: id("o9"), name: "Roof".into() }]));
    assert!(matches!(same.next(), Some(Call::UpdateOpportunity { id: found, .. }) if found == id("o9")));
    opportunity.advance(page(&[FoundOpportunity { id: id("o9"), name: "Garage".into() }]));
    assert_eq!(opportunity.next().unwrap().endpoint(), Endpoint::CreateOpportunity);
    assert!(!opportunity.divert(&Class::Duplicate(id("o9"))), "another opportunity is never overwritten");
}

#[test]
fn a_contact_that_nothing_else_would_find_is_looked_for_by_its_marker_before_it_is_created_again() {
    let nameless = contact(r#"{"firstName":"A","source":"Fair"}"#);
    let first = operation(nameless.clone(), None, None);
    let Some(Call::CreateContact(created)) = first.next() else { panic!("{first:?}") };
    assert_eq!(created.source, Some(format!("Fair {}", marker())));
    for found in [None, Some(id("c7"))] {
        let mut again = Operation::new(nameless.clone(), None, None, marker(), Presence::InDoubt, Former::default());
        assert_eq!(again.next(), Some(Call::FindMarked(marker())));
        let remote = |id| {
            Box::new(ListedContact {
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
                // The contact keeps its marker until its id is known.
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
    let former = Former { marked: false, opportunities: vec![(elsewhere, OpportunityKey::hash("Garage"))] };
    let mut again = Operation::new(opportunity(), None, None, marker(), Presence::InDoubt, former);
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
    for payload in [contact(r#"{"email":"a@b.c","companyName":"X","tags":["x"]}"#), opportunity()] {
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
        (opportunity(), 1),
    ];
    for (payload, expected) in table {
        assert_eq!(Operation::calls_to_write_again(&payload, marker()), expected, "{payload:?}");
    }
}

#[test]
fn an_opportunity_of_another_name_is_never_overwritten() {
    let mut operation = operation(opportunity(), None, None);
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
    let mut operation = super::tests::operation(opportunity(), Some(id("o1")), None);
    assert!(operation.divert(&Class::Gone));
    assert_eq!(operation.next().unwrap().endpoint(), Endpoint::FindOpportunities);
}

#[test]
fn other_failures_have_no_other_road() {
    let mut operation = operation(opportunity(), None, None);
    assert!(!operation.divert(&Class::Permanent));
    assert!(!operation.divert(&Class::Gone));
}
