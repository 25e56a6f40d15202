//! The state that all routes share.

use std::sync::Arc;

use ghl_sync_model::{ConnectionId, CredentialsRef, EpochMs, MarketplaceApp};
use ghl_sync_operate::Operator;
use ghl_sync_runtime::Connecting;
use ghl_sync_web::Callers;

use crate::trouble::ConnectError;

/// The state that all routes share.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) connecting: Connecting,
    pub(crate) callers: Arc<Callers>,
}

impl Service {
    pub(crate) fn new(connecting: Connecting) -> Service {
        let callers = Arc::new(Callers::new(connecting.access.clone()));
        Service { connecting, callers }
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator::new(self.connecting.engine.clone())
    }

    pub(crate) fn now(&self) -> EpochMs {
        self.connecting.engine.ports().clock.now()
    }

    /// Reads the app with its key. It is read each time, so a new key works at once.
    pub(crate) async fn app(&self) -> Result<MarketplaceApp, ConnectError> {
        let reference = self.connecting.app.as_ref().ok_or(ConnectError::NoApp)?;
        let secret = self.connecting.store.read(reference).await?;
        MarketplaceApp::parse(secret.expose())
            .map_err(|error| ConnectError::BadApp(format!("what {reference} holds {error}")))
    }

    /// Name of the secret that stores a connection's credentials.
    pub(crate) fn secret_name(&self, id: &ConnectionId) -> String {
        format!("{}/{id}", self.connecting.secrets)
    }

    /// Reference to the credentials in settings.
    pub(crate) fn reference(&self, id: &ConnectionId) -> CredentialsRef {
        CredentialsRef::SecretsManager(self.secret_name(id))
    }
}
