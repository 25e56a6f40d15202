//! The outcome log, for clients that poll.
//!
//! A page of the log holds events that were written together, keyed by the time of writing. A writer makes sure that
//! the page is stored [`WITHIN`] of that time, or else writes it again. Readers ignore pages younger than [`HIDDEN`].
//! So no page ever appears behind a reader, and a position in the log serves as the cursor.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::{Clock, PortError};
use ghl_sync_model::{EpochMs, LocationId, OutcomeCursor};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::OutcomeEvent;

/// Outcomes are kept this long.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// A page stored later than this after its time is written again under a new time.
const WITHIN: Duration = Duration::from_secs(2);
/// Younger pages may still be incomplete: [`WITHIN`] plus clock differences.
pub(crate) const HIDDEN: Duration = Duration::from_secs(3);
/// Largest difference between two hosts' clocks. A writer waits this long, so that later events get later times.
const CLOCKS_DIFFER: Duration = Duration::from_millis(50);
/// Parts of the log, written in parallel. DynamoDB takes some 1,000 write units a second of each.
pub const SHARDS: u8 = 8;
/// Pages of a shard that one request reads. A page has 64 KB, and DynamoDB answers up to 1 MB.
const PAGES: u32 = 15;
/// Largest page, in bytes of its events and in events.
const PAGE_BYTES: usize = 64_000;
const PAGE_EVENTS: usize = 100;

/// Events that were written together.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// Part of the log, below [`SHARDS`].
    pub shard: u8,
    /// Sort key within the shard.
    pub place: String,
    /// The events as JSON, in order.
    pub events: Vec<Box<RawValue>>,
}

/// Pages of one shard.
#[derive(Debug, Clone, Default)]
pub struct LogPages {
    /// Pages in order.
    pub pages: Vec<LogPage>,
    /// Whether more pages follow.
    pub has_more: bool,
}

/// Store of the outcome log.
#[async_trait]
pub trait OutcomeLog: Send + Sync {
    /// Stores a page, to expire at `keep_until`.
    async fn write(&self, page: &LogPage, keep_until: EpochMs) -> Result<(), PortError>;

    /// Reads up to `limit` pages of a shard from `first` to `last`, inclusive, with a strongly consistent read.
    async fn read(&self, shard: u8, first: &str, last: &str, limit: u32) -> Result<LogPages, PortError>;
}

/// Writes `events` in order. Returns whether all were stored in time, so that no reader can have read past them.
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
    // The next writer of these records' events may have a clock behind ours.
    clock.sleep_until(at + CLOCKS_DIFFER).await;
    Ok(true)
}

/// Splits events into pages per shard, in order. A page's place includes its first event's id, so no two pages share
/// one.
fn pages(events: &[&OutcomeEvent], at: EpochMs) -> Vec<LogPage> {
    let mut pages: Vec<LogPage> = Vec::new();
    for shard in 0..SHARDS {
        let mut bytes = 0;
        for event in events.iter().filter(|event| shard_of(&event.data.location_id) == shard) {
            // An event holds only strings and numbers, so it is valid JSON.
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

/// Common prefix of all places of a time. It sorts before them.
fn time_of_place(at: EpochMs) -> String {
    format!("{:016}", at.0)
}

fn shard_of(location: &LocationId) -> u8 {
    let sum = location.as_str().bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    sum % SHARDS
}

/// Reads outcomes from the log. Cheap to clone.
#[derive(Clone)]
pub struct OutcomeFeed {
    log: Arc<dyn OutcomeLog>,
    clock: Arc<dyn Clock>,
}

/// One page of outcomes.
#[derive(Debug, Clone)]
pub struct OutcomePage {
    /// Outcomes as JSON: see [`OutcomeEvent`]. Those of one record are in order.
    pub outcomes: Vec<Box<RawValue>>,
    /// Cursor to continue from, now or later.
    pub next: OutcomeCursor,
    /// Whether more outcomes are available now.
    pub has_more: bool,
}

/// Where to start reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedFrom {
    /// The end of an earlier page.
    Cursor(OutcomeCursor),
    /// Outcomes written at this time or later.
    Time(EpochMs),
}

/// Why outcomes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The outcomes after this position have expired.
    #[error("outcomes are kept for 7 days, and this is longer ago")]
    Gone,
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl OutcomeFeed {
    /// A feed of the outcomes in `log`.
    #[must_use]
    pub fn new(log: Arc<dyn OutcomeLog>, clock: Arc<dyn Clock>) -> OutcomeFeed {
        OutcomeFeed { log, clock }
    }

    /// Reads at most `limit` outcomes from `from` on, or from the oldest kept; optionally of one location only. One
    /// call reads a bounded part of the log, so a page may be empty while more follow.
    ///
    /// # Errors
    /// [`FeedError::Gone`] if the outcomes after `from` have expired, or when the store fails.
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
        // One of the shards was not read beyond this place.
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
    struct EventLocation<'a> {
        #[serde(borrow)]
        data: EventDataLocation<'a>,
    }
    #[derive(Deserialize)]
    struct EventDataLocation<'a> {
        location_id: &'a str,
    }
    serde_json::from_str::<EventLocation<'_>>(event.get()).is_ok_and(|of| of.data.location_id == location.as_str())
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
