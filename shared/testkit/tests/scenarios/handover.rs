//! Messages that come twice, late, or never, and puts at the very moment when a batch ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ghl_sync_engine::ports::{Clock, Outbox};
use ghl_sync_engine::usecase::NotRun;
use ghl_sync_model::{Endpoint, Priority, PutRecord, RecordKey};
use ghl_sync_testkit::{CallFault, Crash, MessageFate, Noted, Setup, World, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, each_seed, email, exact, loc, named_contact, nameless,
    opportunity,
};

/// Checks that each contact was written once and exists once.
fn assert_each_sent_once(world: &World, count: usize) {
    assert_eq!(world.ghl.contact_count(), count);
    assert_eq!(world.ghl.arrivals_at(Endpoint::UpsertContact).len(), count);
    assert!(world.ghl.most_at_once(&loc()) <= 5);
}

#[test]
fn a_message_that_arrives_twice_is_sent_once() {
    for later in [Duration::ZERO, Duration::from_millis(300), 5 * SECOND, 5 * MINUTE] {
        block_on_paused(async move {
            let world = exact().start();
            world.queue.decide(move |_, _| MessageFate::Twice(later));
            world.put(&contacts(70)).await.unwrap();
            world.run_until_settled(5 * MINUTE).await.unwrap();
            world.run_for(10 * MINUTE).await;
            assert_each_sent_once(&world, 70);
        });
    }
}

#[test]
fn a_message_of_an_older_batch_is_stale() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(3)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let (_, old, _) = world.queue.sent().remove(0);
        world.put_only(&[named_contact(0, "Eve")]).await.unwrap();
        assert_eq!(world.invoke(&old).await.unwrap().not_run, Some(NotRun::Stale));
        assert_eq!(world.ghl.calls(), 3);
    });
}

#[test]
fn after_a_crash_the_tick_takes_over_when_the_dead_run_has_expired() {
    block_on_paused(async {
        let world = exact().start();
        world.crash(|number| (number == 1).then_some(Crash::After(Duration::from_millis(250))));
        world.put(&contacts(20)).await.unwrap();
        let took = world.run_until_settled(5 * MINUTE).await.unwrap();
        assert!(took > 65 * SECOND, "no other run before the dead one's deadline and D have passed: {took:?}");
        assert!(took < 130 * SECOND, "{took:?}");
        assert_eq!(world.ghl.contact_count(), 20);
    });
}

#[test]
fn a_message_that_comes_again_after_a_crash_goes_on_where_it_ended_or_is_stale() {
    for visibility in [10 * SECOND, 66 * SECOND, 90 * SECOND, 6 * MINUTE] {
        block_on_paused(async move {
            let world = Setup { visibility, ..exact() }.start();
            world.crash(|number| (number == 1).then_some(Crash::After(Duration::from_millis(450))));
            world.put(&contacts(20)).await.unwrap();
            world.run_until_settled(5 * MINUTE).await.unwrap();
            world.run_for(10 * MINUTE).await;
            assert_eq!(world.ghl.contact_count(), 20);
            // Only records that were under way, or without a stored outcome, were sent again.
            assert!(world.ghl.calls() <= 25, "{} calls", world.ghl.calls());
        });
    }
}

#[test]
fn a_lost_message_is_made_good_by_the_tick() {
    block_on_paused(async {
        let world = exact().start();
        world.queue.decide(|number, _| if number == 1 { MessageFate::Lost } else { MessageFate::Arrives });
        world.put(&contacts(3)).await.unwrap();
        let took = world.run_until_settled(5 * MINUTE).await.unwrap();
        assert!(took < 65 * SECOND, "{took:?}");
        assert_each_sent_once(&world, 3);
    });
}

#[test]
fn messages_that_come_twice_late_or_never_lose_nothing_and_double_nothing() {
    each_seed(25, |seed| async move {
        let mut setup = Setup { seed, index_lag: Duration::ZERO..=5 * SECOND, ..Setup::default() };
        setup.ghl.search_lag = setup.config.search_lag;
        let world = setup.start();
        let randomness = world.randomness.fork();
        world.queue.decide(move |_, _| {
            let later = Duration::from_millis(randomness.within(0..=20 * 60_000));
            match randomness.within(0..=3) {
                0 => MessageFate::Twice(later),
                1 => MessageFate::Late(later),
                2 => MessageFate::Lost,
                _ => MessageFate::Arrives,
            }
        });
        for from in [0, 40, 80] {
            let records = (from..from + 20).flat_map(|n| [contact(n), nameless(n + 20), opportunity(n)]);
            world.put(&records.collect::<Vec<_>>()).await.unwrap();
            world.run_for(Duration::from_millis(world.randomness.within(0..=90_000))).await;
        }
        world.run_until_settled(4 * HOUR).await.unwrap();
        // The last messages arrive, and find nothing to do.
        world.run_for(HOUR).await;
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (120, 60));
        assert_eq!((world.ghl.doubles(), world.outbox.failed()), (vec![], vec![]));
        assert_eq!(world.ghl.calls(), 60 + 60 + 2 * 60, "an upsert, a create, a search and a create: none twice");
        assert!(world.ghl.over_quota() == 0 && world.ghl.most_at_once(&loc()) <= 5);
    });
}

/// A world with its first batch under way, and without randomness.
async fn with_a_batch_under_way(lag: Duration) -> std::sync::Arc<World> {
    let world = Setup { index_lag: lag..=lag, store_ms: 2..=2, ..exact() }.start();
    world.put_only(&contacts(3)).await.unwrap();
    // Long enough after the put that no check is pending because of it.
    world.run_for(20 * SECOND).await;
    world.engine.fan_out(&loc().into()).await.unwrap();
    world
}

#[test]
fn at_every_single_millisecond_around_the_end_of_a_batch_a_put_is_seen() {
    for lag in [0, 1, 5].map(Duration::from_secs) {
        let ends_at = block_on_paused(async {
            let world = with_a_batch_under_way(lag).await;
            world.run_until_settled(MINUTE).await.unwrap();
            let ended = world.sink.pick(|at, noted| matches!(noted, Noted::BatchEnded(_)).then_some(at));
            // Time since the clock was started.
            world.clock.elapsed() - ended[0].until(world.clock.now())
        });
        for before_ms in 0..=40 {
            block_on_paused(async move {
                let world = with_a_batch_under_way(lag).await;
                let moment = (ends_at + Duration::from_millis(5)).saturating_sub(Duration::from_millis(before_ms));
                world.run_for(moment.saturating_sub(world.clock.elapsed())).await;
                world.put_only(&[named_contact(0, "Eve"), contact(7)]).await.unwrap();
                let took = world.run_until_settled(20 * MINUTE).await.unwrap();
                // The tick before the index shows the record schedules another check for the next tick.
                assert!(took <= 2 * MINUTE + 2 * SECOND, "{before_ms} ms, lag {lag:?}: waited {took:?}");
                let (_, found, _) = world.ghl.contact(&loc(), &email(0)).unwrap();
                assert_eq!((found.first_name.as_deref(), world.ghl.contact_count()), (Some("Eve"), 4));
            });
        }
    }
}

/// A batch under way, after which the day has calls left only for urgent records; puts come every millisecond around
/// its end.
async fn with_puts_that_the_day_keeps_back(urgent_at: Duration, ends_at: Duration) -> std::sync::Arc<World> {
    let mut setup = Setup { store_ms: 2..=2, ..exact() };
    for settings in setup.locations.values_mut() {
        (settings.daily_limit, settings.daily_reserve) = (10, 7);
    }
    let world = setup.start();
    world.put_only(&contacts(3)).await.unwrap();
    world.run_for(20 * SECOND).await;
    world.engine.fan_out(&loc().into()).await.unwrap();
    world.run_for((ends_at - Duration::from_millis(20)).saturating_sub(world.clock.elapsed())).await;
    let put = async |after: Duration, record: PutRecord| {
        tokio::time::sleep(after).await;
        world.put_only(&[record]).await.unwrap();
    };
    let kept_back = (0..40_u64).map(|ms| put(Duration::from_millis(ms), contact(100 + ms as usize)));
    let urgent = put(urgent_at, PutRecord { priority: Priority::High, ..contact(7) });
    futures::join!(futures::future::join_all(kept_back), urgent);
    world
}

#[test]
fn an_urgent_put_among_others_that_the_day_keeps_back_waits_no_longer_than_a_tick() {
    let ends_at = block_on_paused(async {
        let world = with_a_batch_under_way(Duration::ZERO).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let ended = world.sink.pick(|at, noted| matches!(noted, Noted::BatchEnded(_)).then_some(at));
        world.clock.elapsed() - ended[0].until(world.clock.now())
    });
    for ms in 0..40 {
        block_on_paused(async move {
            let world = with_puts_that_the_day_keeps_back(Duration::from_millis(ms), ends_at).await;
            world.run_for(MINUTE + 5 * SECOND).await;
            assert!(world.ghl.contact(&loc(), &email(7)).is_some(), "put after {ms} ms");
        });
    }
}

#[test]
fn what_is_put_in_the_moment_in_which_a_batch_ends_waits_no_longer_than_a_tick_and_the_lag() {
    each_seed(120, |seed| async move {
        let setup = Setup { seed, index_lag: Duration::ZERO..=5 * SECOND, ..Setup::default() };
        let world = setup.start();
        world.put_only(&contacts(3)).await.unwrap();
        world.run_for(65 * SECOND).await;
        // The batch takes up to a second from here; the put comes during it, at its end, or just after.
        world.engine.put(&[named_contact(0, "Eve"), contact(1)]).await.unwrap();
        world.engine.fan_out(&loc().into()).await.unwrap();
        world.run_for(Duration::from_millis(world.randomness.within(0..=1_500))).await;
        let put_at = world.clock.elapsed();
        world.put_only(&[named_contact(2, "Eve"), contact(7)]).await.unwrap();
        world.run_until_settled(20 * MINUTE).await.unwrap();
        let took = world.clock.elapsed().checked_sub(put_at).unwrap();
        assert!(took <= 60 * SECOND + 5 * SECOND + 3 * SECOND + 10 * SECOND, "waited {took:?}");
        for (n, name) in [(0, "Eve"), (1, "Ada"), (2, "Eve"), (7, "Ada")] {
            let (_, found, _) = world.ghl.contact(&loc(), &email(n)).unwrap();
            assert_eq!(found.first_name.as_deref(), Some(name), "contact {n}");
        }
        assert_eq!(world.ghl.doubles(), Vec::<String>::new());
        assert!(world.ghl.most_at_once(&loc()) <= 5);
    });
}

#[test]
fn a_fresh_record_does_not_wait_for_one_that_rests_for_minutes() {
    each_seed(40, |seed| async move {
        let mut setup = Setup { seed, index_lag: Duration::ZERO..=5 * SECOND, ..Setup::default() };
        setup.config.backoff.max_retries = 0;
        let world = setup.start();
        // The pauses of contact 0 grow, soon to minutes.
        world.ghl.on_call(|seen| (seen.subject == email(0)).then(|| CallFault::status(500)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_for(10 * MINUTE + Duration::from_millis(world.randomness.within(0..=60_000))).await;
        world.put(&[contact(1)]).await.unwrap();
        world.run_for(Duration::from_millis(world.randomness.within(0..=1_000))).await;
        world.put_only(&[contact(2)]).await.unwrap();
        world.run_for(80 * SECOND).await;
        assert_eq!(world.ghl.contact_count(), 2, "a tick, the lag and what a batch takes are enough");
    });
}

#[test]
fn a_fresh_record_supersedes_a_plan_that_only_waits_for_time() {
    block_on_paused(async {
        let mut setup = exact();
        setup.config.backoff.max_retries = 0;
        let world = setup.start();
        world.ghl.on_call(|seen| (seen.subject == email(0) && seen.tries <= 4).then(|| CallFault::status(500)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_for(2 * MINUTE).await;
        world.put(&[contact(1)]).await.unwrap();
        world.run_for(2 * SECOND).await;
        assert!(world.ghl.contact(&loc(), &email(1)).is_some());
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert_eq!(world.sent_to(&email(0)).len(), 5);
    });
}

#[test]
fn a_hand_made_message_runs_when_nobody_else_does_and_sends_what_is_due() {
    block_on_paused(async {
        let world = exact().start();
        world.put_only(&contacts(3)).await.unwrap();
        let keys: Vec<RecordKey> = vec![contact_key(0), contact_key(99)];
        let report = world.invoke(&crate::fixtures::batch(None, keys)).await.unwrap();
        assert_eq!((report.not_run, report.succeeded, report.skipped), (None, 1, 1));
        let took = world.run_until_settled(MINUTE).await.unwrap();
        assert!(took < 5 * SECOND, "it is followed by the rest: {took:?}");
        assert_each_sent_once(&world, 3);
    });
}

#[test]
fn a_record_put_while_it_is_being_sent_is_sent_again_and_ends_as_it_was_put_last() {
    each_seed(40, |seed| async move {
        let world = Setup { seed, index_lag: Duration::ZERO..=5 * SECOND, ..Setup::default() }.start();
        world.put(&contacts(3)).await.unwrap();
        for version in 0..4 {
            world.run_for(Duration::from_millis(world.randomness.within(0..=400))).await;
            world.put_only(&[named_contact(1, &format!("v{version}"))]).await.unwrap();
        }
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let (_, found, _) = world.ghl.contact(&loc(), &email(1)).unwrap();
        assert_eq!(found.first_name.as_deref(), Some("v3"));
        assert_eq!(world.ghl.contact_count(), 3);
    });
}

#[test]
fn content_that_ghl_has_is_not_sent_again() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(3)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let report = world.put(&contacts(3)).await.unwrap();
        assert_eq!((report.stored, report.unchanged), (0, 3));
        world.run_for(3 * MINUTE).await;
        assert_eq!(world.ghl.calls(), 3);
    });
}

#[test]
fn a_sweep_over_locations_with_nothing_to_do_writes_no_gate() {
    block_on_paused(async {
        let idle = Setup::settings("idle").unwrap();
        let world = Setup { locations: exact().locations.into_iter().chain([idle]).collect(), ..exact() }.start();
        world.put(&contacts(3)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        world.run_for(2 * MINUTE).await;
        let writes = Arc::new(AtomicU64::new(0));
        let counted = writes.clone();
        world.gates.watch(move |_, _, _, _| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let swept = world.engine.tick(true).await.unwrap();
        assert_eq!((swept.looked_at, swept.started), (2, 0));
        assert_eq!(writes.load(Ordering::Relaxed), 0);
        // A record is found even if its producer died before it notified the gate.
        world.outbox.put(&contact(7), world.clock.now()).await.unwrap();
        assert_eq!(world.engine.tick(true).await.unwrap().started, 1);
        assert_eq!(writes.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_sweep_that_never_has_time_for_all_locations_gets_to_each_of_them_in_the_end() {
    each_seed(5, |seed| async move {
        let locations: Vec<_> = (0..80).map(|n| Setup::settings(&format!("l{n:02}")).unwrap()).collect();
        let last = locations[79].0.clone();
        let setup = Setup { seed, locations: locations.into_iter().collect(), triggers: false, ..exact() };
        let world = Setup { store_ms: 10..=10, ..setup }.start();
        // Nobody was notified of this record: only a sweep finds it.
        let put = PutRecord { location_id: last, ..contact(0) };
        world.outbox.put(&put, world.clock.now()).await.unwrap();
        for _ in 0..30 {
            let _ = tokio::time::timeout(Duration::from_millis(150), world.engine.tick(true)).await;
            world.run_for(15 * MINUTE).await;
        }
        assert!(!world.queue.sent().is_empty());
    });
}
