//! The host name by which the stack was called.

use axum::extract::Request;
use axum::http::header;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;

/// The host name by which API Gateway was called. API Gateway serves only its own names and those that were configured;
/// a header could contain any name.
#[derive(Debug, Clone)]
pub(crate) struct CalledAs(String);

impl CalledAs {
    /// The host name in an event, if it is valid.
    pub(crate) fn of(event: &ApiGatewayV2httpRequest) -> Option<CalledAs> {
        let name = event.request_context.domain_name.as_deref().filter(|name| is_host(name))?;
        Some(CalledAs(name.to_owned()))
    }
}

/// The origin of our URLs: `https://NAME`. Locally, without TLS, it comes from the `Host` header; the local server
/// rejects requests for another machine.
#[must_use]
pub fn origin(request: &Request) -> Option<String> {
    if crate::is_secure(request) {
        let CalledAs(name) = request.extensions().get()?;
        return Some(format!("https://{name}"));
    }
    let host = request.headers().get(header::HOST)?.to_str().ok().filter(|host| is_host(host))?;
    Some(format!("http://{host}"))
}

fn is_host(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_by_the_caller_only_where_nobody_else_tells_it() {
        let request = |host: &str| Request::builder().header("host", host).body(axum::body::Body::empty()).unwrap();
        assert_eq!(origin(&request("localhost:8790")).as_deref(), Some("http://localhost:8790"));
        assert_eq!(origin(&request("[::1]:8790")).as_deref(), Some("http://[::1]:8790"));
        for host in ["", "a b", "a/b", "a@b", "a?b", "a#b"] {
            assert_eq!(origin(&request(host)), None, "{host}");
        }
    }
}
