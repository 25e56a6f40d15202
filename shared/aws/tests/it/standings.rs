//! The standings of locations, in the table and its index.

use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_engine::counts::{Counter, Counts};
use ghl_sync_engine::ports::{Backlog, Counters, Tallied};
use ghl_sync_engine::standing::{BreakerState, Burst, Day, Standing};
use ghl_sync_model::{EpochMs, LocationId, Pace};

use crate::fixtures::Tables;

const T0: EpochMs = EpochMs(1_795_000_000_000);

fn standing(location: &LocationId) -> Standing {
    let pace = Pace { limit: NonZeroU32::new(100).unwrap(), window: Duration::from_secs(10) };
    let day = Day { limit: 9, configured: 9, told: None, used: 1, left: 8, reserve: 0, resets_at: T0 };
    Standing {
        at: T0,
        scope: location.clone().into(),
        day_scope: None,
        name: None,
        tags: Vec::new(),
        credentials_expire_at: None,
        enabled: true,
        run_until: None,
        hold: None,
        pause: None,
        breaker: BreakerState::Closed,
        retry_at: None,
        waits: None,
        burst: Burst { pace, configured: 100, told: None, used: 0 },
        day,
        due: Backlog::default(),
        failed: Tallied::default(),
        empty_at: None,
        sums: Counts::default(),
    }
}

#[tokio::test]
async fn a_standing_takes_no_write_of_its_own_and_those_in_trouble_are_found_without_the_others() {
    let tables = Tables::new().await;
    let mut counts = Counts::default();
    counts.add(Counter::Retries, 1);
    let location = |n: usize| LocationId::new(format!("l{n:02}")).unwrap();
    let told: Vec<(LocationId, Standing)> = (0..40)
        .map(|n| {
            let failed = Tallied { count: u64::from(n % 10 == 3), capped: false };
            let breaker = if n % 20 == 5 { BreakerState::Open } else { BreakerState::Closed };
            (location(n), Standing { failed, breaker, ..standing(&location(n)) })
        })
        .collect();
    for (location, standing) in &told {
        tables.counters.add(location, T0, &counts, None, None).await.unwrap();
        let before = tables.usage.snapshot().writes().requests;
        tables.counters.add(location, T0, &counts, None, Some(standing)).await.unwrap();
        assert_eq!(tables.usage.snapshot().writes().requests, before + 1);
    }
    let before = tables.usage.snapshot().reads().requests;
    let mut found = tables.counters.standings().await.unwrap();
    assert_eq!(tables.usage.snapshot().reads().requests, before + 8, "one read a shard");
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(found, told);
    let (troubled, is_all) = tables.counters.in_trouble(10).await.unwrap();
    let ids: Vec<&str> = troubled.iter().map(|(location, _)| location.as_str()).collect();
    assert_eq!((ids.as_slice(), is_all), (["l05", "l25", "l03", "l13", "l23", "l33"].as_slice(), true));
    let (troubled, is_all) = tables.counters.in_trouble(3).await.unwrap();
    assert_eq!((troubled.len(), is_all, troubled[0].0.as_str()), (3, false, "l05"));

    let mended = standing(&location(5));
    tables.counters.tell(&location(5), &mended).await.unwrap();
    let (troubled, _) = tables.counters.in_trouble(10).await.unwrap();
    assert_eq!((troubled.len(), troubled[0].0.as_str()), (5, "l25"), "it stands elsewhere in the index now");
    assert_eq!(tables.counters.sums(&location(5)).await.unwrap().get(Counter::Retries), 2, "and is counted as before");
    let ids: Vec<LocationId> = (0..60).map(location).collect();
    let counted = tables.counters.of_each(&ids, T0).await.unwrap();
    let retries: Vec<u64> = counted.iter().map(|counted| counted.total.get(Counter::Retries)).collect();
    assert_eq!(retries, [[2; 40].as_slice(), [0; 20].as_slice()].concat());
}

#[tokio::test]
async fn a_standing_that_cannot_be_read_is_as_good_as_none() {
    let tables = Tables::new().await;
    let id = LocationId::new("l").unwrap();
    tables.counters.tell(&id, &standing(&id)).await.unwrap();
    tables.set_state_attribute("counters#l", "standing", "{").await;
    assert_eq!(tables.counters.standings().await.unwrap(), []);
    tables.counters.tell(&id, &standing(&id)).await.unwrap();
    assert_eq!(tables.counters.standings().await.unwrap().len(), 1);
}
