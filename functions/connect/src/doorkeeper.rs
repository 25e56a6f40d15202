//! Who may connect accounts: admins, by a session or a key. Also writes the audit trail.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ghl_sync_model::{AuditedRequest, ConnectionId, LocationId, Role};
use ghl_sync_web::{Caller, Claim, RequestId};
use tracing::error;

use crate::service::Service;
use crate::trouble::ConnectError;

/// A GET that creates an attempt, so it is checked like a change.
const START: &str = "/connect/start";

/// The subject of a request, for the audit trail.
#[derive(Debug, Clone)]
pub(crate) struct RequestSubject {
    pub(crate) connection: ConnectionId,
    pub(crate) location: Option<LocationId>,
}

impl From<ConnectionId> for RequestSubject {
    fn from(connection: ConnectionId) -> RequestSubject {
        let location = match &connection {
            ConnectionId::Location(location) => Some(location.clone()),
            ConnectionId::Agency(_) => None,
        };
        RequestSubject { connection, location }
    }
}

/// Lets only admins pass.
pub(crate) async fn admins_only(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    if service.callers.access().takes_no_keys().is_some() {
        return ConnectError::NoKeys.into_response();
    }
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    let claim = Claim::of(&request, service.callers.access(), changes || request.uri().path() == START);
    let caller = match claim.check(&service.callers, &service.operator(), service.now()).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return ConnectError::SignIn.into_response(),
        Err(refused) => return ConnectError::from(refused).into_response(),
    };
    let (path, id) = (request.extensions().get::<MatchedPath>().cloned(), request.extensions().get().cloned());
    request.extensions_mut().insert(caller.clone());
    let mut response = match caller.role {
        Role::Admin => next.run(request).await,
        Role::Read | Role::Operate => ConnectError::NotAdmin.into_response(),
    };
    if let (true, Some(path), Some(RequestId(id))) = (changes, path, id) {
        audit(&service, &caller, operation(path.as_str()), &id, ResponseAudit::of(&response)).await;
    }
    response.extensions_mut().insert(caller);
    response
}

fn operation(path: &str) -> &'static str {
    match path {
        "/connect/token" => "connect_token",
        "/connect/{id}/locations" => "connect_locations",
        _ => "disconnect",
    }
}

/// Parts of a response for the audit trail.
pub(crate) struct ResponseAudit {
    status: StatusCode,
    about: Option<RequestSubject>,
}

impl ResponseAudit {
    pub(crate) fn of(response: &Response) -> ResponseAudit {
        ResponseAudit { status: response.status(), about: response.extensions().get().cloned() }
    }
}

/// Writes an audit entry. A failed write does not change the response: the request is already done and is in the log.
pub(crate) async fn audit(
    service: &Service,
    caller: &Caller,
    operation: &str,
    request_id: &str,
    outcome: ResponseAudit,
) {
    let ResponseAudit { status, about } = outcome;
    // Other client errors changed nothing.
    if status.is_client_error() && status != StatusCode::FORBIDDEN {
        return;
    }
    let entry = AuditedRequest {
        at: service.now(),
        request_id: request_id.to_owned(),
        caller: caller.name.clone(),
        key: caller.key.clone(),
        operation: operation.to_owned(),
        subject: about.as_ref().map(|about| about.connection.to_string()),
        location: about.and_then(|about| about.location),
        status: status.as_u16(),
    };
    if let Err(failed) = service.operator().audit(&entry).await {
        error!(event = "port_failed", action = failed.action, error = ghl_sync_runtime::causes(&failed));
    }
}
