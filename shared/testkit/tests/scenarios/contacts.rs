//! The calls made for a contact.

use std::collections::BTreeSet;

use ghl_sync_model::{Cause, Contact, Endpoint, ErrorCode, GhlId, Payload, PutRecord};
use ghl_sync_testkit::{CallFault, World, block_on_paused};

use crate::fixtures::{Look, MINUTE, contact, contact_key, email, exact, loc, named_contact, with_tags};

fn endpoints(world: &World) -> Vec<Endpoint> {
    world.ghl.arrivals().into_iter().map(|arrival| arrival.endpoint).collect()
}

fn tags(tags: &[&str]) -> BTreeSet<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

#[test]
fn tags_are_added_to_those_that_the_contact_has() {
    block_on_paused(async {
        let world = exact().start();
        let there = Contact { email: Some(email(0)), ..Contact::default() };
        world.ghl.add_contact(&loc(), there, &["vip"]).unwrap();
        world.put(&[with_tags(0, &["new", "2026"])]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let (_, _, found) = world.ghl.contact(&loc(), &email(0)).unwrap();
        assert_eq!(found, tags(&["vip", "new", "2026"]));
        assert_eq!(endpoints(&world), [Endpoint::UpsertContact, Endpoint::AddTags]);
    });
}

#[test]
fn tags_that_failed_in_passing_are_added_in_the_end() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| {
            (seen.call.endpoint() == Endpoint::AddTags && seen.tries <= 8).then(|| CallFault::status(503))
        });
        world.put(&[with_tags(0, &["new"])]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let (_, _, found) = world.ghl.contact(&loc(), &email(0)).unwrap();
        assert_eq!(found, tags(&["new"]));
        assert_eq!(world.ghl.contact_count(), 1);
    });
}

#[test]
fn a_contact_with_a_known_id_is_updated_and_never_created() {
    block_on_paused(async {
        let world = exact().start();
        let there = Contact { email: Some("old@example.test".to_owned()), ..Contact::default() };
        let id = world.ghl.add_contact(&loc(), there, &[]).unwrap();
        world.put(&[PutRecord { ghl_id: Some(id.clone()), ..contact(0) }]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(endpoints(&world), [Endpoint::UpdateContact]);
        let (found, ..) = world.ghl.contact(&loc(), &email(0)).unwrap();
        assert_eq!((found, world.ghl.contact_count()), (id, 1));
    });
}

#[test]
fn a_contact_that_was_sent_once_is_updated_from_then_on() {
    block_on_paused(async {
        let world = exact().start();
        for name in ["Ada", "Eve"] {
            world.put(&[named_contact(0, name)]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
        }
        assert_eq!(endpoints(&world), [Endpoint::UpsertContact, Endpoint::UpdateContact]);
    });
}

#[test]
fn a_contact_that_is_gone_is_made_anew_once() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let (id, ..) = world.ghl.contact(&loc(), &email(0)).unwrap();
        world.ghl.delete_contact(&loc(), &id);
        world.put(&[named_contact(0, "Eve")]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let (new_id, ..) = world.ghl.contact(&loc(), &email(0)).unwrap();
        assert_eq!(world.record(&contact_key(0)).ghl_id, Some(new_id));
        assert_eq!(endpoints(&world)[1..], [Endpoint::UpdateContact, Endpoint::UpsertContact]);
    });
}

#[test]
fn a_contact_that_is_gone_and_gone_again_fails() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|_| Some(CallFault::cause(400, Cause::Missing)));
        world.put(&[PutRecord { ghl_id: Some(GhlId::new("gone").unwrap()), ..contact(0) }]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(endpoints(&world), [Endpoint::UpdateContact, Endpoint::UpsertContact]);
        assert_eq!(world.outbox.failed()[0].last_error.as_ref().unwrap().code, ErrorCode::Rejected);
    });
}

#[test]
fn a_duplicate_answer_leads_to_an_update_of_the_one_that_exists() {
    block_on_paused(async {
        let world = exact().start();
        let there = Contact { phone: Some("+15550100".to_owned()), ..Contact::default() };
        let id = world.ghl.add_contact(&loc(), there, &[]).unwrap();
        let duplicate = id.clone();
        world.ghl.on_call(move |seen| {
            let upsert = seen.call.endpoint() == Endpoint::UpsertContact;
            upsert.then(|| CallFault::cause(400, Cause::Duplicate(duplicate.clone())))
        });
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(endpoints(&world), [Endpoint::UpsertContact, Endpoint::UpdateContact]);
        assert_eq!(world.record(&contact_key(0)).ghl_id, Some(id));
        assert_eq!(world.ghl.contact_count(), 1);
    });
}

#[test]
fn a_company_that_an_update_refuses_is_sent_by_an_upsert() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.refuse_company_in_updates(true);
        for company in ["Acme", "Ajax"] {
            let mut put = contact(0);
            if let Payload::Contact(contact) = &mut put.payload {
                contact.company_name = Some(company.to_owned());
            }
            world.put(&[put]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
        }
        let expected =
            [Endpoint::UpsertContact, Endpoint::UpdateContact, Endpoint::UpdateContact, Endpoint::UpsertContact];
        assert_eq!(endpoints(&world), expected);
    });
}
