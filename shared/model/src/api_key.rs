//! Keys of the HTTP API that are stored as items, and the roles that they grant.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{EnumCount, EnumString, IntoStaticStr};

use crate::{EpochMs, InvalidId, Item, ItemKind, KeyId, LocationId, Reach, Secret};

/// Prefix of every key's text, so that people and secret scanners recognise it.
pub const KEY_PREFIX: &str = "ghls_";
/// A revoked or expired key stays in the list for this long.
const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// What a key allows. Each role includes the ones before it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    EnumString,
    EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Read only.
    Read,
    /// Put, replay, pause, migrate, forget and erase.
    Operate,
    /// Change the settings of locations, and manage keys.
    Admin,
}

impl Role {
    /// All roles, in ascending order.
    pub const ALL: [Role; Role::COUNT] = [Role::Read, Role::Operate, Role::Admin];

    /// The role's name, as stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// SHA-256 of a key's text. A key is 256 random bits, so a plain hash is enough; slow hashes protect passwords that
/// people choose.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes a key as the caller sends it.
    #[must_use]
    pub fn of(key: &[u8]) -> KeyHash {
        KeyHash(Sha256::digest(key).into())
    }

    /// The 32 bytes, for a comparison in constant time.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Hides the hash: logs do not need it.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash")
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is not 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("has a hash that is not 64 hex digits")]
pub struct InvalidKeyHash;

impl FromStr for KeyHash {
    type Err = InvalidKeyHash;

    fn from_str(hex: &str) -> Result<KeyHash, InvalidKeyHash> {
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidKeyHash);
        }
        let mut hash = [0; 32];
        for (byte, place) in hash.iter_mut().zip((0..).step_by(2)) {
            let digits = hex.get(place..place + 2).ok_or(InvalidKeyHash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| InvalidKeyHash)?;
        }
        Ok(KeyHash(hash))
    }
}

impl TryFrom<String> for KeyHash {
    type Error = InvalidKeyHash;

    fn try_from(text: String) -> Result<KeyHash, InvalidKeyHash> {
        text.parse()
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> String {
        hash.to_string()
    }
}

/// The key's text, as given to the caller: `ghls_`, its id, `_`, and 64 hex digits.
#[must_use]
pub fn key_text(id: &KeyId, random: &[u8; 32]) -> Secret {
    let mut text = format!("{KEY_PREFIX}{id}_");
    for byte in random {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Secret::new(text)
}

impl KeyId {
    /// The id inside a key's text; `None` if [`key_text`] cannot have written the text.
    #[must_use]
    pub fn in_key(text: &str) -> Option<KeyId> {
        let (id, secret) = text.strip_prefix(KEY_PREFIX)?.split_once('_')?;
        secret.parse::<KeyHash>().ok()?;
        KeyId::new(id).ok()
    }

    /// An id made of random bits.
    ///
    /// # Errors
    /// None in practice: 16 hex digits are always a valid id.
    pub fn of_random(random: u64) -> Result<KeyId, InvalidId> {
        KeyId::new(format!("{random:016x}"))
    }
}

/// Whether `name` is a valid name of a key: 1 to 64 letters, digits, `-`, `_` or `.`.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// A key as stored. The key itself cannot be derived from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its name in logs and in the audit trail.
    pub name: String,
    /// What the key allows.
    pub role: Role,
    /// The locations that the key may use; `None` if it may use all. A key with tags always has a list here, possibly
    /// empty: a build that does not know tags then treats it as a key for no location, not for all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub locations: Option<BTreeSet<LocationId>>,
    /// The key may also use the locations that have one of these tags.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub tags: BTreeSet<String>,
    /// Hash of the key's text.
    pub hash: KeyHash,
    /// When the key was created.
    pub created_at: EpochMs,
    /// Who created it: the name of a key, or of an AWS principal.
    pub created_by: String,
    /// When it was last used, to the hour.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_used_at: Option<EpochMs>,
    /// When it expires; `None` if it never does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<EpochMs>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_at: Option<EpochMs>,
    /// Who revoked it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_by: Option<String>,
}

impl KeyRecord {
    /// Whether it is neither revoked nor expired.
    #[must_use]
    pub fn is_good(&self, now: EpochMs) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|until| now < until)
    }

    /// The locations and tags that the key is limited to; `None` if it may use all locations.
    #[must_use]
    pub fn reach(&self) -> Option<Reach> {
        if self.locations.is_none() && self.tags.is_empty() {
            return None;
        }
        Some(Reach { locations: self.locations.clone().unwrap_or_default(), tags: self.tags.clone() })
    }

    /// The key's id, from the key of its item; `None` if the item is not an API key.
    #[must_use]
    pub fn id_in(item_key: &str) -> Option<KeyId> {
        item_key.strip_prefix("api_key#")?.parse().ok()
    }
}

impl Item for KeyRecord {
    const KIND: ItemKind = ItemKind {
        name: "api_key",
        load: "keys.load",
        replace: "keys.write",
        attribute: "api_key",
        listed: Some("api_key"),
        checked: false,
        may_be_stale: false,
    };
    type Key = KeyId;

    fn item_key(id: &KeyId) -> String {
        format!("api_key#{id}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        self.revoked_at.or(self.expires_at).map(|end| end + KEPT)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_role_is_read_as_it_is_written_and_each_allows_what_those_before_it_do() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!(Role::ALL.is_sorted() && Role::Read < Role::Operate && Role::Operate < Role::Admin);
    }

    #[test]
    fn a_key_that_is_revoked_or_expired_is_good_no_more_and_is_kept_for_a_while() {
        let key = KeyRecord {
            name: "crm".to_owned(),
            role: Role::Read,
            locations: None,
            tags: BTreeSet::new(),
            hash: KeyHash::of(b"x"),
            created_at: EpochMs(1),
            created_by: "operator".to_owned(),
            last_used_at: None,
            expires_at: None,
            revoked_at: None,
            revoked_by: None,
        };
        assert!(key.is_good(EpochMs(1 << 50)) && key.keep_until().is_none());
        let expiring = KeyRecord { expires_at: Some(EpochMs(10)), ..key.clone() };
        assert!(expiring.is_good(EpochMs(9)) && !expiring.is_good(EpochMs(10)));
        let revoked = KeyRecord { revoked_at: Some(EpochMs(5)), ..expiring };
        assert!(!revoked.is_good(EpochMs(5)));
        assert_eq!(revoked.keep_until(), Some(EpochMs(5) + KEPT), "the earlier end counts");
        let json = serde_json::to_string(&revoked).unwrap();
        assert_eq!(serde_json::from_str::<KeyRecord>(&json).unwrap(), revoked);
        assert_eq!(revoked.reach(), None);
        let tags = BTreeSet::from(["dental".to_owned()]);
        let bound = KeyRecord { tags, ..key };
        assert!(bound.reach().is_some_and(|reach| reach.locations.is_empty() && reach.tags.len() == 1));
        assert!(!format!("{revoked:?}").contains(&revoked.hash.to_string()), "hashes are not logged");
    }

    proptest! {
        #[test]
        fn a_key_carries_its_id_and_no_other_text_carries_one(id: u64, random: [u8; 32], cut in 0_usize..80, other: String) {
            let id = KeyId::of_random(id).unwrap();
            let text = key_text(&id, &random);
            let text = text.expose();
            prop_assert_eq!(KeyId::in_key(text), Some(id));
            prop_assert_eq!(KeyId::in_key(&text[..cut]), None);
            prop_assert_eq!(KeyId::in_key(&format!("{text}0")), None);
            prop_assert_eq!(KeyId::in_key(&other), None);
        }
    }
}
