//! Finds the owner of a key: from the environment, or from the stored records.

use crate::caller::Caller;
use crate::remembered::Remembered;
use ghl_sync_engine::ports::{Entry, PortError};
use ghl_sync_model::{EpochMs, KeyHash, KeyId, KeyRecord};
use ghl_sync_operate::Operator;
use ghl_sync_runtime::ApiKey;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use tracing::error;

/// Cache of the keys that this process has read.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys(Remembered<Entry<KeyRecord>>);

impl KnownKeys {
    /// Whether the cache knows this key, so that no read is needed.
    pub(crate) fn has(&self, now: EpochMs, shown: &str) -> bool {
        KeyId::in_key(shown).is_some_and(|id| self.0.get(&id, now).is_some_and(|key| is_right(&key.value, shown, now)))
    }

    /// The owner of this key; `None` if it is wrong, revoked, expired or unknown.
    pub(crate) async fn owner(
        &self,
        operator: &Operator,
        now: EpochMs,
        shown: &str,
    ) -> Result<Option<Caller>, PortError> {
        let Some(id) = KeyId::in_key(shown) else { return Ok(None) };
        self.caller(operator, now, &id, |key| is_right(key, shown, now)).await
    }

    /// The owner of the key with this id; `None` if it is revoked or expired.
    pub(crate) async fn holder(
        &self,
        operator: &Operator,
        now: EpochMs,
        id: &KeyId,
    ) -> Result<Option<Caller>, PortError> {
        self.caller(operator, now, id, |key| key.is_good(now)).await
    }

    /// Takes at most one read, and one write per hour.
    async fn caller(
        &self,
        operator: &Operator,
        now: EpochMs,
        id: &KeyId,
        is_right: impl Fn(&KeyRecord) -> bool,
    ) -> Result<Option<Caller>, PortError> {
        let (known, read) = match self.0.get(id, now) {
            Some(key) => (Some(key), false),
            None => (operator.key(id).await?, true),
        };
        let Some(key) = known.filter(|key| is_right(&key.value)) else { return Ok(None) };
        let before = key.rev;
        let key = match operator.key_used(id, key.clone()).await {
            Ok(Some(used)) => used,
            Ok(None) => return Ok(None),
            // The key is valid even if the write fails.
            Err(failed) => {
                error!(event = "port_failed", action = failed.action, error = ghl_sync_runtime::causes(&failed));
                key
            }
        };
        // Somebody may have revoked it at this very moment.
        let caller = is_right(&key.value).then(|| Caller::of_key(id, &key.value));
        if read || key.rev != before {
            self.0.put(id.clone(), key, now);
        }
        Ok(caller)
    }

    /// Drops a key from the cache after a change.
    pub(crate) fn forget(&self, id: &KeyId) {
        self.0.forget(id);
    }
}

/// Whether this is the text of a valid key. Comparison takes constant time.
fn is_right(key: &KeyRecord, shown: &str, now: EpochMs) -> bool {
    let hash = KeyHash::of(shown.as_bytes());
    bool::from(key.hash.as_bytes().ct_eq(hash.as_bytes())) && key.is_good(now)
}

/// The owner of a key among `keys`. Takes the same time for any key, right or wrong.
pub(crate) fn owner_in(keys: &[ApiKey], shown: &[u8]) -> Option<Caller> {
    owner_of(keys, &KeyHash::of(shown))
}

/// The same for the hash of a key.
pub(crate) fn owner_of(keys: &[ApiKey], hash: &KeyHash) -> Option<Caller> {
    let mut found = Choice::from(0);
    let mut place = 0_u64;
    for (index, key) in (0_u64..).zip(keys) {
        let equal = key.hash.as_bytes().ct_eq(hash.as_bytes());
        place.conditional_assign(&index, equal);
        found |= equal;
    }
    let key = keys.get(usize::try_from(place).unwrap_or(usize::MAX))?;
    bool::from(found).then(|| Caller::with_all_rights(&key.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, key: &str) -> ApiKey {
        ApiKey { name: name.to_owned(), hash: KeyHash::of(key.as_bytes()) }
    }

    #[test]
    fn a_key_is_known_whichever_of_several_it_is_and_nothing_else_is() {
        let keys = [key("old", "one"), key("new", "two")];
        let owner = |shown: &[u8]| owner_in(&keys, shown).map(|caller| caller.name);
        assert_eq!(owner(b"one").as_deref(), Some("old"));
        assert_eq!(owner(b"two").as_deref(), Some("new"));
        for wrong in ["", "on", "one ", "three"] {
            assert_eq!(owner(wrong.as_bytes()), None);
        }
        assert_eq!(owner_in(&[], b"one"), None);
    }
}
