//! The key that a request shows.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A key that was shown, be it right or wrong.
pub(super) struct Shown {
    pub(super) key: String,
    /// As the password of HTTP Basic, which browsers repeat by themselves.
    pub(super) by_browser: bool,
}

impl Shown {
    /// The key in these headers, if there is one.
    pub(super) fn in_headers(headers: &HeaderMap) -> Option<Shown> {
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
}

/// No key of ours has a character that this could change.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
