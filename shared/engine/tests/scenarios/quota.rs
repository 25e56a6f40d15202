//! The daily quota, other consumers of the quota, and servers that count otherwise.

use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_engine::testing::{Fault, Setup, block_on_paused};

use crate::fixtures::{HOUR, MINUTE, SECOND, contacts, exact, loc};

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
        world.ghl.on_call(|seen| (seen.number == 60).then(|| Fault::retry_after(429, SECOND)));
        world.put(&contacts(400)).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert!(world.gate(&loc()).pacing().is_spaced());
        let arrivals = world.ghl.arrivals();
        // Permits that were leased before the 429 are still used as they come.
        let later = &arrivals[60 + 25..];
        let in_a_second = later
            .iter()
            .map(|first| later.iter().filter(|other| other.at >= first.at && other.at < first.at + SECOND).count());
        assert!(in_a_second.max().unwrap() <= 13, "evenly spaced");
    });
}
