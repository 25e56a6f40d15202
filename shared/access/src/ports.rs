//! Ports for credentials: where they are stored, and where they are issued.

use std::time::Duration;

use async_trait::async_trait;

use crate::TokenError;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{CredentialsRef, LocationId, MarketplaceApp, OAuthGrant, Secret, SubAccount};

/// Stores credentials, for reading.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The present content of the secret that `reference` names.
    async fn read(&self, reference: &CredentialsRef) -> Result<Secret, SecretError>;
}

/// Why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It does not exist, or may not be read. A person must fix that.
    #[error("{0}")]
    Missing(String),
    /// The store did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Issues tokens, one request at a time. These requests do not count toward a location's quota.
#[async_trait]
pub trait TokenEndpoint: Send + Sync {
    /// Issues new tokens for `refresh_token` and thereby uses it up.
    async fn refresh(&self, grant: &OAuthGrant, refresh_token: &Secret) -> Result<IssuedTokens, TokenError>;

    /// Issues a token for one location of the agency that `company_token` belongs to.
    async fn location_token(
        &self,
        company_token: &Secret,
        company_id: &str,
        location: &LocationId,
    ) -> Result<IssuedTokens, TokenError>;
}

/// Tokens as issued by GHL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedTokens {
    /// The access token.
    pub access: Secret,
    /// The next refresh token, if there is one.
    pub refresh: Option<Secret>,
    /// Lifetime of the access token.
    pub expires_in: Duration,
    /// Whom the tokens act for, if GHL says so: `Location` or `Company`.
    pub user_type: Option<String>,
}

/// Stores credentials, for writing. It cannot read them.
#[async_trait]
pub trait SecretVault: Send + Sync {
    /// Stores `secret` under `name`, replacing the old value. This also restores a discarded secret.
    async fn keep(&self, name: &str, secret: &Secret) -> Result<(), SecretError>;

    /// Removes the secret under `name`, so that nobody can read it any more. A person can restore it for some days.
    /// Does nothing if there is none.
    async fn discard(&self, name: &str) -> Result<(), SecretError>;
}

/// Exchanges a person's consent for a grant, and checks tokens that a person enters. These requests pass no gate: a
/// person waits for each.
#[async_trait]
pub trait ConsentEndpoint: Send + Sync {
    /// The grant for `code`, which is used up. GHL sent the code to `redirect_uri`.
    async fn exchange(
        &self,
        app: &MarketplaceApp,
        code: &Secret,
        redirect_uri: &str,
    ) -> Result<ConsentGrant, TokenError>;

    /// One page of an agency's locations with the app installed, after the first `skip`.
    async fn installed_locations(&self, asked: InstalledQuery<'_>) -> Result<InstalledPage, TokenError>;

    /// Checks with a read of `location` whether GHL accepts `token`, which is not in use yet. Returns the scopes that
    /// the read needs and the token lacks.
    async fn try_token(&self, token: &Secret, location: &LocationId) -> Result<Vec<&'static str>, TokenError>;
}

/// The query for an agency's locations with the app installed.
#[derive(Debug, Clone, Copy)]
pub struct InstalledQuery<'a> {
    /// The agency's token.
    pub company_token: &'a Secret,
    /// The agency's GHL id.
    pub company_id: &'a str,
    /// The app's id.
    pub app_id: &'a str,
    /// Number of entries already read.
    pub skip: u32,
    /// Most entries to return.
    pub limit: u32,
}

/// A grant as issued by GHL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentGrant {
    /// The first tokens.
    pub tokens: IssuedTokens,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// The location that the tokens act for, if they act for one.
    pub location_id: Option<String>,
    /// The agency that the tokens act for, or the agency of the location.
    pub company_id: Option<String>,
}

/// A page of locations with the app installed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstalledPage {
    /// The locations of the page that have the app installed.
    pub locations: Vec<SubAccount>,
    /// Number of entries on the page, including others: the next page begins after them.
    pub read: u32,
}
