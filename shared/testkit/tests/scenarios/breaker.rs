//! The circuit breaker in the whole system: an outage costs few calls, and recovery is automatic.

use std::time::Duration;

use ghl_sync_model::EpochMs;
use ghl_sync_testkit::{Arrival, CallFault, MessageFate, Setup, World, block_on_paused};

use crate::fixtures::{HOUR, Look, MINUTE, SECOND, contacts, each_seed, exact, loc};

/// GHL answers 503 from the start, for `length`.
fn outage(world: &World, length: Duration) {
    world.ghl.on_call(move |seen| (seen.elapsed < length).then(|| CallFault::status(503)));
}

fn sent_after(world: &World, time: EpochMs) -> Vec<Arrival> {
    world.ghl.arrivals().into_iter().filter(|arrival| arrival.sent_at > time).collect()
}

#[test]
fn opens_when_five_different_records_failed_and_closes_through_exactly_one_probe() {
    block_on_paused(async {
        let world = exact().start();
        outage(&world, 30 * SECOND);
        world.put(&contacts(20)).await.unwrap();
        world.run_for(40 * SECOND).await;
        assert_eq!(world.gate(&loc()).breaker().as_str(), "open");
        assert_eq!(world.ghl.calls(), 5);
        let opened_at = world.ghl.arrivals()[4].sent_at + Duration::from_millis(100);

        world.run_until_settled(5 * MINUTE).await.unwrap();
        let after = sent_after(&world, opened_at);
        let probe = &after[0];
        let wait = opened_at.until(probe.sent_at);
        assert!((60 * SECOND..61 * SECOND).contains(&wait), "{wait:?}");
        let answered_at = probe.sent_at + Duration::from_millis(100);
        assert!(after[1..].iter().all(|arrival| arrival.sent_at >= answered_at), "one probe, and nothing beside it");
        assert_eq!(world.gate(&loc()).breaker().as_str(), "closed");
        assert_eq!(world.ghl.contact_count(), 20);
        assert_eq!(world.ghl.calls(), 5 + 20);
    });
}

#[test]
fn four_failing_records_do_not_open_it() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.tries <= 2).then(|| CallFault::status(503)));
        world.put(&contacts(4)).await.unwrap();
        let took = world.run_until_settled(MINUTE).await.unwrap();
        assert!(took < 5 * SECOND, "{took:?}");
    });
}

#[test]
fn an_outage_costs_no_more_than_the_threshold_what_was_in_flight_and_one_probe_for_each_reset() {
    for reset in [60 * SECOND, 10 * SECOND] {
        each_seed(8, |seed| async move {
            let mut setup = Setup { seed, ..Setup::default() };
            setup.config.breaker.reset = reset;
            let world = setup.start();
            let length = 20 * MINUTE;
            outage(&world, length);
            world.put(&contacts(120)).await.unwrap();
            world.run_for(length).await;
            let resets = length.as_secs() / reset.as_secs();
            let calls = world.ghl.calls();
            assert!(calls <= 5 + 4 + resets, "{calls} calls in {resets} resets of {reset:?}");
            let took = world.run_until_settled(HOUR).await.unwrap();
            assert!(took < reset + 2 * MINUTE, "{took:?} after the outage");
            assert_eq!(world.ghl.contact_count(), 120);
            assert_eq!(world.outbox.failed(), []);
        });
    }
}

#[test]
fn with_a_reset_shorter_than_the_longest_backoff_the_probe_is_still_alone() {
    block_on_paused(async {
        let mut setup = exact();
        setup.config.breaker.reset = 10 * SECOND;
        let world = setup.start();
        outage(&world, 8 * SECOND);
        world.put(&contacts(20)).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let opened_at = world.ghl.arrivals()[4].sent_at + Duration::from_millis(100);
        let after = sent_after(&world, opened_at);
        let answered_at = after[0].sent_at + Duration::from_millis(100);
        let beside = after[1..].iter().filter(|arrival| arrival.sent_at < answered_at).count();
        assert_eq!(beside, 0, "calls beside the probe");
    });
}

#[test]
fn a_probe_whose_invocation_died_strands_nothing() {
    block_on_paused(async {
        let world = Setup { visibility: 2 * MINUTE, ..exact() }.start();
        outage(&world, 30 * SECOND);
        world.put(&contacts(20)).await.unwrap();
        // The sixth call is the probe. Its invocation hangs in it until it is killed.
        world.ghl.on_call(|seen| (seen.number == 6).then_some(CallFault::Hangs));
        world.put(&contacts(20)).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert_eq!(world.died(), 1);
        assert_eq!(world.gate(&loc()).breaker().as_str(), "closed");
    });
}

#[test]
fn a_probe_whose_message_comes_late_is_sent_at_once_and_once() {
    for late in [3 * SECOND, 20 * SECOND, 2 * MINUTE] {
        block_on_paused(async move {
            let world = exact().start();
            outage(&world, 30 * SECOND);
            world.queue.decide(
                move |number, _| {
                    if number == 2 { MessageFate::Late(late) } else { MessageFate::Arrives }
                },
            );
            world.put(&contacts(20)).await.unwrap();
            world.run_for(62 * SECOND + late).await;
            assert!(world.invocations() < 10, "{} invocations", world.invocations());
            world.run_until_settled(2 * MINUTE).await.unwrap();
            assert_eq!(world.ghl.calls(), 5 + 20, "{late:?} late");
        });
    }
}

#[test]
fn a_hand_made_message_for_many_records_sends_one_probe_like_any_other() {
    block_on_paused(async {
        let world = exact().start();
        outage(&world, 90 * SECOND);
        world.put(&contacts(20)).await.unwrap();
        world.run_for(20 * SECOND).await;
        let keys = (0..20).map(crate::fixtures::contact_key);
        world.queue.send_by_hand(&crate::fixtures::batch(None, keys));
        world.run_for(65 * SECOND).await;
        assert_eq!(world.ghl.calls(), 5 + 1);
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.results().iter().filter(|(_, result)| result.as_str() == "succeeded").count(), 20);
    });
}
