//! Browsers that signed in: a cookie stands for the key, for twelve hours.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{EpochMs, KeyHash, KeyId, Session, SessionKey};
use ghl_sync_runtime::ApiAccess;
use lambda_http::request::RequestContext;
use subtle::ConstantTimeEq;

use super::remembered::Remembered;
use super::{Caller, known_keys};
use crate::service::Api;

/// A session ends after this.
pub(crate) const LENGTH: Duration = Duration::from_secs(12 * 3600);

/// The sessions that this process has read last.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Remembered<Session>);

/// What a browser shows instead of a key.
#[derive(Debug, Clone)]
pub(crate) struct Cookie {
    pub(crate) id: KeyId,
    text: String,
}

impl Cookie {
    /// A new one.
    pub(crate) fn new(id: KeyId, random: [u8; 32]) -> Cookie {
        let text = random.iter().fold(format!("{id}."), |text, byte| format!("{text}{byte:02x}"));
        Cookie { id, text }
    }

    /// The one that a request shows.
    pub(crate) fn of(request: &Request) -> Option<Cookie> {
        let name = name(is_secure(request));
        let lines = request.headers().get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, text) = pairs.find(|(named, _)| *named == name)?;
        let (id, secret) = text.split_once('.')?;
        // As many digits as a hash has.
        secret.parse::<KeyHash>().ok()?;
        Some(Cookie { id: id.parse().ok()?, text: text.to_owned() })
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> KeyHash {
        KeyHash::of(self.text.as_bytes())
    }

    /// The header that gives it to a browser.
    pub(crate) fn header(&self, is_secure: bool) -> Option<HeaderValue> {
        set_cookie(is_secure, &self.text, LENGTH)
    }
}

/// The header that takes it away again.
pub(crate) fn no_cookie(is_secure: bool) -> Option<HeaderValue> {
    set_cookie(is_secure, "", Duration::ZERO)
}

/// No script reads it, no other page sends it, and no other host is given it.
fn set_cookie(is_secure: bool, text: &str, length: Duration) -> Option<HeaderValue> {
    let (name, secure) = (name(is_secure), if is_secure { "; Secure" } else { "" });
    let length = length.as_secs();
    format!("{name}={text}; Path=/; Max-Age={length}; HttpOnly; SameSite=Strict{secure}").parse().ok()
}

fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-ghl-sync" } else { "ghl-sync" }
}

/// API Gateway speaks TLS only. Locally nobody does, and a browser would not send a cookie back that wants it.
pub(crate) fn is_secure(request: &Request) -> bool {
    request.extensions().get::<RequestContext>().is_some()
}

/// Whether a page of ours makes the request, and not one of somebody else.
pub(crate) fn from_our_page(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
}

impl Sessions {
    /// Who has signed in; nobody if the session is over, or its key is good no more.
    pub(super) async fn owner(&self, api: &Api, cookie: &Cookie) -> Result<Option<Caller>, PortError> {
        let now = api.engine.ports().clock.now();
        let session = match self.0.get(&cookie.id, now) {
            Some(session) => Some(session),
            None => api.operator().session(&cookie.id).await?.inspect(|read| {
                self.0.put(cookie.id.clone(), read.clone(), now);
            }),
        };
        let Some(session) = session.filter(|session| is_good(session, cookie, now)) else { return Ok(None) };
        match (&session.key, &*api.access) {
            (SessionKey::Record(id), _) => api.keys.holder(&api.operator(), now, id).await,
            (SessionKey::Environment(hash), ApiAccess::Keys(keys)) => Ok(known_keys::owner_of(keys, hash)),
            (SessionKey::Environment(_), ApiAccess::Iam) => Ok(None),
        }
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
