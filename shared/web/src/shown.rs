//! The key in a request.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lambda_http::request::RequestContext;

/// A key in a request, not verified yet.
pub struct PresentedKey {
    /// The key.
    pub key: String,
    /// Whether it is the password of HTTP Basic, which browsers repeat automatically.
    pub by_browser: bool,
    /// The caller's address, if API Gateway provides it. A header could contain any address.
    pub from: Option<IpAddr>,
}

impl PresentedKey {
    /// Reads the key from the headers of this request, if there is one.
    #[must_use]
    pub fn of(request: &Request) -> Option<PresentedKey> {
        let (headers, from) = (request.headers(), PresentedKey::address(request));
        if let Some(key) = headers.get("x-api-key") {
            return Some(PresentedKey { key: lossy(key.as_bytes()), by_browser: false, from });
        }
        let authorization = headers.get(header::AUTHORIZATION)?;
        let text = lossy(authorization.as_bytes());
        let (scheme, credentials) = text.split_once(' ').unwrap_or((&text, ""));
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = BASE64_STANDARD.decode(credentials).unwrap_or_default();
            let pair = lossy(&decoded);
            let password = pair.split_once(':').map_or("", |(_, password)| password);
            return Some(PresentedKey { key: password.to_owned(), by_browser: true, from });
        }
        // Another scheme counts as a wrong key.
        let key = if scheme.eq_ignore_ascii_case("bearer") { credentials } else { "" };
        Some(PresentedKey { key: key.to_owned(), by_browser: false, from })
    }

    /// The address of the caller, if API Gateway provides it.
    #[must_use]
    pub fn address(request: &Request) -> Option<IpAddr> {
        let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>() else {
            return None;
        };
        context.http.source_ip.as_deref()?.parse().ok()
    }
}

/// None of our keys contains a byte that this changes.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
