//! Accounts of locations: their settings name the credentials, which lead to a token.

use std::sync::Arc;

use async_trait::async_trait;
use ghl_sync_access::{AccessTokens, NoToken};
use ghl_sync_ghl::{Accounts, ApiAccount, NoAccount};
use ghl_sync_model::{Api, Holder, KnownCredentials, LocationId, Secret};

use crate::StoredLocations;

/// The accounts of this process.
pub(crate) struct LocationAccounts {
    locations: Arc<StoredLocations>,
    tokens: AccessTokens,
}

impl LocationAccounts {
    pub(crate) fn new(locations: Arc<StoredLocations>, tokens: AccessTokens) -> LocationAccounts {
        LocationAccounts { locations, tokens }
    }
}

#[async_trait]
impl Accounts for LocationAccounts {
    async fn account(&self, location: &LocationId) -> Result<ApiAccount, NoAccount> {
        let settings = self.locations.in_batch(location).await;
        let settings =
            settings.map_err(|error| NoAccount::Unavailable(format!("its settings are not known: {error}")))?;
        let token = match self.locations.check_key(location, &settings) {
            Ok(()) => self.tokens.of(location, &settings.credentials).await,
            Err(error) => Err(self.tokens.reject(location, &settings.credentials, error.to_string())),
        };
        match token {
            Ok(token) => Ok(ApiAccount { token, api: settings.api }),
            Err(NoToken::Refused(reason) | NoToken::Inactive(reason)) => Err(NoAccount::Refused(reason)),
            Err(NoToken::Unavailable(reason)) => Err(NoAccount::Unavailable(reason)),
        }
    }

    async fn refused(&self, location: &LocationId, token: &Secret) -> bool {
        match self.locations.in_batch(location).await {
            Ok(settings) => self.tokens.refused(location, &settings.credentials, token).await,
            Err(_) => false,
        }
    }

    async fn replaced(&self, location: &LocationId, token: &Secret) -> bool {
        match self.locations.in_batch(location).await {
            Ok(settings) => self.tokens.replaced(location, &settings.credentials, token).await,
            Err(_) => false,
        }
    }

    async fn api(&self, location: &LocationId) -> Api {
        self.locations.in_batch(location).await.map_or(Api::default(), |settings| settings.api)
    }

    async fn known_credentials(&self, location: &LocationId) -> Option<KnownCredentials> {
        let settings = self.locations.in_batch(location).await.ok()?;
        self.tokens.known(location, &settings.credentials, settings.api).await
    }
}

/// A unique name for this process.
pub(crate) fn this_process() -> Holder {
    Holder::of_invocation(&format!("process-{:016x}", fastrand::u64(..)), 0)
}
