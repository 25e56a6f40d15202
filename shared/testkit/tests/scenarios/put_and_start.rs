//! Puts by a waiting caller: each item gets its own result, and is sent at once.

use std::time::Duration;

use ghl_sync_engine::ports::Put;
use ghl_sync_model::{Priority, PutRecord};
use ghl_sync_testkit::{Op, PortFault, Setup, block_on_paused};

use crate::fixtures::{
    Look, MINUTE, SECOND, contact, contact_key, contacts, each_seed, email, exact, loc, named_contact,
};

const LAG: Duration = Duration::from_secs(5);

fn lagging() -> Setup {
    Setup { index_lag: LAG..=LAG, ..exact() }
}

#[test]
fn a_record_put_into_an_idle_location_is_with_ghl_within_a_second_though_the_index_of_checks_lags() {
    block_on_paused(async {
        let world = lagging().start();
        let put = world.engine.put_and_start(&[contact(0)]).await;
        assert!(matches!(put.items.as_slice(), [Ok(Put::Stored)]) && put.not_started.is_empty());
        world.run_for(SECOND).await;
        assert!(world.ghl.contact(&loc(), &email(0)).is_some());
        world.run_for(2 * MINUTE).await;
        assert_eq!(world.ghl.calls(), 1, "once");
        assert!(world.invocations() <= 2, "{} invocations", world.invocations());
    });
}

#[test]
fn puts_into_a_location_at_work_go_out_soon_after_though_the_index_of_checks_lags() {
    block_on_paused(async {
        let world = lagging().start();
        for n in 0..8 {
            world.engine.put_and_start(&[contact(n)]).await;
            world.run_for(Duration::from_millis(60)).await;
        }
        let took = world.run_until_settled(MINUTE).await.unwrap();
        assert!(took < 4 * SECOND, "no tick is waited for: {took:?}");
        assert_eq!((world.ghl.contact_count(), world.ghl.calls()), (8, 8));
        assert!(world.invocations() <= 12, "{} invocations", world.invocations());
    });
}

#[test]
fn a_put_does_not_wait_for_an_earlier_one() {
    block_on_paused(async {
        let world = lagging().start();
        world.engine.put_and_start(&[contact(0)]).await;
        world.run_for(Duration::from_millis(60)).await;
        world.engine.put_and_start(&[contact(1)]).await;
        for n in 2..8 {
            world.run_for(Duration::from_millis(500)).await;
            world.engine.put_and_start(&[contact(n)]).await;
            world.run_for(Duration::from_millis(300)).await;
            assert!(world.ghl.contact(&loc(), &email(n)).is_some(), "put {n} waits");
        }
        let took = world.run_until_settled(MINUTE).await.unwrap();
        assert!(took < 4 * SECOND, "no tick is waited for: {took:?}");
        assert_eq!((world.ghl.contact_count(), world.ghl.calls()), (8, 8));
        assert!(world.invocations() < 20, "{} invocations", world.invocations());
    });
}

#[test]
fn a_batch_of_what_was_just_put_keeps_its_size_and_the_order_of_urgency() {
    block_on_paused(async {
        let mut setup = lagging();
        setup.config.batch_size = 10;
        setup.config.concurrency = 1;
        let world = setup.start();
        let mut records = contacts(30);
        records.push(PutRecord { priority: Priority::High, ..contact(99) });
        world.engine.put_and_start(&records).await;
        world.run_until_settled(2 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.arrivals()[0].subject, email(99));
        let largest = world.reports().iter().map(|report| report.processed).max();
        assert_eq!((largest, world.ghl.calls()), (Some(10), 31));
    });
}

#[test]
fn an_item_that_cannot_be_stored_spoils_no_other_and_is_named() {
    each_seed(5, |nth| async move {
        let world = lagging().start();
        world.faults.fail(Op::OutboxPut, nth..=nth, PortFault::Refused);
        let put = world.engine.put_and_start(&contacts(5)).await;
        let failed: Vec<usize> = (0..5).filter(|n| put.items[*n].is_err()).collect();
        assert_eq!((failed.len(), put.report().stored), (1, 4));
        world.run_for(SECOND).await;
        assert_eq!(world.ghl.contact_count(), 4);
        assert!(world.ghl.contact(&loc(), &email(failed[0])).is_none());
    });
}

#[test]
fn whatever_write_fails_what_was_stored_is_sent_once() {
    for op in [Op::GateAdvance, Op::GateLoad, Op::GateReplace, Op::QueueSend, Op::CountersAdd, Op::OutboxDue] {
        for fault in [PortFault::Refused, PortFault::Unanswered] {
            each_seed(3, |nth| async move {
                let world = Setup { seed: nth, ..lagging() }.start();
                world.faults.fail(op, nth..=nth, fault);
                let put = world.engine.put_and_start(&contacts(3)).await;
                assert_eq!(put.report().stored, 3);
                world.run_until_settled(20 * MINUTE).await.unwrap();
                assert_eq!((world.ghl.contact_count(), world.ghl.calls()), (3, 3), "{op:?} {fault:?}");
            });
        }
    }
}

#[test]
fn of_two_puts_of_one_record_in_one_request_the_last_stands_and_both_count() {
    block_on_paused(async {
        let world = lagging().start();
        let records: Vec<PutRecord> = ["Ada", "Eve", "Ida"].map(|name| named_contact(0, name)).to_vec();
        assert_eq!(world.engine.put_and_start(&records).await.report().stored, 3);
        world.run_until_settled(MINUTE).await.unwrap();
        let record = world.record(&contact_key(0));
        assert_eq!((record.version, record.accepted_version), (3, Some(3)));
        assert_eq!(record.payload, named_contact(0, "Ida").payload);
    });
}

#[test]
fn of_two_requests_at_once_both_versions_count_and_the_record_is_due_once() {
    each_seed(10, |seed| async move {
        let world = Setup { seed, ..lagging() }.start();
        let (a, b) = ([named_contact(0, "Ada")], [named_contact(0, "Eve")]);
        let both = futures::join!(world.engine.put_and_start(&a), world.engine.put_and_start(&b));
        assert_eq!(both.0.report().stored + both.1.report().stored, 2);
        assert_eq!(world.outbox.open().len(), 1);
        world.run_until_settled(2 * MINUTE).await.unwrap();
        let record = world.record(&contact_key(0));
        assert_eq!((record.version, record.accepted_version), (2, Some(2)));
        assert_eq!(world.ghl.contact_count(), 1);
    });
}
