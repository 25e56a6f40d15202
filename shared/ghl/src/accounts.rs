//! The token that authenticates us to GHL for each location.

use async_trait::async_trait;
use ghl_sync_model::{Api, KnownCredentials, LocationId, Secret};

/// Source of the locations' tokens.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Returns the account of `location`. Called before every call and within its timeout, so implementations must
    /// cache.
    async fn account(&self, location: &LocationId) -> Result<ApiAccount, NoAccount>;

    /// Reports that GHL rejected `token` on a call of `location`. Returns whether another token is available; the
    /// next [`Accounts::account`] then returns it.
    async fn refused(&self, location: &LocationId, token: &Secret) -> bool;

    /// Reports that GHL rejected the purpose of `token` (scope, user type, …) on a call of `location`. Returns
    /// whether other credentials have replaced the ones `token` belongs to; the next [`Accounts::account`] then
    /// returns theirs.
    async fn replaced(&self, _location: &LocationId, _token: &Secret) -> bool {
        false
    }

    /// The API that serves `location`. For dry runs, which need no token.
    async fn api(&self, location: &LocationId) -> Api;

    /// Describes the credentials of `location` without revealing them; `None` if unknown.
    async fn known_credentials(&self, _location: &LocationId) -> Option<KnownCredentials> {
        None
    }
}

/// Why a location has no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAccount {
    /// Nothing works until a person fixes its credentials.
    #[error("{0}")]
    Refused(String),
    /// Temporary: try again later.
    #[error("{0}")]
    Unavailable(String),
}

/// Token and API to use for a location.
#[derive(Debug, Clone)]
pub struct ApiAccount {
    /// OAuth access token or private integration token (API v2), or the location's API key (v1).
    pub token: Secret,
    /// API that accepts the token.
    pub api: Api,
}
