//! Outcomes in a log, for those who poll.
//!
//! A page of the log holds what was told together, under the time at which that was written. Whoever writes knows that the
//! page is there [`WITHIN`] of that time, or writes it again; whoever reads looks at nothing that is younger than
//! [`HIDDEN`]. So a place that was read is never filled later, and a cursor is a place.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::{Clock, PortError};
use ghl_sync_model::{EpochMs, LocationId, OutcomeCursor};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::OutcomeEvent;

/// Outcomes are kept for so long.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// A page that was not written so long after its time is written again, under another one.
const WITHIN: Duration = Duration::from_secs(2);
/// What is younger may not be there yet: [`WITHIN`], and clocks that differ.
pub(crate) const HIDDEN: Duration = Duration::from_secs(3);
/// Largest difference between the clocks of two hosts: what is told later is written later.
const CLOCKS_DIFFER: Duration = Duration::from_millis(50);
/// Parts of the log that are written side by side. DynamoDB takes some 1,000 write units a second of each.
pub const SHARDS: u8 = 8;
/// Pages of a shard that one request reads: a page has 64 KB, and DynamoDB answers 1 MB.
const PAGES: u32 = 15;
/// Largest page, in bytes of its events, and the most events of one.
const PAGE_BYTES: usize = 64_000;
const PAGE_EVENTS: usize = 100;

/// Some events that were written together.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// In which part of the log, below [`SHARDS`].
    pub shard: u8,
    /// Where in it: pages are read in the order of these texts.
    pub place: String,
    /// The events as JSON, in their order.
    pub events: Vec<Box<RawValue>>,
}

/// Pages of one shard.
#[derive(Debug, Clone, Default)]
pub struct LogPages {
    /// In their order.
    pub pages: Vec<LogPage>,
    /// There are more.
    pub has_more: bool,
}

/// Where outcomes are kept.
#[async_trait]
pub trait OutcomeLog: Send + Sync {
    /// Writes a page, and keeps it until `keep_until`.
    async fn write(&self, page: &LogPage, keep_until: EpochMs) -> Result<(), PortError>;

    /// Up to `limit` pages of a shard from `first` to `last`, those two included, as they are now (strongly consistent).
    async fn read(&self, shard: u8, first: &str, last: &str, limit: u32) -> Result<LogPages, PortError>;
}

/// Writes `events` in their order. Returns whether all of them are in the log, where everybody who reads it comes by.
pub(crate) async fn write(
    log: &dyn OutcomeLog,
    clock: &dyn Clock,
    events: &[&OutcomeEvent],
) -> Result<bool, PortError> {
    let at = clock.now();
    for page in pages(events, at) {
        log.write(&page, at + KEPT).await?;
    }
    if clock.now() > at + WITHIN {
        return Ok(false);
    }
    // Whoever tells what follows of these records may have a clock that is behind ours.
    clock.sleep_until(at + CLOCKS_DIFFER).await;
    Ok(true)
}

/// The events of a shard stand in its pages in their order. No two pages have one place: it names their first event.
fn pages(events: &[&OutcomeEvent], at: EpochMs) -> Vec<LogPage> {
    let mut pages: Vec<LogPage> = Vec::new();
    for shard in 0..SHARDS {
        let mut bytes = 0;
        for event in events.iter().filter(|event| shard_of(&event.data.location_id) == shard) {
            // Made of strings and numbers, an event is JSON.
            let Ok(json) = RawValue::from_string(event.to_json()) else { continue };
            bytes += json.get().len();
            match pages.last_mut().filter(|page| page.shard == shard && page.events.len() < PAGE_EVENTS) {
                Some(page) if bytes <= PAGE_BYTES => page.events.push(json),
                _ => {
                    bytes = json.get().len();
                    let place = format!("{}#{:04}#{}", time_of_place(at), pages.len(), event.id);
                    pages.push(LogPage { shard, place, events: vec![json] });
                }
            }
        }
    }
    pages
}

/// What all places of a time begin with, and sorts before them.
fn time_of_place(at: EpochMs) -> String {
    format!("{:016}", at.0)
}

fn shard_of(location: &LocationId) -> u8 {
    let sum = location.as_str().bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    sum % SHARDS
}

/// Reads outcomes from where they are kept. Cheap to clone.
#[derive(Clone)]
pub struct OutcomeFeed {
    log: Arc<dyn OutcomeLog>,
    clock: Arc<dyn Clock>,
}

/// Some outcomes.
#[derive(Debug, Clone)]
pub struct OutcomePage {
    /// As JSON: see [`OutcomeEvent`]. Those of a record are in their order.
    pub outcomes: Vec<Box<RawValue>>,
    /// Where to go on, now or later.
    pub next: OutcomeCursor,
    /// There are more already.
    pub has_more: bool,
}

/// From where on outcomes are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedFrom {
    /// Where a page ended.
    Cursor(OutcomeCursor),
    /// Those that were written at this time or later.
    Time(EpochMs),
}

/// Why outcomes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// What was told after this place is gone.
    #[error("outcomes are kept for 7 days, and this is longer ago")]
    Gone,
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl OutcomeFeed {
    /// What is in `log`.
    #[must_use]
    pub fn new(log: Arc<dyn OutcomeLog>, clock: Arc<dyn Clock>) -> OutcomeFeed {
        OutcomeFeed { log, clock }
    }

    /// At most `limit` outcomes, of one location if one is named, from `from` on; `None` is the oldest that are kept. It
    /// reads a bounded part of the log: a page may be empty, and there still be more.
    ///
    /// # Errors
    /// [`FeedError`].
    pub async fn read(
        &self,
        from: Option<FeedFrom>,
        location: Option<&LocationId>,
        limit: usize,
    ) -> Result<OutcomePage, FeedError> {
        let now = self.clock.now();
        let oldest = time_of_place(now - KEPT);
        let from = match from {
            None => OutcomeCursor { place: oldest, index: 0 },
            Some(FeedFrom::Time(at)) => not_gone(OutcomeCursor { place: time_of_place(at), index: 0 }, &oldest)?,
            Some(FeedFrom::Cursor(cursor)) => not_gone(cursor, &oldest)?,
        };
        let last = time_of_place(now - HIDDEN);
        if last <= from.place {
            return Ok(OutcomePage { outcomes: Vec::new(), next: from, has_more: false });
        }
        let shards = location.map_or(0..SHARDS, |location| shard_of(location)..shard_of(location) + 1);
        let reads = shards.map(|shard| self.log.read(shard, &from.place, &last, PAGES));
        let read = futures::future::try_join_all(reads).await?;
        let known_to = read.iter().filter(|it| it.has_more).filter_map(|it| Some(it.pages.last()?.place.clone())).min();
        let mut pages: Vec<LogPage> = read.into_iter().flat_map(|it| it.pages).collect();
        pages.sort_by(|a, b| a.place.cmp(&b.place));
        // Behind it one of the shards was not looked at.
        pages.retain(|page| known_to.as_ref().is_none_or(|known_to| page.place <= *known_to));
        let mut outcomes = Vec::new();
        for LogPage { place, events, .. } in pages {
            let begin = if place == from.place { from.index as usize } else { 0 };
            for (index, event) in (0_u32..).zip(events).skip(begin) {
                if !location.is_none_or(|location| is_of(&event, location)) {
                    continue;
                }
                if outcomes.len() == limit {
                    return Ok(OutcomePage { outcomes, next: OutcomeCursor { place, index }, has_more: true });
                }
                outcomes.push(event);
            }
        }
        let has_more = known_to.is_some();
        let next = match known_to {
            Some(place) => OutcomeCursor { place, index: u32::MAX },
            None => OutcomeCursor { place: last, index: 0 },
        };
        Ok(OutcomePage { outcomes, next, has_more })
    }
}

fn not_gone(cursor: OutcomeCursor, oldest: &str) -> Result<OutcomeCursor, FeedError> {
    if cursor.place.as_str() < oldest { Err(FeedError::Gone) } else { Ok(cursor) }
}

fn is_of(event: &RawValue, location: &LocationId) -> bool {
    #[derive(Deserialize)]
    struct Of<'a> {
        #[serde(borrow)]
        data: OfLocation<'a>,
    }
    #[derive(Deserialize)]
    struct OfLocation<'a> {
        location_id: &'a str,
    }
    serde_json::from_str::<Of<'_>>(event.get()).is_ok_and(|of| of.data.location_id == location.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutcomeKind;

    #[test]
    fn pages_keep_the_order_of_events_and_are_bounded() {
        let location: LocationId = "loc".parse().unwrap();
        let event = |n: u64| {
            let key = format!("contact#{}{n}", "x".repeat(200)).parse().unwrap();
            OutcomeEvent::new(OutcomeKind::Accepted, EpochMs(n), &location, &key, n)
        };
        let events: Vec<OutcomeEvent> = (0..1_000).map(event).collect();
        let pages = pages(&events.iter().collect::<Vec<_>>(), EpochMs(1_795_000_000_000));
        let size = |page: &LogPage| page.events.iter().map(|event| event.get().len()).sum::<usize>();
        assert!(pages.len() >= 10 && pages.iter().all(|page| size(page) <= PAGE_BYTES), "{}", pages.len());
        assert!(pages.is_sorted_by(|a, b| a.place < b.place));
        let told: Vec<&str> = pages.iter().flat_map(|page| &page.events).map(|event| event.get()).collect();
        assert_eq!(told, events.iter().map(OutcomeEvent::to_json).collect::<Vec<_>>());
        let time = time_of_place(EpochMs(1_795_000_000_000));
        assert!(pages.iter().all(|page| time < page.place && page.place < time_of_place(EpochMs(1_795_000_000_001))));
    }
}
