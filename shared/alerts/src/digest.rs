//! How the day went: what was sent since the last digest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use ghl_sync_engine::counts::{Counts, RecordCount};
use ghl_sync_engine::ports::{Entry, PortError};
use ghl_sync_engine::standing::Standing;
use ghl_sync_engine::usecase::AlertNews;
use ghl_sync_model::{EpochMs, Item, ItemKind, LocationId};
use serde::{Deserialize, Serialize};

use crate::Alerts;
use crate::digest_text::{Line, digest};
use crate::message::{Audience, Message};

/// Requests at once.
const AT_ONCE: usize = 8;

/// What a digest did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Digested {
    /// Messages that people were sent.
    pub digests: usize,
}

/// What had been counted of a location when its last digest was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reckoned {
    /// When the counts were read.
    pub at: EpochMs,
    /// Records that GHL had accepted.
    pub accepted: u64,
    /// Records that had failed for good.
    pub failed: u64,
    /// Records that had been put, and that GHL had already.
    pub unchanged: u64,
}

impl Item for Reckoned {
    const KIND: ItemKind = ItemKind {
        name: "digest",
        load: "digest.load",
        replace: "digest.write",
        attribute: "digest",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    /// `None` for the whole of them.
    type Key = Option<LocationId>;

    fn item_key(location: &Option<LocationId>) -> String {
        match location {
            Some(location) => format!("digest#{location}"),
            None => "digest".to_owned(),
        }
    }
}

impl Reckoned {
    fn of(counts: &Counts, at: EpochMs) -> Reckoned {
        Reckoned {
            at,
            accepted: counts.records(RecordCount::Succeeded),
            failed: counts.records(RecordCount::Failed),
            unchanged: counts.records(RecordCount::Unchanged),
        }
    }

    /// What was counted since `before`. Of a location that began anew, all of it.
    fn since(self, before: &Reckoned) -> Reckoned {
        let has_fallen = self.accepted < before.accepted || self.failed < before.failed;
        let before = if has_fallen { &Reckoned::default() } else { before };
        Reckoned {
            at: self.at,
            accepted: self.accepted - before.accepted,
            failed: self.failed - before.failed,
            unchanged: self.unchanged.saturating_sub(before.unchanged),
        }
    }

    fn is_empty(&self) -> bool {
        self.accepted + self.failed + self.unchanged == 0
    }
}

impl Alerts {
    /// Tells what was sent since the last digest: one message for the whole stack, one for each tag, and one for each
    /// location where anything happened or somebody should look. Does nothing where nobody is told.
    ///
    /// # Errors
    /// When a store fails, or a message is not taken. The next digest then tells of all that time, to everybody.
    pub async fn digest(&self) -> Result<Digested, PortError> {
        let told = self.tell_digest().await;
        if let Err(error) = &told {
            self.emit(AlertNews::Untold { error });
        }
        told
    }

    async fn tell_digest(&self) -> Result<Digested, PortError> {
        let Some(announcer) = self.ports.digests_to.clone() else { return Ok(Digested::default()) };
        let standings = self.ports.counters.standings().await?;
        let now = self.ports.clock.now();
        let last = self.ports.reckoned.load(&None).await?;
        let since = last.as_ref().map(|last| last.value.at);
        let keys: Vec<Option<LocationId>> = standings.iter().map(|(id, _)| Some(id.clone())).collect();
        let before = self.ports.reckoned.load_each(&keys).await?;
        let days: Vec<Day> =
            standings.iter().zip(before).map(|((id, standing), before)| Day::of(id, standing, before, now)).collect();

        let telling: Vec<&Day> = days.iter().filter(|day| day.has_news(now)).collect();
        let named = telling.iter().map(|day| day.location.clone()).collect();
        let names = self.names(named, &standings).await?;
        let lines = telling.iter().map(|day| {
            (
                day.location,
                Line {
                    name: names.of(day.location),
                    page: self.place.page_of(day.location),
                    counted: day.counted,
                    standing: day.standing,
                },
            )
        });
        let lines: BTreeMap<&LocationId, Line<'_>> = lines.collect();
        let write = |audience, of: Vec<&Line<'_>>, locations| digest(audience, &of, locations, since, &self.place, now);
        let mut messages = vec![write(Audience::Stack, sorted(lines.values().collect()), days.len())];
        let tags: BTreeSet<&String> = standings.iter().flat_map(|(_, standing)| &standing.tags).collect();
        for tag in tags {
            let tagged: Vec<&Day> = days.iter().filter(|day| day.standing.tags.contains(tag)).collect();
            let of = tagged.iter().filter_map(|day| lines.get(day.location)).collect();
            messages.push(write(Audience::Tag(tag.clone()), sorted(of), tagged.len()));
        }
        messages.extend(lines.iter().map(|(id, line)| write(Audience::Location((*id).clone()), vec![line], 1)));

        let sending: Vec<_> = messages.iter().map(|message: &Message| announcer.announce(message)).collect();
        futures::stream::iter(sending).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.reckon(&days, last.map_or(0, |last| last.rev), now).await?;
        let digested = Digested { digests: messages.len() };
        self.emit(AlertNews::Digested { messages: digested.digests });
        Ok(digested)
    }

    /// Writes down what was told.
    async fn reckon(&self, days: &[Day<'_>], rev: u64, now: EpochMs) -> Result<(), PortError> {
        let changed = days.iter().filter(|day| !day.counted.is_empty());
        let writes: Vec<BoxFuture<'_, Result<(), PortError>>> =
            changed.map(|day| self.reckon_one(day).boxed()).collect();
        futures::stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.ports.reckoned.replace(&None, rev, &Reckoned { at: now, ..Reckoned::default() }).await.map(drop)
    }

    async fn reckon_one(&self, day: &Day<'_>) -> Result<(), PortError> {
        self.ports.reckoned.replace(&Some(day.location.clone()), day.rev, &day.reckoned).await.map(drop)
    }
}

/// A location since the last digest.
struct Day<'a> {
    location: &'a LocationId,
    standing: &'a Standing,
    /// What was counted meanwhile.
    counted: Reckoned,
    /// What was counted in all.
    reckoned: Reckoned,
    rev: u64,
}

impl<'a> Day<'a> {
    fn of(location: &'a LocationId, standing: &'a Standing, before: Option<Entry<Reckoned>>, now: EpochMs) -> Day<'a> {
        let Entry { rev, value: before } = before.unwrap_or_default();
        let reckoned = Reckoned::of(&standing.sums, now);
        Day { location, standing, counted: reckoned.since(&before), reckoned, rev }
    }

    fn has_news(&self, now: EpochMs) -> bool {
        !self.counted.is_empty() || !self.standing.troubles(now).is_empty() || self.standing.due.tallied.count > 0
    }
}

/// Where most failed first, then where most was sent.
fn sorted<'a>(mut lines: Vec<&'a Line<'a>>) -> Vec<&'a Line<'a>> {
    lines.sort_by_key(|line| (Reverse(line.counted.failed), Reverse(line.counted.accepted), line.name.clone()));
    lines
}
