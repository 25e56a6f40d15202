//! Counters: each batch is counted once, by its results, and counting never blocks the work.

use std::num::NonZeroU32;

use ghl_sync_engine::counts::{Counter, Counts, RecordCount};
use ghl_sync_engine::ports::{Counters, DeadLetterQueue};
use ghl_sync_model::{ErrorCode, LastError};
use ghl_sync_operate::{Health, OverviewPage};
use ghl_sync_testkit::{CallFault, Noted, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{MINUTE, SECOND, contact, contacts, each_seed, exact, letter, loc, opportunity, with_tags};

async fn totals(world: &World) -> Counts {
    world.counters.of(&loc(), world.engine.ports().clock.now()).await.unwrap().total
}

#[test]
fn every_call_hit_retry_and_record_is_counted_with_one_write_a_batch() {
    each_seed(5, |seed| async move {
        let world = Setup { seed, ..Setup::default() }.start();
        world.ghl.on_call(|seen| match (seen.number, seen.tries) {
            (7, _) => Some(CallFault::retry_after(429, SECOND)),
            (12, _) => Some(CallFault::status(400)),
            (number, 1) if number % 9 == 0 => Some(CallFault::status(503)),
            _ => None,
        });
        world.put(&contacts(80)).await.unwrap();
        world.run_until_settled(20 * MINUTE).await.unwrap();
        world.run_for(MINUTE).await;
        let counts = totals(&world).await;
        let retries = world.sink.pick(|_, noted| matches!(noted, Noted::Retrying { .. }).then_some(())).len() as u64;
        assert_eq!(counts.calls(), world.ghl.arrivals().len() as u64);
        assert_eq!(counts.rate_limit_hits(), 1);
        assert!(retries >= 5 && counts.get(Counter::Retries) == retries, "{retries}");
        assert!(counts.average_backoff_delay_ms() >= 900.0, "{}", counts.average_backoff_delay_ms());
        let [succeeded, failed, stored] =
            [RecordCount::Succeeded, RecordCount::Failed, RecordCount::Stored].map(|outcome| counts.records(outcome));
        assert_eq!((succeeded, failed, stored), (79, 1, 80));
        assert_eq!(counts.sync_success_rate(), Some(79.0 / 80.0));
        let batches = world.reports().iter().filter(|report| report.processed > 0).count() as u64;
        assert!(world.counters.writes() <= batches + 1, "{} writes, {batches} batches", world.counters.writes());
        let minutes = world.counters.of(&loc(), world.engine.ports().clock.now()).await.unwrap().minutes;
        assert_eq!(minutes.iter().map(|minute| minute.calls).sum::<u64>(), counts.calls());
        assert!(minutes.iter().any(|minute| minute.allowed > 0 && minute.allowed <= 600));
    });
}

#[test]
fn puts_of_what_ghl_has_already_are_counted_as_calls_saved() {
    block_on_paused(async {
        let world = exact().start();
        let mut records = vec![contact(0), contact(1), with_tags(2, &["new"]), opportunity(0)];
        world.put(&records).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let calls = world.ghl.calls();
        records.push(contact(4));
        world.engine.put_and_start(&records).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let counts = totals(&world).await;
        let puts = [RecordCount::Unchanged, RecordCount::Stored].map(|outcome| counts.records(outcome));
        assert_eq!(puts, [4, 5]);
        assert_eq!(world.ghl.calls(), calls + 1, "of what was put, one record was new");
        assert_eq!(counts.get(Counter::CallsSaved), 5, "an update each, and the tags");
    });
}

#[test]
fn counters_that_cannot_be_written_fail_no_batch() {
    for fault in [PortFault::Refused, PortFault::Unanswered] {
        block_on_paused(async move {
            let world = exact().start();
            world.faults.fail(Op::CountersAdd, 1..=u64::MAX, fault);
            world.faults.fail(Op::CountersTick, 1..=u64::MAX, fault);
            world.put(&contacts(70)).await.unwrap();
            world.run_until_settled(2 * MINUTE).await.unwrap();
            assert_eq!((world.ghl.contact_count(), world.ghl.calls()), (70, 70));
            assert!(world.reports().iter().all(|report| report.store_failed == 0));
        });
    }
}

#[test]
fn a_limit_in_the_headers_below_the_configured_one_is_kept_at_once_and_told_once() {
    block_on_paused(async {
        let mut setup = exact();
        setup.ghl.pace.limit = NonZeroU32::new(40).unwrap();
        setup.ghl.daily_limit = Some(5000);
        let world = setup.start();
        world.put(&contacts(120)).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let told = world.sink.pick(|_, noted| match noted {
            Noted::LimitLowered { quota, from, to } => Some((*quota, *from, *to)),
            _ => None,
        });
        assert_eq!(told, [("burst", 100, 40), ("daily", 200_000, 5000)]);
        assert_eq!(world.ghl.over_quota(), 0, "adopted before the burst could overrun it");
        assert_eq!(totals(&world).await.get(Counter::LimitsLowered), 2);
        let overview = world.operator().overview(&OverviewPage::default()).await.unwrap();
        let quota = &overview.locations[0].location.quota;
        assert_eq!((quota.burst.limit, quota.burst.configured), (40, 100));
        assert_eq!(quota.daily.limit, 5000);
    });
}

#[test]
fn health_tells_of_a_scheduler_that_stands_still_dead_letters_and_failed_records() {
    block_on_paused(async {
        let world = exact().start();
        let health = || async { world.operator().overview(&OverviewPage::default()).await.unwrap() };
        assert_eq!(health().await.health, Health::Ok, "before the first tick nobody is late");
        world.run_for(MINUTE + SECOND).await;
        assert!(health().await.last_tick.is_some());
        let letters = world.dead_letters.as_ref();
        letters.add(DeadLetterQueue::Dead, letter("m1", "{"));
        letters.add(DeadLetterQueue::Parked, letter("m2", "{"));
        assert_eq!(health().await.health, Health::Degraded);
        world.ghl.on_call(|_| Some(CallFault::status(400)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_for(SECOND).await;
        let degraded = health().await;
        assert_eq!(
            degraded.reasons,
            ["2 messages in the dead-letter queue and the parking queue", "1 records of loc have failed"]
        );
        world.faults.fail(Op::CountersTick, 1..=u64::MAX, PortFault::Refused);
        world.run_for(6 * MINUTE).await;
        let failing = health().await;
        assert_eq!(failing.health, Health::Failing);
        assert!(failing.reasons[0].starts_with("the scheduler has not run for 3"), "{:?}", failing.reasons);
        let record = world.outbox.failed().remove(0);
        assert!(matches!(record.last_error, Some(LastError { code: ErrorCode::Rejected, .. })));
    });
}
