//! An outage of GHL for everyone: all locations learn of it together.

use std::collections::BTreeSet;
use std::time::Duration;

use ghl_sync_limiter::HostHealth;
use ghl_sync_model::{Cause, LocationId, PutRecord};
use ghl_sync_testkit::{CallFault, Noted, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{HOUR, MINUTE, SECOND, contact, each_seed, exact};

fn location(n: usize) -> LocationId {
    LocationId::new(format!("l{n}")).unwrap()
}

/// `count` locations, each with its own quota.
fn locations(count: usize) -> Setup {
    let mut setup = exact();
    // Each location occasionally checks whether the host is up.
    setup.storm = 20_000;
    setup.locations = (0..count).filter_map(|n| Setup::settings(location(n).as_str())).collect();
    setup
}

/// Contact number `n`, of location number `of`.
fn contact_of(of: usize, n: usize) -> PutRecord {
    PutRecord { location_id: location(of), ..contact(n) }
}

async fn put(world: &World, of: usize, count: usize) {
    let records: Vec<PutRecord> = (0..count).map(|n| contact_of(of, of * 1000 + n)).collect();
    world.put_only(&records).await.unwrap();
    world.engine.fan_out(&location(of).into()).await.unwrap();
}

/// GHL answers 503 to everyone from the start, for `length`.
fn outage(world: &World, length: Duration) {
    world.ghl.on_call(move |seen| (seen.elapsed < length).then(|| CallFault::status(503)));
}

/// Checks that everything is in GHL once.
fn assert_all_is_well(world: &World, contacts: usize) {
    assert_eq!(world.ghl.doubles(), Vec::<String>::new(), "doubled");
    assert_eq!(world.ghl.contact_count(), contacts);
    assert_eq!(world.outbox.failed(), []);
    assert_eq!(world.ghl.over_quota(), 0);
}

fn host_changes(world: &World) -> Vec<(&'static str, &'static str)> {
    world.sink.pick(|_, noted| match noted {
        Noted::Host { from, to } => Some((*from, *to)),
        _ => None,
    })
}

#[test]
fn an_outage_of_three_hours_over_200_locations_costs_three_of_them_their_threshold_and_one_probe_a_minute() {
    // Alone, each of 200 locations would spend 5 calls and then a probe a minute: 20,000 calls.
    for records in [1, 10] {
        block_on_paused(async move {
            let world = locations(200).start();
            let length = 3 * HOUR;
            outage(&world, length);
            for of in 0..200 {
                put(&world, of, records).await;
                world.run_for(45 * SECOND).await;
            }
            let left = length.saturating_sub(200 * 45 * SECOND);
            world.run_for(left).await;
            let calls = world.ghl.calls();
            let probes = length.as_secs() / 60;
            // With few records, each is tried 6 times; with many, 5 open the breaker, and 4 more may be under way.
            let burned = 4 * if records < 5 { 6 * records as u64 } else { 9 };
            assert!(calls <= burned + probes, "{calls} calls for {records} records each");
            assert_eq!(world.outbox.failed(), [], "nothing is given up");
            world.run_for(10 * MINUTE).await;
            assert_all_is_well(&world, 200 * records);
        });
    }
}

#[test]
fn an_outage_that_meets_200_busy_locations_costs_each_what_is_under_way_and_then_one_probe_a_minute_for_all() {
    each_seed(1, |seed| async move {
        let Setup { locations, storm, .. } = locations(200);
        let setup = Setup { seed, locations, storm, ..Setup::default() };
        let world = setup.start();
        let (begin, length) = (SECOND, 20 * MINUTE);
        world.ghl.on_call(move |seen| {
            (seen.elapsed > begin && seen.elapsed < begin + length).then(|| CallFault::status(503))
        });
        for of in 0..200 {
            put(&world, of, 12).await;
        }
        world.run_for(begin).await;
        let before = world.ghl.calls();
        world.run_for(length).await;
        let calls = world.ghl.calls() - before;
        assert!(calls <= 200 * 9 + length.as_secs() / 60, "{calls} calls");
        world.run_for(8 * MINUTE).await;
        assert_all_is_well(&world, 200 * 12);
    });
}

#[test]
fn after_an_outage_a_location_calls_with_10_25_50_and_then_100_percent_of_its_pace() {
    block_on_paused(async {
        let world = locations(4).start();
        let length = 12 * MINUTE;
        outage(&world, length);
        for of in 0..4 {
            put(&world, of, 900).await;
        }
        world.run_for(length + 10 * MINUTE).await;
        let up_at = world.sink.pick(|at, noted| matches!(noted, Noted::Host { to: "up", .. }).then_some(at))[0];
        let all = world.ghl.arrivals();
        let most = |from: Duration, to: Duration| {
            let sent = |of: &LocationId| {
                let in_step = |at| (up_at + from..up_at + to).contains(&at);
                all.iter().filter(|call| call.location == *of && in_step(call.sent_at)).count()
            };
            (0..4).map(|of| sent(&location(of))).max().unwrap()
        };
        // 100 calls in 10 s are the whole pace: 600 a minute. A new step adds to what the last one left over.
        let steps = [0, 1, 2, 3].map(|step| most(step * MINUTE, (step + 1) * MINUTE));
        assert!(steps[0] <= 70 && steps[1] <= 175 && steps[2] <= 350 && steps[3] > 350, "{steps:?}");
        assert!(steps.is_sorted(), "{steps:?}");
        assert_all_is_well(&world, 4 * 900);
    });
}

#[test]
fn locations_whose_token_is_refused_never_bring_the_host_down() {
    block_on_paused(async {
        let world = locations(6).start();
        let refused: BTreeSet<LocationId> = (0..4).map(location).collect();
        world
            .ghl
            .on_call(move |seen| refused.contains(seen.location).then(|| CallFault::cause(401, Cause::Credentials)));
        for of in 0..6 {
            put(&world, of, 20).await;
        }
        world.run_for(10 * MINUTE).await;
        assert_eq!(world.ghl.contact_count(), 40);
        assert_eq!(world.items.entries::<HostHealth>(), []);
    });
}

#[test]
fn one_location_that_ghl_always_fails_holds_up_no_other() {
    block_on_paused(async {
        let world = locations(3).start();
        world.ghl.on_call(|seen| (*seen.location == location(0)).then(|| CallFault::status(500)));
        put(&world, 0, 50).await;
        for minute in 0..60 {
            put(&world, 1, minute).await;
            world.run_for(MINUTE).await;
        }
        assert_eq!(host_changes(&world), []);
        assert_eq!(world.ghl.contact_count(), 59);
    });
}

#[test]
fn a_location_that_always_fails_does_not_keep_the_host_down_after_an_outage() {
    block_on_paused(async {
        let world = locations(5).start();
        world.ghl.on_call(|seen| {
            (*seen.location == location(0) || seen.elapsed < 20 * MINUTE).then(|| CallFault::status(503))
        });
        for of in 0..5 {
            put(&world, of, 10).await;
        }
        world.run_for(40 * MINUTE).await;
        assert_eq!(world.ghl.contact_count(), 40);
    });
}

#[test]
fn a_healthy_host_health_is_never_written_and_read_once_a_batch() {
    block_on_paused(async {
        let world = locations(5).start();
        for of in 0..5 {
            put(&world, of, 120).await;
        }
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.faults.calls(Op::HostHealthReplace), 0);
        assert!(world.faults.calls(Op::HostHealthLoad) <= world.invocations());
    });
}

#[test]
fn when_it_cannot_be_known_whether_the_host_is_up_each_location_finds_out_for_itself() {
    for op in [Op::HostHealthLoad, Op::HostHealthReplace] {
        block_on_paused(async move {
            let world = locations(10).start();
            world.faults.fail(op, 1..=u64::MAX, PortFault::Refused);
            outage(&world, 10 * MINUTE);
            for of in 0..10 {
                put(&world, of, 10).await;
            }
            world.run_until_settled(HOUR).await.unwrap();
            assert_all_is_well(&world, 100);
        });
    }
}

#[test]
fn crashes_and_lost_probes_in_an_outage_strand_no_location() {
    use ghl_sync_testkit::Crash;
    each_seed(5, |seed| async move {
        let locations = locations(10).locations;
        let setup = Setup { seed, visibility: 2 * MINUTE, locations, ..Setup::default() };
        let world = setup.start();
        outage(&world, 15 * MINUTE);
        let randomness = world.randomness.fork();
        world.crash(move |number| {
            let unlucky = number < 60 && randomness.within(0..=3) == 0;
            unlucky.then(|| Crash::After(Duration::from_millis(randomness.within(0..=3_000))))
        });
        for of in 0..10 {
            put(&world, of, 8).await;
        }
        world.run_for(45 * MINUTE).await;
        assert_all_is_well(&world, 80);
    });
}
