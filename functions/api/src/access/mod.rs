//! Who may come in, and what for: by an API key, or whoever API Gateway let in.

mod audit;
mod known_keys;
mod remembered;
mod roles;
pub(crate) mod sessions;
mod shown;
mod strangers;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ghl_sync_model::{KeyId, LocationId, Role};
use ghl_sync_runtime::ApiAccess;
use lambda_http::request::RequestContext;

use crate::answer::RequestId;
use crate::problem::{Problem, ProblemKind};
use crate::service::Api;
pub(crate) use audit::Subject;
pub(crate) use known_keys::KnownKeys;
use roles::Rule;
pub(crate) use roles::Rules;
pub(crate) use sessions::Sessions;
use sessions::{Cookie, from_our_page};
pub(crate) use shown::Shown;
pub(crate) use strangers::Strangers;

/// Who calls. Absent while nobody has shown who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// For the log: the name of a key, or of an AWS principal.
    pub(crate) name: String,
    /// The key, if it is one that is kept as a record.
    pub(crate) key: Option<KeyId>,
    pub(crate) role: Role,
    /// The locations that the key is bound to; `None` if it is good for all.
    pub(crate) locations: Option<Arc<BTreeSet<LocationId>>>,
}

impl Caller {
    /// Whoever shows a key of the environment, or whom AWS knows: there, policies say who may what.
    fn with_all_rights(name: &str) -> Caller {
        Caller { name: name.to_owned(), key: None, role: Role::Admin, locations: None }
    }

    /// The only locations that the caller may see; `None` for all.
    pub(crate) fn own(&self) -> Option<&BTreeSet<LocationId>> {
        self.locations.as_deref()
    }
}

/// Lets nobody pass who may not.
pub(crate) async fn required(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let claim = Claim::of(&request, &api.access);
    let caller = match claim.check(&api).await.and_then(|caller| caller.ok_or_else(nobody)) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let asked = Asked::of(&mut request).await;
    request.extensions_mut().insert(caller.clone());
    let mut response = match asked.may(&api.rules, &caller) {
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

/// Lets everybody pass, and finds out who they are; a key that is shown must be right. Whoever is signed in no more is
/// nobody.
pub(crate) async fn optional(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let claim = Claim::of(&request, &api.access);
    match claim.check(&api).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) | Err(Problem { kind: ProblemKind::SignedOut, .. }) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
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

    fn may(&self, rules: &Rules, caller: &Caller) -> Result<(), Problem> {
        match self.rule(rules) {
            Some(rule) => rule.allows(caller, self.location.as_deref()),
            // Everybody may hear that there is nothing.
            None if self.path.is_none() => Ok(()),
            // A method that the path does not take, or something that the document does not tell of.
            None if caller.role == Role::Admin => Ok(()),
            None => Err(Problem::new(ProblemKind::Forbidden, "the key may use what GET /openapi.json lists")),
        }
    }
}

/// Who a request says that it comes from.
enum Claim {
    /// It says nothing.
    Nobody,
    /// API Gateway knows.
    Principal(Caller),
    /// Whoever has this key.
    Key(Shown),
    /// Whoever has signed in.
    Session(Cookie),
    /// A browser shows this, and some other page may have made it do so.
    Forgeable(Box<Claim>),
}

impl Claim {
    fn of(request: &Request, access: &ApiAccess) -> Claim {
        let (shown, cookie) = match access {
            ApiAccess::Iam => return principal(request).map_or(Claim::Nobody, Claim::Principal),
            ApiAccess::Keys(_) => (Shown::of(request), Cookie::of(request)),
        };
        let (claim, by_browser) = match (shown, cookie) {
            (Some(shown), _) if shown.by_browser => (Claim::Key(shown), true),
            (Some(shown), _) => (Claim::Key(shown), false),
            (None, Some(cookie)) => (Claim::Session(cookie), true),
            (None, None) => return Claim::Nobody,
        };
        let is_forgeable = by_browser && !changes_nothing(request) && !from_our_page(request.headers());
        if is_forgeable { Claim::Forgeable(Box::new(claim)) } else { claim }
    }

    async fn check(self, api: &Api) -> Result<Option<Caller>, Problem> {
        match self {
            Claim::Nobody => Ok(None),
            Claim::Principal(caller) => Ok(Some(caller)),
            Claim::Key(shown) => owner(api, &shown).await.map(Some),
            Claim::Session(cookie) => api.sessions.owner(api, &cookie).await?.map(Some).ok_or_else(signed_out),
            Claim::Forgeable(claim) => match *claim {
                Claim::Key(shown) => owner(api, &shown).await.map(drop),
                Claim::Session(cookie) => api.sessions.owner(api, &cookie).await?.map(drop).ok_or_else(signed_out),
                Claim::Nobody | Claim::Principal(_) | Claim::Forgeable(_) => Ok(()),
            }
            .and(Err(Problem::new(ProblemKind::Forbidden, FORGED))),
        }
    }
}

fn signed_out() -> Problem {
    Problem::new(ProblemKind::SignedOut, "sign in again at /sign-in, or send a key")
}

/// Whose key it is. Who has shown many wrong ones waits, unless this one is known already: nobody else who comes from the
/// same address is kept out.
pub(crate) async fn owner(api: &Api, shown: &Shown) -> Result<Caller, Problem> {
    let of_environment = match &*api.access {
        ApiAccess::Keys(keys) => known_keys::owner_in(keys, shown.key.as_bytes()),
        ApiAccess::Iam => None,
    };
    if let Some(caller) = of_environment {
        return Ok(caller);
    }
    let now = api.engine.ports().clock.now();
    if let Some(wait) = shown.from.and_then(|address| api.strangers.wait(address, now))
        && !api.keys.has(now, &shown.key)
    {
        let retry_after_s = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(1);
        let detail = "many wrong keys came from your address; wait, then send the right one";
        return Err(Problem::new(ProblemKind::TooManyWrongKeys { retry_after_s }, detail));
    }
    let owner = api.keys.owner(&api.operator(), now, &shown.key).await?;
    if let (None, Some(address)) = (&owner, shown.from) {
        api.strangers.note(address, now);
    }
    owner.ok_or_else(nobody)
}

/// The same for a key that is wrong, missing, revoked or expired: no hint helps to guess one.
fn nobody() -> Problem {
    Problem::new(
        ProblemKind::Unauthorized,
        "send a valid API key as `Authorization: Bearer KEY`, as `X-Api-Key: KEY`, or as the password of HTTP Basic",
    )
}

/// Browsers repeat a password by themselves, whichever page makes them.
const FORGED: &str = "with HTTP Basic or a cookie, changes are taken from our own pages only (Sec-Fetch-Site: same-origin); send the key as a header";

/// Whom API Gateway has let in. An event that did not pass its check has nobody in it.
fn principal(request: &Request) -> Option<Caller> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>() else {
        return None;
    };
    let iam = context.authorizer.as_ref()?.iam.as_ref()?;
    iam.user_arn.as_deref().filter(|arn| !arn.is_empty()).map(Caller::with_all_rights)
}

/// What is only read makes no calls to GHL, but for this.
const WITH_CALLS: &str = "/api/v1/migration/test-connection";

fn changes_nothing(request: &Request) -> bool {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    is_read && request.uri().path() != WITH_CALLS
}
