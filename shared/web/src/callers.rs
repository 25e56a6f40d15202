//! Whose a key or a session is.

use std::sync::Arc;

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{EpochMs, KeyId, Reach, Role, SessionKey};
use ghl_sync_operate::Operator;
use ghl_sync_runtime::ApiAccess;

use crate::known_keys::{self, KnownKeys};
use crate::sessions::{Cookie, Sessions};
use crate::shown::Shown;
use crate::strangers::Strangers;

/// Who calls. Absent while nobody has shown who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// For the log: the name of a key or of an AWS principal, or the `sub` of a token.
    pub name: String,
    /// The key, if it is one that is kept as a record.
    pub key: Option<KeyId>,
    /// What the key allows.
    pub role: Role,
    /// What the key is bound to; `None` if it is good for all locations.
    pub reach: Option<Arc<Reach>>,
}

impl Caller {
    /// Whoever shows a key of the environment, or whom AWS knows: there, policies say who may what.
    pub(crate) fn with_all_rights(name: &str) -> Caller {
        Caller { name: name.to_owned(), key: None, role: Role::Admin, reach: None }
    }

    /// The only locations that the caller may see; `None` for all.
    #[must_use]
    pub fn own(&self) -> Option<&Reach> {
        self.reach.as_deref()
    }
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotLetIn {
    /// The key is wrong, missing, revoked or expired: which of them, no answer says.
    #[error("no good key was shown")]
    Nobody,
    /// The session is over.
    #[error("the session is over")]
    SignedOut,
    /// The token gives no role.
    #[error("the token gives no role")]
    NoRole {
        /// Where it would be.
        claim: String,
    },
    /// The token does not say whose it is.
    #[error("the token does not say whose it is")]
    NoSubject,
    /// A browser shows a key by itself, and some other page may have made it do so.
    #[error("another page may have made the browser ask")]
    Forged,
    /// Many wrong keys came from the same address.
    #[error("many wrong keys came from the same address")]
    Wait {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// A store did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Who may come in, and what this process remembers of them.
#[derive(Debug)]
pub struct Callers {
    access: ApiAccess,
    keys: KnownKeys,
    sessions: Sessions,
    strangers: Strangers,
}

impl Callers {
    /// Those whom `access` lets in.
    #[must_use]
    pub fn new(access: ApiAccess) -> Callers {
        let (keys, sessions, strangers) = (KnownKeys::default(), Sessions::default(), Strangers::default());
        Callers { access, keys, sessions, strangers }
    }

    /// Who is let in, by the configuration.
    #[must_use]
    pub fn access(&self) -> &ApiAccess {
        &self.access
    }

    /// Whose key it is. Who has shown many wrong ones waits, unless this one is known already: nobody else who comes from
    /// the same address is kept out.
    ///
    /// # Errors
    /// When it is nobody's, or a store fails.
    pub async fn owner(&self, operator: &Operator, now: EpochMs, shown: &Shown) -> Result<Caller, NotLetIn> {
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

    /// Who has signed in.
    ///
    /// # Errors
    /// When the session is over, or its key is good no more; or a store fails.
    pub async fn signed_in(&self, operator: &Operator, now: EpochMs, cookie: &Cookie) -> Result<Caller, NotLetIn> {
        let session = self.sessions.read(operator, now, cookie).await?.ok_or(NotLetIn::SignedOut)?;
        self.holder(operator, now, &session.key).await?.ok_or(NotLetIn::SignedOut)
    }

    /// Who holds a key that was shown earlier; nobody if it is good no more.
    ///
    /// # Errors
    /// When a store fails.
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

    /// Forgets what was read of a key: what it says has changed.
    pub fn forget_key(&self, id: &KeyId) {
        self.keys.forget(id);
    }

    /// Forgets what was read of a session: it is over.
    pub fn forget_session(&self, id: &KeyId) {
        self.sessions.forget(id);
    }
}
