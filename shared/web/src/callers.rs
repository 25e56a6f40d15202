//! Finds the owner of a key or a session.

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{EpochMs, KeyId, SessionKey};
use ghl_sync_operate::Operator;
use ghl_sync_runtime::ApiAccess;

use crate::caller::Caller;
use crate::known_keys::{self, KnownKeys};
use crate::sessions::{Cookie, Sessions};
use crate::shown::PresentedKey;
use crate::strangers::Strangers;

/// Why a caller is rejected.
#[derive(Debug, thiserror::Error)]
pub enum NotLetIn {
    /// The key is wrong, missing, revoked or expired; the response does not tell which.
    #[error("no good key was shown")]
    Nobody,
    /// The session has ended.
    #[error("the session is over")]
    SignedOut,
    /// The token contains no role.
    #[error("the token gives no role")]
    NoRole {
        /// The claim that should contain it.
        claim: String,
    },
    /// The token has no subject.
    #[error("the token does not say whose it is")]
    NoSubject,
    /// A browser sent the key automatically, possibly at the request of another site's page.
    #[error("another page may have made the browser ask")]
    Forged,
    /// Too many wrong keys came from this address.
    #[error("many wrong keys came from the same address")]
    Wait {
        /// Seconds until the next try.
        retry_after_s: u64,
    },
    /// A store did not respond.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Authenticates callers, and caches the keys and sessions that this process has read.
#[derive(Debug)]
pub struct Callers {
    access: ApiAccess,
    keys: KnownKeys,
    sessions: Sessions,
    strangers: Strangers,
}

impl Callers {
    /// Authenticates callers as `access` configures.
    #[must_use]
    pub fn new(access: ApiAccess) -> Callers {
        let (keys, sessions, strangers) = (KnownKeys::default(), Sessions::default(), Strangers::default());
        Callers { access, keys, sessions, strangers }
    }

    /// The configured access.
    #[must_use]
    pub fn access(&self) -> &ApiAccess {
        &self.access
    }

    /// Finds the owner of a key. An address that sent many wrong keys must wait, unless this key is cached: other
    /// callers from the same address are not locked out.
    ///
    /// # Errors
    /// If the key has no owner, or a store fails.
    pub async fn owner(&self, operator: &Operator, now: EpochMs, shown: &PresentedKey) -> Result<Caller, NotLetIn> {
        let of_environment = match &self.access {
            ApiAccess::Keys(keys) => known_keys::owner_in(keys, shown.key.as_bytes()),
            ApiAccess::Iam | ApiAccess::Jwt(_) => None,
        };
        if let Some(caller) = of_environment {
            return Ok(caller);
        }
        if let Some(wait) = shown.from.and_then(|address| self.strangers.wait(address, now))
            && !self.keys.has(now, &shown.key)
        {
            let retry_after_s = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(1);
            return Err(NotLetIn::Wait { retry_after_s });
        }
        let owner = self.keys.owner(operator, now, &shown.key).await?;
        if let (None, Some(address)) = (&owner, shown.from) {
            self.strangers.note(address, now);
        }
        owner.ok_or(NotLetIn::Nobody)
    }

    /// Finds the caller who signed in.
    ///
    /// # Errors
    /// If the session has ended, its key no longer works, or a store fails.
    pub async fn signed_in(&self, operator: &Operator, now: EpochMs, cookie: &Cookie) -> Result<Caller, NotLetIn> {
        let session = self.sessions.read(operator, now, cookie).await?.ok_or(NotLetIn::SignedOut)?;
        self.holder(operator, now, &session.key).await?.ok_or(NotLetIn::SignedOut)
    }

    /// Finds the owner of a key that was verified earlier; `None` if the key no longer works.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn holder(
        &self,
        operator: &Operator,
        now: EpochMs,
        key: &SessionKey,
    ) -> Result<Option<Caller>, PortError> {
        match (key, &self.access) {
            (SessionKey::Record(id), _) => self.keys.holder(operator, now, id).await,
            (SessionKey::Environment(hash), ApiAccess::Keys(keys)) => Ok(known_keys::owner_of(keys, hash)),
            (SessionKey::Environment(_), ApiAccess::Iam | ApiAccess::Jwt(_)) => Ok(None),
        }
    }

    /// Drops a key from the cache after a change.
    pub fn forget_key(&self, id: &KeyId) {
        self.keys.forget(id);
    }

    /// Drops an ended session from the cache.
    pub fn forget_session(&self, id: &KeyId) {
        self.sessions.forget(id);
    }
}
