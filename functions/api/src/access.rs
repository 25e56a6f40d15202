//! Who may come in: by an API key, or by whoever API Gateway let in.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ghl_sync_runtime::{ApiAccess, ApiKey};
use lambda_http::request::RequestContext;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::problem::{Problem, ProblemKind};

/// Who calls, for the log: the name of a key or of an AWS principal. Absent while nobody has shown who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller(pub(crate) String);

/// Lets nobody pass who may not.
pub(crate) async fn required(State(access): State<Arc<ApiAccess>>, mut request: Request, next: Next) -> Response {
    match caller(&access, &request).and_then(|caller| caller.ok_or_else(nobody)) {
        Ok(caller) => {
            request.extensions_mut().insert(caller.clone());
            let mut response = next.run(request).await;
            response.extensions_mut().insert(caller);
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// Lets everybody pass, and finds out who they are; a key that is shown must be right.
pub(crate) async fn optional(State(access): State<Arc<ApiAccess>>, mut request: Request, next: Next) -> Response {
    match caller(&access, &request) {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn caller(access: &ApiAccess, request: &Request) -> Result<Option<Caller>, Problem> {
    match access {
        ApiAccess::Iam => Ok(principal(request)),
        ApiAccess::Keys(keys) => {
            let Some(shown) = shown(request.headers()) else {
                return Ok(None);
            };
            let name = owner(keys, shown.key.as_bytes()).ok_or_else(nobody)?;
            if shown.by_browser && !changes_nothing(request) && !from_our_page(request.headers()) {
                return Err(Problem::new(ProblemKind::Forbidden, FORGED));
            }
            Ok(Some(Caller(name.to_owned())))
        }
    }
}

/// The same for a key that is wrong, missing or revoked: no hint helps to guess one.
fn nobody() -> Problem {
    Problem::new(
        ProblemKind::Unauthorized,
        "send a valid API key as `Authorization: Bearer KEY`, as `X-Api-Key: KEY`, or as the password of HTTP Basic",
    )
}

/// Browsers repeat a password by themselves, whichever page makes them.
const FORGED: &str = "with HTTP Basic, changes are taken from our own pages only (Sec-Fetch-Site: same-origin); send the key as a header";

/// Whom API Gateway has let in. An event that did not pass its check has nobody in it.
fn principal(request: &Request) -> Option<Caller> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>() else {
        return None;
    };
    let iam = context.authorizer.as_ref()?.iam.as_ref()?;
    iam.user_arn.clone().filter(|arn| !arn.is_empty()).map(Caller)
}

/// A key that was shown.
struct Shown {
    key: String,
    by_browser: bool,
}

fn shown(headers: &HeaderMap) -> Option<Shown> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(Shown { key: lossy(key.as_bytes()), by_browser: false });
    }
    let authorization = headers.get(header::AUTHORIZATION)?;
    let text = lossy(authorization.as_bytes());
    let (scheme, credentials) = text.split_once(' ').unwrap_or((&text, ""));
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = BASE64_STANDARD.decode(credentials).unwrap_or_default();
        let pair = lossy(&decoded);
        let password = pair.split_once(':').map_or("", |(_, password)| password);
        return Some(Shown { key: password.to_owned(), by_browser: true });
    }
    // Another scheme shows something that is no key of ours.
    let key = if scheme.eq_ignore_ascii_case("bearer") { credentials } else { "" };
    Some(Shown { key: key.to_owned(), by_browser: false })
}

/// No key of ours has a character that this could change.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whose key it is. Takes as long for any key, right or wrong.
fn owner<'a>(keys: &'a [ApiKey], shown: &[u8]) -> Option<&'a str> {
    let hash: [u8; 32] = Sha256::digest(shown).into();
    let mut found = Choice::from(0);
    let mut place = 0_u64;
    for (index, key) in (0_u64..).zip(keys) {
        let equal = key.hash.ct_eq(&hash);
        place.conditional_assign(&index, equal);
        found |= equal;
    }
    let key = keys.get(usize::try_from(place).unwrap_or(usize::MAX))?;
    bool::from(found).then_some(key.name.as_str())
}

/// What is only read makes no calls to GHL, but for this.
const WITH_CALLS: &str = "/api/v1/migration/test-connection";

fn changes_nothing(request: &Request) -> bool {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    is_read && request.uri().path() != WITH_CALLS
}

fn from_our_page(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, key: &str) -> ApiKey {
        ApiKey { name: name.to_owned(), hash: Sha256::digest(key).into() }
    }

    #[test]
    fn a_key_is_known_whichever_of_several_it_is_and_nothing_else_is() {
        let keys = [key("old", "one"), key("new", "two")];
        assert_eq!(owner(&keys, b"one"), Some("old"));
        assert_eq!(owner(&keys, b"two"), Some("new"));
        for wrong in ["", "on", "one ", "three"] {
            assert_eq!(owner(&keys, wrong.as_bytes()), None);
        }
        assert_eq!(owner(&[], b"one"), None);
    }
}
