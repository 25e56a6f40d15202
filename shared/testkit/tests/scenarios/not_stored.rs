//! Fields that GHL accepts but does not store, fields that are cleared, and the company of known contacts.

use std::time::Duration;

use ghl_sync_engine::counts::Counter;
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_model::{
    Contact, CustomField, Endpoint, ErrorCode, GhlId, Holder, NotCarried, Payload, PutRecord, RecordKey,
};
use ghl_sync_testkit::{Noted, World, block_on_paused};
use serde_json::json;

use crate::fixtures::{HOUR, Look, MINUTE, contact, contact_key, email, exact, loc, put_of};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn of(id: &str, content: Contact) -> PutRecord {
    put_of(id, Payload::Contact(content))
}

fn key(id: &str) -> RecordKey {
    format!("contact#{id}").parse().unwrap()
}

async fn settled(world: &World, puts: &[PutRecord]) -> Vec<Endpoint> {
    let before = world.ghl.arrivals().len();
    world.put(puts).await.unwrap();
    world.run_until_settled(MINUTE).await.unwrap();
    world.ghl.arrivals().split_off(before).into_iter().map(|arrival| arrival.endpoint).collect()
}

async fn told(world: &World, id: &str) -> Vec<String> {
    world.operator().record_status(&loc(), &key(id)).await.unwrap().unwrap().not_stored
}

/// Creates a contact in GHL by hand.
fn theirs(world: &World, contact: Contact) -> GhlId {
    world.ghl.add_contact(&loc(), contact, &[]).unwrap()
}

#[test]
fn a_phone_number_that_belongs_to_another_contact_is_told_as_not_stored() {
    block_on_paused(async {
        let world = exact().start();
        let phone = Some("+12025550101".to_owned());
        theirs(&world, Contact { email: Some(email(1)), ..Contact::default() });
        theirs(&world, Contact { email: Some(email(2)), phone: phone.clone(), ..Contact::default() });
        let both = of("a", Contact { email: Some(email(1)), phone, ..Contact::default() });
        assert_eq!(settled(&world, &[both]).await, [Endpoint::UpsertContact], "no call more");
        let record = world.record(&key("a"));
        assert_eq!((record.accepted_version, record.not_stored), (Some(1), vec!["phone".to_owned()]));
        assert_eq!(told(&world, "a").await, ["phone"]);
        let noted = world.sink.pick(|_, noted| match noted {
            Noted::NotStored { record, fields } => Some((record.clone(), fields.clone())),
            _ => None,
        });
        assert_eq!(noted, [(key("a"), vec!["phone".to_owned()])]);
        let counted = world.sink.pick(|_, noted| match noted {
            Noted::Measured { measures, .. } => Some(measures.counts.get(Counter::NotStored)),
            _ => None,
        });
        assert_eq!(counted.into_iter().sum::<u64>(), 1);
    });
}

#[test]
fn an_update_that_ghl_refuses_for_the_phone_number_of_another_contact_fails_and_says_so() {
    block_on_paused(async {
        let world = exact().start();
        let phone = Some("+12025550101".to_owned());
        theirs(&world, Contact { email: Some(email(2)), phone: phone.clone(), ..Contact::default() });
        let own = of("a", Contact { email: Some(email(1)), ..Contact::default() });
        assert_eq!(settled(&world, &[own]).await, [Endpoint::UpsertContact]);
        let both = of("a", Contact { email: Some(email(1)), phone, ..Contact::default() });
        assert_eq!(settled(&world, &[both]).await, [Endpoint::UpdateContact], "no second call writes to the other one");
        let error = world.record(&key("a")).last_error.unwrap();
        assert_eq!((error.code, error.status), (ErrorCode::Rejected, Some(400)));
        assert!(error.message.contains("does not allow duplicated contacts"), "{error:?}");
    });
}

#[test]
fn the_gender_of_a_contact_that_is_there_is_told_as_not_stored_and_costs_no_call() {
    block_on_paused(async {
        let world = exact().start();
        theirs(&world, Contact { email: Some(email(1)), ..Contact::default() });
        let with_gender = |city: &str| Contact {
            email: Some(email(1)),
            gender: Some("female".to_owned()),
            city: Some(city.to_owned()),
            ..Contact::default()
        };
        assert_eq!(settled(&world, &[of("a", with_gender("Ulm"))]).await, [Endpoint::UpsertContact]);
        assert_eq!(told(&world, "a").await, ["gender"]);
        // The contact is known by its id from now on.
        assert_eq!(settled(&world, &[of("a", with_gender("Bonn"))]).await, [Endpoint::UpdateContact]);
        assert_eq!(told(&world, "a").await, ["gender"]);
        // GHL stores the gender of a new contact.
        let new = Contact { email: Some(email(2)), gender: Some("male".to_owned()), ..Contact::default() };
        settled(&world, &[of("b", new)]).await;
        assert_eq!(told(&world, "b").await, [""; 0]);
        // Without the field, nothing is missing.
        let without = Contact { email: Some(email(1)), ..Contact::default() };
        settled(&world, &[of("a", without)]).await;
        assert_eq!(told(&world, "a").await, [""; 0]);
    });
}

#[test]
fn the_first_address_that_an_upsert_by_an_additional_one_replaced_is_told() {
    block_on_paused(async {
        let world = exact().start();
        let id = theirs(&world, Contact { email: Some("first@example.test".to_owned()), ..Contact::default() });
        let additional_emails = vec!["second@example.test".to_owned()];
        world.ghl.attach(&loc(), &id, NotCarried { additional_emails, ..NotCarried::default() });
        // Our own put makes the location known; reconciliation then learns about the contact.
        settled(&world, &[contact(0)]).await;
        world.run_for(HOUR).await;
        let holder = Holder::new("reconcile").unwrap();
        let invocation = Invocation { holder, deadline: world.clock.now() + MINUTE };
        world.reconciler().reconcile(&loc(), &invocation).await;
        let second = Contact { email: Some("second@example.test".to_owned()), ..Contact::default() };
        assert_eq!(settled(&world, &[of("a", second)]).await, [Endpoint::UpsertContact]);
        assert_eq!(world.record(&key("a")).ghl_id, Some(id));
        assert!(world.ghl.contact(&loc(), "first@example.test").is_none(), "GHL has forgotten it");
        assert_eq!(told(&world, "a").await, ["additionalEmails"]);
    });
}

#[test]
fn null_clears_a_field_in_ghl_and_what_ghl_keeps_all_the_same_is_told() {
    block_on_paused(async {
        let world = exact().start();
        let size = |value| vec![CustomField { id: Some("size".to_owned()), key: None, value }];
        let full = Contact {
            email: Some(email(1)),
            city: Some("Ulm".to_owned()),
            custom_fields: size(json!(9)),
            ..Contact::default()
        };
        settled(&world, &[of("a", full)]).await;
        let json = r#"{"email":"c1@example.test","city":null,"customFields":[{"id":"size","value":null}]}"#;
        let payload = Payload::from_json(ghl_sync_model::Kind::Contact, json).unwrap();
        assert_eq!(settled(&world, &[put_of("a", payload)]).await, [Endpoint::UpdateContact]);
        let (_, content, _) = world.ghl.contact(&loc(), &email(1)).unwrap();
        assert_eq!((content.city, content.custom_fields), (None, size(json!(""))));
        assert_eq!(told(&world, "a").await, [""; 0]);
    });
}

#[test]
fn a_company_takes_one_call_and_where_updates_refuse_it_that_is_remembered_for_a_week() {
    use Endpoint::{UpdateContact, UpsertContact};
    block_on_paused(async {
        let world = exact().start();
        let with_company = |n: usize, company: &str| {
            of(
                &n.to_string(),
                Contact { email: Some(email(n)), company_name: Some(company.to_owned()), ..Contact::default() },
            )
        };
        settled(&world, &[with_company(1, "Acme"), with_company(2, "Acme")]).await;
        assert_eq!(settled(&world, &[with_company(1, "Bolt")]).await, [UpdateContact]);
        let company = |n| world.ghl.contact(&loc(), &email(n)).unwrap().1.company_name;
        assert_eq!(company(1).as_deref(), Some("Bolt"));

        world.ghl.refuse_company_in_updates(true);
        assert_eq!(settled(&world, &[with_company(1, "Core")]).await, [UpdateContact, UpdateContact, UpsertContact]);
        assert_eq!(company(1).as_deref(), Some("Core"));
        for (n, name) in [(1, "Dock"), (2, "Edge")] {
            assert_eq!(settled(&world, &[with_company(n, name)]).await, [UpdateContact, UpsertContact]);
            assert_eq!((company(n).as_deref(), told(&world, &n.to_string()).await), (Some(name), Vec::new()));
        }
        world.run_for(8 * DAY).await;
        assert_eq!(settled(&world, &[with_company(1, "Fern")]).await, [UpdateContact, UpdateContact, UpsertContact]);
        world.ghl.refuse_company_in_updates(false);
        world.run_for(8 * DAY).await;
        assert_eq!(settled(&world, &[with_company(1, "Gate")]).await, [UpdateContact]);
        assert_eq!(company(1).as_deref(), Some("Gate"));
        assert_eq!(world.outbox.failed(), []);
    });
}

#[test]
fn a_put_that_corrects_the_ghl_id_is_sent_whatever_its_content() {
    block_on_paused(async {
        let world = exact().start();
        settled(&world, &[contact(0)]).await;
        let other = theirs(&world, Contact { email: Some("x@example.test".to_owned()), ..Contact::default() });
        let same = PutRecord { ghl_id: world.record(&contact_key(0)).ghl_id, ..contact(0) };
        assert_eq!(world.put(&[same]).await.unwrap().unchanged, 1);
        let corrected = PutRecord { ghl_id: Some(other.clone()), ..contact(0) };
        assert_eq!(world.put(std::slice::from_ref(&corrected)).await.unwrap().stored, 1);
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.record(&contact_key(0)).ghl_id, Some(other));
    });
}
