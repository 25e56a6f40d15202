//! Who we are to GHL: a token per location.

use async_trait::async_trait;
use ghl_sync_model::{Api, KnownCredentials, LocationId, Secret};

/// Where the tokens of locations come from.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The account of `location`. Asked before every call, within the call's timeout, so implementations cache.
    async fn account(&self, location: &LocationId) -> Result<Account, NoAccount>;

    /// GHL did not accept `token` for a call of `location`. Returns whether another one can be had: then the next
    /// [`Accounts::account`] has it.
    async fn refused(&self, location: &LocationId, token: &Secret) -> bool;

    /// GHL found fault with what `token` is for, at a call of `location`. Returns whether there are other credentials in
    /// the place of those that it is of: then the next [`Accounts::account`] has theirs.
    async fn replaced(&self, _location: &LocationId, _token: &Secret) -> bool {
        false
    }

    /// The API that serves `location`, for a dry run, which needs no token.
    async fn api(&self, location: &LocationId) -> Api;

    /// What the credentials of `location` are, without them; `None` if nobody can tell.
    async fn known_credentials(&self, _location: &LocationId) -> Option<KnownCredentials> {
        None
    }
}

/// Why a location has no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAccount {
    /// Until a person mends its credentials.
    #[error("{0}")]
    Refused(String),
    /// At the moment.
    #[error("{0}")]
    Unavailable(String),
}

/// How to speak to GHL for a location.
#[derive(Debug, Clone)]
pub struct Account {
    /// OAuth access token or private integration token (API v2), or the location's API key (v1).
    pub token: Secret,
    /// The API that the token is for.
    pub api: Api,
}
