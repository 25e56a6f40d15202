//! When reconciliation reads: only with quota to spare, until something is put or its time is over, and with all
//! locations taking turns.

use std::collections::BTreeSet;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::ReconcileEnd;
use ghl_sync_model::{Ask, Conflict, Endpoint};
use ghl_sync_operate::RecordState;
use ghl_sync_testkit::{CallFault, Op, PortFault, Setup, block_on_paused};

use crate::fixtures::{HOUR, MINUTE, SECOND, contact, contacts, exact, loc, named_contact};
use crate::reconcile::{reconcile, rename, state, synced};

#[test]
fn nothing_is_read_while_something_else_needs_the_quota() {
    block_on_paused(async {
        let world = synced(1, Conflict::Ours).await;
        let calls = || world.ghl.arrivals_at(Endpoint::ContactsChanged).len();
        // Records are due, and then under way.
        world.put_only(&contacts(120)).await.unwrap();
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Busy);
        world.put(&contacts(120)).await.unwrap();
        world.run_for(SECOND).await;
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Busy);
        world.run_until_settled(10 * MINUTE).await.unwrap();
        world.run_for(MINUTE).await;
        // Less than half of the day's calls is left.
        world.registry.change(&loc(), |settings| settings.daily_limit = 200);
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Busy);
        world.registry.change(&loc(), |settings| settings.daily_limit = 200_000);
        // The location is paused, or we may not touch it.
        world.operator().pause(&loc(), None, None).await.unwrap();
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Busy);
        world.operator().resume(&loc()).await.unwrap();
        world.run_for(MINUTE).await;
        world.registry.change(&loc(), |settings| settings.dry_run = true);
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::NotEnabled);
        assert_eq!(calls(), 0);
        world.registry.change(&loc(), |settings| settings.dry_run = false);
        assert_eq!((reconcile(&world).await.ended, calls()), (ReconcileEnd::CaughtUp, 2));
    });
}

#[test]
fn a_put_ends_the_reading_after_its_page_and_the_next_invocation_goes_on_from_there() {
    block_on_paused(async {
        let world = synced(250, Conflict::Ours).await;
        let producer = world.clone();
        let putting = tokio::spawn(async move {
            while producer.ghl.arrivals_at(Endpoint::ContactsChanged).is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            producer.put_only(&[named_contact(900, "Eve")]).await.unwrap();
        });
        let first = reconcile(&world).await;
        putting.await.unwrap();
        assert_eq!((first.contacts, first.ended), (100, ReconcileEnd::Busy));
        world.run_for(5 * MINUTE).await;
        let second = reconcile(&world).await;
        assert_eq!((second.contacts, second.ended), (151, ReconcileEnd::CaughtUp));
    });
}

#[test]
fn a_change_that_is_too_young_to_judge_is_read_again_wherever_its_page_is() {
    block_on_paused(async {
        let mut setup = exact();
        setup.ghl.search_lag = Duration::ZERO;
        let world = setup.start();
        world.registry.change(&loc(), |settings| settings.conflict = Conflict::Theirs);
        world.put(&contacts(150)).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        world.run_for(10 * MINUTE).await;
        reconcile(&world).await;
        world.run_for(HOUR).await;
        // Someone edits more than a page of contacts, and something is put while the first page is read.
        (0..150).for_each(|n| rename(&world, n, "Bob"));
        let put = async {
            world.run_for(SECOND / 2).await;
            world.put(&[contact(1000)]).await.unwrap();
        };
        let (report, ()) = futures::future::join(reconcile(&world), put).await;
        assert!(report.superseded < 100 && report.ended == ReconcileEnd::Busy, "{report:?}");
        for _ in 0..4 {
            world.run_for(HOUR).await;
            reconcile(&world).await;
        }
        for n in 0..150 {
            assert_eq!(state(&world, n).await, RecordState::Superseded, "{n}");
        }
    });
}

#[test]
fn a_ghl_that_is_down_ends_the_reading_within_the_function_s_time() {
    for fault in [CallFault::status(503), CallFault::NoAnswer { done: false }, CallFault::Unreachable] {
        block_on_paused(async move {
            let world = synced(1, Conflict::Ours).await;
            let always = fault.clone();
            world.ghl.on_call(move |_| Some(always.clone()));
            let began = world.clock.now();
            assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Failed, "{fault:?}");
            let took = world.clock.now().since(began);
            assert!(took < MINUTE - SECOND, "{fault:?}: {took:?}");
            world.ghl.heal();
            assert_eq!(reconcile(&world).await.ended, ReconcileEnd::CaughtUp);
        });
    }
}

#[test]
fn all_enabled_locations_are_asked_to_reconcile_spread_over_time() {
    block_on_paused(async {
        let mut setup = exact();
        for name in ["a", "b", "off"] {
            setup.locations.extend(Setup::settings(name));
        }
        let world = setup.start();
        world.registry.change(&"off".parse().unwrap(), |settings| settings.enabled = false);
        assert_eq!(world.reconciler().ask_to_reconcile_all().await.unwrap(), 3);
        let asked = world.queue.asked(Ask::Reconcile);
        assert_eq!(asked.iter().map(|(location, _)| location.as_str()).collect::<Vec<_>>(), ["a", "b", "loc"]);
        assert!(asked.iter().all(|(_, delay)| *delay <= 8 * SECOND), "{asked:?}");
    });
}

#[test]
fn five_thousand_locations_are_asked_within_a_minute_and_who_was_cut_off_goes_on_where_that_was() {
    block_on_paused(async {
        let mut setup = Setup { triggers: false, ..exact() };
        setup.locations = (0..5_000).filter_map(|n| Setup::settings(&format!("l{n:04}"))).collect();
        let world = setup.start();
        world.faults.fail(Op::QueueSend, 3..=3, PortFault::Hangs);
        let cut_off = tokio::time::timeout(MINUTE, world.reconciler().ask_to_reconcile_all()).await;
        assert!(cut_off.is_err());
        assert_eq!(world.queue.asked(Ask::Reconcile).len(), 800);
        world.faults.heal();
        let began = world.clock.now();
        assert_eq!(world.reconciler().ask_to_reconcile_all().await.unwrap(), 5_000);
        assert!(world.clock.now().since(began) < MINUTE);
        let asked = world.queue.asked(Ask::Reconcile).split_off(800);
        let names: Vec<&str> = asked.iter().map(|(location, _)| location.as_str()).collect();
        assert_eq!((names[0], names[4_999]), ("l0800", "l0799"));
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 5_000);
        assert!(asked.iter().all(|(_, delay)| *delay <= 10 * MINUTE));
    });
}
