//! Additional items of migrations in the state table: one for each page that they write, and one for each claimed
//! target. Also lists the migrations.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use ghl_sync_engine::ports::PortError;
use ghl_sync_migrate::ports::{MigrationStore, TargetClaim};
use ghl_sync_model::{EpochMs, Item as _, LocationId, Migration, MigrationId, MigrationPage, PageKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::expression::{Update, number, seconds, text};
use crate::fields::{Damage, ItemFields};
use crate::table::{DynamoTable, IndexQuery, Item};
use crate::tables::{migration, state};

/// Prefix of a migration's partition key.
const PREFIX: &str = "migration#";
/// Prefix of a claim's partition key.
const TARGET_PREFIX: &str = "migration-target#";
/// Most items read by one request. (DynamoDB takes 100 keys, and leaves out whatever exceeds 16 MB.)
const BATCH: u32 = 100;

/// Implements [`MigrationStore`] in a table with the layout of [`STATE`](crate::tables::STATE).
///
/// If the SDK repeats a write because its reply was lost, the write finds exactly its own content, and succeeds.
#[derive(Debug, Clone)]
pub struct DynamoMigrationStore {
    table: DynamoTable,
}

impl DynamoMigrationStore {
    /// Uses the migrations in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoMigrationStore { table: DynamoTable::new(client, table) }
    }

    /// The ids of all migrations. (Entries that were listed by hand and are no migrations are skipped.)
    async fn ids(&self) -> Result<Vec<MigrationId>, PortError> {
        let items = self.table.listed("migrations.list", Migration::LISTED).await?;
        Ok(items.iter().filter_map(id_in).collect())
    }
}

#[async_trait]
impl MigrationStore for DynamoMigrationStore {
    async fn claim_target(&self, target: &LocationId, id: &MigrationId) -> Result<TargetClaim, PortError> {
        let claim = Update::new()
            .set(migration::HOLDER, text(id.as_str()))
            .only_if("attribute_not_exists(#holder) OR #holder = :holder");
        let claimed = self.table.update_returning("migrations.write", target_key(target), claim, ReturnValue::AllNew);
        let claim = match claimed.await? {
            Ok(item) => ItemFields(&item)
                .optional_number(migration::ROUND)
                .map(|round| TargetClaim::Claimed { round: round.unwrap_or_default() }),
            Err(standing) => {
                let standing = standing.unwrap_or_default();
                ItemFields(&standing).parsed(migration::HOLDER).map(TargetClaim::HeldBy)
            }
        };
        claim.map_err(|damage| PortError::new("migrations.write", damage))
    }

    async fn release_target(&self, target: &LocationId, id: &MigrationId, next_round: bool) -> Result<(), PortError> {
        let release =
            Update::new().remove([migration::HOLDER]).only_if("#holder = :mine").with(":mine", text(id.as_str()));
        let release = if next_round { release.increment(migration::ROUND) } else { release };
        // If it is refused, another migration holds the claim, or nobody does.
        self.table.update("migrations.write", target_key(target), release).await.map(drop)
    }

    async fn put_page(
        &self,
        id: &MigrationId,
        kind: PageKind,
        page: &MigrationPage,
        keep_until: EpochMs,
    ) -> Result<(), PortError> {
        let json = json_of("migrations.put_page", page)?;
        let update = Update::new().set(migration::PAGE, json).set(state::TTL, seconds(keep_until));
        let key = key_of(page_key(id, kind, page.number));
        self.table.update("migrations.put_page", key, update).await.map(drop)
    }

    async fn pages(
        &self,
        id: &MigrationId,
        kind: PageKind,
        from: u32,
        limit: u32,
    ) -> Result<Vec<MigrationPage>, PortError> {
        let mut pages: Vec<MigrationPage> = Vec::new();
        let (mut from, end) = (from, from.saturating_add(limit));
        while from < end {
            let to = end.min(from.saturating_add(BATCH));
            let keys = (from..to).map(|page| key_of(page_key(id, kind, page))).collect();
            let items = self.table.get_all("migrations.pages", keys).await?;
            let read = items.iter().map(|item| read_json(ItemFields(item), migration::PAGE));
            let read: Result<Vec<MigrationPage>, _> = read.collect();
            let read = read.map_err(|damage| PortError::new("migrations.pages", damage))?;
            let all = read.len() == (to - from) as usize;
            pages.extend(read);
            if !all {
                break;
            }
            from = to;
        }
        pages.sort_by_key(|page| page.number);
        Ok(pages)
    }

    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<Vec<MigrationId>, PortError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let shard = (":shard".to_owned(), number(state::ITEMS_CHECK_SHARD.into()));
        let query = IndexQuery {
            index: state::CHECK_INDEX,
            condition: "#check_shard = :shard AND #next_check_at <= :now",
            values: HashMap::from([shard, (":now".to_owned(), number(now.0))]),
            projection: None,
            limit,
            start: None,
        };
        let page = self.table.query("migrations.needing_check", query).await?;
        Ok(page.items.iter().filter_map(id_in).collect())
    }

    /// Migration ids start with their creation time, so the newest come last in the index.
    async fn list(&self, limit: u32) -> Result<Vec<Migration>, PortError> {
        let ids = self.ids().await?;
        let newest = &ids[ids.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX))..];
        let mut migrations = Vec::new();
        for ids in newest.chunks(BATCH as usize) {
            let keys = ids.iter().map(|id| key_of(Migration::item_key(id))).collect();
            for item in self.table.get_all("migrations.list", keys).await? {
                let read = read_json::<Migration>(ItemFields(&item), Migration::KIND.attribute);
                migrations.push(read.map_err(|damage| PortError::new("migrations.list", damage))?);
            }
        }
        migrations.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(migrations)
    }
}

fn key_of(key: impl Into<String>) -> Item {
    HashMap::from([(state::PK.to_owned(), text(key))])
}

fn page_key(id: &MigrationId, kind: PageKind, number: u32) -> String {
    format!("{PREFIX}{id}#page#{}#{number:06}", kind.as_str())
}

fn target_key(target: &LocationId) -> Item {
    key_of(format!("{TARGET_PREFIX}{target}"))
}

/// The migration of an index entry. An entry with any other key was put there by hand.
fn id_in(entry: &Item) -> Option<MigrationId> {
    ItemFields(entry).text(state::PK).ok()?.strip_prefix(PREFIX)?.parse().ok()
}

fn json_of(action: &'static str, value: &impl Serialize) -> Result<AttributeValue, PortError> {
    serde_json::to_string(value).map(text).map_err(|error| PortError::new(action, error))
}

fn read_json<T: DeserializeOwned>(item: ItemFields<'_>, attribute: &'static str) -> Result<T, Damage> {
    // The message gives the position, but shows nothing of the content.
    let unreadable = |error: serde_json::Error| {
        Damage::new(attribute, format!("cannot be read at line {} column {}", error.line(), error.column()))
    };
    ghl_sync_model::json::from_str(item.text(attribute)?).map_err(unreadable)
}
