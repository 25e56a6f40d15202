//! Disconnecting: disables the locations of a connection and deletes its credentials.

use std::collections::BTreeSet;

use ghl_sync_model::{ConnectionId, GhlConnection};

use crate::grant::all;
use crate::service::Service;
use crate::trouble::ConnectError;

/// Locations disabled at a time. Each waits a second until no new call can start; they wait together.
const AT_ONCE: usize = 100;

/// Disables the locations that use the connection, then deletes its credentials. Safe to repeat.
pub(crate) async fn disconnect(service: &Service, id: &ConnectionId) -> Result<(), ConnectError> {
    let operator = service.operator();
    let connection = operator.connection(id).await?.ok_or(ConnectError::Unknown)?;
    let stopped = connection.locations.iter().map(|location| {
        let (operator, location, credentials) = (operator.clone(), location.clone(), connection.credentials.clone());
        async move { operator.disconnect_location(&location, &credentials).await }
    });
    all(stopped.collect(), AT_ONCE).await?;
    service.connecting.vault.discard(&service.secret_name(id)).await?;
    let now = service.now();
    let ended = |standing: Option<GhlConnection>| GhlConnection {
        locations: BTreeSet::new(),
        sub_accounts: Vec::new(),
        missing_scopes: Vec::new(),
        untold: None,
        disconnected_at: Some(now),
        ..standing.unwrap_or_else(|| connection.clone())
    };
    operator.change_connection(id, ended).await?;
    Ok(())
}
