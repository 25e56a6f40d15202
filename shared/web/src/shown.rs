//! The key that a request shows.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lambda_http::request::RequestContext;

/// A key that was shown, be it right or wrong.
pub struct Shown {
    /// What was shown.
    pub key: String,
    /// As the password of HTTP Basic, which browsers repeat by themselves.
    pub by_browser: bool,
    /// The address that it comes from, if API Gateway tells it. A header could tell any.
    pub from: Option<IpAddr>,
}

impl Shown {
    /// The key in the headers of this request, if there is one.
    #[must_use]
    pub fn of(request: &Request) -> Option<Shown> {
        let (headers, from) = (request.headers(), Shown::address(request));
        if let Some(key) = headers.get("x-api-key") {
            return Some(Shown { key: lossy(key.as_bytes()), by_browser: false, from });
        }
        let authorization = headers.get(header::AUTHORIZATION)?;
        let text = lossy(authorization.as_bytes());
        let (scheme, credentials) = text.split_once(' ').unwrap_or((&text, ""));
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = BASE64_STANDARD.decode(credentials).unwrap_or_default();
            let pair = lossy(&decoded);
            let password = pair.split_once(':').map_or("", |(_, password)| password);
            return Some(Shown { key: password.to_owned(), by_browser: true, from });
        }
        // Another scheme shows something that is no key of ours.
        let key = if scheme.eq_ignore_ascii_case("bearer") { credentials } else { "" };
        Some(Shown { key: key.to_owned(), by_browser: false, from })
    }

    /// The address that a request comes from, if API Gateway tells it.
    #[must_use]
    pub fn address(request: &Request) -> Option<IpAddr> {
        let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>() else {
            return None;
        };
        context.http.source_ip.as_deref()?.parse().ok()
    }
}

/// No key of ours has a character that this could change.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
