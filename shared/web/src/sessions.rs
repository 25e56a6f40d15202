//! Browser sessions: a cookie stands for the key for twelve hours.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{EpochMs, KeyHash, KeyId, Session};
use ghl_sync_operate::Operator;
use lambda_http::request::RequestContext;
use subtle::ConstantTimeEq;

use crate::remembered::Remembered;

/// Lifetime of a session.
pub const LENGTH: Duration = Duration::from_secs(12 * 3600);

/// Cache of the sessions that this process has read.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Remembered<Session>);

/// The cookie that a browser sends instead of a key.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// Id of the session.
    pub id: KeyId,
    text: String,
}

impl Cookie {
    /// Creates a cookie with a random secret.
    #[must_use]
    pub fn new(id: KeyId, random: [u8; 32]) -> Cookie {
        Cookie { text: format!("{id}.{}", hex(&random)), id }
    }

    /// Reads the cookie of a request.
    #[must_use]
    pub fn of(request: &Request) -> Option<Cookie> {
        let name = name(is_secure(request));
        let text = cookie_value(request.headers(), name)?;
        let (id, secret) = text.split_once('.')?;
        // The secret has as many digits as a hash.
        secret.parse::<KeyHash>().ok()?;
        Some(Cookie { id: id.parse().ok()?, text: text.to_owned() })
    }

    /// Hash of the secret; only this is stored.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(self.text.as_bytes())
    }

    /// The `Set-Cookie` header.
    #[must_use]
    pub fn header(&self, is_secure: bool) -> Option<HeaderValue> {
        set_cookie(name(is_secure), &self.text, LENGTH, SameSite::Strict, is_secure)
    }
}

/// The value of the cookie `name` in a request.
#[must_use]
pub fn cookie_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(named, _)| *named == name).map(|(_, value)| value)
}

/// The `Set-Cookie` header that deletes the cookie.
#[must_use]
pub fn no_cookie(is_secure: bool) -> Option<HeaderValue> {
    set_cookie(name(is_secure), "", Duration::ZERO, SameSite::Strict, is_secure)
}

/// Requests with which a browser sends a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// Only requests from our own pages.
    Strict,
    /// Also navigation from another site to ours.
    Lax,
}

/// The `Set-Cookie` header with a maximum age. Scripts cannot read the cookie, and no other host gets it.
#[must_use]
pub fn set_cookie(
    name: &str,
    text: &str,
    length: Duration,
    same_site: SameSite,
    is_secure: bool,
) -> Option<HeaderValue> {
    let (length, secure) = (length.as_secs(), if is_secure { "; Secure" } else { "" });
    let same_site = match same_site {
        SameSite::Strict => "Strict",
        SameSite::Lax => "Lax",
    };
    format!("{name}={text}; Path=/; Max-Age={length}; HttpOnly; SameSite={same_site}{secure}").parse().ok()
}

/// Encodes bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-ghl-sync" } else { "ghl-sync" }
}

/// Whether the connection uses TLS. API Gateway always does. The local server never does, and browsers would not return
/// a `Secure` cookie to it.
#[must_use]
pub fn is_secure(request: &Request) -> bool {
    request.extensions().get::<RequestContext>().is_some()
}

/// Whether the request comes from one of our own pages.
#[must_use]
pub fn from_our_page(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
}

impl Sessions {
    /// The session of a cookie; `None` if it has ended.
    pub(crate) async fn read(
        &self,
        operator: &Operator,
        now: EpochMs,
        cookie: &Cookie,
    ) -> Result<Option<Session>, PortError> {
        let session = match self.0.get(&cookie.id, now) {
            Some(session) => Some(session),
            None => operator.session(&cookie.id).await?.inspect(|read| {
                self.0.put(cookie.id.clone(), read.clone(), now);
            }),
        };
        Ok(session.filter(|session| is_good(session, cookie, now)))
    }

    /// Drops an ended session from the cache.
    pub(crate) fn forget(&self, id: &KeyId) {
        self.0.forget(id);
    }
}

fn is_good(session: &Session, cookie: &Cookie, now: EpochMs) -> bool {
    let is_right = session.hash.as_bytes().ct_eq(cookie.hash().as_bytes());
    bool::from(is_right) && !session.ended && now < session.expires_at
}
