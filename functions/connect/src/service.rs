//! What the routes work with.

use std::sync::Arc;

use ghl_sync_model::{ConnectionId, CredentialsRef, EpochMs, MarketplaceApp};
use ghl_sync_operate::Operator;
use ghl_sync_runtime::Connecting;
use ghl_sync_web::Callers;

use crate::trouble::Trouble;

/// What the routes work with.
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

    /// The app, with its key. It is read each time: an app's key that was changed works at once.
    pub(crate) async fn app(&self) -> Result<MarketplaceApp, Trouble> {
        let reference = self.connecting.app.as_ref().ok_or(Trouble::NoApp)?;
        let secret = self.connecting.store.read(reference).await?;
        MarketplaceApp::parse(secret.expose())
            .map_err(|error| Trouble::BadApp(format!("what {reference} holds {error}")))
    }

    /// The name of the secret that a connection's credentials are kept in.
    pub(crate) fn secret_name(&self, id: &ConnectionId) -> String {
        format!("{}/{id}", self.connecting.secrets)
    }

    /// How settings refer to it.
    pub(crate) fn reference(&self, id: &ConnectionId) -> CredentialsRef {
        CredentialsRef::SecretsManager(self.secret_name(id))
    }
}
