//! Who may connect accounts: admins, by a session or a key. And what the audit trail says of them.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ghl_sync_model::{AuditedRequest, ConnectionId, LocationId, Role};
use ghl_sync_web::{Caller, Claim, RequestId};
use tracing::error;

use crate::service::Service;
use crate::trouble::Trouble;

/// What only leads on, but makes something all the same.
const START: &str = "/connect/start";

/// What a request was about, for the audit trail.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) connection: ConnectionId,
    pub(crate) location: Option<LocationId>,
}

impl From<ConnectionId> for About {
    fn from(connection: ConnectionId) -> About {
        let location = match &connection {
            ConnectionId::Location(location) => Some(location.clone()),
            ConnectionId::Agency(_) => None,
        };
        About { connection, location }
    }
}

/// Lets admins pass, and nobody else.
pub(crate) async fn admins_only(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    if service.callers.access().takes_no_keys().is_some() {
        return Trouble::NoKeys.into_response();
    }
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    let claim = Claim::of(&request, service.callers.access(), changes || request.uri().path() == START);
    let caller = match claim.check(&service.callers, &service.operator(), service.now()).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return Trouble::SignIn.into_response(),
        Err(refused) => return Trouble::from(refused).into_response(),
    };
    let (path, id) = (request.extensions().get::<MatchedPath>().cloned(), request.extensions().get().cloned());
    request.extensions_mut().insert(caller.clone());
    let mut response = match caller.role {
        Role::Admin => next.run(request).await,
        Role::Read | Role::Operate => Trouble::NotAdmin.into_response(),
    };
    if let (true, Some(path), Some(RequestId(id))) = (changes, path, id) {
        audit(&service, &caller, operation(path.as_str()), &id, Outcome::of(&response)).await;
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

/// What the trail says of an answer.
pub(crate) struct Outcome {
    status: StatusCode,
    about: Option<About>,
}

impl Outcome {
    pub(crate) fn of(response: &Response) -> Outcome {
        Outcome { status: response.status(), about: response.extensions().get().cloned() }
    }
}

/// Writes an entry of the trail. One that cannot be written is no reason to answer otherwise: what was asked for is done,
/// and the log has the request.
pub(crate) async fn audit(service: &Service, caller: &Caller, operation: &str, request_id: &str, outcome: Outcome) {
    let Outcome { status, about } = outcome;
    // What was refused as it was asked changed nothing.
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
