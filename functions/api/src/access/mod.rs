//! Who may come in, and what for: by an API key, or whoever API Gateway let in.

mod audit;
mod roles;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ghl_sync_model::{LocationId, Role};
pub(crate) use ghl_sync_web::Caller;
use ghl_sync_web::{Claim, NotLetIn, RequestId};

use crate::problem::{Problem, ProblemKind};
use crate::service::Api;
pub(crate) use audit::Subject;
use roles::Rule;
pub(crate) use roles::Rules;

/// Lets nobody pass who may not.
pub(crate) async fn required(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let claim = Claim::of(&request, api.callers.access(), !changes_nothing(&request));
    let caller = match check(claim, &api).await.and_then(|caller| caller.ok_or(NotLetIn::Nobody)) {
        Ok(caller) => caller,
        Err(refused) => return Problem::from(refused).into_response(),
    };
    let asked = Asked::of(&mut request).await;
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

/// Lets everybody pass, and finds out who they are; a key that is shown must be right. Whoever is signed in no more, or has
/// a token without a role, is nobody.
pub(crate) async fn optional(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let claim = Claim::of(&request, api.callers.access(), !changes_nothing(&request));
    match check(claim, &api).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) | Err(NotLetIn::SignedOut | NotLetIn::NoRole { .. } | NotLetIn::NoSubject) => next.run(request).await,
        Err(refused) => Problem::from(refused).into_response(),
    }
}

async fn check(claim: Claim, api: &Api) -> Result<Option<Caller>, NotLetIn> {
    claim.check(&api.callers, &api.operator(), api.engine.ports().clock.now()).await
}

/// What a request asks for.
struct Asked {
    method: Method,
    /// As the router knows it; `None` where there is nothing.
    path: Option<MatchedPath>,
    /// The location that the path names.
    location: Option<String>,
    /// What else it names, for the audit trail.
    subject: Option<String>,
    request_id: String,
}

impl Asked {
    async fn of(request: &mut Request) -> Asked {
        let (mut parts, body) = std::mem::take(request).into_parts();
        // What is no text in a path is answered by whoever reads it, and is no location until then.
        let parameters = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
        let named = |name: &str| {
            let mut all = parameters.iter().flat_map(RawPathParams::iter);
            all.find(|(parameter, _)| *parameter == name).map(|(_, value)| value)
        };
        let asked = Asked {
            method: parts.method.clone(),
            path: parts.extensions.get::<MatchedPath>().cloned(),
            location: named("location_id").map(str::to_owned),
            subject: audit::subject(named),
            request_id: parts.extensions.get().map(|RequestId(id)| id.clone()).unwrap_or_default(),
        };
        *request = Request::from_parts(parts, body);
        asked
    }

    fn rule<'a>(&self, rules: &'a Rules) -> Option<&'a Rule> {
        rules.of(&self.method, self.path.as_ref()?.as_str())
    }

    async fn may(&self, api: &Api, caller: &Caller) -> Result<(), Problem> {
        match self.rule(&api.rules) {
            Some(rule) => {
                rule.allows(caller, self.location.is_some())?;
                self.is_reached(api, caller).await
            }
            // Everybody may hear that there is nothing.
            None if self.path.is_none() => Ok(()),
            // A method that the path does not take, or something that the document does not tell of.
            None if caller.role == Role::Admin => Ok(()),
            None => Err(Problem::new(ProblemKind::Forbidden, "the caller may use what GET /openapi.json lists")),
        }
    }

    /// Whether the location that the path names is one of the caller's.
    async fn is_reached(&self, api: &Api, caller: &Caller) -> Result<(), Problem> {
        let (Some(reach), Some(location)) = (caller.own(), &self.location) else { return Ok(()) };
        // What is no id is nobody's.
        let is_own = match LocationId::new(location.as_str()) {
            Ok(location) => api.operator().reaches(reach, &location).await?,
            Err(_) => false,
        };
        let other = || Problem::new(ProblemKind::Forbidden, "the caller is bound to other locations than this one");
        is_own.then_some(()).ok_or_else(other)
    }
}

impl From<NotLetIn> for Problem {
    fn from(refused: NotLetIn) -> Problem {
        match refused {
            // The same for a key that is wrong, missing, revoked or expired: no hint helps to guess one.
            NotLetIn::Nobody => Problem::new(
                ProblemKind::Unauthorized,
                "send a valid API key as `Authorization: Bearer KEY`, as `X-Api-Key: KEY`, or as the password of HTTP Basic",
            ),
            NotLetIn::SignedOut => Problem::new(ProblemKind::SignedOut, "sign in again at /sign-in, or send a key"),
            NotLetIn::NoRole { claim } => Problem::new(
                ProblemKind::Forbidden,
                format!("the claim `{claim}` of the token must be, or list, one of the roles: read, operate, admin"),
            ),
            NotLetIn::NoSubject => {
                Problem::new(ProblemKind::Forbidden, "the token does not say whose it is: it has no claim `sub`")
            }
            NotLetIn::Forged => Problem::new(ProblemKind::Forbidden, FORGED),
            NotLetIn::Wait { retry_after_s } => Problem::new(
                ProblemKind::TooManyWrongKeys { retry_after_s },
                "many wrong keys came from your address; wait, then send the right one",
            ),
            NotLetIn::Port(failed) => failed.into(),
        }
    }
}

/// Browsers repeat a password by themselves, whichever page makes them.
const FORGED: &str = "with HTTP Basic or a cookie, changes are taken from our own pages only (Sec-Fetch-Site: same-origin); send the key as a header";

/// What is only read makes no calls to GHL, but for this.
const WITH_CALLS: &str = "/api/v1/migration/test-connection";

fn changes_nothing(request: &Request) -> bool {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    is_read && request.uri().path() != WITH_CALLS
}
