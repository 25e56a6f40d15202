//! The gates in DynamoDB: one item per scope; every write compares and advances its revision.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use futures::future::join_all;
use ghl_sync_engine::ports::{DueChecks, GateEntry, GateStore, PortError, Replaced};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{EpochMs, ScopeId};
use sha2::{Digest, Sha256};

use crate::expression::{Update, number, text};
use crate::fields::{Damage, ItemFields};
use crate::table::{DynamoTable, IndexQuery, Item, Updated};
use crate::tables::state;

/// Prefix of a gate's partition key.
pub(crate) const PREFIX: &str = "gate#";

/// Implements [`GateStore`] in a table with the layout of [`STATE`](crate::tables::STATE).
///
/// If the SDK repeats a write because its reply was lost, the write finds its own token and succeeds. If someone else
/// has written in between, the result is a [`Replaced::Conflict`] with an entry that builds on the lost write.
#[derive(Debug, Clone)]
pub struct DynamoGateStore {
    table: DynamoTable,
}

impl DynamoGateStore {
    /// Uses the gates in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoGateStore { table: DynamoTable::new(client, table) }
    }
}

#[async_trait]
impl GateStore for DynamoGateStore {
    async fn load(&self, scope: &ScopeId) -> Result<GateEntry, PortError> {
        let item = self.table.get("gates.load", key_of(scope)).await?;
        entry(item.as_ref()).map_err(|damage| PortError::new("gates.load", damage))
    }

    async fn replace(&self, scope: &ScopeId, rev: u64, gate: &Gate) -> Result<Replaced<GateEntry>, PortError> {
        let failed = |source: Damage| PortError::new("gates.replace", source);
        let update = replace_update(scope, gate).map_err(failed)?;
        Ok(match self.table.swap("gates.replace", key_of(scope), rev, update).await? {
            Updated::Written => Replaced::Written { rev: rev + 1 },
            Updated::Refused(standing) => Replaced::Conflict(entry(standing.as_ref()).map_err(failed)?),
        })
    }

    async fn advance_work_seq(&self, scope: &ScopeId, now: EpochMs) -> Result<(), PortError> {
        let update = Update::new()
            .increment(state::WORK_SEQ)
            .increment(state::REV)
            .set(state::CHECK_SHARD, number(shard_of(scope).into()))
            .set(state::NEXT_CHECK_AT, number(now.0));
        self.table.update("gates.advance_work_seq", key_of(scope), update).await.map(drop) // There is no condition.
    }

    /// Sends one query per shard. The failure of one does not affect the others.
    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<DueChecks, PortError> {
        if limit == 0 {
            return Ok(DueChecks::default());
        }
        let shards = (0..state::CHECK_SHARDS).map(|shard| self.needing_check_in(shard, now, limit));
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
        Ok(DueChecks { scopes: looks.into_iter().map(|(_, scope)| scope).collect(), failed })
    }
}

impl DynamoGateStore {
    /// The first `limit` entries of one shard (fewer if they exceed 1 MB: the next tick gets the rest).
    async fn needing_check_in(
        &self,
        shard: u8,
        now: EpochMs,
        limit: u32,
    ) -> Result<Vec<(EpochMs, ScopeId)>, PortError> {
        let query = IndexQuery {
            index: state::CHECK_INDEX,
            condition: "#check_shard = :shard AND #next_check_at <= :now",
            values: HashMap::from([(":shard".to_owned(), number(shard.into())), (":now".to_owned(), number(now.0))]),
            projection: None,
            limit,
            start: None,
        };
        let page = self.table.query("gates.needing_check", query).await?;
        Ok(page.items.iter().filter_map(check_entry).collect())
    }
}

fn replace_update(scope: &ScopeId, gate: &Gate) -> Result<Update, Damage> {
    let json = serde_json::to_string(gate).map_err(|error| Damage::new(state::GATE, error.to_string()))?;
    let next_check_at = gate.next_check_at();
    Ok(Update::new()
        .set(state::GATE, text(json))
        .set_or_remove(state::CHECK_SHARD, next_check_at.map(|_| number(shard_of(scope).into())))
        .set_or_remove(state::NEXT_CHECK_AT, next_check_at.map(|time| number(time.0))))
}

fn key_of(scope: &ScopeId) -> Item {
    HashMap::from([(state::PK.to_owned(), text(format!("{PREFIX}{scope}")))])
}

/// The shard of the scope in the check index; it never changes.
fn shard_of(scope: &ScopeId) -> u8 {
    Sha256::digest(scope.as_str())[0] % state::CHECK_SHARDS
}

/// Reads the gate in `item`. Without an item, the gate does not exist yet; in an item without a gate, only the work
/// sequence was advanced so far.
fn entry(item: Option<&Item>) -> Result<GateEntry, Damage> {
    let Some(item) = item else { return Ok(GateEntry::default()) };
    let fields = ItemFields(item);
    let gate = match fields.optional_text(state::GATE)? {
        Some(json) => {
            ghl_sync_model::json::from_str(json).map_err(|error| Damage::new(state::GATE, error.to_string()))?
        }
        None => Gate::default(),
    };
    Ok(GateEntry {
        rev: fields.optional_number(state::REV)?.unwrap_or_default(),
        work_seq: fields.optional_number(state::WORK_SEQ)?.unwrap_or_default(),
        gate,
    })
}

/// Reads an entry of the check index. An entry with any other key was put there by hand, and is skipped.
fn check_entry(entry: &Item) -> Option<(EpochMs, ScopeId)> {
    let entry = ItemFields(entry);
    let next_check_at = entry.number(state::NEXT_CHECK_AT).ok()?;
    let scope = entry.text(state::PK).ok().and_then(|pk| pk.strip_prefix(PREFIX)?.parse().ok());
    if scope.is_none() {
        tracing::warn!(next_check_at, "an entry of the check index is not a gate of ours");
    }
    Some((EpochMs(next_check_at), scope?))
}
