//! The standings of locations: an attribute next to their counters, and an index that lists those in trouble first.

use std::collections::HashMap;

use futures::future::try_join_all;
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::standing::{Standing, Urgency};
use ghl_sync_model::{LocationId, json};
use sha2::{Digest, Sha256};

use crate::expression::{Update, number, text};
use crate::fields::ItemFields;
use crate::table::{DynamoTable, IndexQuery, Item};
use crate::tables::state;

/// Most entries of one query; DynamoDB ends a page at 1 MB anyway.
const PAGE: u32 = 10_000;

/// Stores the standing of `location`.
pub(crate) fn update(location: &LocationId, standing: &Standing) -> Result<Update, PortError> {
    let json = serde_json::to_string(standing).map_err(|error| PortError::new("counters.tell", error))?;
    Ok(Update::new()
        .set(state::STANDING, text(json))
        .set(state::TOLD_AT, number(standing.at.0))
        .set(state::STANDING_SHARD, number(shard_of(location).into()))
        .set(state::STANDING_RANK, text(standing.rank(location))))
}

/// All standings: one query per shard, or one per MB of it.
pub(crate) async fn all(table: &DynamoTable) -> Result<Vec<(LocationId, Standing)>, PortError> {
    let shards = (0..state::STANDING_SHARDS).map(|shard| async move {
        let (mut found, mut start) = (Vec::new(), None);
        loop {
            let page = table.query("counters.standings", of_shard(shard, None, PAGE, start)).await?;
            found.extend(page.items.iter().filter_map(read_entry));
            start = page.end;
            if start.is_none() {
                return Ok::<_, PortError>(found);
            }
        }
    });
    Ok(try_join_all(shards).await?.into_iter().flatten().collect())
}

/// Up to `limit` standings in trouble, and whether these are all. Sends one query per shard.
pub(crate) async fn in_trouble(
    table: &DynamoTable,
    limit: usize,
) -> Result<(Vec<(LocationId, Standing)>, bool), PortError> {
    let page = u32::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE);
    let queries = (0..state::STANDING_SHARDS)
        .map(|shard| table.query("counters.standings", of_shard(shard, Some(Urgency::Degraded), page, None)));
    let pages = try_join_all(queries).await?;
    let mut entries: Vec<&Item> = pages.iter().flat_map(|page| &page.items).collect();
    entries.sort_by_key(|entry| ItemFields(entry).text(state::STANDING_RANK).unwrap_or_default().to_owned());
    let is_all = entries.len() <= limit && pages.iter().all(|page| page.end.is_none());
    Ok((entries.into_iter().take(limit).filter_map(read_entry).collect(), is_all))
}

/// An unreadable standing counts as never written.
pub(crate) fn read(location: &LocationId, item: &Item) -> Option<(LocationId, Standing)> {
    Some((location.clone(), json::from_str(ItemFields(item).text(state::STANDING).ok()?).ok()?))
}

/// One page of a shard; with `until`, only standings that are at least that urgent.
fn of_shard(shard: u8, until: Option<Urgency>, limit: u32, start: Option<Item>) -> IndexQuery {
    let mut values = HashMap::from([(":shard".to_owned(), number(shard.into()))]);
    // Matches every location: `$` sorts after `#`.
    values.extend(until.map(|urgency| (":until".to_owned(), text(format!("{}$", urgency.rank())))));
    IndexQuery {
        index: state::STANDINGS_INDEX,
        condition: match until {
            Some(_) => "#standing_shard = :shard AND #standing_rank < :until",
            None => "#standing_shard = :shard",
        },
        values,
        projection: None,
        limit,
        start,
    }
}

fn read_entry(entry: &Item) -> Option<(LocationId, Standing)> {
    let location = ItemFields(entry).text(state::STANDING_RANK).ok()?.split_once('#')?.1.parse().ok()?;
    read(&location, entry)
}

/// The shard of a location; it never changes.
fn shard_of(location: &LocationId) -> u8 {
    Sha256::digest(location.as_str())[0] % state::STANDING_SHARDS
}
