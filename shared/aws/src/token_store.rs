//! Issued tokens in DynamoDB: one item a grant or location of a grant, every write compared and advanced.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ghl_sync_access::ports::{TokenReplaced, TokenStore};
use ghl_sync_access::{AccessToken, TokenEntry, TokenLease, Trouble};
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{EpochMs, Holder, Secret};
use serde::{Deserialize, Serialize};

use crate::expression::{Update, number, text};
use crate::fields::{Damage, Fields};
use crate::table::{Item, Table, Updated};
use crate::tables::state;
use crate::usage::{Purpose, Usage};

/// What the partition key of a token starts with.
const PREFIX: &str = "token#";
/// A refresh token that nobody has used for a year is good no more; its item may go some time later.
const KEPT: Duration = Duration::from_secs(400 * 86_400);

/// The [`TokenStore`] in a table that is made like [`STATE`](crate::tables::STATE).
///
/// A write whose reply was lost and that the SDK repeats is a [`TokenReplaced::Conflict`] with what it has written
/// itself, which tells its writer all it needs.
#[derive(Debug, Clone)]
pub struct DynamoTokenStore {
    table: Table,
}

impl DynamoTokenStore {
    /// The tokens in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, usage: Arc<Usage>) -> Self {
        DynamoTokenStore { table: Table::new(client, table, usage) }
    }
}

#[async_trait]
impl TokenStore for DynamoTokenStore {
    async fn load(&self, key: &str) -> Result<TokenEntry, PortError> {
        let item = self.table.get(Purpose::TokenLoad, key_of(key)).await?;
        read(item.as_ref()).map_err(|damage| PortError::new(Purpose::TokenLoad.as_str(), damage))
    }

    async fn replace(&self, key: &str, entry: &TokenEntry) -> Result<TokenReplaced, PortError> {
        let failed = |source: Damage| PortError::new(Purpose::TokenReplace.as_str(), source);
        let json = serde_json::to_string(&Stored::from(entry));
        let json = json.map_err(|error| failed(Damage::new(state::TOKENS, error.to_string())))?;
        let update = Update::new()
            .set(state::REV, number(entry.fence))
            .set(state::TOKENS, text(json))
            .set(state::TTL, number(expires_s(entry)));
        let update = match entry.fence {
            0 | 1 => update.only_if("attribute_not_exists(#rev)"),
            fence => update.only_if("#rev = :expected").with(":expected", number(fence - 1)),
        };
        Ok(match self.table.update(Purpose::TokenReplace, key_of(key), update).await? {
            Updated::Written => TokenReplaced::Written,
            Updated::Refused(standing) => TokenReplaced::Conflict(Box::new(read(standing.as_ref()).map_err(failed)?)),
        })
    }
}

fn key_of(key: &str) -> Item {
    HashMap::from([(state::PK.to_owned(), text(format!("{PREFIX}{key}")))])
}

fn read(item: Option<&Item>) -> Result<TokenEntry, Damage> {
    let Some(item) = item else { return Ok(TokenEntry::default()) };
    // The error of a JSON reader may quote what it read.
    let stored: Stored = ghl_sync_model::json::from_str(Fields(item).text(state::TOKENS)?)
        .map_err(|error| Damage::new(state::TOKENS, format!("cannot be read at column {}", error.column())))?;
    Ok(stored.entry(Fields(item).number(state::REV)?))
}

/// When nobody needs the entry any more, in seconds since the epoch.
fn expires_s(entry: &TokenEntry) -> u64 {
    let times = [
        entry.access.as_ref().map(|access| access.expires_at),
        entry.lease.as_ref().map(|lease| lease.until),
        entry.trouble.as_ref().map(|trouble| trouble.retry_at),
    ];
    let last = times.into_iter().flatten().max().unwrap_or_default();
    (last + KEPT).0 / 1000
}

/// An entry as it is written. A field of a newer build is passed over.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access: Option<StoredAccess>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<StoredLease>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spent_since: Option<EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trouble: Option<StoredTrouble>,
}

#[derive(Serialize, Deserialize)]
struct StoredAccess {
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_at: Option<EpochMs>,
    expires_at: EpochMs,
}

#[derive(Serialize, Deserialize)]
struct StoredLease {
    holder: Holder,
    until: EpochMs,
}

#[derive(Serialize, Deserialize)]
struct StoredTrouble {
    count: u32,
    retry_at: EpochMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    inactive: bool,
    reason: String,
}

impl From<&TokenEntry> for Stored {
    fn from(entry: &TokenEntry) -> Stored {
        let TokenEntry { fence: _, access, refresh, lease, spent_since, trouble } = entry.clone();
        Stored {
            access: access.map(|AccessToken { token, issued_at, expires_at }| StoredAccess {
                token: token.expose().to_owned(),
                issued_at,
                expires_at,
            }),
            refresh: refresh.map(|refresh| refresh.expose().to_owned()),
            lease: lease.map(|TokenLease { holder, until }| StoredLease { holder, until }),
            spent_since,
            trouble: trouble.map(|Trouble { count, retry_at, refused, inactive, reason }| StoredTrouble {
                count,
                retry_at,
                refused,
                inactive,
                reason,
            }),
        }
    }
}

impl Stored {
    fn entry(self, fence: u64) -> TokenEntry {
        TokenEntry {
            fence,
            access: self.access.map(|StoredAccess { token, issued_at, expires_at }| AccessToken {
                token: Secret::new(token),
                issued_at,
                expires_at,
            }),
            refresh: self.refresh.map(Secret::new),
            lease: self.lease.map(|StoredLease { holder, until }| TokenLease { holder, until }),
            spent_since: self.spent_since,
            trouble: self.trouble.map(|StoredTrouble { count, retry_at, refused, inactive, reason }| Trouble {
                count,
                retry_at,
                refused,
                inactive,
                reason,
            }),
        }
    }
}
