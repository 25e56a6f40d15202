//! The gates in DynamoDB: one item a scope, every write compared and advanced.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValue;
use futures::future::join_all;
use ghl_sync_engine::ports::{GateEntry, GateStore, Looks, PortError, Replaced};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{EpochMs, ScopeId};
use sha2::{Digest, Sha256};

use crate::expression::{Update, number, text};
use crate::fields::{Damage, Fields};
use crate::table::{IndexQuery, Item, Table, Updated};
use crate::tables::state;
use crate::usage::{Purpose, Usage};

/// What a gate's partition key starts with.
const PREFIX: &str = "gate#";

/// The [`GateStore`] in a table that is made like [`STATE`](crate::tables::STATE).
///
/// A write whose reply was lost and that the SDK repeats finds its own token, and is a success. If somebody else has
/// written in between, it is a [`Replaced::Conflict`] whose entry was built upon the lost write.
#[derive(Debug, Clone)]
pub struct DynamoGateStore {
    table: Table,
}

impl DynamoGateStore {
    /// The gates in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, usage: Arc<Usage>) -> Self {
        DynamoGateStore { table: Table::new(client, table, usage) }
    }
}

#[async_trait]
impl GateStore for DynamoGateStore {
    async fn load(&self, scope: &ScopeId) -> Result<GateEntry, PortError> {
        let item = self.table.get(Purpose::GateLoad, key_of(scope)).await?;
        entry(item.as_ref()).map_err(|damage| PortError::new(Purpose::GateLoad.as_str(), damage))
    }

    async fn replace(&self, scope: &ScopeId, rev: u64, gate: &Gate) -> Result<Replaced, PortError> {
        let failed = |source: Damage| PortError::new(Purpose::GateReplace.as_str(), source);
        let token = format!("{:016x}", fastrand::u64(..));
        let update = replace_update(scope, rev, gate, &token).map_err(failed)?;
        let standing = match self.table.update(Purpose::GateReplace, key_of(scope), update).await? {
            Updated::Written => return Ok(Replaced::Written { rev: rev + 1 }),
            Updated::Refused(standing) => standing,
        };
        if standing.as_ref().is_some_and(|item| Fields(item).text(state::TOKEN).is_ok_and(|found| found == token)) {
            return Ok(Replaced::Written { rev: rev + 1 });
        }
        Ok(Replaced::Conflict(Box::new(entry(standing.as_ref()).map_err(failed)?)))
    }

    async fn kick(&self, scope: &ScopeId, now: EpochMs) -> Result<u64, PortError> {
        let update = Update::new()
            .increment(state::KICK)
            .increment(state::REV)
            .set(state::KICKED_AT, number(now.0))
            .set(state::LOOK_SHARD, number(shard_of(scope).into()))
            .set(state::LOOK_AT, number(now.0));
        let kicked = self.table.update_returning(Purpose::GateKick, key_of(scope), update, ReturnValue::UpdatedNew);
        let item = kicked.await?.unwrap_or_default(); // It has no condition.
        Ok(Fields(&item).number(state::KICK).unwrap_or_default())
    }

    /// One query a shard. One that fails keeps no other back.
    async fn needing_look(&self, now: EpochMs, limit: u32) -> Result<Looks, PortError> {
        if limit == 0 {
            return Ok(Looks::default());
        }
        let shards = (0..state::LOOK_SHARDS).map(|shard| self.needing_look_in(shard, now, limit));
        let (mut looks, mut failed, mut told) = (Vec::new(), Vec::new(), 0);
        for shard in join_all(shards).await {
            match shard {
                Ok(found) => {
                    looks.extend(found);
                    told += 1;
                }
                Err(error) => failed.push(error),
            }
        }
        if told == 0
            && let Some(error) = failed.pop()
        {
            return Err(error);
        }
        looks.sort();
        looks.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Looks { scopes: looks.into_iter().map(|(_, scope)| scope).collect(), failed })
    }
}

impl DynamoGateStore {
    /// The first `limit` entries of one shard (fewer, should they fill more than 1 MB: the next tick sees the rest).
    async fn needing_look_in(&self, shard: u8, now: EpochMs, limit: u32) -> Result<Vec<(EpochMs, ScopeId)>, PortError> {
        let query = IndexQuery {
            index: state::LOOK_INDEX,
            condition: "#look_shard = :shard AND #look_at <= :now",
            values: HashMap::from([(":shard".to_owned(), number(shard.into())), (":now".to_owned(), number(now.0))]),
            projection: None,
            limit,
            start: None,
        };
        let page = self.table.query(Purpose::GateLook, query).await?;
        Ok(page.items.iter().filter_map(look_entry).collect())
    }
}

fn replace_update(scope: &ScopeId, rev: u64, gate: &Gate, token: &str) -> Result<Update, Damage> {
    let json = serde_json::to_string(gate).map_err(|error| Damage::new(state::GATE, error.to_string()))?;
    let look_at = gate.look_at();
    let update = Update::new()
        .set(state::REV, number(rev + 1))
        .set(state::GATE, text(json))
        .set(state::TOKEN, text(token))
        .set_or_remove(state::LOOK_SHARD, look_at.map(|_| number(shard_of(scope).into())))
        .set_or_remove(state::LOOK_AT, look_at.map(|time| number(time.0)));
    Ok(match rev {
        0 => update.only_if("attribute_not_exists(#rev)"),
        _ => update.only_if("#rev = :expected").with(":expected", number(rev)),
    })
}

fn key_of(scope: &ScopeId) -> Item {
    HashMap::from([(state::PK.to_owned(), text(format!("{PREFIX}{scope}")))])
}

/// The shard of the look index that the scope is in, always the same one.
fn shard_of(scope: &ScopeId) -> u8 {
    Sha256::digest(scope.as_str())[0] % state::LOOK_SHARDS
}

/// The gate in `item`. No item is a gate that does not exist yet; an item without a gate was only kicked so far.
fn entry(item: Option<&Item>) -> Result<GateEntry, Damage> {
    let Some(item) = item else { return Ok(GateEntry::default()) };
    let fields = Fields(item);
    let gate = match fields.optional_text(state::GATE)? {
        Some(json) => {
            ghl_sync_model::json::from_str(json).map_err(|error| Damage::new(state::GATE, error.to_string()))?
        }
        None => Gate::default(),
    };
    Ok(GateEntry {
        rev: fields.optional_number(state::REV)?.unwrap_or_default(),
        kick: fields.optional_number(state::KICK)?.unwrap_or_default(),
        kicked_at: fields.optional_number(state::KICKED_AT)?.map(EpochMs),
        gate,
    })
}

/// An entry of the look index. One whose key is no gate's was put there by hand, and is passed over.
fn look_entry(entry: &Item) -> Option<(EpochMs, ScopeId)> {
    let entry = Fields(entry);
    let look_at = entry.number(state::LOOK_AT).ok()?;
    let scope = entry.text(state::PK).ok().and_then(|pk| pk.strip_prefix(PREFIX)?.parse().ok());
    if scope.is_none() {
        tracing::warn!(look_at, "an entry of the look index is not a gate of ours");
    }
    Some((EpochMs(look_at), scope?))
}
