//! Items of the state table with revisions, each holding a value as JSON.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use futures::future::try_join_all;
use ghl_sync_engine::ports::{ItemPage, ItemStore, Listing, NewItem, PortError, Replaced, StoredItem};
use ghl_sync_model::ItemKind;

use crate::expression::{Update, number, seconds, text};
use crate::fields::{Damage, ItemFields};
use crate::table::{Deleted, DynamoTable, Item, Updated};
use crate::tables::state;

/// Most items that DynamoDB gets in one request.
const KEYS_A_GET: usize = 100;

/// Implements [`ItemStore`] in a table with the layout of [`STATE`](crate::tables::STATE).
#[derive(Debug, Clone)]
pub struct DynamoItems {
    table: DynamoTable,
}

impl DynamoItems {
    /// Uses the items in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoItems { table: DynamoTable::new(client, table) }
    }
}

#[async_trait]
impl ItemStore for DynamoItems {
    async fn load(&self, kind: &'static ItemKind, key: &str) -> Result<Option<StoredItem>, PortError> {
        let item = match kind.may_be_stale {
            true => self.table.peek(kind.load, key_of(key)).await?,
            false => self.table.get(kind.load, key_of(key)).await?,
        };
        stored(kind, item.as_ref()).map_err(|damage| PortError::new(kind.load, damage))
    }

    async fn load_each(&self, kind: &'static ItemKind, keys: &[String]) -> Result<Vec<Option<StoredItem>>, PortError> {
        let chunks = keys.chunks(KEYS_A_GET).map(|keys| async move {
            self.table.get_all(kind.load, keys.iter().map(|key| key_of(key)).collect()).await
        });
        let items: Vec<Item> = try_join_all(chunks).await?.into_iter().flatten().collect();
        let damaged = |damage| PortError::new(kind.load, damage);
        let mut found = HashMap::new();
        for item in &items {
            let key = ItemFields(item).text(state::PK).map_err(damaged)?;
            found.insert(key, stored(kind, Some(item)).map_err(damaged)?);
        }
        Ok(keys.iter().map(|key| found.remove(key.as_str()).flatten()).collect())
    }

    async fn remove(&self, kind: &'static ItemKind, key: &str, rev: Option<u64>) -> Result<bool, PortError> {
        let Some(rev) = rev else {
            return self.table.delete(kind.replace, key_of(key)).await.map(|_| true);
        };
        let values = HashMap::from([(":rev".to_owned(), number(rev))]);
        let deleted = self.table.delete_if(kind.replace, key_of(key), "#rev = :rev", values).await?;
        Ok(matches!(deleted, Deleted::Done(_)))
    }

    async fn replace(
        &self,
        kind: &'static ItemKind,
        key: &str,
        rev: u64,
        item: NewItem,
    ) -> Result<Replaced<Option<StoredItem>>, PortError> {
        let update = Update::new()
            .set(kind.attribute, text(item.json))
            .set_known(state::LISTED, kind.listed.map(text))
            .set_known(state::TTL, item.keep_until.map(seconds));
        let update = match kind.checked {
            true => update
                .set_or_remove(state::CHECK_SHARD, item.next_check_at.map(|_| number(state::ITEMS_CHECK_SHARD.into())))
                .set_or_remove(state::NEXT_CHECK_AT, item.next_check_at.map(|time| number(time.0))),
            false => update,
        };
        Ok(match self.table.swap(kind.replace, key_of(key), rev, update).await? {
            Updated::Written => Replaced::Written { rev: rev + 1 },
            Updated::Refused(standing) => {
                let standing = stored(kind, standing.as_ref());
                Replaced::Conflict(standing.map_err(|damage| PortError::new(kind.replace, damage))?)
            }
        })
    }

    /// Sends one query of the index, which has only keys, and one read of the items.
    async fn list(&self, kind: &'static ItemKind, wanted: &Listing) -> Result<ItemPage<StoredItem>, PortError> {
        let damaged = |damage| PortError::new(kind.load, damage);
        let listed = kind.listed.ok_or_else(|| PortError::new(kind.load, "items of this kind are not listed"))?;
        let Listing { from, before, limit } = wanted;
        if from >= before {
            return Ok(ItemPage { items: Vec::new(), next: None });
        }
        let page = self.table.listed_backwards(kind.load, listed, (from, before), limit.saturating_add(2)).await?;
        let keys = page.items.iter().map(|item| ItemFields(item).text(state::PK).map(str::to_owned));
        let mut keys = keys.collect::<Result<Vec<String>, _>>().map_err(damaged)?;
        // The range includes `before`, which is not part of the page; the extra last key tells whether more follow.
        keys.retain(|key| key < before);
        let has_more = keys.len() > *limit as usize || page.end.is_some();
        keys.truncate(*limit as usize);
        let next = keys.last().filter(|_| has_more).cloned();
        if keys.is_empty() {
            return Ok(ItemPage { items: Vec::new(), next });
        }
        let items = self.table.get_all(kind.load, keys.iter().map(|key| key_of(key)).collect()).await?;
        let mut found = HashMap::new();
        for item in &items {
            let key = ItemFields(item).text(state::PK).map_err(damaged)?;
            found.extend(stored(kind, Some(item)).map_err(damaged)?.map(|stored| (key, stored)));
        }
        // An item deleted in between is left out.
        let items = keys.into_iter().filter_map(|key| found.remove(key.as_str()).map(|stored| (key, stored))).collect();
        Ok(ItemPage { items, next })
    }
}

fn stored(kind: &ItemKind, item: Option<&Item>) -> Result<Option<StoredItem>, Damage> {
    let Some(fields) = item.map(ItemFields) else { return Ok(None) };
    let json = fields.optional_text(kind.attribute)?.map(str::to_owned);
    Ok(Some(StoredItem { rev: fields.optional_number(state::REV)?.unwrap_or_default(), json }))
}

fn key_of(key: &str) -> Item {
    HashMap::from([(state::PK.to_owned(), text(key))])
}
