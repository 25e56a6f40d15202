//! API keys in requests and responses.

use std::collections::BTreeSet;

use ghl_sync_model::{EpochMs, KeyId, KeyRecord, LocationId, Role, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The key to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "crm", "role": "operate" }))]
pub(crate) struct MakeKey {
    /// Name of the key in logs and in the audit trail: 1 to 64 letters, digits, `-`, `_` or `.`.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub(crate) name: String,
    /// Permissions of the key: `read` only reads, `operate` also puts, replays, pauses, migrates and erases, `admin`
    /// also changes settings of locations and manages keys.
    pub(crate) role: Role,
    /// The locations that it is bound to. Without these and without `tags` it works for all. Not allowed for an
    /// admin.
    #[schema(min_items = 1, max_items = 100)]
    pub(crate) locations: Option<Vec<LocationId>>,
    /// The tags that it is bound to: it works for each location that currently has one of them, in any case. Not
    /// allowed for an admin.
    #[schema(min_items = 1, max_items = 20)]
    pub(crate) tags: Option<Vec<String>>,
    /// Time when the key expires; absent or null if it never does.
    #[schema(format = DateTime)]
    pub(crate) expires_at: Option<String>,
}

/// A new key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeKey {
    /// The key itself, to call the API with. It is shown only this once: only its hash is kept.
    #[schema(example = "ghls_5f1c09e2a7b3d481_…")]
    pub(crate) key: String,
    /// Stored details of the key.
    pub(crate) about: KeyDocument,
}

/// Stored details of a key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyDocument {
    /// Id of the key. The key contains it between its first and its second `_`.
    id: KeyId,
    /// Name of the key.
    name: String,
    /// Permissions of the key.
    role: Role,
    /// The locations that it is bound to; null if it works for all.
    locations: Option<BTreeSet<LocationId>>,
    /// The tags that it is bound to: it works for each location that currently has one of them.
    tags: BTreeSet<String>,
    /// Whether the key works now.
    state: KeyState,
    /// When it was created.
    created_at: Time,
    /// Its creator: the name of a key, or of an AWS principal.
    created_by: String,
    /// When it was last used, to the hour; null if never.
    last_used_at: Option<Time>,
    /// Time when the key expires; null if it never does.
    expires_at: Option<Time>,
    /// When it was revoked; null if it was not.
    revoked_at: Option<Time>,
    /// Who revoked it; null if nobody did.
    revoked_by: Option<String>,
}

/// Whether a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum KeyState {
    /// It works.
    Active,
    /// Its expiry time has passed.
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
        // Responses never contain the hash.
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

/// All keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// The newest first.
    #[schema(max_items = 1100)]
    pub(crate) keys: Vec<KeyDocument>,
}
