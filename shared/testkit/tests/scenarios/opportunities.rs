//! Opportunities and their contacts.

use std::num::NonZeroU32;

use ghl_sync_engine::ports::{Clock, Settled};
use ghl_sync_model::{Endpoint, GhlId, Outcome, Payload, Provenance};
use ghl_sync_operate::{Chosen, RecordState, RecordWait, WaitsFor};
use ghl_sync_testkit::{CallFault, Op, PortFault, World, block_on_paused};

use crate::fixtures::{
    Look, MINUTE, SECOND, contact, contact_key, contacts, email, exact, loc, opportunity, opportunity_key,
    opportunity_name, put_of,
};

#[test]
fn a_contact_and_its_opportunity_put_together_go_out_in_one_batch() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[opportunity(0), contact(0)]).await.unwrap();
        let took = world.run_until_settled(MINUTE).await.unwrap();
        assert!(took < 2 * SECOND, "{took:?}");
        let calls: Vec<Endpoint> = world.ghl.arrivals().into_iter().map(|arrival| arrival.endpoint).collect();
        assert_eq!(calls, [Endpoint::UpsertContact, Endpoint::FindOpportunities, Endpoint::CreateOpportunity]);
        let (id, ..) = world.ghl.contact(&loc(), &email(0)).unwrap();
        assert_eq!(world.ghl.opportunities(&loc(), &opportunity_name(0))[0].0, id);
    });
}

#[test]
fn an_opportunity_waits_for_its_contact_without_counting_an_attempt() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[opportunity(0)]).await.unwrap();
        world.run_for(3 * MINUTE).await;
        let record = world.record(&opportunity_key(0));
        assert_eq!((record.waits_for, record.attempts), (Some(contact_key(0)), 0));
        assert_eq!(world.ghl.calls(), 0);
        world.put(&[contact(0)]).await.unwrap();
        let took = world.run_until_settled(10 * MINUTE).await.unwrap();
        assert!(took < 4 * MINUTE, "it waits at most as long again as it has waited: {took:?}");
        assert_eq!(world.ghl.opportunity_count(), 1);
    });
}

#[test]
fn the_opportunity_of_a_contact_that_failed_waits_and_goes_when_the_contact_is_mended() {
    block_on_paused(async {
        let world = exact().start();
        world
            .ghl
            .on_call(|seen| (seen.subject == email(0) && seen.elapsed < 2 * MINUTE).then(|| CallFault::status(422)));
        world.put(&[contact(0), contact(1), opportunity(0), opportunity(1)]).await.unwrap();
        world.run_for(2 * MINUTE).await;
        assert_eq!(world.outbox.failed().len(), 1);
        assert_eq!(world.ghl.opportunity_count(), 1, "the neighbour's is there");
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.opportunity_count(), 2);
    });
}

/// Contact 0 failed two hours ago, and the opportunity waits for it; GHL would accept the contact now.
async fn with_a_sleeping_opportunity() -> std::sync::Arc<World> {
    let world = exact().start();
    world.ghl.on_call(|seen| (seen.subject == email(0)).then(|| CallFault::status(422)));
    world.put(&[contact(0), opportunity(0)]).await.unwrap();
    world.run_for(120 * MINUTE).await;
    world.ghl.heal();
    world
}

fn assert_both_are_there_once(world: &World, what: &str) {
    assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (1, 1), "{what}");
    assert_eq!(world.ghl.doubles(), Vec::<String>::new(), "{what}");
    assert_eq!(world.record(&contact_key(0)).awaited_by, [], "{what}");
}

#[test]
fn the_opportunity_of_a_failed_contact_says_what_it_waits_for_and_nobody_looks_meanwhile() {
    block_on_paused(async {
        let world = with_a_sleeping_opportunity().await;
        let record = world.record(&opportunity_key(0));
        assert_eq!((record.due_at, record.waits_for, record.attempts), (None, Some(contact_key(0)), 0));
        let status = world.operator().record_status(&loc(), &opportunity_key(0)).await.unwrap().unwrap();
        assert_eq!(status.state, RecordState::Waiting);
        assert_eq!(status.waits_for, Some(RecordWait::from((WaitsFor::Record(contact_key(0)), None))));
        let looked = world.faults.calls(Op::OutboxLoad);
        world.run_for(24 * 60 * MINUTE).await;
        assert_eq!(world.faults.calls(Op::OutboxLoad), looked);
    });
}

#[test]
fn an_opportunity_that_sleeps_follows_its_contact_within_seconds_whoever_mended_it() {
    for by_replay in [false, true] {
        block_on_paused(async move {
            let world = with_a_sleeping_opportunity().await;
            if by_replay {
                world.operator().replay(&loc(), &Chosen::Records(vec![contact_key(0)]), None).await.unwrap();
            } else {
                world.put(&[contact(0)]).await.unwrap();
            }
            world.run_for(10 * SECOND).await;
            assert_both_are_there_once(&world, "mended");
        });
    }
}

#[test]
fn a_waking_that_fails_in_any_way_is_made_good() {
    for op in [Op::OutboxWake, Op::OutboxSettle, Op::OutboxLoad, Op::OutboxAwaitId] {
        for fault in [PortFault::Refused, PortFault::Unanswered] {
            for nth in 1..=6 {
                block_on_paused(async move {
                    let world = with_a_sleeping_opportunity().await;
                    world.faults.fail(op, nth..=nth, fault);
                    world.put(&[contact(0)]).await.unwrap();
                    world.run_for(20 * MINUTE).await;
                    assert_both_are_there_once(&world, &format!("{op:?} {fault:?} {nth}"));
                });
            }
        }
    }
}

#[test]
fn an_opportunity_that_is_about_to_sleep_when_its_contact_is_accepted_stays_due() {
    block_on_paused(async {
        let world = with_a_sleeping_opportunity().await;
        let outbox = &world.engine.ports().outbox;
        let now = world.clock.now();
        outbox.put(&opportunity(0), now).await.unwrap();
        let about_to_sleep = world.record(&opportunity_key(0));
        assert!(outbox.await_id(&about_to_sleep, &contact_key(0)).await.unwrap());
        outbox.wake(&about_to_sleep, &contact_key(0), now).await.unwrap();
        let outcome = Outcome::Await { record: contact_key(0) };
        assert_eq!(outbox.settle(&about_to_sleep, &outcome, now).await.unwrap(), Settled::ChangedMeanwhile);
        assert!(world.record(&opportunity_key(0)).due_at.is_some());
    });
}

#[test]
fn an_acceptance_that_does_not_know_who_waits_is_not_written() {
    block_on_paused(async {
        let world = with_a_sleeping_opportunity().await;
        let outbox = &world.engine.ports().outbox;
        let mut sent = world.record(&contact_key(0));
        let outcome = Outcome::Accepted {
            ghl_id: GhlId::new("G1").unwrap(),
            hash: sent.payload.hash(),
            provenance: Provenance::Created,
            not_stored: Vec::new(),
        };
        let awaited_by = std::mem::take(&mut sent.awaited_by);
        assert_eq!(awaited_by, [opportunity_key(0)]);
        assert_eq!(outbox.settle(&sent, &outcome, world.clock.now()).await.unwrap(), Settled::AwaitedByMore);
        assert_eq!(world.record(&contact_key(0)).ghl_id, None);
        sent.awaited_by = awaited_by;
        assert_eq!(outbox.settle(&sent, &outcome, world.clock.now()).await.unwrap(), Settled::Done);
    });
}

#[test]
fn an_opportunity_that_only_ghl_has_is_updated() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        // The same opportunity from another system: GHL knows it, we do not.
        let Payload::Opportunity(theirs) = opportunity(0).payload else { unreachable!() };
        let (id, ..) = world.ghl.contact(&loc(), &email(0)).unwrap();
        world.ghl.add_opportunity(&loc(), &id, theirs).unwrap();
        world.run_for(MINUTE).await;
        world.put(&[opportunity(0)]).await.unwrap();
        let took = world.run_until_settled(MINUTE).await.unwrap();
        assert!(took < 2 * SECOND, "{took:?}");
        assert_eq!(world.ghl.opportunity_count(), 1);
        assert_eq!(world.ghl.arrivals_at(Endpoint::UpdateOpportunity).len(), 1);
    });
}

#[test]
fn an_opportunity_of_a_contact_that_only_ghl_knows_needs_no_contact_record() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(1)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let (id, ..) = world.ghl.contact(&loc(), &email(0)).unwrap();
        let Payload::Opportunity(mut opportunity) = opportunity(0).payload else { unreachable!() };
        (opportunity.contact_record, opportunity.contact_id) = (None, Some(id));
        world.put(&[put_of("x", Payload::Opportunity(opportunity))]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.opportunity_count(), 1);
    });
}

#[test]
fn an_opportunity_whose_known_id_is_gone_is_looked_for_and_made_anew() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let mut put = opportunity(0);
        put.ghl_id = Some(GhlId::new("gone").unwrap());
        world.put(&[put]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let calls: Vec<Endpoint> = world.ghl.arrivals()[1..].iter().map(|arrival| arrival.endpoint).collect();
        assert_eq!(calls, [Endpoint::UpdateOpportunity, Endpoint::FindOpportunities, Endpoint::CreateOpportunity]);
    });
}

#[test]
fn a_record_of_several_calls_comes_to_its_end_however_rare_permits_are() {
    block_on_paused(async {
        let mut setup = exact();
        for settings in setup.locations.values_mut() {
            settings.pace.limit = NonZeroU32::MIN;
        }
        let world = setup.start();
        world.put(&[contact(0), opportunity(0)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (1, 1));
        assert_eq!(world.ghl.calls(), 3, "upsert, find, create");
    });
}
