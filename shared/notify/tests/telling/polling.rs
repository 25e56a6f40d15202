//! The log: clients that poll receive every event, in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::EpochMs;
use ghl_sync_notify::{FeedError, FeedFrom, LogPage, LogPages, OutcomeFeed, OutcomeLog};

use crate::{DAY, World, accepted};

/// A log that fails this often, and takes this long.
#[derive(Default)]
pub(crate) struct Log {
    pages: Mutex<Vec<LogPage>>,
    pub(crate) fails: Mutex<usize>,
    pub(crate) slow: Mutex<VecDeque<Duration>>,
}

#[async_trait]
impl OutcomeLog for Log {
    async fn write(&self, page: &LogPage, _: EpochMs) -> Result<(), PortError> {
        let slow = self.slow.lock().unwrap().pop_front();
        tokio::time::sleep(slow.unwrap_or_default()).await;
        let mut fails = self.fails.lock().unwrap();
        if *fails > 0 {
            *fails -= 1;
            return Err(PortError::new("outcomes.write", "no route"));
        }
        self.pages.lock().unwrap().push(page.clone());
        Ok(())
    }

    async fn read(&self, shard: u8, first: &str, last: &str, limit: u32) -> Result<LogPages, PortError> {
        let pages = self.pages.lock().unwrap().clone();
        let mut pages: Vec<LogPage> = pages
            .into_iter()
            .filter(|page| page.shard == shard && (first..=last).contains(&page.place.as_str()))
            .collect();
        pages.sort_by(|a, b| a.place.cmp(&b.place));
        let has_more = pages.len() > limit as usize;
        pages.truncate(limit as usize);
        Ok(LogPages { pages, has_more })
    }
}

/// Reads the feed from `from` page by page. Returns its outcomes and the final cursor.
async fn poll(world: &World, mut from: Option<FeedFrom>, limit: usize) -> (Vec<serde_json::Value>, Option<FeedFrom>) {
    let feed = OutcomeFeed::new(world.log.clone(), Arc::new(world.clock));
    let mut told = Vec::new();
    loop {
        let page = feed.read(from, None, limit).await.unwrap();
        assert!(page.outcomes.len() <= limit);
        told.extend(page.outcomes.iter().map(|event| serde_json::from_str::<serde_json::Value>(event.get()).unwrap()));
        from = Some(FeedFrom::Cursor(page.next));
        if !page.has_more {
            return (told, from);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_polls_hears_all_that_is_told_in_the_order_of_each_record_whatever_the_log_does() {
    let [at_once, slow, too_slow] = [0, 1_900, 5_000].map(Duration::from_millis);
    for (limit, fails, slowness) in
        [(500, 0, vec![]), (1, 1, vec![]), (2, 3, vec![slow]), (3, 9, vec![at_once, too_slow])]
    {
        let world = World::start();
        *world.log.fails.lock().unwrap() = fails;
        world.log.slow.lock().unwrap().extend(slowness);
        let (mut told, mut from) = (Vec::new(), None);
        for version in 1..=20 {
            let changes = [accepted("ann", version), accepted("bob", version)];
            while world.tell(&changes).await.is_some() {}
            // Poll at different intervals, sometimes at once.
            tokio::time::advance(Duration::from_millis(version % 4 * 1_000)).await;
            let (more, next) = poll(&world, from, limit).await;
            told.extend(more);
            from = next;
        }
        tokio::time::advance(Duration::from_secs(4)).await;
        let (more, from) = poll(&world, from, limit).await;
        told.extend(more);
        for id in ["ann", "bob"] {
            let of =
                told.iter().filter(|event| event["data"]["record"]["id"] == id && event["type"] == "record.accepted");
            let mut versions: Vec<u64> = of.map(|event| event["data"]["version"].as_u64().unwrap()).collect();
            versions.dedup();
            assert_eq!(versions, (1..=20).collect::<Vec<_>>(), "{id}, {limit} a page, {fails} failures");
        }
        assert!(poll(&world, from, limit).await.0.is_empty(), "nothing is told again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_in_the_log_that_is_older_than_what_is_kept_is_refused_and_a_page_of_one_location_has_no_other() {
    let world = World::start();
    let feed = OutcomeFeed::new(world.log.clone(), Arc::new(world.clock));
    let first = feed.read(None, None, 10).await.unwrap();
    world.tell(&[accepted("ann", 1)]).await;
    tokio::time::advance(Duration::from_secs(4)).await;
    let of = async |location: &str| {
        let location = location.parse().unwrap();
        feed.read(None, Some(&location), 10).await.unwrap().outcomes.len()
    };
    assert_eq!((of("loc").await, of("other").await), (2, 0));
    tokio::time::advance(8 * DAY).await;
    let gone = feed.read(Some(FeedFrom::Cursor(first.next)), None, 10).await;
    assert!(matches!(gone, Err(FeedError::Gone)), "{gone:?}");
    assert!(matches!(feed.read(Some(FeedFrom::Time(EpochMs(1))), None, 10).await, Err(FeedError::Gone)));
}
