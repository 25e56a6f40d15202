//! Counters in the state table: the sums of each location, its last hour by minute, and its standing.
//!
//! The sums, the current minute and the standing share one item, so that a batch costs one `UpdateItem`. The first
//! batch of a new minute has this write refused; a second write starts the new minute, and a third adds the old one
//! to the hour's item. A write that the SDK repeats because its reply was lost counts twice: these numbers are only
//! for display.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::try_join_all;
use ghl_sync_engine::counts::{Counted, Counter, Counts, MINUTE_MS, MINUTES, Minute};
use ghl_sync_engine::ports::{Counters, PortError};
use ghl_sync_engine::standing::Standing;
use ghl_sync_model::{EpochMs, LocationId};

use crate::expression::{Update, number, text};
use crate::fields::ItemFields;
use crate::standing;
use crate::table::{DynamoTable, Item, Updated};
use crate::tables::state;

/// Tries while other writers start minutes too; after that only the sums are counted.
const TRIES: u32 = 3;
/// The hour of an inactive location expires after this long.
const HOUR_KEPT_S: u64 = 24 * 3600;

/// Most items that DynamoDB gets in one request.
const KEYS_A_GET: usize = 100;
/// Each location has two items.
const LOCATIONS_A_GET: usize = KEYS_A_GET / 2;

/// Implements [`Counters`] in a table with the layout of [`STATE`](crate::tables::STATE).
#[derive(Debug, Clone)]
pub struct DynamoCounters {
    table: DynamoTable,
}

impl DynamoCounters {
    /// Uses the counters in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoCounters { table: DynamoTable::new(client, table) }
    }

    /// Adds the finished minute `ended` to the hour of `location`.
    async fn archive(&self, location: &LocationId, ended: &Minute) -> Result<(), PortError> {
        let update = Update::new()
            .set(&slot(ended.at), text(to_text(ended)))
            .set(state::TTL, number(ended.at.0 / 1000 + HOUR_KEPT_S));
        self.table.update("counters.add", minutes_of(location), update).await.map(drop)
    }
}

#[async_trait]
impl Counters for DynamoCounters {
    async fn add(
        &self,
        location: &LocationId,
        now: EpochMs,
        counts: &Counts,
        allowed: Option<u64>,
        standing: Option<&Standing>,
    ) -> Result<(), PortError> {
        let part = Minute::of(now, counts, allowed);
        let minute = part.at.0 / MINUTE_MS;
        let told = standing.map(|standing| standing::update(location, standing)).transpose()?;
        let told = told.unwrap_or_else(|| Update::new().set_once(state::TOLD_AT, number(now.0)));
        let sums = |counts| sums(told.clone(), counts);
        for _ in 0..TRIES {
            let in_minute = add_to_minute(sums(counts), &part).only_if("#minute = :now").with(":now", number(minute));
            let standing = match self.table.update("counters.add", counters_of(location), in_minute).await? {
                Updated::Written => return Ok(()),
                Updated::Refused(standing) => standing.unwrap_or_default(),
            };
            let stood = ItemFields(&standing).optional_number::<u64>(state::MINUTE).ok().flatten();
            if stood.is_some_and(|stood| stood > minute) {
                break; // Our clock is behind another writer's.
            }
            let begins = begin_minute(sums(counts), &part);
            let begins = match stood {
                Some(stood) => begins.only_if("#minute = :stood").with(":stood", number(stood)),
                None => begins.only_if("attribute_not_exists(#minute)"),
            };
            if let Updated::Written = self.table.update("counters.add", counters_of(location), begins).await? {
                return match read_minute(&standing) {
                    Some(ended) => self.archive(location, &ended).await,
                    None => Ok(()),
                };
            }
        }
        self.table.update("counters.add", counters_of(location), sums(counts)).await.map(drop)
    }

    async fn tell(&self, location: &LocationId, standing: &Standing) -> Result<(), PortError> {
        let update = standing::update(location, standing)?;
        self.table.update("counters.tell", counters_of(location), update).await.map(drop)
    }

    async fn of_each(&self, locations: &[LocationId], now: EpochMs) -> Result<Vec<Counted>, PortError> {
        let chunks = locations.chunks(LOCATIONS_A_GET).map(|locations| async move {
            let keys = locations.iter().flat_map(|location| [counters_of(location), minutes_of(location)]).collect();
            self.table.get_all("counters.read", keys).await
        });
        let mut counted: HashMap<LocationId, Counted> = HashMap::new();
        for item in try_join_all(chunks).await?.into_iter().flatten() {
            let Some(location) = location_of(&item) else { continue };
            let counted = counted.entry(location).or_default();
            counted.total.merge(&read_sums(&item));
            counted.minutes.extend(read_minute(&item));
            let slots = (0..MINUTES).filter_map(|number| item.get(&format!("s{number:02}"))?.as_s().ok());
            counted.minutes.extend(slots.filter_map(|text| from_text(text)));
        }
        let mut of = |location: &LocationId| {
            let mut counted = counted.remove(location).unwrap_or_default();
            counted.minutes.sort_unstable_by_key(|minute| minute.at);
            counted.keep_recent(now);
            counted
        };
        Ok(locations.iter().map(&mut of).collect())
    }

    async fn sums(&self, location: &LocationId) -> Result<Counts, PortError> {
        let item = self.table.get("counters.read", counters_of(location)).await?;
        Ok(item.as_ref().map(read_sums).unwrap_or_default())
    }

    async fn told_at(&self, location: &LocationId) -> Result<Option<EpochMs>, PortError> {
        let item = self.table.get("counters.read", counters_of(location)).await?;
        let told_at = item.and_then(|item| ItemFields(&item).optional_number(state::TOLD_AT).ok().flatten());
        Ok(told_at.map(EpochMs))
    }

    async fn standings_of(&self, locations: &[LocationId]) -> Result<Vec<(LocationId, Standing)>, PortError> {
        let chunks = locations.chunks(KEYS_A_GET).map(|locations| async move {
            self.table.get_all("counters.read", locations.iter().map(counters_of).collect()).await
        });
        let items: Vec<Item> = try_join_all(chunks).await?.into_iter().flatten().collect();
        let standing = |item| standing::read(&location_of(item)?, item);
        Ok(items.iter().filter_map(standing).collect())
    }

    async fn standings(&self) -> Result<Vec<(LocationId, Standing)>, PortError> {
        standing::all(&self.table).await
    }

    async fn in_trouble(&self, limit: usize) -> Result<(Vec<(LocationId, Standing)>, bool), PortError> {
        standing::in_trouble(&self.table, limit).await
    }

    async fn forget(&self, location: &LocationId) -> Result<(), PortError> {
        for key in [minutes_of(location), counters_of(location)] {
            self.table.delete("counters.forget", key).await?;
        }
        Ok(())
    }

    async fn ticked(&self, now: EpochMs) -> Result<(), PortError> {
        let update = Update::new().set(state::AT, number(now.0));
        self.table.update("counters.tick", tick(), update).await.map(drop)
    }

    async fn last_tick(&self) -> Result<Option<EpochMs>, PortError> {
        let item = self.table.get("counters.read", tick()).await?;
        Ok(item.and_then(|item| ItemFields(&item).number(state::AT).ok()).map(EpochMs))
    }
}

fn tick() -> Item {
    key("tick".to_owned())
}

fn counters_of(location: &LocationId) -> Item {
    key(format!("counters#{location}"))
}

fn minutes_of(location: &LocationId) -> Item {
    key(format!("minutes#{location}"))
}

fn key(pk: String) -> Item {
    HashMap::from([(state::PK.to_owned(), text(pk))])
}

/// The location that owns an item of counters or minutes.
fn location_of(item: &Item) -> Option<LocationId> {
    ItemFields(item).text(state::PK).ok()?.split_once('#')?.1.parse().ok()
}

/// The attribute of the hour for the minute that began at `at`.
fn slot(at: EpochMs) -> String {
    format!("s{:02}", at.0 / MINUTE_MS % MINUTES as u64)
}

fn sums(update: Update, counts: &Counts) -> Update {
    counts.iter().fold(update, |update, (counter, more)| update.count(&counter.name(), more))
}

fn read_sums(item: &Item) -> Counts {
    Counter::all().filter_map(|counter| Some((counter, as_number(item.get(&counter.name())?)?))).collect()
}

fn as_number(value: &AttributeValue) -> Option<u64> {
    value.as_n().ok()?.parse().ok()
}

/// The numbers of a minute, except the allowed calls. During the minute they are attributes next to the sums;
/// afterwards they are part of one text in the hour.
const PARTS: [&str; 6] = ["m_calls", "m_rate_limit_hits", "m_succeeded", "m_failed", "m_retries", "m_wait_ms"];
const ALLOWED: &str = "m_allowed";

fn parts(minute: &Minute) -> [u64; 6] {
    let Minute { at: _, allowed: _, calls, rate_limit_hits, succeeded, failed, retries, wait_ms } = *minute;
    [calls, rate_limit_hits, succeeded, failed, retries, wait_ms]
}

fn of_parts(at: EpochMs, allowed: u64, parts: [u64; 6]) -> Minute {
    let [calls, rate_limit_hits, succeeded, failed, retries, wait_ms] = parts;
    Minute { at, calls, allowed, rate_limit_hits, succeeded, failed, retries, wait_ms }
}

/// Adds `part` to the current minute.
fn add_to_minute(update: Update, part: &Minute) -> Update {
    let update = update.set_known(ALLOWED, (part.allowed > 0).then(|| number(part.allowed)));
    let more = PARTS.into_iter().zip(parts(part)).filter(|(_, more)| *more > 0);
    more.fold(update, |update, (name, more)| update.count(name, more))
}

/// Starts a minute with `part`.
fn begin_minute(update: Update, part: &Minute) -> Update {
    let update = update.set(state::MINUTE, number(part.at.0 / MINUTE_MS)).set(ALLOWED, number(part.allowed));
    PARTS.into_iter().zip(parts(part)).fold(update, |update, (name, count)| update.set(name, number(count)))
}

/// Reads the current minute, which is stored next to the sums.
fn read_minute(item: &Item) -> Option<Minute> {
    let minute: u64 = as_number(item.get(state::MINUTE)?)?;
    let count = |name| item.get(name).and_then(as_number).unwrap_or_default();
    Some(of_parts(EpochMs(minute * MINUTE_MS), count(ALLOWED), PARTS.map(count)))
}

fn to_text(minute: &Minute) -> String {
    let numbers = [minute.at.0, minute.allowed].into_iter().chain(parts(minute));
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}

fn from_text(text: &str) -> Option<Minute> {
    let numbers: Vec<u64> = text.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [at, allowed, parts @ ..] = numbers.as_slice() else { return None };
    Some(of_parts(EpochMs(*at), *allowed, parts.try_into().ok()?))
}
