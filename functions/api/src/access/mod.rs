//! Authentication and authorization: by an API key, or by the identity that API Gateway verified.

mod audit;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ghl_sync_model::{LocationId, Role};
pub(crate) use ghl_sync_web::Caller;
use ghl_sync_web::{Claim, NotLetIn, RequestId};

use crate::problem::{ApiProblem, ProblemKind};
use crate::roles::{RoleRules, Rule};
use crate::service::ApiState;
pub(crate) use audit::AuditSubject;

/// Rejects a request without a valid caller or without permission.
pub(crate) async fn required(State(api): State<ApiState>, mut request: Request, next: Next) -> Response {
    let claim = Claim::of(&request, api.callers.access(), !changes_nothing(&request));
    let caller = match check(claim, &api).await.and_then(|caller| caller.ok_or(NotLetIn::Nobody)) {
        Ok(caller) => caller,
        Err(refused) => return ApiProblem::from(refused).into_response(),
    };
    let asked = AccessAttempt::of(&mut request).await;
    request.extensions_mut().insert(caller.clone());
    let mut response = match asked.may(&api, &caller).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let entry = audit::entry(&api, &asked, &caller, &response);
    if let Some(entry) = entry {
        audit::write(&api, &entry).await;
    }
    response.extensions_mut().insert(caller);
    response
}

/// Lets every request pass and identifies the caller; a key that is sent must be valid. An expired session or a token
/// without a role counts as anonymous.
pub(crate) async fn optional(State(api): State<ApiState>, mut request: Request, next: Next) -> Response {
    let claim = Claim::of(&request, api.callers.access(), !changes_nothing(&request));
    match check(claim, &api).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) | Err(NotLetIn::SignedOut | NotLetIn::NoRole { .. } | NotLetIn::NoSubject) => next.run(request).await,
        Err(refused) => ApiProblem::from(refused).into_response(),
    }
}

async fn check(claim: Claim, api: &ApiState) -> Result<Option<Caller>, NotLetIn> {
    claim.check(&api.callers, &api.operator(), api.engine.ports().clock.now()).await
}

/// What a request wants to access.
struct AccessAttempt {
    method: Method,
    /// Route pattern of the router; `None` if no route matches.
    path: Option<MatchedPath>,
    /// Location named by the path.
    location: Option<String>,
    /// Other subject named by the path, for the audit trail.
    subject: Option<String>,
    request_id: String,
}

impl AccessAttempt {
    async fn of(request: &mut Request) -> AccessAttempt {
        let (mut parts, body) = std::mem::take(request).into_parts();
        // If a path parameter is not UTF-8, the handler's extractor rejects it. Until then the request names no
        // location.
        let parameters = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
        let named = |name: &str| {
            let mut all = parameters.iter().flat_map(RawPathParams::iter);
            all.find(|(parameter, _)| *parameter == name).map(|(_, value)| value)
        };
        let asked = AccessAttempt {
            method: parts.method.clone(),
            path: parts.extensions.get::<MatchedPath>().cloned(),
            location: named("location_id").map(str::to_owned),
            subject: audit::subject(named),
            request_id: parts.extensions.get().map(|RequestId(id)| id.clone()).unwrap_or_default(),
        };
        *request = Request::from_parts(parts, body);
        asked
    }

    fn rule<'a>(&self, rules: &'a RoleRules) -> Option<&'a Rule> {
        rules.of(&self.method, self.path.as_ref()?.as_str())
    }

    async fn may(&self, api: &ApiState, caller: &Caller) -> Result<(), ApiProblem> {
        match self.rule(&api.rules) {
            Some(rule) => {
                rule.allows(caller, self.location.is_some())?;
                self.is_reached(api, caller).await
            }
            // Everybody may get a 404.
            None if self.path.is_none() => Ok(()),
            // A method that the path does not take, or a route missing from the OpenAPI document.
            None if caller.role == Role::Admin => Ok(()),
            None => Err(ApiProblem::new(ProblemKind::Forbidden, "the caller may use what GET /openapi.json lists")),
        }
    }

    /// Checks that the caller may use the location in the path.
    async fn is_reached(&self, api: &ApiState, caller: &Caller) -> Result<(), ApiProblem> {
        let (Some(reach), Some(location)) = (caller.own(), &self.location) else { return Ok(()) };
        // An invalid id belongs to nobody.
        let is_own = match LocationId::new(location.as_str()) {
            Ok(location) => api.operator().reaches(reach, &location).await?,
            Err(_) => false,
        };
        let other = || ApiProblem::new(ProblemKind::Forbidden, "the caller is bound to other locations than this one");
        is_own.then_some(()).ok_or_else(other)
    }
}

impl From<NotLetIn> for ApiProblem {
    fn from(refused: NotLetIn) -> ApiProblem {
        match refused {
            // One message for a wrong, missing, revoked or expired key: a hint would help to guess one.
            NotLetIn::Nobody => ApiProblem::new(
                ProblemKind::Unauthorized,
                "send a valid API key as `Authorization: Bearer KEY`, as `X-Api-Key: KEY`, or as the password of HTTP Basic",
            ),
            NotLetIn::SignedOut => ApiProblem::new(ProblemKind::SignedOut, "sign in again at /sign-in, or send a key"),
            NotLetIn::NoRole { claim } => ApiProblem::new(
                ProblemKind::Forbidden,
                format!("the claim `{claim}` of the token must be, or list, one of the roles: read, operate, admin"),
            ),
            NotLetIn::NoSubject => {
                ApiProblem::new(ProblemKind::Forbidden, "the token does not say whose it is: it has no claim `sub`")
            }
            NotLetIn::Forged => ApiProblem::new(ProblemKind::Forbidden, FORGED),
            NotLetIn::Wait { retry_after_s } => ApiProblem::new(
                ProblemKind::TooManyWrongKeys { retry_after_s },
                "many wrong keys came from your address; wait, then send the right one",
            ),
            NotLetIn::Port(failed) => failed.into(),
        }
    }
}

/// Browsers repeat a Basic password automatically, for requests from any page.
const FORGED: &str = "with HTTP Basic or a cookie, changes are taken from our own pages only (Sec-Fetch-Site: same-origin); send the key as a header";

/// The only read that makes calls to GHL.
const WITH_CALLS: &str = "/api/v1/migration/test-connection";

fn changes_nothing(request: &Request) -> bool {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    is_read && request.uri().path() != WITH_CALLS
}
