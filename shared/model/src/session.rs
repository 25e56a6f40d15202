//! Browser sessions: after signing in with a key, a browser is identified by a cookie for a while.

use serde::{Deserialize, Serialize};

use crate::{EpochMs, Item, ItemKind, KeyHash, KeyId};

/// A session as stored. The cookie cannot be derived from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Hash of the cookie's value.
    pub hash: KeyHash,
    /// The key used to sign in. The session has the key's rights, for as long as the key is valid.
    pub key: SessionKey,
    /// When the session ends.
    pub expires_at: EpochMs,
    /// Whether the user signed out.
    pub ended: bool,
}

/// The key with which the user signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKey {
    /// A key that is stored as a record.
    Record(KeyId),
    /// A key from the environment, valid as long as the environment lists its hash.
    Environment(KeyHash),
}

impl Item for Session {
    const KIND: ItemKind = ItemKind {
        name: "session",
        load: "sessions.load",
        replace: "sessions.write",
        attribute: "session",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = KeyId;

    fn item_key(id: &KeyId) -> String {
        format!("session#{id}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.expires_at)
    }
}
