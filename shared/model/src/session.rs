//! Sessions of browsers: whoever signs in with a key is known by a cookie for a while.

use serde::{Deserialize, Serialize};

use crate::{EpochMs, Item, ItemKind, KeyHash, KeyId};

/// A session, as it is kept: nobody can tell the cookie from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Of the cookie's value.
    pub hash: KeyHash,
    /// The key that was signed in with: the session may do what it may, for as long as it is good.
    pub key: SessionKey,
    /// The session ends then.
    pub expires_at: EpochMs,
    /// Whether somebody signed out.
    pub ended: bool,
}

/// The key of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKey {
    /// One that is kept as a record.
    Record(KeyId),
    /// One that the environment gives. It is good while the environment has its hash.
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
