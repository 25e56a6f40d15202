//! Credentials: where they are kept, and where they are issued.

use std::time::Duration;

use async_trait::async_trait;

use crate::TokenError;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{CredentialsRef, LocationId, MarketplaceApp, OAuthGrant, Secret, SubAccount};

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

/// Where credentials are put, by whoever may put them there. It reads none.
#[async_trait]
pub trait SecretVault: Send + Sync {
    /// Keeps `secret` under `name`, in place of what is there. One that was discarded is there again.
    async fn keep(&self, name: &str, secret: &Secret) -> Result<(), SecretError>;

    /// Takes away what is kept under `name`, so that nobody reads it any more. A person can bring it back for some days.
    /// Where there is nothing, nothing is done.
    async fn discard(&self, name: &str) -> Result<(), SecretError>;
}

/// Where GHL turns somebody's consent into a grant, and says whether it accepts a token that somebody brings. These requests
/// pass no gate: a person waits for each.
#[async_trait]
pub trait ConsentEndpoint: Send + Sync {
    /// The grant for `code`, which is used up by it. GHL sent the code to `redirect_uri`.
    async fn exchange(&self, app: &MarketplaceApp, code: &Secret, redirect_uri: &str) -> Result<Granted, TokenError>;

    /// A page of the locations in which an agency has installed the app, after the first `skip`.
    async fn installed_locations(&self, asked: InstalledQuery<'_>) -> Result<InstalledPage, TokenError>;

    /// Reads of `location` with `token`, which nobody uses yet, whether GHL accepts it there. Returns the scopes that the
    /// reading needs and the token lacks.
    async fn try_token(&self, token: &Secret, location: &LocationId) -> Result<Vec<&'static str>, TokenError>;
}

/// Which installed locations are asked for.
#[derive(Debug, Clone, Copy)]
pub struct InstalledQuery<'a> {
    /// The token of the agency.
    pub company_token: &'a Secret,
    /// The agency.
    pub company_id: &'a str,
    /// The app.
    pub app_id: &'a str,
    /// How many were read already.
    pub skip: u32,
    /// How many are wanted at most.
    pub limit: u32,
}

/// What GHL granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The first tokens.
    pub tokens: IssuedTokens,
    /// What they are good for, scope by scope.
    pub scopes: Vec<String>,
    /// The location that they speak for, if it is one.
    pub location_id: Option<String>,
    /// The agency: the one that they speak for, or that of the location.
    pub company_id: Option<String>,
}

/// A page of installed locations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstalledPage {
    /// Those of the page in which the app is installed.
    pub locations: Vec<SubAccount>,
    /// How many entries the page had, these and others: the next page begins after so many.
    pub read: u32,
}
