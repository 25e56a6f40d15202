//! The trip to GHL's consent page and back: the secrets that the browser gets, and the check when it returns.
//!
//! The `state` travels through GHL and returns in the URL. The cookie stays in the browser. Both are random, stored as
//! hashes, and valid once and for ten minutes. The session cookie cannot do this: browsers do not send it when another
//! site leads here (`SameSite=Strict`). So the attempt stores the session, which must still be active.

use std::time::Duration;

use axum::http::HeaderValue;
use ghl_sync_engine::ports::Entry;
use ghl_sync_model::{ConsentAttempt, EpochMs, KeyHash, KeyId, Role, SessionKey};
use ghl_sync_web::{Caller, SameSite, hex, set_cookie};
use subtle::ConstantTimeEq;
use tracing::error;

use crate::service::Service;
use crate::trouble::ConnectError;

/// Most time that a person may spend on GHL's page.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// The person who starts an attempt.
pub(crate) struct Beginner {
    pub(crate) caller: Caller,
    /// The key behind the request.
    pub(crate) key: SessionKey,
    /// The session, if the browser has one.
    pub(crate) session: Option<KeyId>,
}

/// The secrets of a new attempt, for the browser.
pub(crate) struct AttemptSecrets {
    /// Sent through GHL.
    pub(crate) state: String,
    /// Stored in a cookie.
    pub(crate) cookie: String,
}

/// Begins an attempt.
pub(crate) async fn begin(
    service: &Service,
    beginner: Beginner,
    redirect_uri: &str,
) -> Result<AttemptSecrets, ConnectError> {
    let id = KeyId::of_random(u64::from_ne_bytes(random()?)).map_err(|_| ConnectError::NoRandomness)?;
    let (state, cookie) = (format!("{id}.{}", hex(&random::<32>()?)), hex(&random::<32>()?));
    let Beginner { caller, key, session } = beginner;
    let attempt = ConsentAttempt {
        state: KeyHash::of(state.as_bytes()),
        cookie: KeyHash::of(cookie.as_bytes()),
        by: caller.name,
        key,
        session,
        redirect_uri: redirect_uri.to_owned(),
        expires_at: service.now() + PATIENCE,
        used: false,
    };
    service.operator().begin_consent(&id, &attempt).await?;
    Ok(AttemptSecrets { state, cookie })
}

/// Ends the attempt that a browser returns from. Returns it with the caller who began it. An attempt ends only once.
pub(crate) async fn end(service: &Service, returned: &Returned<'_>) -> Result<(ConsentAttempt, Caller), ConnectError> {
    let operator = service.operator();
    let id =
        returned.state.split_once('.').and_then(|(id, _)| id.parse::<KeyId>().ok()).ok_or(ConnectError::Stranger)?;
    let Entry { rev, value: attempt } = operator.consent(&id).await?.ok_or(ConnectError::Stranger)?;
    let now = service.now();
    check(&attempt, returned, now)?;
    if let Some(session) = &attempt.session {
        let session = operator.session(session).await?;
        if !session.is_some_and(|session| !session.ended && now < session.expires_at) {
            return Err(ConnectError::SignIn);
        }
    }
    let caller = service.callers.holder(&operator, now, &attempt.key).await?.ok_or(ConnectError::SignIn)?;
    if caller.role != Role::Admin {
        return Err(ConnectError::NotAdmin);
    }
    if !operator.use_consent(&id, Entry { rev, value: attempt.clone() }).await? {
        return Err(ConnectError::Used);
    }
    Ok((attempt, caller))
}

/// The credentials of a returning browser.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Returned<'a> {
    pub(crate) state: &'a str,
    pub(crate) cookie: &'a str,
}

/// Checks that the same browser returns, and in time. The comparison takes constant time.
fn check(attempt: &ConsentAttempt, returned: &Returned<'_>, now: EpochMs) -> Result<(), ConnectError> {
    let is = |kept: &KeyHash, shown: &str| kept.as_bytes().ct_eq(KeyHash::of(shown.as_bytes()).as_bytes());
    let is_ours = is(&attempt.state, returned.state) & is(&attempt.cookie, returned.cookie);
    if !bool::from(is_ours) {
        return Err(ConnectError::Stranger);
    }
    if attempt.used {
        return Err(ConnectError::Used);
    }
    if now >= attempt.expires_at {
        return Err(ConnectError::TooLate);
    }
    Ok(())
}

/// Name of the attempt's cookie.
pub(crate) fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-ghl-sync-consent" } else { "ghl-sync-consent" }
}

/// The `Set-Cookie` header; an empty cookie is deleted. The browser sends the cookie when GHL leads here (`Lax`), and
/// hides it from scripts.
pub(crate) fn cookie_header(is_secure: bool, cookie: &str) -> Option<HeaderValue> {
    let length = if cookie.is_empty() { Duration::ZERO } else { PATIENCE };
    set_cookie(cookie_name(is_secure), cookie, length, SameSite::Lax, is_secure)
}

fn random<const N: usize>() -> Result<[u8; N], ConnectError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|failed| {
        error!(event = "port_failed", action = "consents.random", error = %failed);
        ConnectError::NoRandomness
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> ConsentAttempt {
        ConsentAttempt {
            state: KeyHash::of(b"a.state"),
            cookie: KeyHash::of(b"cookie"),
            by: "desk".to_owned(),
            key: SessionKey::Environment(KeyHash::of(b"key")),
            session: None,
            redirect_uri: "https://x.example/connect/callback".to_owned(),
            expires_at: EpochMs(1_000),
            used: false,
        }
    }

    #[test]
    fn only_the_browser_that_began_returns_and_only_in_time_and_once() {
        let ours = Returned { state: "a.state", cookie: "cookie" };
        let said = |attempt: &ConsentAttempt, returned: &Returned<'_>, now| check(attempt, returned, EpochMs(now));
        assert!(said(&attempt(), &ours, 999).is_ok());
        for foreign in [
            Returned { state: "a.other", ..ours },
            Returned { state: "", ..ours },
            Returned { cookie: "other", ..ours },
            Returned { cookie: "", ..ours },
            Returned { state: "cookie", cookie: "a.state" },
        ] {
            assert!(matches!(said(&attempt(), &foreign, 1), Err(ConnectError::Stranger)), "{foreign:?}");
        }
        assert!(matches!(said(&attempt(), &ours, 1_000), Err(ConnectError::TooLate)));
        let used = ConsentAttempt { used: true, ..attempt() };
        assert!(matches!(said(&used, &ours, 1), Err(ConnectError::Used)));
        // A stranger must not learn that the attempt existed.
        let stranger = Returned { cookie: "other", ..ours };
        assert!(matches!(said(&used, &stranger, 2_000), Err(ConnectError::Stranger)));
    }

    #[test]
    fn the_cookie_is_for_this_host_for_no_script_and_comes_back_from_another_site() {
        let header = |is_secure, cookie| cookie_header(is_secure, cookie).unwrap().to_str().unwrap().to_owned();
        let expected = "__Host-ghl-sync-consent=abc; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(header(true, "abc"), expected);
        assert_eq!(header(false, ""), "ghl-sync-consent=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }
}
