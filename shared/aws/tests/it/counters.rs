//! Counters, their minutes, and the tick.

use std::time::Duration;

use ghl_sync_engine::counts::{Counter, Counts, RecordCount};
use ghl_sync_engine::ports::Counters;
use ghl_sync_model::{Endpoint, EpochMs};

use crate::fixtures::{Tables, location};

/// Start of a minute.
const T0: EpochMs = EpochMs(1_795_000_020_000);
const MINUTE: Duration = Duration::from_secs(60);

fn batch() -> Counts {
    let mut counts = Counts::default();
    counts.add_call(Endpoint::UpsertContact, Some(200), Duration::from_millis(150));
    counts.add_call(Endpoint::AddTags, Some(429), Duration::from_millis(20));
    counts.add(Counter::Retries, 1);
    counts.add(Counter::Records(RecordCount::Succeeded), 1);
    counts
}

#[tokio::test]
async fn every_counter_is_added_up_under_a_name_of_its_own_and_read_back() {
    let tables = Tables::new().await;
    let all: Counts = Counter::all().enumerate().map(|(n, counter)| (counter, n as u64 + 1)).collect();
    for _ in 0..2 {
        tables.counters.add(&location(), T0, &all, None, None).await.unwrap();
    }
    let read = tables.counters.of(&location(), T0).await.unwrap().total;
    let twice: Counts = all.iter().map(|(counter, count)| (counter, 2 * count)).collect();
    assert_eq!(read, twice);
}

#[tokio::test]
async fn a_batch_costs_one_write_and_a_new_minute_two_more() {
    let tables = Tables::new().await;
    let writes = || tables.usage.snapshot().writes().requests;
    let mut costs = Vec::new();
    for seconds in [0, 10, 59, 60, 61] {
        let before = writes();
        tables.counters.add(&location(), T0 + Duration::from_secs(seconds), &batch(), Some(600), None).await.unwrap();
        costs.push(writes() - before);
    }
    assert_eq!(costs, [2, 1, 1, 3, 1], "one refused, one that begins the minute, one that keeps the old one");
}

#[tokio::test]
async fn the_last_hour_is_kept_minute_by_minute_and_older_minutes_are_left_out() {
    let tables = Tables::new().await;
    for minute in 0..70 {
        let now = T0 + MINUTE * minute;
        tables.counters.add(&location(), now, &batch(), Some(600 + u64::from(minute)), None).await.unwrap();
        tables.counters.add(&location(), now, &batch(), None, None).await.unwrap();
    }
    let now = T0 + MINUTE * 69;
    let counted = tables.counters.of(&location(), now).await.unwrap();
    assert_eq!((counted.total.calls(), counted.total.rate_limit_hits()), (280, 140));
    assert_eq!(counted.minutes.len(), 60);
    assert!(counted.minutes.windows(2).all(|pair| pair[1].at == pair[0].at + MINUTE));
    let last = counted.minutes.last().unwrap();
    assert_eq!((last.calls, last.rate_limit_hits, last.retries, last.succeeded, last.allowed), (4, 2, 2, 2, 669));
    let later = tables.counters.of(&location(), now + MINUTE * 59).await.unwrap();
    assert_eq!((later.minutes.len(), later.total), (1, counted.total));
}

#[tokio::test]
async fn a_host_whose_clock_is_behind_adds_to_the_sums_and_spoils_no_minute() {
    let tables = Tables::new().await;
    tables.counters.add(&location(), T0 + MINUTE, &batch(), None, None).await.unwrap();
    tables.counters.add(&location(), T0, &batch(), None, None).await.unwrap();
    let counted = tables.counters.of(&location(), T0 + MINUTE).await.unwrap();
    assert_eq!((counted.total.calls(), counted.minutes.len(), counted.minutes[0].calls), (4, 1, 2));
}

#[tokio::test]
async fn many_who_count_at_once_lose_nothing() {
    let tables = Tables::new().await;
    let batch = batch();
    let adds = (0..20).map(|n| {
        let (counters, batch) = (&tables.counters, &batch);
        async move { counters.add(&location(), T0 + MINUTE * (n / 5), batch, None, None).await.unwrap() }
    });
    futures::future::join_all(adds).await;
    assert_eq!(tables.counters.of(&location(), T0 + MINUTE * 4).await.unwrap().total.calls(), 40);
}

#[tokio::test]
async fn the_last_tick_is_remembered() {
    let tables = Tables::new().await;
    assert_eq!(tables.counters.last_tick().await.unwrap(), None);
    tables.counters.ticked(T0).await.unwrap();
    tables.counters.ticked(T0 + MINUTE).await.unwrap();
    assert_eq!(tables.counters.last_tick().await.unwrap(), Some(T0 + MINUTE));
}
