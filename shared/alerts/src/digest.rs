//! The daily digest: counts of records sent since the last one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use ghl_sync_engine::ports::{Entry, PortError};
use ghl_sync_engine::standing::Standing;
use ghl_sync_engine::usecase::AlertNews;
use ghl_sync_model::{EpochMs, LocationId};
use serde::Serialize;

use crate::Alerts;
use crate::digest_counts::DigestCounts;
use crate::digest_text::{DigestLine, digest};
use crate::message::{Announcement, Audience};

/// Concurrent requests.
const AT_ONCE: usize = 8;

/// Result of one digest run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DigestResult {
    /// Messages that were sent.
    pub digests: usize,
}

impl Alerts {
    /// Sends the counts since the last digest: one message for the whole stack, one for each tag, and one for each
    /// location with activity or an open problem. Does nothing if no digest recipient is configured.
    ///
    /// # Errors
    /// When a store fails or a message is not accepted. The next digest then covers the whole period again, for
    /// everybody.
    pub async fn digest(&self) -> Result<DigestResult, PortError> {
        let told = self.tell_digest().await;
        if let Err(error) = &told {
            self.emit(AlertNews::Untold { error });
        }
        told
    }

    async fn tell_digest(&self) -> Result<DigestResult, PortError> {
        let Some(announcer) = self.ports.digests_to.clone() else { return Ok(DigestResult::default()) };
        let standings = self.ports.counters.standings().await?;
        let now = self.ports.clock.now();
        let last = self.ports.reckoned.load(&None).await?;
        let since = last.as_ref().map(|last| last.value.at);
        let keys: Vec<Option<LocationId>> = standings.iter().map(|(id, _)| Some(id.clone())).collect();
        let before = self.ports.reckoned.load_each(&keys).await?;
        let days: Vec<LocationActivity> = standings
            .iter()
            .zip(before)
            .map(|((id, standing), before)| LocationActivity::of(id, standing, before, now))
            .collect();

        let telling: Vec<&LocationActivity> = days.iter().filter(|day| day.has_news(now)).collect();
        let named = telling.iter().map(|day| day.location.clone()).collect();
        let names = self.names(named, &standings).await?;
        let lines = telling.iter().map(|day| {
            (
                day.location,
                DigestLine {
                    name: names.of(day.location),
                    page: self.place.page_of(day.location),
                    counted: day.counted,
                    standing: day.standing,
                },
            )
        });
        let lines: BTreeMap<&LocationId, DigestLine<'_>> = lines.collect();
        let write =
            |audience, of: Vec<&DigestLine<'_>>, locations| digest(audience, &of, locations, since, &self.place, now);
        let mut messages = vec![write(Audience::Stack, sorted(lines.values().collect()), days.len())];
        let tags: BTreeSet<&String> = standings.iter().flat_map(|(_, standing)| &standing.tags).collect();
        for tag in tags {
            let tagged: Vec<&LocationActivity> = days.iter().filter(|day| day.standing.tags.contains(tag)).collect();
            let of = tagged.iter().filter_map(|day| lines.get(day.location)).collect();
            messages.push(write(Audience::Tag(tag.clone()), sorted(of), tagged.len()));
        }
        messages.extend(lines.iter().map(|(id, line)| write(Audience::Location((*id).clone()), vec![line], 1)));

        let sending: Vec<_> = messages.iter().map(|message: &Announcement| announcer.announce(message)).collect();
        futures::stream::iter(sending).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.reckon(&days, last.map_or(0, |last| last.rev), now).await?;
        let digested = DigestResult { digests: messages.len() };
        self.emit(AlertNews::Digested { messages: digested.digests });
        Ok(digested)
    }

    /// Stores the counts that this digest reported.
    async fn reckon(&self, days: &[LocationActivity<'_>], rev: u64, now: EpochMs) -> Result<(), PortError> {
        let changed = days.iter().filter(|day| !day.counted.is_empty());
        let writes: Vec<BoxFuture<'_, Result<(), PortError>>> =
            changed.map(|day| self.reckon_one(day).boxed()).collect();
        futures::stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.ports.reckoned.replace(&None, rev, &DigestCounts { at: now, ..DigestCounts::default() }).await.map(drop)
    }

    async fn reckon_one(&self, day: &LocationActivity<'_>) -> Result<(), PortError> {
        self.ports.reckoned.replace(&Some(day.location.clone()), day.rev, &day.reckoned).await.map(drop)
    }
}

/// A location's activity since the last digest.
struct LocationActivity<'a> {
    location: &'a LocationId,
    standing: &'a Standing,
    /// Counts since the last digest.
    counted: DigestCounts,
    /// Counts since the beginning.
    reckoned: DigestCounts,
    rev: u64,
}

impl<'a> LocationActivity<'a> {
    fn of(
        location: &'a LocationId,
        standing: &'a Standing,
        before: Option<Entry<DigestCounts>>,
        now: EpochMs,
    ) -> LocationActivity<'a> {
        let Entry { rev, value: before } = before.unwrap_or_default();
        let reckoned = DigestCounts::of(&standing.sums, now);
        LocationActivity { location, standing, counted: reckoned.since(&before), reckoned, rev }
    }

    fn has_news(&self, now: EpochMs) -> bool {
        !self.counted.is_empty() || !self.standing.troubles(now).is_empty() || self.standing.due.tallied.count > 0
    }
}

/// Sorted by most failed, then by most accepted.
fn sorted<'a>(mut lines: Vec<&'a DigestLine<'a>>) -> Vec<&'a DigestLine<'a>> {
    lines.sort_by_key(|line| (Reverse(line.counted.failed), Reverse(line.counted.accepted), line.name.clone()));
    lines
}
