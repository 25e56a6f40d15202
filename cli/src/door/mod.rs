//! The guard of every local port: it admits programs on this machine, but no web page.
//!
//! A browser sends requests to this machine on behalf of any open page. So a request that comes from a page, or that
//! names another host (DNS rebinding), is refused before it has any effect. No answer carries a CORS header, except
//! those of S3 to a page of this machine with a signed link. Doors of the AWS services also check the signature.
//! Requests that arrive too slowly, or never completely, are dropped.

mod access_key;
mod visitor;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use ghl_sync_engine::ports::Clock as _;
use ghl_sync_runtime::SystemClock;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, warn};

pub use access_key::AccessKey;
use visitor::Visitors;

/// Delay after a connection that could not be accepted, for example for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// An address to listen on, and the host names accepted there.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Address. Port 0 means any free port.
    pub addr: SocketAddr,
    /// Names and addresses accepted in a `Host` header besides this machine's own, such as that of a tunnel, or the
    /// one by which containers reach this machine. They carry no port; any port is accepted.
    pub allowed_hosts: Vec<String>,
}

impl From<SocketAddr> for Listen {
    fn from(addr: SocketAddr) -> Listen {
        Listen { addr, allowed_hosts: Vec::new() }
    }
}

/// Limits on the time of a request and the number of connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a request's head. A connection without a request is also closed after this time.
    pub(crate) head: Duration,
    /// For the body after the head.
    pub(crate) body: Duration,
    /// Most concurrent connections; further ones wait.
    pub(crate) connections: usize,
}

impl Default for Patience {
    /// Longer than any of our own clients keeps an idle connection for reuse, except the AWS SDKs, which retry.
    fn default() -> Self {
        Patience { head: Duration::from_secs(30), body: Duration::from_secs(30), connections: 512 }
    }
}

/// The guard of one port.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    addr: SocketAddr,
    visitors: Visitors,
    access_key: Option<AccessKey>,
    max_body: usize,
    patience: Patience,
}

impl Door {
    /// Listens at `listen` for requests with a body of at most `max_body` bytes. Admits nobody before
    /// [`open`](Self::open).
    ///
    /// # Errors
    /// If the address is not available.
    pub(crate) async fn at(listen: Listen, max_body: usize) -> io::Result<Door> {
        let listener = TcpListener::bind(listen.addr).await?;
        let bound = listener.local_addr()?;
        Ok(Door {
            listener,
            addr: reachable(bound),
            visitors: Visitors::of(bound, listen.allowed_hosts),
            access_key: None,
            max_body,
            patience: Patience::default(),
        })
    }

    /// Also admits requests from the pages served here.
    pub(crate) fn with_pages(mut self) -> Door {
        self.visitors.has_pages = true;
        self
    }

    /// Admits people whom a page of another site sends to one of these paths.
    pub(crate) fn with_entrances(mut self, paths: &'static [&'static str]) -> Door {
        self.visitors.entrances = paths;
        self
    }

    /// Lets pages of this machine use signed links; the service behind the door checks the signatures.
    pub(crate) fn with_links(mut self) -> Door {
        self.visitors.has_links = true;
        self
    }

    /// Admits only requests signed with this key.
    pub(crate) fn for_key(mut self, key: AccessKey) -> Door {
        self.access_key = Some(key);
        self
    }

    #[cfg(test)]
    pub(crate) fn with_patience(mut self, patience: Patience) -> Door {
        self.patience = patience;
        self
    }

    /// Address it listens on. If it listens on all addresses, the one by which this machine reaches it.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers requests until the returned value is dropped. An error from `answer` closes the connection.
    pub(crate) fn open<A, F, E>(self, answer: A) -> OpenDoor
    where
        A: Fn(Request<Bytes>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
    {
        let addr = self.addr;
        let (running, stopped) = watch::channel(());
        OpenDoor { addr, running, server: tokio::spawn(serve(self, answer, stopped)) }
    }
}

/// An open door. Dropping it closes the door; requests in flight are still answered.
#[derive(Debug)]
pub(crate) struct OpenDoor {
    /// Address it listens on.
    pub(crate) addr: SocketAddr,
    running: watch::Sender<()>,
    server: JoinHandle<()>,
}

impl OpenDoor {
    /// Closes the door, and returns once the requests in flight have been answered.
    pub(crate) async fn close(self) {
        drop(self.running);
        if let Err(error) = self.server.await {
            warn!(%error, "a local server did not stop properly");
        }
    }
}

/// A listener on all addresses is reached at the loopback address.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

async fn serve<A, F, E>(door: Door, answer: A, mut stopped: watch::Receiver<()>)
where
    A: Fn(Request<Bytes>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(door.patience.connections));
    let door = Arc::new(door);
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = stopped.changed() => break,
        };
        let Ok(place) = place else { break };
        tokio::select! {
            accepted = door.listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let connection =
                        DoorConnection { door: Arc::clone(&door), stream, stopped: stopped.clone(), place };
                    connections.spawn(connection.serve(answer.clone()));
                }
                Err(error) => {
                    warn!(%error, "a local server could not accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(door);
    while connections.join_next().await.is_some() {}
}

/// An accepted connection.
struct DoorConnection {
    door: Arc<Door>,
    stream: TcpStream,
    stopped: watch::Receiver<()>,
    place: OwnedSemaphorePermit,
}

impl DoorConnection {
    async fn serve<A, F, E>(self, answer: A)
    where
        A: Fn(Request<Bytes>) -> F + Clone,
        F: Future<Output = Result<Response, E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let DoorConnection { door, stream, mut stopped, place } = self;
        let _ = stream.set_nodelay(true); // A failure only makes answers slower.
        let patience = door.patience;
        let service = service_fn(move |request: Request<Incoming>| {
            let (door, answer) = (Arc::clone(&door), answer.clone());
            let is_of_link = door.visitors.has_link(request.uri());
            async move {
                match door.let_in(request).await {
                    Ok(request) if is_of_link => answer(request).await,
                    Ok(request) => answer(request).await.map(without_cors),
                    Err(refused) if door.visitors.has_pages => Ok(refused.problem()),
                    Err(refused) => Ok(refused.answer()),
                }
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(patience.head);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "a connection to a local server ended early");
        }
        drop(place);
    }
}

/// Reason for refusing a request.
struct DoorRefusal {
    status: StatusCode,
    why: String,
    /// Error type for the AWS SDKs.
    kind: &'static str,
}

impl Door {
    /// Returns the whole request if its sender is admitted.
    async fn let_in(&self, request: Request<Incoming>) -> Result<Request<Bytes>, DoorRefusal> {
        let (parts, body) = request.into_parts();
        let forbidden = |why: String, kind| DoorRefusal { status: StatusCode::FORBIDDEN, why, kind };
        self.visitors.check(&parts).map_err(|why| forbidden(why.to_string(), "AccessDeniedException"))?;
        let too_slow = |_| DoorRefusal {
            status: StatusCode::REQUEST_TIMEOUT,
            why: "the body did not arrive in time".to_owned(),
            kind: "RequestTimeoutException",
        };
        let too_large = |error: axum::Error| DoorRefusal {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            why: format!("the body cannot be read, or has more than {} bytes: {error}", self.max_body),
            kind: "RequestEntityTooLargeException",
        };
        let body = tokio::time::timeout(self.patience.body, to_bytes(Body::new(body), self.max_body))
            .await
            .map_err(too_slow)?
            .map_err(too_large)?;
        if let Some(key) = &self.access_key {
            let now = SystemClock.now();
            key.verify(&parts, &body, now).map_err(|why| forbidden(why.to_string(), "InvalidSignatureException"))?;
        }
        Ok(Request::from_parts(parts, body))
    }
}

/// The rest of the request is not read, so the connection is closed.
const CLOSE: (&str, &str) = ("connection", "close");

impl DoorRefusal {
    /// The refusal for the AWS SDKs, which read the error type from a header. People read the body.
    fn answer(self) -> Response {
        let headers = [("x-amzn-errortype", self.kind), CLOSE];
        (self.status, headers, Json(json!({ "message": self.why }))).into_response()
    }

    /// The refusal in the HTTP API's own format: a problem document (RFC 9457).
    fn problem(self) -> Response {
        let DoorRefusal { status, why, .. } = self;
        let (kind, title) = match status {
            StatusCode::FORBIDDEN => ("forbidden", "This is not allowed"),
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "The request is too large"),
            _ => ("bad-request", "The request cannot be read"),
        };
        let id = format!("{:032x}", fastrand::u128(..));
        let document = json!({
            "type": format!("urn:ghl-sync:{kind}"),
            "title": title,
            "status": status.as_u16(),
            "detail": why,
            "instance": format!("urn:ghl-sync:request:{id}"),
        });
        let headers = [("content-type", "application/problem+json"), ("x-request-id", id.as_str()), CLOSE];
        (status, headers, document.to_string()).into_response()
    }
}

/// Removes CORS headers, because the embedded servers allow every page to read their answers.
fn without_cors(mut answer: Response) -> Response {
    let headers: &mut HeaderMap = answer.headers_mut();
    let of_cors: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    for name in of_cors {
        headers.remove(name);
    }
    answer
}

/// Result type of servers that always answer.
pub(crate) type Always = Result<Response, Infallible>;
