//! Reading records by their keys.

use std::collections::{HashMap, HashSet};

use ghl_sync_engine::ports::{Loaded, PortError};
use ghl_sync_model::{LocationId, RecordKey};

use super::{item, key_of};
use crate::fields::Fields;
use crate::table::{Item, Table};
use crate::tables::record;

/// Most keys that DynamoDB takes in one batch.
const BATCH: usize = 100;

/// The records of `keys`, in that order, each once; unknown ones are left out.
pub(super) async fn records(
    table: &Table,
    location: &LocationId,
    keys: &[RecordKey],
) -> Result<Vec<Loaded>, PortError> {
    let mut seen = HashSet::new();
    let keys: Vec<_> = keys.iter().filter(|key| seen.insert(*key)).collect();
    let mut items = HashMap::new();
    for batch in keys.chunks(BATCH) {
        items.extend(fetch(table, location, batch).await?);
    }
    Ok(keys.into_iter().filter_map(|key| Some(loaded(location, key, items.get(&key.to_string())?))).collect())
}

/// The item of `key`, if there is one and it is not a readable record.
pub(super) async fn item_if_damaged(
    table: &Table,
    location: &LocationId,
    key: &RecordKey,
) -> Result<Option<Item>, PortError> {
    let found = table.get("outbox.load", key_of(location, key)).await?;
    Ok(found.filter(|found| item::read(location, key, found).is_err()))
}

/// The items of at most 100 different keys, by their sort key.
async fn fetch(table: &Table, location: &LocationId, keys: &[&RecordKey]) -> Result<Vec<(String, Item)>, PortError> {
    let wanted = keys.iter().map(|key| key_of(location, key)).collect();
    let items = table.get_all("outbox.load", wanted).await?.into_iter();
    Ok(items.filter_map(|item| Some((Fields(&item).text(record::RECORD).ok()?.to_owned(), item))).collect())
}

fn loaded(location: &LocationId, key: &RecordKey, found: &Item) -> Loaded {
    match item::read(location, key, found) {
        Ok(record) => Loaded::Record(Box::new(record)),
        Err(damage) => Loaded::Damaged { key: key.clone(), reason: damage.to_string() },
    }
}
