//! The way to GHL's consent page and back: what the browser is given, and what it must show when it returns.
//!
//! The `state` goes through GHL and comes back in the address. The cookie stays in the browser. Both are random, kept as
//! hashes, and good once and for ten minutes. The session's own cookie cannot do this: it is not sent where another site
//! leads here (`SameSite=Strict`). So the attempt remembers the session, which must not be over.

use std::time::Duration;

use axum::http::HeaderValue;
use ghl_sync_engine::ports::Entry;
use ghl_sync_model::{ConsentAttempt, EpochMs, KeyHash, KeyId, Role, SessionKey};
use ghl_sync_web::{Caller, SameSite, hex, set_cookie};
use subtle::ConstantTimeEq;
use tracing::error;

use crate::service::Service;
use crate::trouble::Trouble;

/// How long somebody may take at GHL's page.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// Who begins.
pub(crate) struct Beginner {
    pub(crate) caller: Caller,
    /// The key that stands behind the request.
    pub(crate) key: SessionKey,
    /// The session, if the browser has one.
    pub(crate) session: Option<KeyId>,
}

/// What the browser takes along.
pub(crate) struct Begun {
    /// Through GHL.
    pub(crate) state: String,
    /// In its cookie.
    pub(crate) cookie: String,
}

/// Begins an attempt.
pub(crate) async fn begin(service: &Service, beginner: Beginner, redirect_uri: &str) -> Result<Begun, Trouble> {
    let id = KeyId::of_random(u64::from_ne_bytes(random()?)).map_err(|_| Trouble::NoRandomness)?;
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
    Ok(Begun { state, cookie })
}

/// The attempt that a browser returns from, and who has begun it. It cannot be returned from again.
pub(crate) async fn end(service: &Service, returned: &Returned<'_>) -> Result<(ConsentAttempt, Caller), Trouble> {
    let operator = service.operator();
    let id = returned.state.split_once('.').and_then(|(id, _)| id.parse::<KeyId>().ok()).ok_or(Trouble::Stranger)?;
    let Entry { rev, value: attempt } = operator.consent(&id).await?.ok_or(Trouble::Stranger)?;
    let now = service.now();
    check(&attempt, returned, now)?;
    if let Some(session) = &attempt.session {
        let session = operator.session(session).await?;
        if !session.is_some_and(|session| !session.ended && now < session.expires_at) {
            return Err(Trouble::SignIn);
        }
    }
    let caller = service.callers.holder(&operator, now, &attempt.key).await?.ok_or(Trouble::SignIn)?;
    if caller.role != Role::Admin {
        return Err(Trouble::NotAdmin);
    }
    if !operator.use_consent(&id, Entry { rev, value: attempt.clone() }).await? {
        return Err(Trouble::Used);
    }
    Ok((attempt, caller))
}

/// What a browser shows that returns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Returned<'a> {
    pub(crate) state: &'a str,
    pub(crate) cookie: &'a str,
}

/// Whether it is the browser that has begun, and in time. Comparing takes as long whatever is shown.
fn check(attempt: &ConsentAttempt, returned: &Returned<'_>, now: EpochMs) -> Result<(), Trouble> {
    let is = |kept: &KeyHash, shown: &str| kept.as_bytes().ct_eq(KeyHash::of(shown.as_bytes()).as_bytes());
    let is_ours = is(&attempt.state, returned.state) & is(&attempt.cookie, returned.cookie);
    if !bool::from(is_ours) {
        return Err(Trouble::Stranger);
    }
    if attempt.used {
        return Err(Trouble::Used);
    }
    if now >= attempt.expires_at {
        return Err(Trouble::TooLate);
    }
    Ok(())
}

/// The name of the cookie.
pub(crate) fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-ghl-sync-consent" } else { "ghl-sync-consent" }
}

/// The header that gives a browser the cookie, or with an empty one takes it away. It is sent where GHL leads the browser
/// here (`Lax`), and to no script.
pub(crate) fn cookie_header(is_secure: bool, cookie: &str) -> Option<HeaderValue> {
    let length = if cookie.is_empty() { Duration::ZERO } else { PATIENCE };
    set_cookie(cookie_name(is_secure), cookie, length, SameSite::Lax, is_secure)
}

fn random<const N: usize>() -> Result<[u8; N], Trouble> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|failed| {
        error!(event = "port_failed", action = "consents.random", error = %failed);
        Trouble::NoRandomness
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
            assert!(matches!(said(&attempt(), &foreign, 1), Err(Trouble::Stranger)), "{foreign:?}");
        }
        assert!(matches!(said(&attempt(), &ours, 1_000), Err(Trouble::TooLate)));
        let used = ConsentAttempt { used: true, ..attempt() };
        assert!(matches!(said(&used, &ours, 1), Err(Trouble::Used)));
        // A stranger is not told that there was one.
        let stranger = Returned { cookie: "other", ..ours };
        assert!(matches!(said(&used, &stranger, 2_000), Err(Trouble::Stranger)));
    }

    #[test]
    fn the_cookie_is_for_this_host_for_no_script_and_comes_back_from_another_site() {
        let header = |is_secure, cookie| cookie_header(is_secure, cookie).unwrap().to_str().unwrap().to_owned();
        let expected = "__Host-ghl-sync-consent=abc; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(header(true, "abc"), expected);
        assert_eq!(header(false, ""), "ghl-sync-consent=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }
}
