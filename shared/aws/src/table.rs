//! A DynamoDB table with the few kinds of requests that the adapters need.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure, Select,
};
use ghl_sync_engine::ports::{BoxError, PortError, Tallied};

use crate::expression::{Update, names_in, number, text};
pub(crate) use crate::fields::Item;
use crate::fields::ItemFields;
use crate::tables::{IndexSpec, state};

/// How often the keys that DynamoDB left unprocessed are requested again.
const RETRIES: u32 = 5;
/// The first pause before that, doubled each time: 1.55 s in all.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Most keys listed by one query: DynamoDB ends a page at 1 MB anyway, some 10,000 of them.
const LIST_PAGE: u32 = 10_000;

#[derive(Debug, Clone)]
pub(crate) struct DynamoTable {
    client: Client,
    name: String,
}

/// Result of an update.
#[derive(Debug)]
pub(crate) enum Updated {
    /// The update was written.
    Written,
    /// The condition did not hold. Holds the current item, if there is one.
    Refused(Option<Item>),
}

/// Result of a deletion.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deleted {
    /// The item is gone. Holds its last state, if this request deleted it.
    Done(Option<Item>),
    /// The condition did not hold. Holds the current item.
    Refused(Item),
}

/// A query of an index, ascending.
#[derive(Debug)]
pub(crate) struct IndexQuery {
    pub(crate) index: IndexSpec,
    pub(crate) condition: &'static str,
    pub(crate) values: HashMap<String, AttributeValue>,
    /// The attributes to return; by default all that the index has.
    pub(crate) projection: Option<&'static str>,
    /// Most entries of the page, at least 1.
    pub(crate) limit: u32,
    /// Where the previous page ended.
    pub(crate) start: Option<Item>,
}

/// A partition of a table with local indexes cannot hold more. Only the records table has them.
#[derive(Debug, thiserror::Error)]
#[error(
    "the location's records and their index entries fill the 10 GB that DynamoDB takes of one location: delete items from \
     the records table that are no longer needed, then do it again"
)]
struct LocationIsFull {
    source: BoxError,
}

/// One page of an index.
#[derive(Debug)]
pub(crate) struct IndexPage {
    pub(crate) items: Vec<Item>,
    /// Where the page ended; `None` on the last page.
    pub(crate) end: Option<Item>,
}

impl IndexPage {
    /// The number of entries, up to `cap`.
    pub(crate) fn tallied(&self, cap: u32) -> Tallied {
        let found = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
        Tallied { count: found.min(u64::from(cap)), capped: found > u64::from(cap) }
    }
}

/// The result of one batch get.
#[derive(Debug)]
pub(crate) struct BatchGetResult {
    pub(crate) items: Vec<Item>,
    /// Keys that DynamoDB did not process.
    pub(crate) left_over: Vec<Item>,
}

impl DynamoTable {
    pub(crate) fn new(client: Client, name: impl Into<String>) -> Self {
        DynamoTable { client, name: name.into() }
    }

    pub(crate) async fn update(&self, action: &'static str, key: Item, update: Update) -> Result<Updated, PortError> {
        Ok(match self.update_returning(action, key, update, ReturnValue::None).await? {
            Ok(_) => Updated::Written,
            Err(standing) => Updated::Refused(standing),
        })
    }

    /// Compares the revision of the item (0: it has none yet) and advances it with `update`. If the SDK repeats the
    /// write because its reply was lost, the write finds its own token, and counts as done.
    pub(crate) async fn swap(
        &self,
        action: &'static str,
        key: Item,
        rev: u64,
        update: Update,
    ) -> Result<Updated, PortError> {
        let token = format!("{:016x}", fastrand::u64(..));
        let update = update.set(state::REV, number(rev + 1)).set(state::TOKEN, text(&token));
        let update = match rev {
            0 => update.only_if("attribute_not_exists(#rev)"),
            _ => update.only_if("#rev = :expected").with(":expected", number(rev)),
        };
        Ok(match self.update(action, key, update).await? {
            Updated::Refused(Some(item)) if ItemFields(&item).text(state::TOKEN).is_ok_and(|found| found == token) => {
                Updated::Written
            }
            updated => updated,
        })
    }

    /// Updates the item and returns what `wanted` asks for, or the current item if the condition did not hold.
    pub(crate) async fn update_returning(
        &self,
        action: &'static str,
        key: Item,
        update: Update,
        wanted: ReturnValue,
    ) -> Result<Result<Item, Option<Item>>, PortError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .return_values(wanted)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.onto(request).send().await {
            Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => Ok(Err(refusal.item().cloned())),
                Some(UpdateItemError::ItemCollectionSizeLimitExceededException(_)) => {
                    Err(PortError::new(action, LocationIsFull { source: error.into() }))
                }
                _ => Err(PortError::new(action, error)),
            },
        }
    }

    /// The current item (strongly consistent).
    pub(crate) async fn get(&self, action: &'static str, key: Item) -> Result<Option<Item>, PortError> {
        self.read(action, key, true).await
    }

    /// The item as of a moment ago (eventually consistent, at half the price).
    pub(crate) async fn peek(&self, action: &'static str, key: Item) -> Result<Option<Item>, PortError> {
        self.read(action, key, false).await
    }

    async fn read(&self, action: &'static str, key: Item, consistent: bool) -> Result<Option<Item>, PortError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(|error| PortError::new(action, error))?;
        Ok(output.item)
    }

    /// The current items (strongly consistent), in no order. `keys` are 1 to 100 distinct ones.
    pub(crate) async fn batch_get(&self, action: &'static str, keys: Vec<Item>) -> Result<BatchGetResult, PortError> {
        let failed = |error| PortError { action, source: error };
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let output = self
            .client
            .batch_get_item()
            .request_items(&self.name, keys.map_err(|error| failed(error.into()))?)
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        let items = output.responses.and_then(|mut tables| tables.remove(&self.name));
        let left_over = output.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name));
        Ok(BatchGetResult {
            items: items.unwrap_or_default(),
            left_over: left_over.map(|keys| keys.keys).unwrap_or_default(),
        })
    }

    /// Like [`DynamoTable::batch_get`], but requests unprocessed keys again. Returns all items that exist.
    pub(crate) async fn get_all(&self, action: &'static str, keys: Vec<Item>) -> Result<Vec<Item>, PortError> {
        let mut items = Vec::with_capacity(keys.len());
        let mut wanted = keys;
        for retry in 0..=RETRIES {
            let got = self.batch_get(action, wanted).await?;
            items.extend(got.items);
            if got.left_over.is_empty() {
                return Ok(items);
            }
            wanted = got.left_over;
            if retry < RETRIES {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(retry)).await;
            }
        }
        let left = wanted.len();
        Err(PortError::new(action, format!("DynamoDB left {left} keys unread, {RETRIES} retries included")))
    }

    /// The number of entries of `query` from its start on, up to `cap` (eventually consistent, at half the price).
    pub(crate) async fn count(&self, action: &'static str, query: IndexQuery, cap: u32) -> Result<Tallied, PortError> {
        let (mut found, mut start) = (0, query.start);
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(query.index.name)
                .select(Select::Count)
                .key_condition_expression(query.condition)
                .set_expression_attribute_names(Some(names_in(query.condition)))
                .set_expression_attribute_values(Some(query.values.clone()))
                .limit(i32::try_from(u64::from(query.limit).saturating_sub(found)).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| PortError::new(action, error))?;
            found += u64::try_from(output.count).unwrap_or_default();
            start = output.last_evaluated_key;
            if start.is_none() || found > u64::from(cap) {
                return Ok(Tallied { count: found.min(u64::from(cap)), capped: found > u64::from(cap) });
            }
        }
    }

    /// All items that the table lists as `listed`, by key (eventually consistent).
    pub(crate) async fn listed(&self, action: &'static str, listed: &str) -> Result<Vec<Item>, PortError> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let query = IndexQuery {
                index: state::LOCATIONS_INDEX,
                condition: "#listed = :listed",
                values: HashMap::from([(":listed".to_owned(), text(listed))]),
                projection: None,
                limit: LIST_PAGE,
                start,
            };
            let page = self.query(action, query).await?;
            items.extend(page.items);
            start = page.end;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// A page of the items that the table lists as `listed` with a key between these two, in descending order
    /// (eventually consistent).
    pub(crate) async fn listed_backwards(
        &self,
        action: &'static str,
        listed: &str,
        (from, to): (&str, &str),
        limit: u32,
    ) -> Result<IndexPage, PortError> {
        let condition = "#listed = :listed AND #pk BETWEEN :from AND :to";
        let values = [(":listed", listed), (":from", from), (":to", to)];
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(state::LOCATIONS_INDEX.name)
            .scan_index_forward(false)
            .key_condition_expression(condition)
            .set_expression_attribute_names(Some(names_in(condition)))
            .set_expression_attribute_values(Some(values.map(|(name, value)| (name.to_owned(), text(value))).into()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| PortError::new(action, error))?;
        Ok(IndexPage { items: output.items.unwrap_or_default(), end: output.last_evaluated_key })
    }

    /// The first `limit` items of a part of a partition, in the order of their sort keys (strongly consistent).
    pub(crate) async fn query_partition_now(
        &self,
        action: &'static str,
        condition: &'static str,
        values: HashMap<String, AttributeValue>,
        limit: u32,
    ) -> Result<IndexPage, PortError> {
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression(condition)
            .set_expression_attribute_names(Some(names_in(condition)))
            .set_expression_attribute_values(Some(values))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| PortError::new(action, error))?;
        Ok(IndexPage { items: output.items.unwrap_or_default(), end: output.last_evaluated_key })
    }

    /// One page of a partition of the table, in the order of its sort keys (eventually consistent).
    pub(crate) async fn query_partition(
        &self,
        action: &'static str,
        condition: &'static str,
        values: HashMap<String, AttributeValue>,
        limit: u32,
        start: Option<Item>,
    ) -> Result<IndexPage, PortError> {
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression(condition)
            .set_expression_attribute_names(Some(names_in(condition)))
            .set_expression_attribute_values(Some(values))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| PortError::new(action, error))?;
        Ok(IndexPage { items: output.items.unwrap_or_default(), end: output.last_evaluated_key })
    }

    /// Deletes an item if the condition holds. A missing item counts as deleted.
    pub(crate) async fn delete_if(
        &self,
        action: &'static str,
        key: Item,
        condition: &'static str,
        values: HashMap<String, AttributeValue>,
    ) -> Result<Deleted, PortError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names_in(condition)))
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(output) => Ok(Deleted::Done(output.attributes.filter(|attributes| !attributes.is_empty()))),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(refusal)) => {
                    let standing = refusal.item().filter(|item| !item.is_empty());
                    Ok(standing.map_or(Deleted::Done(None), |item| Deleted::Refused(item.clone())))
                }
                _ => Err(PortError::new(action, error)),
            },
        }
    }

    /// Deletes an item. Returns its last state, if it existed.
    pub(crate) async fn delete(&self, action: &'static str, key: Item) -> Result<Option<Item>, PortError> {
        let request = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        let output =
            request.return_values(ReturnValue::AllOld).send().await.map_err(|error| PortError::new(action, error))?;
        Ok(output.attributes.filter(|attributes| !attributes.is_empty()))
    }

    /// One page of an index. A local one is strongly consistent, a global one eventually.
    pub(crate) async fn query(&self, action: &'static str, query: IndexQuery) -> Result<IndexPage, PortError> {
        let mut names = names_in(query.condition);
        names.extend(query.projection.map(names_in).unwrap_or_default());
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(query.index.name)
            .consistent_read(query.index.is_consistent())
            .key_condition_expression(query.condition)
            .set_projection_expression(query.projection.map(str::to_owned))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(query.values))
            .limit(i32::try_from(query.limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(query.start)
            .send()
            .await
            .map_err(|error| PortError::new(action, error))?;
        Ok(IndexPage { items: output.items.unwrap_or_default(), end: output.last_evaluated_key })
    }
}
