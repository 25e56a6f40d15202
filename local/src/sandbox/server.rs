//! Connections. They are served with hyper itself, because "no answer at all" is not an answer axum could give.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::exchange::{self, NoAnswer};
use super::faults::FaultChange;
use super::options::SandboxOptions;
use super::request::Request;
use super::stats::Stats;
use super::world::World;

/// The longest body that is read.
const MAX_BODY: usize = 1 << 20;

/// A running sandbox. It stops when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    world: Arc<World>,
    addr: SocketAddr,
    /// Stops the server when it is dropped.
    running: watch::Sender<()>,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Starts a sandbox that listens on `bind`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be had, or the records of `data_dir` cannot be read.
    pub async fn start(options: SandboxOptions, bind: SocketAddr) -> io::Result<Sandbox> {
        let world = Arc::new(World::new(options)?);
        let listener = TcpListener::bind(bind).await?;
        let addr = listener.local_addr()?;
        let (running, stopped) = watch::channel(());
        let server = tokio::spawn(serve(listener, Arc::clone(&world), stopped));
        Ok(Sandbox { world, addr, running, server })
    }

    /// Where API v2 is, without a slash at the end. The legacy API is at `/v1` below it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address that it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// What the examination found so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.world.stats()
    }

    /// Changes what goes wrong.
    pub fn change_faults(&self, change: FaultChange) {
        self.world.change_faults(change);
    }

    /// Forgets records, counts and windows. Faults stay as they are; a scheduled outage is scheduled anew.
    ///
    /// # Errors
    /// When the records of `data_dir` cannot be removed.
    pub fn reset(&self) -> io::Result<()> {
        self.world.reset()
    }

    /// Stops listening, and returns when the requests that are under way have been answered.
    pub async fn stop(self) {
        drop(self.running);
        if let Err(error) = self.server.await {
            tracing::error!(%error, "the sandbox did not stop properly");
        }
    }
}

async fn serve(listener: TcpListener, world: Arc<World>, mut stopped: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(&world), stopped.clone()));
                }
                Err(error) => tracing::warn!(%error, "the sandbox could not accept a connection"),
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_connection(stream: TcpStream, world: Arc<World>, mut stopped: watch::Receiver<()>) {
    let service = service_fn(|request| respond(Arc::clone(&world), request));
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the sandbox ended early");
    }
}

/// Answers in a task of its own: a client that gives up waiting does not undo what it asked for.
async fn respond(world: Arc<World>, request: axum::http::Request<Incoming>) -> Result<Response, NoAnswer> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(Body::new(body), MAX_BODY).await.map_err(|_| NoAnswer)?;
    let request = Request::new(parts.method, &parts.uri, parts.headers, &body);
    let answering = tokio::spawn(async move { exchange::answer(&world, &request).await });
    answering.await.unwrap_or(Err(NoAnswer))
}
