//! Suspected poison records: when a crash mark is written, and when it is cleared.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::{Clock, Outbox};
use ghl_sync_model::{ErrorCode, LastError, Outcome, Provenance, PutRecord, RecordKey};
use ghl_sync_testkit::{CallFault, Crash, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, exact, loc, named_contact, opportunity, opportunity_key,
};

/// A world with a suspect: `put` was alone in its batch when the invocation died, just after it took the run.
async fn world_with_suspect(put: PutRecord) -> Arc<World> {
    let world = Setup { store_ms: 1..=1, ..exact() }.start();
    world.crash(|number| (number == 1).then_some(Crash::After(Duration::from_millis(4))));
    world.put(&[put]).await.unwrap();
    world.run_for(SECOND).await;
    assert_eq!((world.died(), world.ghl.calls()), (1, 0));
    assert!(world.gate(&loc()).live_run(world.clock.now()).is_some(), "its run stands there");
    world
}

/// Checks that the record has no crash mark.
fn assert_crash_mark_cleared(world: &World, key: &RecordKey) {
    let record = world.record(key);
    assert_eq!((record.attempts, record.errors()), (0, vec![]), "{key}");
}

#[test]
fn a_suspect_that_is_throttled_again_and_again_is_not_held_responsible_for_deaths_that_were_none() {
    block_on_paused(async {
        let world = world_with_suspect(contact(0)).await;
        world.ghl.on_call(|seen| (seen.elapsed < HOUR).then(|| CallFault::retry_after(429, 7 * MINUTE)));
        world.run_for(50 * MINUTE).await;
        assert!(world.ghl.calls() >= 6, "{} calls", world.ghl.calls());
        assert_crash_mark_cleared(&world, &contact_key(0));
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.outbox.failed(), world.ghl.contact_count()), (vec![], 1));
        assert_crash_mark_cleared(&world, &contact_key(0));
    });
}

#[test]
fn a_suspect_that_waits_for_another_record_is_not_held_responsible_for_deaths_that_were_none() {
    block_on_paused(async {
        let world = world_with_suspect(opportunity(0)).await;
        world.run_for(HOUR).await;
        assert_crash_mark_cleared(&world, &opportunity_key(0));
        assert_eq!(world.record(&opportunity_key(0)).waits_for, Some(contact_key(0)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.outbox.failed(), world.ghl.opportunity_count()), (vec![], 1));
    });
}

#[test]
fn a_suspect_in_dry_run_is_acquitted() {
    block_on_paused(async {
        let world = world_with_suspect(contact(0)).await;
        world.registry.change(&loc(), |settings| settings.dry_run = true);
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert!(world.outbox.dry_run(&loc(), &contact_key(0)).is_some());
        assert_crash_mark_cleared(&world, &contact_key(0));
    });
}

#[test]
fn a_suspicion_that_was_written_down_though_the_store_did_not_say_so_is_taken_back() {
    block_on_paused(async {
        let world = world_with_suspect(contact(0)).await;
        // The store does not answer, but its writes take effect.
        let clock = world.clock;
        world.faults.decide(move |op, _| {
            (op == Op::OutboxSettle && clock.elapsed() < 2 * HOUR).then_some(PortFault::Unanswered)
        });
        world.run_for(HOUR).await;
        assert_eq!(world.outbox.failed(), []);
        world.run_until_settled(2 * HOUR).await.unwrap();
        assert_eq!((world.outbox.failed(), world.ghl.contact_count()), (vec![], 1));
        assert_crash_mark_cleared(&world, &contact_key(0));
    });
}

/// Found by the simulated worlds with seeds 9200076399 and 9200080638.
#[test]
fn a_suspect_that_is_put_again_while_it_is_sent_is_not_held_responsible_for_deaths_that_were_none() {
    block_on_paused(async {
        let mut setup = Setup { store_ms: 1..=1, ..exact() };
        setup.ghl.work_ms = 3_000..=3_000;
        let world = setup.start();
        world.crash(|number| (number == 1).then_some(Crash::After(Duration::from_millis(4))));
        world.put(&[contact(0)]).await.unwrap();
        world.run_for(SECOND).await;
        assert_eq!((world.died(), world.ghl.calls()), (1, 0));
        for n in 0..200 {
            world.put(&[named_contact(0, &format!("Ada {n}"))]).await.unwrap();
            world.run_for(2 * SECOND).await;
        }
        assert!(world.ghl.calls() >= 20, "{} calls", world.ghl.calls());
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.outbox.failed(), world.died()), (vec![], 1));
        assert_crash_mark_cleared(&world, &contact_key(0));
    });
}

/// Found by the simulated world with seed 9300017713: as a suspect, the record could not be put to sleep, and was
/// checked again and again.
#[test]
fn an_opportunity_that_may_have_killed_waits_for_its_contact_without_being_looked_at_all_the_time() {
    block_on_paused(async {
        let world = exact().start();
        let now = world.clock.now();
        world.outbox.put(&opportunity(0), now).await.unwrap();
        let message = "the invocation that was sending this record died".to_owned();
        let died = Outcome::Retry {
            due_at: now + SECOND,
            error: LastError { code: ErrorCode::Internal, status: None, message, at: now },
            not_before: None,
            ghl_id: None,
            provenance: Provenance::Unknown,
        };
        world.outbox.settle(&world.record(&opportunity_key(0)), &died, now).await.unwrap();
        world.run_for(HOUR).await;
        assert!(world.invocations() < 200, "{} invocations", world.invocations());
        let record = world.record(&opportunity_key(0));
        assert_eq!(record.waits_for, Some(contact_key(0)));
        assert_eq!(record.errors().len(), 1, "one death, and no other");
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.outbox.failed(), world.ghl.opportunity_count()), (vec![], 1));
    });
}

#[test]
fn a_suspect_that_is_deferred_is_due_as_it_was() {
    block_on_paused(async {
        let world = world_with_suspect(contact(0)).await;
        world.ghl.on_call(|seen| (seen.number == 1).then(|| CallFault::retry_after(429, 90 * SECOND)));
        let due_at = world.record(&contact_key(0)).due_at;
        while world.ghl.calls() == 0 {
            world.run_for(SECOND).await;
        }
        world.run_for(SECOND).await;
        assert_eq!(world.record(&contact_key(0)).due_at, due_at);
        let took = world.run_until_settled(10 * MINUTE).await.unwrap();
        assert!(took < 95 * SECOND, "it goes when the pause is over: {took:?}");
    });
}
