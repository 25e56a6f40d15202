//! Keys of the HTTP API: making, listing and revoking them. What a key is compared with, and for how long an answer about
//! it is remembered, is the API's own.

use std::collections::BTreeSet;
use std::time::Duration;

use ghl_sync_engine::ports::{Entry, ItemPage, Listing, PortError, Replaced, Versioned};
use ghl_sync_model::{EpochMs, KeyHash, KeyId, KeyRecord, LocationId, LocationLabels, Role, is_key_name};

use crate::Operator;

/// Keys that are kept, at most; those that were revoked or have expired count for 90 days.
const MOST_KEYS: usize = 1_000;
/// Locations that a key is bound to, at most.
const MOST_LOCATIONS: usize = 100;
/// Keys that are read at a time.
const PAGE: u32 = 100;
/// A key's last use is written down this often at most.
const USE_NOTED_EVERY: Duration = Duration::from_secs(3600);
/// How often a write that somebody else was faster than is tried again.
const TRIES: u32 = 5;

/// A key that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its id, which its text carries.
    pub id: KeyId,
    /// Of its text.
    pub hash: KeyHash,
    /// What it is called.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The locations that it is bound to; without these and without `tags` it is good for all.
    pub locations: Option<BTreeSet<LocationId>>,
    /// The tags that it is bound to.
    pub tags: Option<Vec<String>>,
    /// It is good until then; `None` if it does not expire.
    pub expires_at: Option<EpochMs>,
}

/// Why a key is not made, or not revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// What was asked for cannot be.
    #[error("{field} {reason}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// There are too many keys.
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
    /// Makes a key; `by` says who does.
    ///
    /// # Errors
    /// When what was asked for cannot be, there are too many, or a store fails.
    pub async fn make_key(&self, new: NewKey, by: &str) -> Result<KeyRecord, KeyError> {
        let now = self.ports().clock.now();
        self.check(&new, now).await?;
        if self.keys().await?.len() >= MOST_KEYS {
            return Err(KeyError::TooMany);
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
            // Ids are random: it does not happen.
            Replaced::Conflict(_) => Err(KeyError::Port(PortError::new("keys.write", "the id is another key's"))),
        }
    }

    async fn check(&self, new: &NewKey, now: EpochMs) -> Result<(), KeyError> {
        let invalid = |field, reason: String| Err(KeyError::Invalid { field, reason });
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
            labels.check().map_err(|wrong| KeyError::Invalid { field: wrong.field, reason: wrong.reason })?;
        }
        let Some(locations) = &new.locations else { return Ok(()) };
        if !(1..=MOST_LOCATIONS).contains(&locations.len()) {
            let reason = format!("must list 1 to {MOST_LOCATIONS}; without `locations` and `tags` it is good for all");
            return invalid("locations", reason);
        }
        for location in locations {
            if self.ports().registry.location_now(location).await?.is_none() {
                return invalid("locations", format!("names {location}, which nobody knows; PUT its settings first"));
            }
        }
        Ok(())
    }

    /// All keys, the newest first. One that was made a moment ago may be missing.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn keys(&self) -> Result<Vec<(KeyId, KeyRecord)>, PortError> {
        let mut keys = Vec::new();
        let mut before = Some(format!("{KEYS}$"));
        while let Some(last) = before.take().filter(|_| keys.len() < MOST_KEYS) {
            let wanted = Listing { from: format!("{KEYS}#"), before: last, limit: PAGE };
            let ItemPage { items, next } = self.key_items().list(&wanted).await?;
            // What names no id was put there by hand.
            keys.extend(items.into_iter().filter_map(|(key, entry)| Some((KeyRecord::id_in(&key)?, entry.value))));
            before = next;
        }
        keys.sort_by(|(a_id, a), (b_id, b)| b.created_at.cmp(&a.created_at).then_with(|| a_id.cmp(b_id)));
        Ok(keys)
    }

    /// Revokes a key; `by` says who does. One that is revoked already stays as it is.
    ///
    /// # Errors
    /// When there is no such key, or a store fails.
    pub async fn revoke_key(&self, id: &KeyId, by: &str) -> Result<(), KeyError> {
        let mut standing = self.key(id).await?;
        for _ in 0..TRIES {
            let Entry { rev, value } = standing.ok_or_else(|| KeyError::Unknown(id.clone()))?;
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
        Err(KeyError::Port(PortError::new("keys.write", "somebody else was faster each time")))
    }

    /// A key as it is now.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn key(&self, id: &KeyId) -> Result<Option<Entry<KeyRecord>>, PortError> {
        self.key_items().load(id).await
    }

    /// Takes note that a key is used, once an hour at most. Returns it as it then is; if somebody else has changed it
    /// meanwhile, as they left it.
    ///
    /// # Errors
    /// When a store fails.
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

/// What the keys of their items begin with, before a `#`. What sorts after all of them has a `$` there.
const KEYS: &str = "api_key";
