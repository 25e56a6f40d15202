//! The id of a request.

use axum::extract::Request;
use lambda_http::request::RequestContext;

/// The request's id, for whoever answers it.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    /// API Gateway's id of the request, which is in its own log, too; elsewhere one of our own. Never the caller's: it
    /// would get into our log and our headers.
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
