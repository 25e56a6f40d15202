//! The order and the time in which records are sent.

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{Priority, PutRecord};
use ghl_sync_testkit::{CallFault, Setup, block_on_paused};

use crate::fixtures::{Look, MINUTE, SECOND, contact, contact_key, contacts, email, exact, loc};

fn with_priority(numbers: std::ops::Range<usize>, priority: Priority) -> impl Iterator<Item = PutRecord> {
    numbers.map(move |n| PutRecord { priority, ..contact(n) })
}

#[test]
fn the_urgent_go_first_and_the_low_do_not_starve() {
    block_on_paused(async {
        let world = exact().start();
        let records: Vec<PutRecord> = with_priority(0..100, Priority::Low)
            .chain(with_priority(100..200, Priority::Normal))
            .chain(with_priority(200..300, Priority::High))
            .collect();
        world.put(&records).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let order: Vec<usize> = world
            .ghl
            .arrivals()
            .iter()
            .map(|arrival| arrival.subject.trim_start_matches('c').split('@').next().unwrap().parse().unwrap())
            .collect();
        let of = |range: std::ops::Range<usize>, from: std::ops::Range<usize>| {
            order[from].iter().filter(|n| range.contains(n)).count()
        };
        assert!(of(200..300, 0..100) >= 85, "high first");
        assert!(of(0..100, 0..100) >= 5, "low has its share");
        assert!(of(100..200, 110..200) >= 70, "then normal");
        assert_eq!(order.len(), 300);
    });
}

#[test]
fn a_record_that_is_put_as_urgent_overtakes_a_backlog() {
    block_on_paused(async {
        let world = Setup::default().start();
        world.put(&contacts(600)).await.unwrap();
        world.run_for(20 * SECOND).await;
        let urgent = PutRecord { priority: Priority::High, ..contact(1000) };
        world.put_only(&[urgent]).await.unwrap();
        world.run_for(12 * SECOND).await;
        assert!(world.ghl.contact(&loc(), &email(1000)).is_some());
        assert!(!world.outbox.open().is_empty());
    });
}

#[test]
fn a_record_that_is_due_later_is_not_sent_before() {
    block_on_paused(async {
        let mut setup = exact();
        setup.config.backoff.max_retries = 0;
        let world = setup.start();
        world.ghl.on_call(|seen| (seen.subject == email(0) && seen.tries <= 3).then(|| CallFault::status(500)));
        world.put(&[contact(0)]).await.unwrap();
        for _ in 0..3 {
            world.run_for(2 * SECOND).await;
            let due_at = world.record(&contact_key(0)).due_at.unwrap();
            // Other records come and go, and someone sends a message for it by hand.
            world.put(&[contact(usize::try_from(due_at.0 % 1000).unwrap() + 10)]).await.unwrap();
            world.run_for(SECOND).await;
            world.invoke(&crate::fixtures::batch(None, [contact_key(0)])).await.unwrap();
            let tries = world.sent_to(&email(0)).len();
            while world.sent_to(&email(0)).len() == tries {
                world.run_for(SECOND / 10).await;
            }
            let sent_at = *world.sent_to(&email(0)).last().unwrap();
            assert!(sent_at >= due_at, "{:?} early", sent_at.until(due_at));
            assert!(due_at.until(sent_at) <= SECOND, "{:?} late", due_at.until(sent_at));
        }
        world.run_until_settled(10 * MINUTE).await.unwrap();
    });
}

#[test]
fn a_high_record_put_behind_50_000_low_ones_reaches_ghl_with_the_next_batch_and_low_goes_on() {
    block_on_paused(async {
        let world = exact().start();
        world.put_only(&with_priority(0..50_000, Priority::Low).collect::<Vec<_>>()).await.unwrap();
        world.engine.fan_out(&loc().into()).await.unwrap();
        world.run_for(MINUTE).await;
        let put_at = world.clock.now();
        world.put(&with_priority(60_000..60_200, Priority::High).collect::<Vec<_>>()).await.unwrap();
        world.run_for(10 * SECOND).await;
        let sent = world.sent_to(&email(60_000));
        assert!(sent.len() == 1 && put_at.until(sent[0]) <= 10 * SECOND, "{sent:?}");
        world.run_for(10 * SECOND).await;
        let since = world.ghl.arrivals().into_iter().filter(|call| call.sent_at >= put_at + 10 * SECOND);
        let is_low = |subject: &str| (0..50_000).contains(&number_of(subject));
        let (low, high): (Vec<_>, Vec<_>) = since.partition(|call| is_low(&call.subject));
        assert!(low.len() >= 5 && high.len() >= 50, "{} low, {} high in 10 s", low.len(), high.len());
    });
}

/// The 7 in `c7@example.test`.
fn number_of(email: &str) -> usize {
    email.trim_start_matches('c').split('@').next().unwrap().parse().unwrap()
}
