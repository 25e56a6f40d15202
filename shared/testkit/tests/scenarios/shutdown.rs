//! A process that must stop: no new call begins, nothing is lost, and the next process continues at once.

use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{Endpoint, Pace};
use ghl_sync_testkit::{CallFault, Setup, World, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, each_seed, email, exact, loc, nameless, opportunity,
};

/// Longer than a call and its writes take in [`exact`] worlds.
const ONE_CALL: Duration = Duration::from_millis(150);

/// Checks that no invocation is under way or died, and that nothing is held for any.
fn assert_ended_in_order(world: &World) {
    let gate = world.gate(&loc());
    assert_eq!((world.live(), world.died(), gate.crashes()), (0, 0, 0));
    assert_eq!(gate.live_run(world.clock.now()), None);
    assert_eq!(gate.ledger().out(), 0);
}

#[test]
fn wherever_a_shutdown_comes_no_call_begins_after_it_and_the_next_process_goes_on_at_once() {
    // 70 contacts are two batches, and take 1.4 s.
    for ms in (0..1_500).step_by(37) {
        block_on_paused(async move {
            let world = exact().start();
            world.put(&contacts(70)).await.unwrap();
            world.run_for(Duration::from_millis(ms)).await;
            let asked_at = world.clock.now();
            world.shut_down();
            world.run_for(ONE_CALL).await;
            assert_ended_in_order(&world);
            let sent = world.ghl.arrivals();
            assert!(sent.iter().all(|arrival| arrival.sent_at <= asked_at), "after {ms} ms");
            // The outcome of each call was stored.
            assert_eq!(world.outbox.open().len(), 70 - sent.len(), "after {ms} ms");

            world.run_for(MINUTE).await;
            assert_eq!(world.ghl.arrivals().len(), sent.len(), "after {ms} ms");
            let restarted_at = world.clock.now();
            world.restart().await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
            let all = world.ghl.arrivals();
            if let Some(first) = all.get(sent.len()) {
                assert!(first.sent_at <= restarted_at + SECOND, "after {ms} ms");
            }
            assert_eq!((all.len(), world.ghl.contact_count()), (70, 70), "after {ms} ms");
        });
    }
}

#[test]
fn a_wait_is_cut_short_and_what_it_was_for_still_holds() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.number == 1).then_some(CallFault::NoAnswer { done: false }));
        world.put(&[contact(0)]).await.unwrap();
        // The call is given up after 10 s, and may still arrive for 5 s.
        world.run_for(12 * SECOND).await;
        world.shut_down();
        world.run_for(ONE_CALL).await;
        assert_ended_in_order(&world);
        let sent = world.sent_to(&email(0));
        assert_eq!(world.record(&contact_key(0)).due_at, Some(sent[0] + 15 * SECOND));

        world.restart().await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let sent = world.sent_to(&email(0));
        let gap = sent[1].since(sent[0]);
        assert!((15 * SECOND..18 * SECOND).contains(&gap), "{gap:?}");
    });
}

#[test]
fn a_batch_whose_message_is_lost_with_the_process_is_planned_anew_for_its_time() {
    block_on_paused(async {
        let mut setup = exact();
        for settings in setup.locations.values_mut() {
            settings.pace = Pace { limit: NonZeroU32::new(3).unwrap(), window: 10 * SECOND };
        }
        setup.ghl.pace = setup.locations[&loc()].pace;
        let world = setup.start();
        world.put(&contacts(6)).await.unwrap();
        // The first three are sent; the message for the others is delayed.
        world.run_for(4 * SECOND).await;
        world.shut_down();
        world.run_for(2 * SECOND).await;
        assert_ended_in_order(&world);
        world.restart().await.unwrap();
        let took = world.run_until_settled(MINUTE).await.unwrap();
        assert!((4 * SECOND..8 * SECOND).contains(&took), "{took:?}");
        assert_eq!((world.ghl.contact_count(), world.ghl.over_quota()), (6, 0));
    });
}

#[test]
fn what_a_killed_process_held_is_left_to_its_lease() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(70)).await.unwrap();
        world.run_for(SECOND / 4).await;
        world.crash_all_now();
        let lease_ends = world.gate(&loc()).live_run(world.clock.now()).unwrap().until;
        let before = world.ghl.arrivals().len();
        world.restart().await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert!(world.ghl.arrivals()[before].sent_at >= lease_ends);
        assert_eq!(world.ghl.contact_count(), 70);
    });
}

#[test]
fn processes_that_end_again_and_again_among_errors_lose_and_double_nothing_and_never_count_as_crashes() {
    each_seed(25, |seed| async move {
        let mut setup = Setup { seed, index_lag: Duration::ZERO..=2 * SECOND, ..Setup::default() };
        // Equals the maximum lag that the engine assumes.
        setup.ghl.search_lag = setup.config.search_lag;
        let world = setup.start();
        world.ghl.on_call(|seen| match seen.number % 11 {
            0 => Some(CallFault::status(500)),
            5 => Some(CallFault::NoAnswer { done: true }),
            8 => Some(CallFault::status(429)),
            _ => None,
        });
        let records = (0..20).flat_map(|n| [contact(n), nameless(n + 20), opportunity(n)]);
        world.put(&records.collect::<Vec<_>>()).await.unwrap();
        for _ in 0..10 {
            world.run_for(Duration::from_millis(world.randomness.within(0..=8_000))).await;
            let asked_at = world.clock.now();
            world.shut_down();
            // The longest call, and the writes after it.
            world.run_for(11 * SECOND).await;
            assert_ended_in_order(&world);
            assert!(world.ghl.arrivals().iter().all(|arrival| arrival.sent_at <= asked_at));
            world.restart().await.unwrap();
        }
        world.run_until_settled(4 * HOUR).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (40, 20));
        assert_eq!((world.ghl.doubles(), world.outbox.failed()), (vec![], vec![]));
        assert!(world.ghl.arrivals_at(Endpoint::UpsertContact).len() >= 20);
        assert_eq!(world.ghl.over_quota(), 0);
    });
}
