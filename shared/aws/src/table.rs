//! A DynamoDB table as the adapters see it: few kinds of request.

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
use crate::fields::Fields;
pub(crate) use crate::fields::Item;
use crate::tables::{IndexSpec, state};

/// How often the keys that DynamoDB did not get to are asked for again.
const RETRIES: u32 = 5;
/// The pause before that, doubled each time: 1.55 s in all.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Keys listed by one query, at most: DynamoDB ends a page at 1 MB anyway, some 10,000 of them.
const LIST_PAGE: u32 = 10_000;

#[derive(Debug, Clone)]
pub(crate) struct Table {
    client: Client,
    name: String,
}

/// What became of an update.
#[derive(Debug)]
pub(crate) enum Updated {
    /// It is done.
    Written,
    /// Its condition did not hold. The item as it stands, if there is one.
    Refused(Option<Item>),
}

/// What became of a deletion.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deleted {
    /// It is gone; as it was before, if this request deleted it.
    Done(Option<Item>),
    /// Its condition did not hold; it stands so.
    Refused(Item),
}

/// A query of an index, ascending.
#[derive(Debug)]
pub(crate) struct IndexQuery {
    pub(crate) index: IndexSpec,
    pub(crate) condition: &'static str,
    pub(crate) values: HashMap<String, AttributeValue>,
    /// Which attributes are wanted; all that the index has, unless said.
    pub(crate) projection: Option<&'static str>,
    /// Most entries of the page, at least 1.
    pub(crate) limit: u32,
    /// Where the page before ended.
    pub(crate) start: Option<Item>,
}

/// A partition of a table with local indexes holds no more. The records table is the only one that has them.
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
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// Where it ended; `None` on the last page.
    pub(crate) end: Option<Item>,
}

impl Page {
    /// How many entries it has, up to `cap`.
    pub(crate) fn tallied(&self, cap: u32) -> Tallied {
        let found = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
        Tallied { count: found.min(u64::from(cap)), capped: found > u64::from(cap) }
    }
}

/// What one batch get found.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) items: Vec<Item>,
    /// Keys that DynamoDB did not get to.
    pub(crate) left_over: Vec<Item>,
}

impl Table {
    pub(crate) fn new(client: Client, name: impl Into<String>) -> Self {
        Table { client, name: name.into() }
    }

    pub(crate) async fn update(&self, action: &'static str, key: Item, update: Update) -> Result<Updated, PortError> {
        Ok(match self.update_returning(action, key, update, ReturnValue::None).await? {
            Ok(_) => Updated::Written,
            Err(standing) => Updated::Refused(standing),
        })
    }

    /// Compares the revision of the item (0: it has none yet) and advances it with `update`. A write whose reply was lost
    /// and that the SDK repeats finds its own token, and is done.
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
            Updated::Refused(Some(item)) if Fields(&item).text(state::TOKEN).is_ok_and(|found| found == token) => {
                Updated::Written
            }
            updated => updated,
        })
    }

    /// Updates, and returns what of the item was asked for; or, if the condition did not hold, the item as it stands.
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

    /// The item as it is now (strongly consistent).
    pub(crate) async fn get(&self, action: &'static str, key: Item) -> Result<Option<Item>, PortError> {
        self.read(action, key, true).await
    }

    /// The item as it was a moment ago (eventually consistent, at half the price).
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

    /// The items as they are now (strongly consistent), in no order. `keys` are 1 to 100 different ones.
    pub(crate) async fn batch_get(&self, action: &'static str, keys: Vec<Item>) -> Result<Got, PortError> {
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
        Ok(Got { items: items.unwrap_or_default(), left_over: left_over.map(|keys| keys.keys).unwrap_or_default() })
    }

    /// The same, all of those that exist: what DynamoDB did not get to is asked for again.
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

    /// How many entries the pages of `query` have from its start on, up to `cap` (eventually consistent, at half the price).
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

    /// All that the table lists as `listed`, by key (eventually consistent).
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

    /// A page of what the table lists as `listed` with a key between these two, the last key first (eventually consistent).
    pub(crate) async fn listed_backwards(
        &self,
        action: &'static str,
        listed: &str,
        (from, to): (&str, &str),
        limit: u32,
    ) -> Result<Page, PortError> {
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
        Ok(Page { items: output.items.unwrap_or_default(), end: output.last_evaluated_key })
    }

    /// The first `limit` items of a part of a partition, in the order of their sort keys, as they are now (strongly
    /// consistent).
    pub(crate) async fn query_partition_now(
        &self,
        action: &'static str,
        condition: &'static str,
        values: HashMap<String, AttributeValue>,
        limit: u32,
    ) -> Result<Page, PortError> {
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
        Ok(Page { items: output.items.unwrap_or_default(), end: output.last_evaluated_key })
    }

    /// One page of a partition of the table, in the order of its sort keys, as it was a moment ago.
    pub(crate) async fn query_partition(
        &self,
        action: &'static str,
        condition: &'static str,
        values: HashMap<String, AttributeValue>,
        limit: u32,
        start: Option<Item>,
    ) -> Result<Page, PortError> {
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
        Ok(Page { items: output.items.unwrap_or_default(), end: output.last_evaluated_key })
    }

    /// Deletes an item, if the condition holds of it. One that is gone already is deleted.
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

    /// Deletes an item. Returns it as it was, if there was one.
    pub(crate) async fn delete(&self, action: &'static str, key: Item) -> Result<Option<Item>, PortError> {
        let request = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        let output =
            request.return_values(ReturnValue::AllOld).send().await.map_err(|error| PortError::new(action, error))?;
        Ok(output.attributes.filter(|attributes| !attributes.is_empty()))
    }

    /// One page of an index: of a local one as it is now, of a global one as it was a moment ago.
    pub(crate) async fn query(&self, action: &'static str, query: IndexQuery) -> Result<Page, PortError> {
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
        Ok(Page { items: output.items.unwrap_or_default(), end: output.last_evaluated_key })
    }
}
