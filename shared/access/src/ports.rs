//! Credentials: where they are kept, and where they are issued.

use std::time::Duration;

use async_trait::async_trait;

use crate::TokenError;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{CredentialsRef, LocationId, OAuthGrant, Secret};

/// Where credentials are kept.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The content of what `reference` names, as it is now.
    async fn read(&self, reference: &CredentialsRef) -> Result<Secret, SecretError>;
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It is not there, or may not be read. A person must mend that.
    #[error("{0}")]
    Missing(String),
    /// The store did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Where GHL issues tokens, one request at a time. These requests do not count toward a location's quota.
#[async_trait]
pub trait TokenEndpoint: Send + Sync {
    /// New tokens for `refresh_token`, which is used up by it.
    async fn refresh(&self, grant: &OAuthGrant, refresh_token: &Secret) -> Result<IssuedTokens, TokenError>;

    /// A token for one location of the agency that `company_token` speaks for.
    async fn location_token(
        &self,
        company_token: &Secret,
        company_id: &str,
        location: &LocationId,
    ) -> Result<IssuedTokens, TokenError>;
}

/// What GHL issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedTokens {
    /// The token for calls.
    pub access: Secret,
    /// The token for the next refresh, unless there is none.
    pub refresh: Option<Secret>,
    /// How long the token for calls is good.
    pub expires_in: Duration,
    /// For whom it speaks, if GHL says so: `Location` or `Company`.
    pub user_type: Option<String>,
}
