//! The id of a request.

use axum::extract::Request;
use lambda_http::request::RequestContext;

/// Id of the request, for handlers.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    /// API Gateway's request id, which is in its own log, too; elsewhere a random one. Never the caller's, because it
    /// would enter our log and our headers.
    #[must_use]
    pub fn of(request: &Request) -> RequestId {
        let of_gateway = match request.extensions().get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.as_deref(),
            _ => None,
        };
        let plain = |id: &&str| {
            (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
        };
        RequestId(of_gateway.filter(plain).map_or_else(|| format!("{:032x}", fastrand::u128(..)), str::to_owned))
    }
}
