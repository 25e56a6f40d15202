//! Loads records by key, or in the order of their keys.

use std::collections::{HashMap, HashSet};

use ghl_sync_engine::ports::{ListedPage, Loaded, PortError};
use ghl_sync_model::{Kind, LocationId, RecordCursor, RecordKey};

use super::{item, key_of};
use crate::expression::text;
use crate::fields::ItemFields;
use crate::table::{DynamoTable, Item};
use crate::tables::record;

/// Most keys that DynamoDB accepts in one batch.
const BATCH: usize = 100;

/// The records of `keys` in that order, each once. Unknown keys are left out.
pub(super) async fn records(
    table: &DynamoTable,
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

/// Up to `limit` records in the order of their keys. DynamoDB ends a page at 1 MB.
pub(super) async fn page(
    table: &DynamoTable,
    location: &LocationId,
    kind: Option<Kind>,
    after: Option<&RecordCursor>,
    limit: u32,
) -> Result<ListedPage, PortError> {
    let mut values = HashMap::from([(":location".to_owned(), text(location.as_str()))]);
    let condition = match kind {
        Some(kind) => {
            values.insert(":kind".to_owned(), text(format!("{kind}#")));
            "#location_id = :location AND begins_with(#record, :kind)"
        }
        None => "#location_id = :location",
    };
    let start = after.map(|cursor| key_of(location, &cursor.key));
    let page = table.query_partition("outbox.list", condition, values, limit.max(1), start).await?;
    let key = |item: &Item| ItemFields(item).parsed::<RecordKey>(record::RECORD).ok();
    // An item with a foreign key was put there by hand, and is skipped.
    let records = page.items.iter().filter_map(|item| Some(loaded(location, &key(item)?, item))).collect();
    let next = page.end.as_ref().and_then(key).map(|key| RecordCursor { key });
    Ok(ListedPage { records, next })
}

/// The item of `key`, if it exists and is not a readable record.
pub(super) async fn item_if_damaged(
    table: &DynamoTable,
    location: &LocationId,
    key: &RecordKey,
) -> Result<Option<Item>, PortError> {
    let found = table.get("outbox.load", key_of(location, key)).await?;
    Ok(found.filter(|found| item::read(location, key, found).is_err()))
}

/// The items of at most 100 distinct keys, with their sort keys.
async fn fetch(
    table: &DynamoTable,
    location: &LocationId,
    keys: &[&RecordKey],
) -> Result<Vec<(String, Item)>, PortError> {
    let wanted = keys.iter().map(|key| key_of(location, key)).collect();
    let items = table.get_all("outbox.load", wanted).await?.into_iter();
    Ok(items.filter_map(|item| Some((ItemFields(&item).text(record::RECORD).ok()?.to_owned(), item))).collect())
}

fn loaded(location: &LocationId, key: &RecordKey, found: &Item) -> Loaded {
    match item::read(location, key, found) {
        Ok(record) => Loaded::Record(Box::new(record)),
        Err(damage) => Loaded::Damaged { key: key.clone(), reason: damage.to_string() },
    }
}
