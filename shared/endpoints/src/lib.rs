//! Posts to webhook endpoints with URLs that other people choose: to public addresses only, without redirects, retries
//! or proxies, and in bounded time.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_notify::{Post, PostError, Poster, is_public};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url, redirect, retry};

/// From the start of the connection to the response headers. Standard Webhooks asks for 15 to 30 s.
const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Addresses that may receive posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostReach {
    /// The public internet, by https.
    Public,
    /// Also this machine, and http, too: for a stack that runs on it.
    PublicAndLoopback,
}

/// A name resolves to no allowed address.
#[derive(Debug, thiserror::Error)]
#[error("its name leads to an address that is not public")]
struct NotPublic;

/// The [`Poster`] over HTTP.
#[derive(Debug)]
pub struct HttpPoster {
    /// Built for the first post: most invocations post nothing, and loading root certificates takes a while.
    http: OnceLock<Result<Client, String>>,
    reach: PostReach,
    timeout: Duration,
}

impl HttpPoster {
    /// Creates a poster to `reach`.
    #[must_use]
    pub fn new(reach: PostReach) -> HttpPoster {
        HttpPoster { http: OnceLock::new(), reach, timeout: TIMEOUT }
    }

    /// Sets another timeout for a response.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> HttpPoster {
        HttpPoster { timeout, ..self }
    }

    fn client(&self) -> Result<&Client, PostError> {
        let client = self.http.get_or_init(|| client(self.reach));
        client.as_ref().map_err(|error| PostError::Unanswered(error.clone()))
    }

    fn checked(&self, url: &str) -> Result<Url, PostError> {
        let forbidden = |why: &str| PostError::Forbidden(why.to_owned());
        let url: Url = url.parse().map_err(|_| forbidden("the webhook's URL cannot be read"))?;
        let host = url.host_str().unwrap_or_default();
        // The resolver checks names; an IP address is not resolved, so it is checked here.
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if address.is_some_and(|address| !self.reach.allows(address)) {
            return Err(forbidden("the webhook's URL has an address that is not public"));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.reach == PostReach::PublicAndLoopback && is_loopback(host, address) => Ok(url),
            _ => Err(forbidden("the webhook's URL is not https://")),
        }
    }
}

/// Connections are not kept: an endpoint is called only when something happens, and each call resolves its name and
/// checks the address again.
fn client(reach: PostReach) -> Result<Client, String> {
    let tls = match (ghl_sync_ghl::tls(true), reach) {
        (Ok(tls), _) => tls,
        // A machine without root certificates can still post to itself.
        (Err(_), PostReach::PublicAndLoopback) => ghl_sync_ghl::tls(false).map_err(|error| error.to_string())?,
        (Err(error), PostReach::Public) => return Err(format!("TLS cannot be set up: {error}")),
    };
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(Resolver(reach)))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("ghl-sync/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|error| format!("the HTTP client cannot be made: {error}"))
}

fn is_loopback(host: &str, address: Option<IpAddr>) -> bool {
    address.map_or(host == "localhost", |address| address.is_loopback())
}

impl PostReach {
    fn allows(self, address: IpAddr) -> bool {
        is_public(address) || self == PostReach::PublicAndLoopback && address.is_loopback()
    }
}

#[async_trait]
impl Poster for HttpPoster {
    async fn post(&self, post: Post<'_>) -> Result<u16, PostError> {
        let url = self.checked(post.url)?;
        let request = self
            .client()?
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", post.id)
            .header("webhook-timestamp", post.timestamp)
            .header("webhook-signature", post.signature)
            .body(post.body.to_owned());
        match tokio::time::timeout(self.timeout, request.send()).await {
            // Only the status of the response matters; the body is not read.
            Ok(Ok(answer)) => Ok(answer.status().as_u16()),
            Ok(Err(error)) => Err(unanswered(error)),
            Err(_) => Err(PostError::Unanswered(format!("no answer within {} s", self.timeout.as_secs_f32()))),
        }
    }
}

/// Describes the error without the URL, which may contain a secret.
fn unanswered(error: reqwest::Error) -> PostError {
    let error = error.without_url();
    let mut causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    if causes.clone().any(|cause| cause.is::<NotPublic>()) {
        return PostError::Forbidden(NotPublic.to_string());
    }
    let what = if error.is_connect() { "no connection" } else { "no answer" };
    let last = causes.by_ref().last().map(ToString::to_string).unwrap_or_default();
    PostError::Unanswered(format!("{what}: {last}"))
}

/// Resolves names as the system does, and drops addresses that may not receive posts.
#[derive(Debug, Clone, Copy)]
struct Resolver(PostReach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotPublic.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::{HeaderMap, StatusCode, header};
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::*;

    static FOLLOWED: AtomicUsize = AtomicUsize::new(0);

    async fn endpoint() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/fails", post(async || StatusCode::INTERNAL_SERVER_ERROR))
            .route("/gone", post(async || StatusCode::GONE))
            .route("/hangs", post(async || tokio::time::sleep(Duration::from_secs(60)).await))
            .route("/moved", post(async || (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/followed")])))
            .route("/followed", post(async || FOLLOWED.fetch_add(1, Ordering::Relaxed).to_string()))
            .route(
                "/echoes",
                post(async |headers: HeaderMap, body: String| {
                    let is = |name: &str, value: &str| headers.get(name).is_some_and(|it| it == value);
                    let all =
                        is("webhook-id", "evt_1") && is("webhook-timestamp", "7") && is("webhook-signature", "v1,x");
                    if all && is("content-type", "application/json") && body == "{}" {
                        StatusCode::NO_CONTENT
                    } else {
                        StatusCode::BAD_REQUEST
                    }
                }),
            );
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }

    async fn posted(reach: PostReach, url: &str) -> Result<u16, PostError> {
        let poster = HttpPoster::new(reach).with_timeout(Duration::from_millis(500));
        poster.post(Post { url, id: "evt_1", timestamp: 7, signature: "v1,x", body: "{}" }).await
    }

    #[tokio::test]
    async fn an_answer_is_its_status_and_a_redirect_is_not_followed() {
        let address = endpoint().await;
        for (path, expected) in [("echoes", 204), ("fails", 500), ("gone", 410), ("moved", 307), ("nowhere", 404)] {
            for host in [address.to_string(), format!("localhost:{}", address.port())] {
                let answer = posted(PostReach::PublicAndLoopback, &format!("http://{host}/{path}")).await;
                assert_eq!(answer.unwrap(), expected, "{path}");
            }
        }
        assert_eq!(FOLLOWED.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn an_endpoint_that_hangs_or_is_not_there_is_an_error_without_its_url() {
        let address = endpoint().await;
        let unbound = { TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap() };
        for url in [format!("http://{address}/hangs?key=secret"), format!("http://{unbound}/?key=secret")] {
            let error = posted(PostReach::PublicAndLoopback, &url).await.unwrap_err();
            assert!(matches!(&error, PostError::Unanswered(why) if !why.contains("secret")), "{error:?}");
        }
    }

    #[tokio::test]
    async fn nothing_is_posted_to_an_address_that_is_not_public_however_it_is_written() {
        let port = endpoint().await.port();
        let hosts =
            ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "169.254.169.254"];
        for host in hosts {
            for url in [format!("https://{host}:{port}/echoes"), format!("http://{host}:{port}/echoes")] {
                let answer = posted(PostReach::Public, &url).await;
                assert!(matches!(answer, Err(PostError::Forbidden(_))), "{url}: {answer:?}");
            }
        }
        for url in ["http://10.0.0.1/", "http://example.com/", "ftp://127.0.0.1/", "file:///etc/passwd", "nothing"] {
            let answer = posted(PostReach::PublicAndLoopback, url).await;
            assert!(matches!(answer, Err(PostError::Forbidden(_))), "{url}: {answer:?}");
        }
    }
}
