//! Keys: what one is to be, and what is told of it.

use std::collections::BTreeSet;

use ghl_sync_model::{EpochMs, KeyId, KeyRecord, LocationId, Role, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a key shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "crm", "role": "operate" }))]
pub(crate) struct MakeKey {
    /// What it is called in logs and in the audit trail: 1 to 64 letters, digits, `-`, `_` or `.`.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub(crate) name: String,
    /// What it allows: `read` looks, `operate` also puts, replays, pauses, migrates and erases, `admin` also sets what
    /// locations are and manages keys.
    pub(crate) role: Role,
    /// The locations that it is bound to. Without these and without `tags` it is good for all. Not for an admin's.
    #[schema(min_items = 1, max_items = 100)]
    pub(crate) locations: Option<Vec<LocationId>>,
    /// The tags that it is bound to: it is good for each location while that has one of them, whatever its case. Not for an
    /// admin's.
    #[schema(min_items = 1, max_items = 20)]
    pub(crate) tags: Option<Vec<String>>,
    /// It is good until then; absent or null if it does not expire.
    #[schema(format = DateTime)]
    pub(crate) expires_at: Option<String>,
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeKey {
    /// The key itself, for whoever calls. It is told this once: only its hash is kept.
    #[schema(example = "ghls_5f1c09e2a7b3d481_…")]
    pub(crate) key: String,
    /// What is kept of it.
    pub(crate) about: KeyDocument,
}

/// What is known of a key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyDocument {
    /// Its id, which the key carries between its first and its second `_`.
    id: KeyId,
    /// What it is called.
    name: String,
    /// What it allows.
    role: Role,
    /// The locations that it is bound to; null if it is good for all.
    locations: Option<BTreeSet<LocationId>>,
    /// The tags that it is bound to: it is good for each location while that has one of them.
    tags: BTreeSet<String>,
    /// Whether it is good now.
    state: KeyState,
    /// When it was made.
    created_at: Time,
    /// By whom: the name of a key, or of an AWS principal.
    created_by: String,
    /// When it was used last, to the hour; null if it never was.
    last_used_at: Option<Time>,
    /// It is good until then; null if it does not expire.
    expires_at: Option<Time>,
    /// When it was revoked; null if it was not.
    revoked_at: Option<Time>,
    /// By whom; null if it was not.
    revoked_by: Option<String>,
}

/// Whether a key is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum KeyState {
    /// It is.
    Active,
    /// It was, until its time came.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

impl KeyDocument {
    pub(crate) fn new(id: KeyId, key: KeyRecord, now: EpochMs) -> KeyDocument {
        let state = match key.revoked_at {
            Some(_) => KeyState::Revoked,
            None if key.is_good(now) => KeyState::Active,
            None => KeyState::Expired,
        };
        // The hash stays here.
        let KeyRecord { name, role, locations, tags, created_at, created_by, revoked_by, .. } = key;
        let [last_used_at, expires_at, revoked_at] =
            [key.last_used_at, key.expires_at, key.revoked_at].map(Time::maybe);
        let created_at = Time(created_at);
        KeyDocument {
            id,
            name,
            role,
            locations,
            tags,
            state,
            created_at,
            created_by,
            last_used_at,
            expires_at,
            revoked_at,
            revoked_by,
        }
    }
}

/// The keys that there are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// The newest first.
    #[schema(max_items = 1100)]
    pub(crate) keys: Vec<KeyDocument>,
}
