//! Failing stores and queues: nothing is lost, and the next tick recovers.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_model::{LocationId, PutRecord};
use ghl_sync_testkit::{CallFault, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{
    HOUR, MINUTE, SECOND, contact, contact_key, contacts, each_seed, exact, loc, nameless, opportunity,
    opportunity_name,
};

#[test]
fn any_call_of_any_port_may_fail_in_any_way_and_nothing_is_lost_or_doubled() {
    let ops =
        [Op::OutboxDue, Op::OutboxLoad, Op::OutboxSettle, Op::GateLoad, Op::GateReplace, Op::GateCheck, Op::QueueSend];
    for op in ops {
        for fault in [PortFault::Refused, PortFault::Unanswered, PortFault::Hangs] {
            if fault == PortFault::Hangs && op == Op::GateCheck {
                continue; // The tick's own function is killed and comes again; here it is one task.
            }
            each_seed(4, |nth| async move {
                let world = Setup { visibility: 2 * MINUTE, seed: nth, ..Setup::default() }.start();
                let mut records = contacts(6);
                records.extend((0..2).map(opportunity));
                world.put_only(&records).await.unwrap();
                world.faults.fail(op, nth..=nth, fault);
                if fault != PortFault::Hangs {
                    // The API may meet the fault too. Its caller is told, and the records are due all the same.
                    let _ = world.engine.fan_out(&loc().into()).await;
                }
                let settled = world.run_until_settled(30 * MINUTE).await;
                let what = format!("{op:?} {fault:?}");
                if fault == PortFault::Hangs && settled.is_err() && world.invocations() == 0 {
                    return; // It hung in the tick, which is one task here.
                }
                settled.unwrap_or_else(|unsettled| panic!("{what}: {unsettled:?}"));
                assert_eq!(world.ghl.doubles(), Vec::<String>::new(), "{what}");
                assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (6, 2), "{what}");
                assert_eq!(world.outbox.failed(), [], "{what}");
                assert!(world.ghl.most_at_once(&loc()) <= 5, "{what}");
                assert_eq!(world.ghl.over_quota(), 0, "{what}");
            });
        }
    }
}

/// Every kind of write in a sync: three locations with records of every kind, one of them damaged, and an outage of
/// GHL for everyone that ends.
const WRITES: [Op; 10] = [
    Op::OutboxPut,
    Op::OutboxSettle,
    Op::OutboxQuarantine,
    Op::GateAdvance,
    Op::GateReplace,
    Op::HostHealthReplace,
    Op::QueueSend,
    Op::CountersAdd,
    Op::CountersTick,
    Op::SettingsRegister,
];

/// Runs this sync while these calls of `op` fail.
async fn a_sync_with_all_kinds_of_writes(op: Op, calls: RangeInclusive<u64>, fault: PortFault) -> Arc<World> {
    let location = |n: usize| LocationId::new(format!("l{n}")).unwrap();
    let mut setup = Setup { visibility: 2 * MINUTE, ..Setup::default() };
    setup.ghl.search_lag = setup.config.search_lag;
    setup.locations = (0..3).filter_map(|n| Setup::settings(location(n).as_str())).collect();
    let world = setup.start();
    world.faults.fail(op, calls, fault);
    world.ghl.on_call(|seen| (seen.elapsed < 80 * SECOND).then(|| CallFault::status(503)));
    for n in 0..3 {
        let records = contacts(6).into_iter().chain([nameless(10), opportunity(0)]);
        let records: Vec<_> = records.map(|put| PutRecord { location_id: location(n), ..put }).collect();
        // A producer that is told of a failure puts all records again.
        while world.put_only(&records).await.is_err() {}
    }
    world.outbox.damage(&location(0), &contact_key(5), "payload is not JSON");
    for n in 0..3 {
        let _ = world.engine.fan_out(&location(n).into()).await;
    }
    let settled = world.run_until_settled(2 * HOUR).await;
    settled.unwrap_or_else(|open| panic!("{op:?} {fault:?}: {open:?}"));
    world.run_for(2 * MINUTE).await;
    world
}

#[test]
fn whichever_write_is_throttled_or_done_without_an_answer_nothing_is_lost_or_doubled() {
    for op in WRITES {
        let count = block_on_paused(async move {
            // There is no call number 0, so none fails.
            a_sync_with_all_kinds_of_writes(op, 0..=0, PortFault::Refused).await.faults.calls(op)
        });
        assert!(count > 0, "{op:?} is not called");
        // A throttling store fails for a while, longer than the adapters retry.
        for (fault, more) in [(PortFault::Refused, 3), (PortFault::Unanswered, 0)] {
            for nth in 1..=count {
                block_on_paused(async move {
                    let world = a_sync_with_all_kinds_of_writes(op, nth..=nth + more, fault).await;
                    let what = format!("{op:?} {fault:?} call {nth}");
                    assert_eq!(world.ghl.doubles(), Vec::<String>::new(), "{what}");
                    assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (3 * 7 - 1, 3), "{what}");
                    let failed: Vec<_> = world.outbox.failed().into_iter().map(|record| record.key).collect();
                    assert_eq!(failed, [contact_key(5)], "{what}: the damaged one");
                    assert_eq!(world.ghl.over_quota(), 0, "{what}");
                });
            }
        }
    }
}

#[test]
fn a_store_that_is_down_for_minutes_stops_the_calls_and_heals_by_itself() {
    for op in [Op::OutboxLoad, Op::GateReplace, Op::GateLoad, Op::QueueSend, Op::OutboxDue] {
        block_on_paused(async move {
            let world = Setup::default().start();
            world.put_only(&contacts(120)).await.unwrap();
            world.faults.fail(op, 1..=u64::MAX, PortFault::Refused);
            let _ = world.engine.fan_out(&loc().into()).await;
            world.run_for(5 * MINUTE).await;
            let calls = world.ghl.calls();
            assert_eq!(calls, 0, "{op:?}: no gate, no call");
            world.faults.heal();
            let took = world.run_until_settled(30 * MINUTE).await.unwrap();
            assert!(took < 4 * MINUTE, "{op:?}: {took:?}");
            assert_eq!(world.ghl.contact_count(), 120);
        });
    }
}

#[test]
fn a_gate_that_cannot_be_written_in_mid_batch_ends_the_calls() {
    for fault in [PortFault::Refused, PortFault::Unanswered] {
        each_seed(8, |nth| async move {
            let world = Setup { seed: nth, ..Setup::default() }.start();
            world.put(&contacts(150)).await.unwrap();
            world.run_for(Duration::from_millis(200 * nth)).await;
            world.faults.fail(Op::GateReplace, 1..=3, fault);
            world.run_until_settled(HOUR).await.unwrap();
            assert_eq!(world.ghl.contact_count(), 150);
            assert_eq!(world.ghl.over_quota(), 0);
            assert!(world.ghl.most_at_once(&loc()) <= 5);
        });
    }
}

#[test]
fn outcomes_that_cannot_be_written_down_are_found_out_again_without_doubling_an_opportunity() {
    for failures in 1..=8 {
        block_on_paused(async move {
            let mut setup = exact();
            setup.ghl.search_lag = setup.config.search_lag;
            let world = setup.start();
            world.put(&[contact(0)]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
            world.put_only(&[opportunity(0)]).await.unwrap();
            world.faults.fail(Op::OutboxSettle, 1..=failures, PortFault::Refused);
            world.engine.fan_out(&loc().into()).await.unwrap();
            world.run_until_settled(HOUR).await.unwrap();
            let found = world.ghl.opportunities(&loc(), &opportunity_name(0)).len();
            assert_eq!(found, 1, "{failures} failures");
        });
    }
}

#[test]
fn a_record_that_was_deleted_is_not_brought_back() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(2)).await.unwrap();
        world.run_for(Duration::from_millis(60)).await;
        world.outbox.delete(&loc(), &crate::fixtures::contact_key(0));
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.outbox.records().len(), 1);
    });
}

#[test]
fn a_producer_that_died_between_put_and_advance_is_made_good_by_the_sweep() {
    block_on_paused(async {
        let world = exact().start();
        world.faults.fail(Op::GateAdvance, 1..=1, PortFault::Refused);
        world.put_only(&contacts(3)).await.unwrap_err();
        let took = world.run_until_settled(20 * MINUTE).await.unwrap();
        assert!(took < 15 * MINUTE + 5 * SECOND, "{took:?}");
        assert_eq!(world.ghl.contact_count(), 3);
    });
}

#[test]
fn a_put_that_fails_for_one_record_stores_the_others_and_says_so() {
    block_on_paused(async {
        let world = exact().start();
        world.faults.fail(Op::OutboxPut, 2..=2, PortFault::Refused);
        world.put_only(&contacts(5)).await.unwrap_err();
        assert_eq!(world.outbox.open().len(), 4);
        let took = world.run_until_settled(5 * MINUTE).await.unwrap();
        assert!(took < 65 * SECOND, "advanced all the same: {took:?}");
    });
}

#[test]
fn a_function_whose_time_is_too_short_for_one_call_does_not_run_in_circles() {
    block_on_paused(async {
        let mut setup = exact();
        setup.function_timeout = 11 * SECOND;
        let world = setup.start();
        world.put(&contacts(3)).await.unwrap();
        world.run_for(10 * MINUTE).await;
        assert_eq!(world.ghl.contact_count(), 0);
        assert!(world.invocations() <= 10 * 60 / 4, "{} invocations in ten minutes", world.invocations());
    });
}

#[test]
fn outcomes_that_can_never_be_written_do_not_hammer_ghl() {
    block_on_paused(async {
        let world = exact().start();
        world.faults.fail(Op::OutboxSettle, 1..=u64::MAX, PortFault::Refused);
        world.put(&contacts(3)).await.unwrap();
        world.run_for(10 * MINUTE).await;
        let calls = world.ghl.arrivals().len();
        assert!(calls <= 3 * 10 * 60 / 5, "{calls} calls in ten minutes");
    });
}
