//! Contents with limited retention: what goes, what stays, and what still works without them.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::{Clock, KnownStates, RemoteKey};
use ghl_sync_engine::usecase::{Invocation, RetentionReport};
use ghl_sync_model::{Conflict, Contact, Holder, Kind, Payload, PutRecord, RemoteContent};
use ghl_sync_operate::RecordState;
use ghl_sync_testkit::{CallFault, Op, PortFault, Setup, World, block_on_paused};
use serde_json::json;

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, email, exact, loc, named_contact, opportunity,
    opportunity_key,
};
use crate::reconcile::{ghl_id, name_in_ghl, reconcile, rename, state, synced};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn keep_for(world: &World, days: u32) {
    world.registry.change(&loc(), |settings| settings.content_days = Some(days));
}

async fn drop_old(world: &World, time: Duration) -> Option<RetentionReport> {
    let holder = Holder::new(format!("drop-{}", world.clock.now())).unwrap();
    let invocation = Invocation { holder, deadline: world.clock.now() + time };
    world.engine.drop_old_contents(&loc(), &invocation).await
}

/// A location that keeps contents for a day, with `count` contacts that GHL accepted more than a day ago.
async fn old(count: usize, conflict: Conflict) -> Arc<World> {
    let world = synced(count, conflict).await;
    keep_for(&world, 1);
    world.run_for(DAY + HOUR).await;
    world
}

fn is_kept(world: &World, n: usize) -> bool {
    let record = world.record(&contact_key(n));
    assert_eq!(record.payload == record.payload.remains(), record.content_dropped_at.is_some());
    record.content_dropped_at.is_none()
}

#[test]
fn after_its_days_a_content_is_gone_wherever_it_was_and_a_put_of_the_same_is_nothing_new() {
    block_on_paused(async {
        let world = synced(3, Conflict::Ours).await;
        reconcile(&world).await;
        let known = |n| (loc(), ghl_id(&world, n));
        let is_known = async |(location, ghl_id)| {
            let key = RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &ghl_id };
            world.known.load(key).await.unwrap().is_some()
        };
        assert!(is_known(known(0)).await);
        assert_eq!(drop_old(&world, MINUTE).await, None, "it keeps them for ever");
        keep_for(&world, 1);
        world.run_for(DAY - HOUR).await;
        let nothing = RetentionReport { looked_at: 3, dropped: 0, done: true };
        assert_eq!(drop_old(&world, MINUTE).await, Some(nothing), "they are not old enough");
        world.run_for(DAY).await;
        assert_eq!(drop_old(&world, MINUTE).await, Some(RetentionReport { dropped: 3, ..nothing }));
        assert_eq!(drop_old(&world, MINUTE).await, None, "once a day is enough");

        assert_eq!([0, 1, 2].map(|n| is_kept(&world, n)), [false; 3]);
        assert!(!is_known(known(0)).await);
        let status = world.operator().record_status(&loc(), &contact_key(0)).await.unwrap().unwrap();
        assert_eq!((status.state, status.content, status.name), (RecordState::Accepted, None, None));
        assert!(status.content_dropped_at.is_some() && status.last_known.is_none());

        let calls = world.ghl.calls();
        assert_eq!(world.engine.put(&contacts(3)).await.unwrap().unchanged, 3);
        world.put(&[named_contact(1, "Eve")]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.calls() - calls, 1);
        assert_eq!((name_in_ghl(&world, 1).as_deref(), is_kept(&world, 1)), (Some("Eve"), true));
    });
}

#[test]
fn without_its_content_a_record_never_overrules_what_people_write_in_ghl() {
    block_on_paused(async {
        let world = old(2, Conflict::Ours).await;
        drop_old(&world, MINUTE).await.unwrap();
        rename(&world, 0, "Bob");
        world.run_for(20 * SECOND).await;
        let report = reconcile(&world).await;
        assert_eq!((report.contacts, report.resent, report.superseded), (1, 0, 0));
        world.run_for(HOUR).await;
        assert_eq!(name_in_ghl(&world, 0).as_deref(), Some("Bob"));
        assert_eq!(state(&world, 0).await, RecordState::Accepted);
    });
}

/// GHL may replace all channels at once.
#[test]
fn an_opt_out_that_ghl_told_is_sent_along_with_a_later_one_though_all_else_is_forgotten() {
    block_on_paused(async {
        for told_after_that in [false, true] {
            let world = synced(1, Conflict::Ours).await;
            let close_sms = || {
                let closed = json!({ "SMS": { "status": "active" }, "Email": { "status": "inactive" } });
                world.ghl.edit_contact(&loc(), &ghl_id(&world, 0), |contact| contact.dnd_settings = Some(closed));
            };
            if !told_after_that {
                close_sms();
                world.run_for(20 * SECOND).await;
                reconcile(&world).await;
            }
            keep_for(&world, 1);
            world.run_for(DAY + HOUR).await;
            assert_eq!(drop_old(&world, MINUTE).await.unwrap().dropped, 1);
            if told_after_that {
                close_sms();
                world.run_for(20 * SECOND).await;
                reconcile(&world).await;
            }
            let (location, id) = (loc(), ghl_id(&world, 0));
            let key = RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &id };
            let known = world.known.load(key).await.unwrap().unwrap();
            let opt_out =
                Contact { dnd_settings: Some(json!({ "SMS": { "status": "active" } })), ..Contact::default() };
            assert_eq!((known.content, known.keep_until), (Some(RemoteContent::Contact(opt_out)), None));

            let mut put = contact(0);
            if let Payload::Contact(contact) = &mut put.payload {
                contact.dnd_settings = Some(json!({ "Call": { "status": "active" } }));
            }
            world.put(&[put]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
            let shown = world.ghl.contact(&loc(), &email(0)).unwrap().1.dnd_settings.unwrap();
            for channel in ["SMS", "Call"] {
                assert_eq!(shown[channel]["status"], "active", "{channel} {told_after_that}: {shown}");
            }
        }
    });
}

#[test]
fn what_is_due_has_failed_or_was_put_again_keeps_its_content() {
    block_on_paused(async {
        let world = old(4, Conflict::Ours).await;
        world.ghl.on_call(|_| Some(CallFault::status(400)));
        world.put(&[named_contact(0, "Bob")]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        world.operator().pause(&loc(), None, None).await.unwrap();
        world.put(&[named_contact(1, "Bob")]).await.unwrap();
        world.operator().delete_in_ghl(&loc(), &contact_key(2)).await.unwrap();
        assert_eq!(drop_old(&world, MINUTE).await.unwrap().dropped, 1);
        assert_eq!([0, 1, 2, 3].map(|n| is_kept(&world, n)), [true, true, true, false]);
    });
}

#[test]
fn an_opportunity_keeps_whose_it_is_and_the_opportunity_of_a_contact_without_content_goes_out() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[contact(0), opportunity(0)]).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        keep_for(&world, 1);
        world.run_for(2 * DAY).await;
        assert_eq!(drop_old(&world, MINUTE).await.unwrap().dropped, 2);
        let Payload::Opportunity(remains) = world.record(&opportunity_key(0)).payload else { panic!("a deal") };
        assert_eq!((remains.name.as_str(), remains.contact_record.unwrap().as_str()), ("", "0"));
        let next = PutRecord { id: "next".parse().unwrap(), ..opportunity(0) };
        let next = match next.payload {
            Payload::Opportunity(mut opportunity) => {
                opportunity.name = "next".to_owned();
                PutRecord { payload: Payload::Opportunity(opportunity), ..next }
            }
            Payload::Contact(_) => panic!("a deal"),
        };
        world.put(std::slice::from_ref(&next)).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert!(world.record(&next.key()).ghl_id.is_some());
    });
}

#[test]
fn whoever_ends_in_between_is_gone_on_with_and_a_store_that_fails_costs_a_day_at_most() {
    block_on_paused(async {
        let setup = Setup { store_ms: 10..=10, ..exact() };
        let world = setup.start();
        world.put(&contacts(1200)).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        keep_for(&world, 1);
        world.run_for(DAY + HOUR).await;
        world.faults.fail(Op::OutboxDropContent, 1..=1, PortFault::Refused);
        let failed = drop_old(&world, 21 * SECOND).await.unwrap();
        assert!(!failed.done && failed.looked_at == 1000);
        let first = drop_old(&world, 21 * SECOND).await.unwrap();
        assert!(!first.done && (990..=1000).contains(&first.dropped), "{first:?}");
        let second = drop_old(&world, 21 * SECOND).await.unwrap();
        assert_eq!((second.looked_at, second.dropped, second.done), (200, 200, true));
        assert!((0..1200).all(|n| !is_kept(&world, n)));
    });
}
