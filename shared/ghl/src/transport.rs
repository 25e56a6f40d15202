//! Exactly one HTTP exchange: no redirect, no retry, no proxy.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_model::{Call, Cause, Failure, Secret};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::{Instant, timeout_at};

use crate::request::{ApiRequest, RequestBody};
use crate::text::one_line;

/// Timeout for connecting, TLS included. It is below a call's timeout, so a call without a connection is known not to
/// have been sent.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an unused connection is kept. Well below the minute after which common gateways close theirs: a request
/// that meets a closing connection is lost, and nobody can tell whether it arrived.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Most bytes to read of a success. A page of 100 contacts with many custom fields is smaller.
pub(crate) const MAX_ANSWER: usize = 1024 * 1024;

/// Most bytes to read of an answer with one record: enough to identify the record if it is too long.
const MAX_OF_ONE: usize = 16 * 1024 * 1024;

/// Most bytes to read of a success of `call`.
pub(crate) fn most_of(call: &Call) -> usize {
    if call.shows_one_record() { MAX_OF_ONE } else { MAX_ANSWER }
}

/// Most bytes to read of an error.
const MAX_ERROR: usize = 64 * 1024;

/// Why there is no transport.
pub(crate) enum SetupError {
    Tls(rustls::Error),
    Http(reqwest::Error),
}

/// An answer with its headers. The body may be incomplete.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ResponseBody,
}

#[derive(Debug)]
pub(crate) enum ResponseBody {
    /// The whole body; of an error, at most the first 64 KB.
    Read(Vec<u8>),
    /// A success longer than the limit.
    TooLong,
    /// The connection failed or the time was up before the end of the body. Holds the reason.
    Broken(String),
}

/// An API's address and the version header that it requires.
#[derive(Debug)]
pub(crate) struct ApiHost {
    pub(crate) base: Url,
    pub(crate) version: Option<&'static str>,
}

/// The connection pool. Clones share it.
#[derive(Clone)]
pub(crate) struct Transport {
    http: reqwest::Client,
}

impl Transport {
    /// Creates a transport for `https` and `http`, or for `http` only, which needs no root certificates.
    pub(crate) fn new(https: bool, connect_timeout: Duration) -> Result<Transport, SetupError> {
        // Any hidden resend would be a request without a permit, so:
        // - redirects are off, and so are reqwest's retries ("protocol NACKs");
        // - hyper's pool has one retry that reqwest cannot turn off (`retry_canceled_requests`): if a pooled
        //   connection turns out to be closed before it took the request from its queue, the request goes out on
        //   another one. Not a byte of it has been written then (hyper hands the request back only in that case, see
        //   `recv_msg` in hyper's `proto/h1/dispatch.rs`), so GHL sees one request. Once the first byte is written, a
        //   failure is final. This holds for HTTP/1.1, the only protocol in our features of reqwest.
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(https).map_err(SetupError::Tls)?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("ghl-sync/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(SetupError::Http)?;
        Ok(Transport { http })
    }

    /// Sends `request` to `host` with `token` (or without authentication) and reads the answer until `deadline`.
    /// Reads at most `most` bytes of a success.
    pub(crate) async fn exchange(
        &self,
        host: &ApiHost,
        token: Option<&Secret>,
        request: &ApiRequest,
        most: usize,
        deadline: Instant,
    ) -> Result<HttpAnswer, Failure> {
        let mut builder = self
            .http
            .request(request.method.clone(), request.url(&host.base))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            builder = builder.header(AUTHORIZATION, bearer(token)?);
        }
        if let Some(version) = host.version {
            builder = builder.header("version", HeaderValue::from_static(version));
        }
        builder = match &request.body {
            None => builder,
            Some(RequestBody::Json(body)) => builder.json(body),
            Some(RequestBody::Form(body)) => {
                let form = HeaderValue::from_static("application/x-www-form-urlencoded");
                builder.header(CONTENT_TYPE, form).body(body.expose().to_owned())
            }
        };
        let mut response = match timeout_at(deadline, builder.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unanswered(error)),
            Err(_) => return Err(no_answer("the time was up".to_owned(), true)),
        };
        let body = match timeout_at(deadline, read_body(&mut response, most)).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => ResponseBody::Broken(describe(error)),
            Err(_) => ResponseBody::Broken("the time was up while reading the answer".to_owned()),
        };
        Ok(HttpAnswer { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
    }
}

/// TLS on ring with the platform's certificates, without touching rustls' process-wide default. Without `https` there
/// are no certificates, and no TLS peer is trusted.
///
/// # Errors
/// If the platform's certificates cannot be used.
pub fn tls(https: bool) -> Result<rustls::ClientConfig, rustls::Error> {
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    let builder = if https {
        builder.with_platform_verifier()?
    } else {
        // The local stack's containers have no certificates to load.
        builder.with_root_certificates(rustls::RootCertStore::empty())
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.expose())) else {
        return Err(Failure {
            status: None,
            sent: false,
            cause: Some(Cause::Credentials),
            message: "the token has a character that a header cannot carry".to_owned(),
        });
    };
    value.set_sensitive(true);
    Ok(value)
}

/// Reads the body up to the limits.
async fn read_body(response: &mut Response, most: usize) -> reqwest::Result<ResponseBody> {
    let success = response.status().is_success();
    let most = if success { most } else { MAX_ERROR };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = most - body.len();
        if chunk.len() > room && success {
            return Ok(ResponseBody::TooLong);
        }
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == most && !success {
            break;
        }
    }
    Ok(ResponseBody::Read(body))
}

/// Interprets a missing answer. Only a request that got no connection was certainly not sent: no address, refused, no
/// TLS, or not in time.
fn unanswered(error: reqwest::Error) -> Failure {
    let sent = !(error.is_connect() || error.is_builder());
    no_answer(describe(error), sent)
}

fn no_answer(message: String, sent: bool) -> Failure {
    Failure { status: None, sent, cause: None, message }
}

/// The error and its causes, without the URL, which may have an e-mail address in its query.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_takes_too_long_is_a_request_that_was_not_sent() {
        // Accepts connections, but never answers the TLS handshake.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let transport = Transport::new(true, Duration::from_millis(50)).ok().unwrap();

        let host = ApiHost { base, version: None };
        let request = ApiRequest::get("/", Vec::new());
        let deadline = Instant::now() + Duration::from_secs(30);
        let failure =
            transport.exchange(&host, Some(&Secret::new("t")), &request, MAX_ANSWER, deadline).await.unwrap_err();

        assert!(!failure.sent, "{failure:?}");
        assert_eq!(failure.status, None);
    }
}
