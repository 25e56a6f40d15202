//! Signing in and out, for browsers.

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ghl_sync_model::{KeyHash, KeyId, Session, SessionKey};
use ghl_sync_web::{Cookie, LENGTH, PresentedKey, from_our_page, is_secure, no_cookie};
use serde::Deserialize;

use super::keys::random;
use crate::body::JsonBody;
use crate::problem::{ApiProblem, ProblemKind};
use crate::service::ApiState;
use crate::static_page::StaticPage;

/// Body of the sign-in request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    key: String,
}

/// Shows the sign-in page.
pub(crate) async fn page() -> impl IntoResponse {
    static PAGE: StaticPage = StaticPage::new(
        || include_str!("../dashboard/sign-in.js").to_owned(),
        include_str!("../dashboard/sign-in.html"),
        None,
    );
    PAGE.show()
}

/// Begins a session: the response sets a cookie that stands for the key.
pub(crate) async fn begin(State(api): State<ApiState>, request: Request) -> Result<Response, ApiProblem> {
    if let Some(detail) = api.callers.access().takes_no_keys() {
        return Err(ApiProblem::new(ProblemKind::NotNow, detail));
    }
    of_our_page(request.headers())?;
    let (is_secure, from) = (is_secure(&request), PresentedKey::address(&request));
    let JsonBody(SignIn { key }) = JsonBody::from_request(request, &()).await?;
    let (shown, now) = (PresentedKey { key: key.clone(), by_browser: false, from }, api.engine.ports().clock.now());
    let caller = api.callers.owner(&api.operator(), now, &shown).await?;
    let id = KeyId::of_random(u64::from_ne_bytes(random()?))
        .map_err(|_| ApiProblem::new(ProblemKind::Internal, "no id could be made for it"))?;
    let cookie = Cookie::new(id, random()?);
    let session = Session {
        hash: cookie.hash(),
        key: caller.key.map_or_else(|| SessionKey::Environment(KeyHash::of(key.as_bytes())), SessionKey::Record),
        expires_at: now + LENGTH,
        ended: false,
    };
    api.operator().begin_session(&cookie.id, &session).await?;
    Ok(with_cookie(cookie.header(is_secure)))
}

/// Ends the session and removes the cookie.
pub(crate) async fn end(State(api): State<ApiState>, request: Request) -> Result<Response, ApiProblem> {
    of_our_page(request.headers())?;
    let (is_secure, cookie) = (is_secure(&request), Cookie::of(&request));
    if let Some(cookie) = cookie {
        let standing = api.operator().session(&cookie.id).await?;
        // Only the complete cookie ends its session.
        if standing.is_some_and(|session| session.hash == cookie.hash()) {
            api.operator().end_session(&cookie.id).await?;
            api.callers.forget_session(&cookie.id);
        }
    }
    Ok(with_cookie(no_cookie(is_secure)))
}

/// Rejects sign-in and sign-out requests from other sites' pages.
fn of_our_page(headers: &HeaderMap) -> Result<(), ApiProblem> {
    let detail = "people sign in at /sign-in; programs send a key with each request";
    from_our_page(headers).then_some(()).ok_or_else(|| ApiProblem::new(ProblemKind::Forbidden, detail))
}

fn with_cookie(cookie: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
