//! Invocations that die, at every single await and at any time.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::counts::RecordCount;
use ghl_sync_engine::ports::{Clock, Counters};
use ghl_sync_engine::usecase::RecordResult;
use ghl_sync_model::{ErrorCode, LocationId, PutRecord};
use ghl_sync_testkit::{CallFault, Crash, Setup, World, block_on_paused, dying_at_await};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, each_await, each_seed, email, loc, nameless,
    opportunity, opportunity_name, with_tags,
};

/// Checks that everything is in GHL once, and the gate is free.
fn assert_all_is_well(world: &World, contacts: usize, opportunities: usize) {
    assert_eq!(world.ghl.doubles(), Vec::<String>::new(), "doubled");
    assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (contacts, opportunities));
    assert_eq!(world.outbox.failed(), []);
    assert_eq!(world.ghl.over_quota(), 0);
    assert!(world.ghl.most_at_once(&loc()) <= 5);
    assert_eq!(world.gate(&loc()).breaker().as_str(), "closed");
}

/// All that a batch can contain: upserts, tags, contacts that must not be created twice, and opportunities of
/// contacts in the same batch.
fn a_batch_of_everything() -> Vec<PutRecord> {
    vec![
        contact(0),
        contact(1),
        with_tags(2, &["new"]),
        nameless(10),
        nameless(11),
        opportunity(0),
        opportunity(1),
        opportunity(2),
    ]
}

#[test]
fn an_invocation_that_dies_at_any_of_its_awaits_loses_nothing_and_doubles_nothing() {
    // There is an await before and after each effect, so this covers every state that a crash can leave behind:
    // taking the run, loading, leasing permits, each call, each outcome, the end, the next batch's message, the
    // counters.
    for seed in 1..=4 {
        let awaits = each_await(|awaits| async move {
            let mut setup =
                Setup { seed, visibility: 2 * MINUTE, index_lag: Duration::ZERO..=2 * SECOND, ..Setup::default() };
            setup.config.batch_size = 8;
            setup.config.lease_size = 5;
            // Equals the maximum lag that the engine assumes.
            setup.ghl.search_lag = setup.config.search_lag;
            let world = setup.start();
            world.crash(move |number| (number == 1).then_some(Crash::AtAwait(awaits)));
            world.put_only(&a_batch_of_everything()).await.unwrap();
            world.run_for(SECOND / 10).await;
            world.put_only(&[contact(20), contact(21), opportunity(20)]).await.unwrap();
            // The index shows all records, so that the first batch is a full one.
            world.run_for(5 * SECOND).await;
            world.engine.fan_out(&loc().into()).await.unwrap();
            world.run_until_settled(20 * MINUTE).await.unwrap();
            assert_all_is_well(&world, 7, 4);
            world.died() > 0
        });
        assert!(awaits >= 50, "a whole batch has more awaits than {awaits}");
    }
}

#[test]
fn a_producer_that_dies_at_any_of_its_awaits_leaves_each_record_whole_or_not_there() {
    let awaits = each_await(|awaits| async move {
        let world = Setup { seed: awaits, index_lag: Duration::ZERO..=2 * SECOND, ..Setup::default() }.start();
        let records = a_batch_of_everything();
        let lived = dying_at_await(awaits, world.engine.put_and_start(&records)).await.is_some();
        world.run_for(20 * MINUTE).await;
        assert!(world.outbox.open().iter().all(|record| record.waits_for.is_some()), "its contact was not stored");
        // The producer sends them again.
        world.put(&records).await.unwrap();
        world.run_until_settled(20 * MINUTE).await.unwrap();
        assert_all_is_well(&world, 5, 3);
        !lived
    });
    assert!(awaits >= 10, "{awaits}");
}

#[test]
fn a_tick_that_dies_at_any_of_its_awaits_is_made_good_by_the_next_ones() {
    let awaits = each_await(|awaits| async move {
        let world = Setup { seed: awaits, index_lag: Duration::ZERO..=2 * SECOND, ..Setup::default() }.start();
        world.put_only(&a_batch_of_everything()).await.unwrap();
        world.run_for(20 * SECOND).await;
        let lived = dying_at_await(awaits, world.engine.tick(awaits % 2 == 0)).await.is_some();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_all_is_well(&world, 5, 3);
        !lived
    });
    assert!(awaits >= 10, "{awaits}");
}

#[test]
fn invocations_that_die_one_after_the_other_at_random_times_lose_nothing_and_double_nothing() {
    each_seed(40, |seed| async move {
        let visibility = [20 * SECOND, 70 * SECOND, 6 * MINUTE][usize::try_from(seed % 3).unwrap()];
        let setup = Setup { seed, visibility, index_lag: Duration::ZERO..=5 * SECOND, ..Setup::default() };
        let world = setup.start();
        let randomness = world.randomness.fork();
        world.crash(move |number| {
            let unlucky = number <= 8 && randomness.within(0..=1) == 0;
            unlucky.then(|| Crash::After(Duration::from_millis(randomness.within(0..=2_500))))
        });
        let mut records = contacts(30);
        records.extend((0..10).map(opportunity));
        world.put(&records).await.unwrap();
        world.run_until_settled(2 * HOUR).await.unwrap();
        assert_all_is_well(&world, 30, 10);
    });
}

#[test]
fn crashes_during_an_outage_strand_neither_the_breaker_nor_its_probe() {
    each_seed(25, |seed| async move {
        let setup = Setup { seed, visibility: 2 * MINUTE, index_lag: Duration::ZERO..=2 * SECOND, ..Setup::default() };
        let world = setup.start();
        world.ghl.on_call(|seen| (seen.elapsed < 6 * MINUTE).then(|| CallFault::status(503)));
        let randomness = world.randomness.fork();
        world.crash(move |number| {
            let unlucky = number <= 6 && randomness.within(0..=1) == 0;
            unlucky.then(|| Crash::After(Duration::from_millis(randomness.within(0..=4_000))))
        });
        world.put(&contacts(20)).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        assert_all_is_well(&world, 20, 0);
    });
}

#[test]
fn an_opportunity_that_was_created_but_not_written_down_is_found_again() {
    each_seed(20, |seed| async move {
        // The dead run expires before GHL's search shows its effects, and its message comes again at once.
        let (function_timeout, visibility) = (20 * SECOND, 26 * SECOND);
        let mut setup = Setup { seed, function_timeout, visibility, ..Setup::default() };
        // Equals the maximum lag that the engine assumes.
        setup.ghl.search_lag = setup.config.search_lag;
        let world = setup.start();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let from = world.invocations();
        // Two calls: the invocation dies during the second, or while it stores the outcome.
        world.crash(move |number| (number == from + 1).then_some(Crash::After(Duration::from_millis(150 + 25 * seed))));
        world.put(&[opportunity(0)]).await.unwrap();
        world.run_until_settled(20 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.opportunities(&loc(), &opportunity_name(0)).len(), 1);
    });
}

/// Every invocation dies before its call is answered, from the start, for `length`.
fn an_outage_of_ours(locations: usize, length: Duration) -> Arc<World> {
    let mut setup = Setup { function_timeout: 20 * SECOND, visibility: 26 * SECOND, ..Setup::default() };
    setup.locations = (0..locations).filter_map(|n| Setup::settings(&format!("l{n}"))).collect();
    let world = setup.start();
    let clock = world.clock;
    let over_at = clock.now() + length;
    world.crash(move |_| (clock.now() < over_at).then_some(Crash::After(Duration::from_millis(60))));
    world
}

async fn put_one_each(world: &World, locations: usize) {
    for n in 0..locations {
        let location_id = LocationId::new(format!("l{n}")).unwrap();
        world.put(&[PutRecord { location_id, ..contact(n) }]).await.unwrap();
    }
}

#[test]
fn when_invocations_die_in_many_locations_no_record_is_marked() {
    block_on_paused(async {
        let world = an_outage_of_ours(6, 50 * MINUTE);
        put_one_each(&world, 6).await;
        for _ in 0..50 {
            world.run_for(MINUTE).await;
            let marked = world.outbox.open().into_iter().filter(|record| record.last_error.is_some()).count();
            // The first two locations cannot know yet that others are affected too.
            assert!(marked <= 2, "{marked} records are held responsible");
            assert_eq!(world.outbox.failed(), []);
        }
        assert!(world.died() > 100, "{} died", world.died());
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.doubles()), (6, vec![]));
    });
}

#[test]
fn the_same_bad_record_in_many_locations_is_put_aside_after_an_hour_and_their_others_are_sent() {
    block_on_paused(async {
        let world = an_outage_of_ours(4, Duration::ZERO);
        world.crash(|_| None);
        world.ghl.on_call(|seen| (seen.subject == email(99)).then_some(CallFault::Hangs));
        for n in 0..4 {
            let location_id = LocationId::new(format!("l{n}")).unwrap();
            let mut records = vec![PutRecord { location_id: location_id.clone(), ..contact(99) }];
            records.extend((0..5).map(|i| PutRecord { location_id: location_id.clone(), ..contact(i) }));
            world.put(&records).await.unwrap();
        }
        world.run_for(5 * HOUR).await;
        let failed: Vec<_> = world.outbox.failed().into_iter().map(|record| record.key).collect();
        assert_eq!(failed, vec![contact_key(99); 4]);
        assert_eq!(world.ghl.contact_count(), 4 * 6, "the bad ones were created before they killed");
    });
}

#[test]
fn a_record_that_kills_the_function_each_time_is_put_aside_and_counted_and_its_neighbours_are_sent() {
    each_seed(3, |seed| async move {
        let world = Setup { seed, ..Setup::default() }.start();
        world.ghl.on_call(|seen| (seen.subject == email(4)).then_some(CallFault::Hangs));
        world.put(&contacts(50)).await.unwrap();
        world.run_for(10 * MINUTE).await;
        assert_eq!(world.ghl.contact_count(), 50, "its neighbours, and it was created before it killed");
        world.put(&(100..110).map(contact).collect::<Vec<_>>()).await.unwrap();
        world.run_for(2 * HOUR).await;
        assert_eq!((world.ghl.contact_count(), world.ghl.doubles()), (60, vec![]));
        let open: Vec<_> = world.outbox.open().into_iter().map(|record| record.key).collect();
        let failed: Vec<_> = world.outbox.failed().into_iter().map(|record| record.key).collect();
        assert_eq!((open, failed), (vec![], vec![contact_key(4)]));
        // A dead invocation reports nothing: a surviving one must report the failure.
        let settled = world.results().into_iter().filter(|(key, _)| *key == contact_key(4)).map(|(_, result)| result);
        assert_eq!(settled.collect::<Vec<_>>(), [RecordResult::Failed(ErrorCode::Internal)]);
        let counts = world.counters.of(&loc(), world.clock.now()).await.unwrap().total;
        assert_eq!(counts.records(RecordCount::Failed), 1);
    });
}
