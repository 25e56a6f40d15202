//! Consent: no put, resend or replay opts anyone in who opted out in GHL.

use std::sync::Arc;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{Invocation, ReconcileReport};
use ghl_sync_model::{
    Conflict, Contact, Endpoint, GhlId, Holder, Payload, PutRecord, RemoteChange, RemoteContent, RemoteEvent, Webhook,
};
use ghl_sync_operate::{Chosen, FailedFilter, RecordState};
use ghl_sync_testkit::{CallFault, World, block_on_paused};
use serde_json::{Value, json};

use crate::fixtures::{HOUR, Look, MINUTE, SECOND, contact_key, email, exact, loc, put_of};

/// Contact 0, with these fields.
fn put(fields: &Value) -> PutRecord {
    let mut contact: Contact = serde_json::from_value(fields.clone()).unwrap();
    contact.email = Some(email(0));
    put_of("0", Payload::Contact(contact))
}

async fn accepted(world: &World, fields: &Value) {
    world.put(&[put(fields)]).await.unwrap();
    world.run_until_settled(10 * MINUTE).await.unwrap();
    world.run_for(10 * MINUTE).await;
}

async fn world(fields: &Value, rule: Conflict) -> Arc<World> {
    let world = exact().start();
    world.registry.change(&loc(), |settings| settings.conflict = rule);
    accepted(&world, fields).await;
    world
}

fn in_ghl(world: &World) -> (GhlId, Contact) {
    let (id, contact, ..) = world.ghl.contact(&loc(), &email(0)).unwrap();
    (id, contact)
}

/// Changes the contact in GHL by hand, and lets an hour pass.
async fn edit(world: &World, fields: &Value) {
    let (id, contact) = in_ghl(world);
    let mut merged = serde_json::to_value(&contact).unwrap();
    merged.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    world.ghl.edit_contact(&loc(), &id, |contact| *contact = serde_json::from_value(merged).unwrap());
    world.run_for(HOUR).await;
}

async fn reconcile(world: &World) -> ReconcileReport {
    let now = world.clock.now();
    let invocation = Invocation { holder: Holder::new(format!("reconcile-{now}")).unwrap(), deadline: now + MINUTE };
    world.reconciler().reconcile(&loc(), &invocation).await
}

fn channels(states: &[(&str, &str)]) -> Value {
    states.iter().map(|(channel, status)| ((*channel).to_owned(), json!({"status": status}))).collect()
}

#[test]
fn a_resend_repairs_what_differs_and_leaves_consent_as_a_person_set_it() {
    let ours =
        json!({"city": "Ulm", "dnd": false, "dndSettings": channels(&[("SMS", "inactive"), ("Email", "active")])});
    // The person opts out of one channel or of all, or lifts an opt-out that we had set.
    let edits = [
        json!({"dnd": true}),
        json!({"dndSettings": channels(&[("SMS", "active"), ("Email", "active")])}),
        json!({"dndSettings": channels(&[("SMS", "permanent"), ("Email", "inactive")])}),
    ];
    for mut edited in edits {
        let ours = ours.clone();
        block_on_paused(async move {
            let world = world(&ours, Conflict::Ours).await;
            edited["city"] = json!("Bonn");
            edit(&world, &edited).await;
            assert_eq!(reconcile(&world).await.resent, 1, "{edited}");
            world.run_until_settled(MINUTE).await.unwrap();
            let (_, contact) = in_ghl(&world);
            assert_eq!(contact.city.as_deref(), Some("Ulm"), "{edited}");
            let consent = (contact.dnd.map(Value::from), contact.dnd_settings);
            let set = |name: &str| edited.get(name).cloned();
            assert_eq!(
                (consent.0.filter(|_| set("dnd").is_some()), consent.1),
                (set("dnd"), set("dndSettings").or_else(|| Some(channels(&[("Email", "active")]))),),
                "{edited}"
            );
        });
    }
}

#[test]
fn consent_that_alone_differs_makes_nothing_due_and_supersedes_nothing() {
    for rule in [Conflict::Ours, Conflict::Theirs, Conflict::Newest] {
        block_on_paused(async move {
            let world = world(&json!({"city": "Ulm", "dnd": false}), rule).await;
            edit(&world, &json!({"dnd": true})).await;
            let report = reconcile(&world).await;
            assert_eq!((report.resent, report.superseded), (0, 0), "{rule:?}");
            assert_eq!(in_ghl(&world).1.dnd, Some(true));
        });
    }
}

#[test]
fn a_resend_that_failed_and_is_replayed_is_still_without_consent() {
    block_on_paused(async {
        let world = world(&json!({"city": "Ulm", "dnd": true}), Conflict::Ours).await;
        edit(&world, &json!({"city": "Bonn", "dnd": false})).await;
        world.ghl.on_call(|seen| (seen.call.endpoint() == Endpoint::UpdateContact).then(|| CallFault::status(422)));
        assert_eq!(reconcile(&world).await.resent, 1);
        world.run_until_settled(MINUTE).await.unwrap();
        assert!(world.record(&contact_key(0)).failed_at.is_some());
        world.ghl.heal();
        world.operator().replay(&loc(), &Chosen::Failed(FailedFilter::default()), None).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let (_, contact) = in_ghl(&world);
        assert_eq!((contact.city.as_deref(), contact.dnd), (Some("Ulm"), Some(false)));
    });
}

#[test]
fn a_put_of_other_fields_or_of_consent_itself_lifts_no_opt_out_and_its_record_says_so() {
    for was in [json!({"city": "Ulm", "dnd": false}), json!({"city": "Ulm"}), json!({"city": "Ulm", "dnd": true})] {
        block_on_paused(async move {
            let world = world(&was, Conflict::Ours).await;
            edit(&world, &json!({"dnd": true})).await;
            accepted(&world, &json!({"city": "Bonn", "dnd": false})).await;
            let (_, contact) = in_ghl(&world);
            assert_eq!((contact.city.as_deref(), contact.dnd), (Some("Bonn"), Some(true)), "{was}");
            let status = world.operator().record_status(&loc(), &contact_key(0)).await.unwrap().unwrap();
            assert_eq!((status.state, status.not_sent), (RecordState::Accepted, vec!["dnd"]), "{was}");
        });
    }
}

#[test]
fn a_record_that_meets_a_contact_which_opted_out_before_does_not_opt_it_in() {
    block_on_paused(async {
        let world = exact().start();
        let theirs = Contact { email: Some(email(0)), dnd: Some(true), ..Contact::default() };
        world.ghl.add_contact(&loc(), theirs, &[]).unwrap();
        accepted(&world, &json!({"city": "Ulm", "dnd": false})).await;
        let (_, contact) = in_ghl(&world);
        assert_eq!((contact.city.as_deref(), contact.dnd), (Some("Ulm"), Some(true)));
    });
}

#[test]
fn an_opt_out_of_one_channel_leaves_the_opt_outs_of_others_that_ghl_told_of() {
    block_on_paused(async {
        let world = world(&json!({"city": "Ulm"}), Conflict::Ours).await;
        let (ghl_id, mut contact) = in_ghl(&world);
        contact.dnd_settings = Some(channels(&[("SMS", "active"), ("Call", "inactive")]));
        edit(&world, &json!({"dndSettings": contact.dnd_settings})).await;
        let event = RemoteEvent {
            id: "e1".parse().unwrap(),
            at: world.clock.now(),
            event_type: "ContactDndUpdate",
            location_id: loc(),
            app_id: Some("app".to_owned()),
            change: RemoteChange::Written { ghl_id, content: RemoteContent::Contact(contact) },
        };
        world.receiver.receive(&Webhook::Event(Box::new(event))).await.unwrap();
        accepted(&world, &json!({"dndSettings": channels(&[("Email", "active"), ("SMS", "inactive")])})).await;
        let expected = channels(&[("Email", "active"), ("SMS", "active")]);
        assert_eq!(in_ghl(&world).1.dnd_settings, Some(expected));
    });
}

#[test]
fn an_opt_out_that_rests_after_errors_goes_out_whatever_the_rule_says() {
    for rule in [Conflict::Theirs, Conflict::Newest] {
        block_on_paused(async move {
            let world = world(&json!({"city": "Ulm"}), rule).await;
            reconcile(&world).await;
            world.ghl.on_call(|seen| (seen.call.endpoint() == Endpoint::UpdateContact).then(|| CallFault::status(500)));
            world.put(&[put(&json!({"city": "Ulm", "dnd": true}))]).await.unwrap();
            while world.record(&contact_key(0)).attempts < 4 {
                world.run_for(SECOND).await;
            }
            let (id, _) = in_ghl(&world);
            world.ghl.edit_contact(&loc(), &id, |contact| contact.city = Some("Bonn".to_owned()));
            world.run_for(20 * SECOND).await;
            assert_eq!(reconcile(&world).await.superseded, 0, "{rule:?}");
            world.ghl.heal();
            world.run_until_settled(HOUR).await.unwrap();
            assert_eq!(in_ghl(&world).1.dnd, Some(true), "{rule:?}");
        });
    }
}
