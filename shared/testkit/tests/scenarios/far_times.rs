//! Absurd times, sent by GHL or a gateway before it, or left by a wrong clock.

use std::time::Duration;

use ghl_sync_limiter::PauseReason;
use ghl_sync_model::{EpochMs, Quota, RetryAfter};
use ghl_sync_operate::{Health, OverviewPage};
use ghl_sync_testkit::{CallFault, Setup, World, block_on_paused};

use crate::fixtures::{HOUR, MINUTE, SECOND, contact, contacts, each_seed, email, exact, loc};

/// The year 2083.
const FAR: EpochMs = EpochMs(3_590_524_800_000);

/// Refuses only the first call, with a 429 or another status and `quota` in the headers.
fn refuse_first(world: &World, status: u16, quota: Quota) {
    world.ghl.on_call(move |seen| (seen.number == 1).then_some(CallFault::Refused { status, cause: None, quota }));
}

fn far() -> [Quota; 4] {
    let retry_after = |retry_after| Quota { retry_after: Some(retry_after), ..Quota::default() };
    let of_day = |reset| Quota {
        daily_limit: Some(200_000),
        daily_remaining: Some(0),
        daily_reset: Some(reset),
        ..Quota::default()
    };
    let delay = RetryAfter::Delay(Duration::from_secs(1_795_262_400));
    [retry_after(delay), retry_after(RetryAfter::At(FAR)), of_day(delay), of_day(RetryAfter::At(FAR))]
}

#[test]
fn however_far_away_ghl_asks_to_come_back_the_location_goes_on_within_a_day() {
    for status in [429, 503] {
        for quota in far() {
            block_on_paused(async move {
                let world = exact().start();
                refuse_first(&world, status, quota);
                world.put(&contacts(3)).await.unwrap();
                world.run_for(24 * HOUR + 20 * MINUTE).await;
                assert_eq!(world.ghl.contact_count(), 3, "{status} {quota:?}");
            });
        }
    }
}

#[test]
fn a_pause_of_more_than_an_hour_is_told_with_its_reason_and_its_end_and_is_lifted_by_resume() {
    block_on_paused(async {
        let world = exact().start();
        refuse_first(&world, 429, Quota { retry_after: Some(RetryAfter::At(FAR)), ..Quota::default() });
        world.put(&contacts(3)).await.unwrap();
        world.run_for(2 * MINUTE).await;
        let overview = world.operator().overview(&OverviewPage::default()).await.unwrap();
        assert_eq!(overview.health, Health::Degraded);
        let [reason] = overview.reasons.as_slice() else { panic!("{:?}", overview.reasons) };
        assert!(reason.starts_with("loc is paused until 2026-11-18T") && reason.contains("Retry-After"), "{reason}");
        let pause = overview.locations[0].location.pause.clone().unwrap();
        assert_eq!(pause.reason, PauseReason::Throttled);
        world.operator().resume(&loc()).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 3);
        assert_eq!(world.operator().overview(&OverviewPage::default()).await.unwrap().health, Health::Ok);
    });
}

#[test]
fn a_short_pause_is_nobodys_trouble() {
    block_on_paused(async {
        let world = exact().start();
        let quota = Quota { retry_after: Some(RetryAfter::Delay(50 * MINUTE)), ..Quota::default() };
        refuse_first(&world, 429, quota);
        world.put(&contacts(3)).await.unwrap();
        world.run_for(2 * MINUTE).await;
        assert_eq!(world.operator().overview(&OverviewPage::default()).await.unwrap().health, Health::Ok);
    });
}

#[test]
fn a_time_that_has_passed_already_says_nothing_of_how_long_to_wait() {
    block_on_paused(async {
        let world = exact().start();
        let past = Quota {
            retry_after: Some(RetryAfter::At(EpochMs(1_500_000_000_000))),
            interval: Some(10 * SECOND),
            ..Quota::default()
        };
        refuse_first(&world, 429, past);
        world.put(&contacts(3)).await.unwrap();
        let took = world.run_until_settled(MINUTE).await.unwrap();
        assert!((10 * SECOND..40 * SECOND).contains(&took), "the interval, and not at once: {took:?}");
    });
}

#[test]
fn after_the_clock_was_set_back_an_hour_calls_go_on() {
    each_seed(5, |seed| async move {
        let world = Setup { seed, clock_skew: Duration::from_millis(50), ..Setup::default() }.start();
        world.put(&contacts(150)).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        world.hosts_clock.set_by(-3_600_000);
        let more: Vec<_> = (1000..1100).map(contact).collect();
        world.put(&more).await.unwrap();
        let took = world.run_until_settled(20 * MINUTE).await.unwrap();
        assert!(took < 3 * MINUTE, "{took:?}");
        assert_eq!((world.ghl.contact_count(), world.ghl.over_quota()), (250, 0));
        assert!(world.ghl.fullest_window(10 * SECOND) <= 100);
        assert!(world.invocations() < 60, "nobody looks for what is not there: {}", world.invocations());
    });
}

#[test]
fn a_clock_that_is_set_while_records_go_out_holds_them_up_for_no_longer_than_a_run_may_last() {
    for set_by in [-86_400_000, -3_600_000, -600_000, 3_600_000, 86_400_000] {
        each_seed(4, |seed| async move {
            let world = Setup { seed, ..Setup::default() }.start();
            world.put(&contacts(200)).await.unwrap();
            world.run_for(8 * SECOND).await;
            world.hosts_clock.set_by(set_by);
            // The new time of the clock applies to these puts.
            world.run_for(SECOND).await;
            world.put(&[contact(1000)]).await.unwrap();
            world.run_for(40 * MINUTE).await;
            assert!(world.ghl.contact(&loc(), &email(1000)).is_some(), "{set_by} ms");
            assert!(world.invocations() < 400, "{set_by} ms: {}", world.invocations());
        });
    }
}
