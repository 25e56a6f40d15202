//! Keys of the HTTP API: creating, listing and revoking them. The API itself decides how to compare a key and how long
//! to cache the answer.

use std::collections::BTreeSet;
use std::time::Duration;

use ghl_sync_engine::ports::{Entry, ItemPage, Listing, PortError, Replaced, Versioned};
use ghl_sync_model::{EpochMs, KeyHash, KeyId, KeyRecord, LocationId, LocationLabels, Role, is_key_name};

use crate::Operator;

/// Most keys that are kept; revoked and expired ones count for 90 days.
const MOST_KEYS: usize = 1_000;
/// Most locations to which a key is limited.
const MOST_LOCATIONS: usize = 100;
/// Keys read per page.
const PAGE: u32 = 100;
/// A key's last use is stored at most this often.
const USE_NOTED_EVERY: Duration = Duration::from_secs(3600);
/// Tries to write when others keep writing first.
const TRIES: u32 = 5;

/// A key to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The key's id, which its text contains.
    pub id: KeyId,
    /// Hash of the key's text.
    pub hash: KeyHash,
    /// Name of the key.
    pub name: String,
    /// What the key permits.
    pub role: Role,
    /// The locations to which it is limited; without these and without `tags`, it is valid for all.
    pub locations: Option<BTreeSet<LocationId>>,
    /// The tags to which it is limited.
    pub tags: Option<Vec<String>>,
    /// Expiry; `None` if it does not expire.
    pub expires_at: Option<EpochMs>,
}

/// Why a key was not created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// A field of the request is invalid.
    #[error("{field} {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with the field.
        reason: String,
    },
    /// There are too many keys already.
    #[error("there are {MOST_KEYS} keys; one that is revoked counts for 90 days")]
    TooMany,
    /// There is no such key.
    #[error("there is no key {0}")]
    Unknown(KeyId),
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Operator {
    /// Creates a key; `by` names the creator.
    ///
    /// # Errors
    /// If a field is invalid, there are too many keys, or a store fails.
    pub async fn make_key(&self, new: NewKey, by: &str) -> Result<KeyRecord, ApiKeyError> {
        let now = self.ports().clock.now();
        self.check(&new, now).await?;
        if self.keys().await?.len() >= MOST_KEYS {
            return Err(ApiKeyError::TooMany);
        }
        let NewKey { id, hash, name, role, locations, tags, expires_at } = new;
        let tags: BTreeSet<String> = tags.into_iter().flatten().collect();
        let key = KeyRecord {
            name,
            role,
            locations: locations.or_else(|| (!tags.is_empty()).then(BTreeSet::new)),
            tags,
            hash,
            created_at: now,
            created_by: by.to_owned(),
            last_used_at: None,
            expires_at,
            revoked_at: None,
            revoked_by: None,
        };
        match self.key_items().replace(&id, 0, &key).await? {
            Replaced::Written { .. } => Ok(key),
            // Ids are random, so this does not happen.
            Replaced::Conflict(_) => Err(ApiKeyError::Port(PortError::new("keys.write", "the id is another key's"))),
        }
    }

    async fn check(&self, new: &NewKey, now: EpochMs) -> Result<(), ApiKeyError> {
        let invalid = |field, reason: String| Err(ApiKeyError::Invalid { field, reason });
        if !is_key_name(&new.name) {
            return invalid("name", "must be 1 to 64 letters, digits, '-', '_' or '.'".to_owned());
        }
        if new.expires_at.is_some_and(|until| until <= now) {
            return invalid("expires_at", "is not in the future".to_owned());
        }
        for (field, is_bound) in [("locations", new.locations.is_some()), ("tags", new.tags.is_some())] {
            if is_bound && new.role == Role::Admin {
                return invalid(field, "do not go with the role `admin`, which may make keys for all".to_owned());
            }
        }
        if let Some(tags) = &new.tags {
            if tags.is_empty() {
                let reason = format!(
                    "must list 1 to {}; without `locations` and `tags` it is good for all",
                    LocationLabels::MAX_TAGS
                );
                return invalid("tags", reason);
            }
            let labels = LocationLabels { tags: tags.clone(), ..LocationLabels::default() };
            labels.check().map_err(|wrong| ApiKeyError::Invalid { field: wrong.field, reason: wrong.reason })?;
        }
        let Some(locations) = &new.locations else { return Ok(()) };
        if !(1..=MOST_LOCATIONS).contains(&locations.len()) {
            let reason = format!("must list 1 to {MOST_LOCATIONS}; without `locations` and `tags` it is good for all");
            return invalid("locations", reason);
        }
        for location in locations {
            if self.ports().registry.location_now(location).await?.is_none() {
                return invalid("locations", format!("names {location}, which is unknown; PUT its settings first"));
            }
        }
        Ok(())
    }

    /// All keys, the newest first. One that was created a moment ago may be missing.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn keys(&self) -> Result<Vec<(KeyId, KeyRecord)>, PortError> {
        let mut keys = Vec::new();
        let mut before = Some(format!("{KEYS}$"));
        while let Some(last) = before.take().filter(|_| keys.len() < MOST_KEYS) {
            let wanted = Listing { from: format!("{KEYS}#"), before: last, limit: PAGE };
            let ItemPage { items, next } = self.key_items().list(&wanted).await?;
            // An item whose key holds no id was created by hand.
            keys.extend(items.into_iter().filter_map(|(key, entry)| Some((KeyRecord::id_in(&key)?, entry.value))));
            before = next;
        }
        keys.sort_by(|(a_id, a), (b_id, b)| b.created_at.cmp(&a.created_at).then_with(|| a_id.cmp(b_id)));
        Ok(keys)
    }

    /// Revokes a key; `by` names who does. A key that is already revoked stays as it is.
    ///
    /// # Errors
    /// If there is no such key, or a store fails.
    pub async fn revoke_key(&self, id: &KeyId, by: &str) -> Result<(), ApiKeyError> {
        let mut standing = self.key(id).await?;
        for _ in 0..TRIES {
            let Entry { rev, value } = standing.ok_or_else(|| ApiKeyError::Unknown(id.clone()))?;
            if value.revoked_at.is_some() {
                return Ok(());
            }
            let now = self.ports().clock.now();
            let revoked = KeyRecord { revoked_at: Some(now), revoked_by: Some(by.to_owned()), ..value };
            match self.key_items().replace(id, rev, &revoked).await? {
                Replaced::Written { .. } => return Ok(()),
                Replaced::Conflict(other) => standing = other,
            }
        }
        Err(ApiKeyError::Port(PortError::new("keys.write", "somebody else was faster each time")))
    }

    /// The current state of a key.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn key(&self, id: &KeyId) -> Result<Option<Entry<KeyRecord>>, PortError> {
        self.key_items().load(id).await
    }

    /// Records that a key is used, at most once an hour. Returns the key's new state; if somebody else has changed it
    /// in between, the state that they stored.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn key_used(&self, id: &KeyId, key: Entry<KeyRecord>) -> Result<Option<Entry<KeyRecord>>, PortError> {
        let now = self.ports().clock.now();
        if key.value.last_used_at.is_some_and(|last| now.since(last) < USE_NOTED_EVERY) {
            return Ok(Some(key));
        }
        let used = KeyRecord { last_used_at: Some(now), ..key.value };
        Ok(match self.key_items().replace(id, key.rev, &used).await? {
            Replaced::Written { rev } => Some(Entry { rev, value: used }),
            Replaced::Conflict(standing) => standing,
        })
    }

    fn key_items(&self) -> Versioned<KeyRecord> {
        Versioned::new(self.ports().items.clone())
    }
}

/// Prefix of the keys' items, followed by `#`. The end of the range has a `$` there, which sorts after all of them.
const KEYS: &str = "api_key";
