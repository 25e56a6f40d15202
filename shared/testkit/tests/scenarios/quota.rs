//! The daily quota, other clients of the quota, and servers that count differently.

use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{DirectError, Invocation};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{Holder, LocationId, Pace, Priority, PutRecord, ScopeId};
use ghl_sync_testkit::{CallFault, Setup, World, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, batch, contact, contact_key, contacts, email, exact, loc, with_tags,
};

#[test]
fn when_the_day_is_used_up_the_location_rests_until_it_begins_anew() {
    for told_by_ghl in [false, true] {
        block_on_paused(async move {
            let mut setup = Setup::default();
            if told_by_ghl {
                setup.ghl.daily_limit = Some(30);
            } else {
                setup.locations.values_mut().for_each(|settings| settings.daily_limit = 30);
            }
            let world = setup.start();
            world.put(&contacts(50)).await.unwrap();
            world.run_for(23 * HOUR).await;
            assert_eq!(world.ghl.contact_count(), 30);
            assert!(world.ghl.calls() <= 35, "at most those under way meet the end of the day: {}", world.ghl.calls());
            assert!(world.invocations() < 10, "nobody is paid for waiting: {}", world.invocations());
            let took = world.run_until_settled(3 * HOUR).await.unwrap();
            assert!(took < HOUR + 2 * MINUTE, "{took:?}");
            assert_eq!(world.ghl.contact_count(), 50);
            assert_eq!(world.outbox.failed(), []);
        });
    }
}

#[test]
fn another_consumer_of_the_quota_that_the_headers_show_is_given_room() {
    block_on_paused(async {
        let world = Setup::default().start();
        world.put(&contacts(700)).await.unwrap();
        // Another app takes 40 of 100, evenly.
        let other = world.clone();
        tokio::spawn(async move {
            loop {
                other.ghl.others_call(&loc(), 1);
                other.run_for(Duration::from_millis(250)).await;
            }
        });
        let took = world.run_until_settled(20 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 700);
        let refused = world.ghl.over_quota();
        assert!(refused <= 20, "{refused} of 700 met a 429");
        assert!((100 * SECOND..200 * SECOND).contains(&took), "{took:?}: about 60 of 100 calls are ours");
    });
}

#[test]
fn a_smaller_quota_that_the_headers_tell_is_kept_from_then_on() {
    block_on_paused(async {
        let mut setup = Setup::default();
        setup.ghl.pace.limit = NonZeroU32::new(25).unwrap();
        let world = setup.start();
        world.put(&contacts(150)).await.unwrap();
        world.run_until_settled(20 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 150);
        let refused = world.ghl.over_quota();
        assert!(refused <= 10, "only those that were on their way: {refused}");
    });
}

#[test]
fn a_429_that_the_ledger_did_not_expect_ends_bursts() {
    block_on_paused(async {
        let mut setup = exact();
        setup.ghl.quota_headers = false;
        let world = setup.start();
        world.ghl.on_call(|seen| (seen.number == 60).then(|| CallFault::retry_after(429, SECOND)));
        world.put(&contacts(400)).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert!(world.gate(&loc()).pacing().is_spaced());
        let arrivals = world.ghl.arrivals();
        // Permits leased before the 429 are still used as they come.
        let later = &arrivals[60 + 25..];
        let in_a_second = later
            .iter()
            .map(|first| later.iter().filter(|other| other.at >= first.at && other.at < first.at + SECOND).count());
        assert!(in_a_second.max().unwrap() <= 13, "evenly spaced");
    });
}

/// Makes `calls` calls of another client in each window of 10 s, evenly.
fn others(world: &std::sync::Arc<World>, calls: u32) {
    let other = world.clone();
    tokio::spawn(async move {
        loop {
            other.ghl.others_call(&loc(), 1);
            other.run_for(10 * SECOND / calls.max(1)).await;
        }
    });
}

#[test]
fn beside_others_the_pace_is_ours_where_our_limit_lies_below_ghls() {
    // Our limit, the other client's calls per window, and our expected calls per window.
    for (limit, used_by_others, expected) in [(20, 60, 20), (90, 10, 80), (90, 50, 45), (10, 85, 9), (100, 40, 52)] {
        block_on_paused(async move {
            let mut setup = exact();
            for settings in setup.locations.values_mut() {
                settings.pace = Pace { limit: NonZeroU32::new(limit).unwrap(), window: 10 * SECOND };
            }
            let world = setup.start();
            others(&world, used_by_others);
            world.run_for(20 * SECOND).await;
            world.put(&contacts(2000)).await.unwrap();
            world.run_for(MINUTE).await;
            let before = world.ghl.contact_count();
            world.run_for(2 * MINUTE).await;
            let pace = (world.ghl.contact_count() - before) / 12;
            assert!(pace >= expected * 4 / 5, "{pace} of {expected} in a window: {limit} beside {used_by_others}");
            assert!(pace <= limit as usize, "{pace} with a limit of {limit}");
            assert!(world.ghl.over_quota() <= 10, "{} met a 429: {limit}, {used_by_others}", world.ghl.over_quota());
        });
    }
}

/// A world with `limit` calls a day, `reserve` of them reserved for urgent records.
fn with_day(limit: u64, reserve: u64) -> Setup {
    let mut setup = exact();
    for settings in setup.locations.values_mut() {
        settings.daily_limit = limit;
        settings.daily_reserve = reserve;
    }
    setup
}

fn of(priority: Priority, put: PutRecord) -> PutRecord {
    PutRecord { priority, ..put }
}

#[test]
fn the_reserve_of_the_day_is_kept_though_records_take_more_calls_than_one() {
    block_on_paused(async {
        let world = with_day(200, 50).start();
        let puts: Vec<_> = (0..400).map(|n| with_tags(n, &["x"])).collect();
        world.put(&puts).await.unwrap();
        world.run_for(HOUR).await;
        assert_eq!(world.gate(&loc()).daily().left(world.clock.now(), 200), 50);
        world.put(&[of(Priority::High, contact(1000))]).await.unwrap();
        world.run_for(5 * MINUTE).await;
        assert!(world.record(&contact_key(1000)).accepted_version.is_some());
        assert_eq!(world.ghl.calls(), 151, "nobody else");
        assert!(world.invocations() < 40, "nobody is paid for waiting: {}", world.invocations());
    });
}

#[test]
fn low_priority_leaves_the_last_tenth_of_the_day_to_the_others() {
    block_on_paused(async {
        let world = with_day(200, 0).start();
        let low: Vec<_> = (0..300).map(|n| of(Priority::Low, contact(n))).collect();
        world.put(&low).await.unwrap();
        world.run_for(HOUR).await;
        assert_eq!(world.ghl.calls(), 180);
        world.put(&(1000..1030).map(contact).collect::<Vec<_>>()).await.unwrap();
        world.run_for(HOUR).await;
        assert_eq!(world.ghl.calls(), 200);
        assert!(world.invocations() < 40, "nobody is paid for waiting: {}", world.invocations());
        world.run_for(24 * HOUR).await;
        assert_eq!(world.ghl.contact_count(), 330);
    });
}

#[test]
fn of_a_batch_of_mixed_priorities_each_record_keeps_to_its_own_share_of_the_day() {
    block_on_paused(async {
        let world = Setup { triggers: false, ..with_day(20, 10) }.start();
        let of_number = |n| match n % 3 {
            0 => Priority::Low,
            1 => Priority::Normal,
            _ => Priority::High,
        };
        let puts: Vec<_> = (0..30).map(|n| of(of_number(n), contact(n))).collect();
        world.put(&puts).await.unwrap();
        // Eleven of the twenty are used, and the urgent records come last.
        let warm: Vec<_> = (100..111).map(|n| of(Priority::High, contact(n))).collect();
        world.put(&warm).await.unwrap();
        world.invoke(&batch(None, (100..111).map(contact_key))).await.unwrap();
        let report = world.invoke(&batch(None, (0..30).map(contact_key))).await.unwrap();
        assert_eq!((report.succeeded, report.failed), (9, 0), "{report:?}");
        let arrived = |n: usize| world.ghl.contact(&loc(), &email(n)).is_some();
        let numbers: Vec<usize> = (0..30).filter(|n| arrived(*n)).collect();
        assert!(numbers.iter().all(|n| n % 3 == 2), "high only: {numbers:?}");
        assert_eq!(numbers.len(), 9);
    });
}

#[test]
fn reading_for_backfills_leaves_the_last_tenth_of_the_day_to_the_others() {
    block_on_paused(async {
        let world = with_day(100, 0).start();
        world.put(&contacts(89)).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        world.run_for(20 * SECOND).await; // GHL's search shows them by now.
        let now = world.clock.now();
        let read = || async {
            let invocation = Invocation { holder: Holder::new("pull").unwrap(), deadline: world.clock.now() + MINUTE };
            world.reconciler().contacts_changed_since(&loc(), now - HOUR, &invocation, |_| {}).await
        };
        assert_eq!(read().await.unwrap(), 89);
        let refused = read().await.unwrap_err();
        assert!(
            matches!(&refused, DirectError::Wait(wait) if wait.reason == WaitReason::DailyQuota && wait.at > now + 22 * HOUR),
            "{refused:?}"
        );
        assert_eq!(world.ghl.calls(), 90);
    });
}

/// Two scopes of one account: separate burst quotas and a shared day.
fn with_shared_day(limit: u64, told_by_ghl: bool) -> Setup {
    let mut setup = exact();
    setup.ghl.daily_limit = told_by_ghl.then_some(limit);
    setup.ghl.shared_day = true;
    setup.locations = [Setup::settings("a"), Setup::settings("b")].into_iter().flatten().collect();
    for settings in setup.locations.values_mut() {
        settings.daily_limit = limit;
        settings.day_scope = Some(ScopeId::new("account").unwrap());
    }
    setup
}

fn for_location(name: &str, n: usize) -> PutRecord {
    PutRecord { location_id: LocationId::new(name).unwrap(), ..contact(n) }
}

#[test]
fn scopes_that_share_a_day_use_no_more_than_one_day_together_and_each_its_own_burst() {
    for told_by_ghl in [true, false] {
        block_on_paused(async move {
            let world = with_shared_day(1000, told_by_ghl).start();
            let puts: Vec<_> = (0..1600).map(|n| for_location(if n % 2 == 0 { "a" } else { "b" }, n)).collect();
            world.put(&puts).await.unwrap();
            world.run_for(30 * SECOND).await;
            assert!(world.ghl.calls() > 500, "a burst each: {}", world.ghl.calls());
            world.run_for(HOUR).await;
            let calls = world.ghl.calls();
            assert!((900..=1000).contains(&calls), "{calls} of 1000, told: {told_by_ghl}");
            assert_eq!(world.ghl.over_quota(), 0);
            assert!(world.invocations() < 150, "nobody is paid for waiting: {}", world.invocations());
            world.run_for(24 * HOUR).await;
            assert_eq!(world.ghl.contact_count(), 1600, "the next day goes on");
        });
    }
}

#[test]
fn of_a_day_of_usual_length_a_thousand_calls_cost_one_write_to_the_shared_count() {
    block_on_paused(async {
        let world = with_shared_day(200_000, true).start();
        let puts: Vec<_> = (0..1000).map(|n| for_location("a", n)).collect();
        world.put(&puts).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        let shared = world.gates.entry(&ScopeId::new("account").unwrap());
        assert_eq!(shared.rev, 1);
        assert_eq!(shared.gate.daily().used(world.clock.now()), 2000);
    });
}
