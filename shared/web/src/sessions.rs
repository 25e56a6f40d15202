//! Browsers that signed in: a cookie stands for the key, for twelve hours.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{EpochMs, KeyHash, KeyId, Session};
use ghl_sync_operate::Operator;
use lambda_http::request::RequestContext;
use subtle::ConstantTimeEq;

use crate::remembered::Remembered;

/// A session ends after this.
pub const LENGTH: Duration = Duration::from_secs(12 * 3600);

/// The sessions that this process has read last.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Remembered<Session>);

/// What a browser shows instead of a key.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// The id of the session.
    pub id: KeyId,
    text: String,
}

impl Cookie {
    /// A new one.
    #[must_use]
    pub fn new(id: KeyId, random: [u8; 32]) -> Cookie {
        Cookie { text: format!("{id}.{}", hex(&random)), id }
    }

    /// The one that a request shows.
    #[must_use]
    pub fn of(request: &Request) -> Option<Cookie> {
        let name = name(is_secure(request));
        let text = cookie_value(request.headers(), name)?;
        let (id, secret) = text.split_once('.')?;
        // As many digits as a hash has.
        secret.parse::<KeyHash>().ok()?;
        Some(Cookie { id: id.parse().ok()?, text: text.to_owned() })
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(self.text.as_bytes())
    }

    /// The header that gives it to a browser.
    #[must_use]
    pub fn header(&self, is_secure: bool) -> Option<HeaderValue> {
        set_cookie(name(is_secure), &self.text, LENGTH, SameSite::Strict, is_secure)
    }
}

/// What a browser sends back of the cookie that is called `name`.
#[must_use]
pub fn cookie_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(named, _)| *named == name).map(|(_, value)| value)
}

/// The header that takes it away again.
#[must_use]
pub fn no_cookie(is_secure: bool) -> Option<HeaderValue> {
    set_cookie(name(is_secure), "", Duration::ZERO, SameSite::Strict, is_secure)
}

/// From where a browser sends a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// From our own pages only.
    Strict,
    /// Also where another site leads here.
    Lax,
}

/// The header that gives a browser a cookie for so long. No script reads it, and no other host is given it.
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

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-ghl-sync" } else { "ghl-sync" }
}

/// API Gateway speaks TLS only. Locally nobody does, and a browser would not send a cookie back that wants it.
#[must_use]
pub fn is_secure(request: &Request) -> bool {
    request.extensions().get::<RequestContext>().is_some()
}

/// Whether a page of ours makes the request, and not one of somebody else.
#[must_use]
pub fn from_our_page(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
}

impl Sessions {
    /// The session of a cookie; `None` if it is over.
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

    /// Forgets what was read of a session: it is over.
    pub(crate) fn forget(&self, id: &KeyId) {
        self.0.forget(id);
    }
}

fn is_good(session: &Session, cookie: &Cookie, now: EpochMs) -> bool {
    let is_right = session.hash.as_bytes().ct_eq(cookie.hash().as_bytes());
    bool::from(is_right) && !session.ended && now < session.expires_at
}
