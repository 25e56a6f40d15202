//! The sandbox's port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;

use super::exchange::{self, NoAnswer};
use super::faults::FaultChange;
use super::options::SandboxOptions;
use super::request::Request;
use super::stats::Stats;
use super::world::World;
use crate::door::{Door, Listen, Opened};

/// The longest body that is read.
const MAX_BODY: usize = 1 << 20;

/// A running sandbox. It stops when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    world: Arc<World>,
    serving: Opened,
}

impl Sandbox {
    /// Starts a sandbox that listens as said; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be had, or the records of `data_dir` cannot be read.
    pub async fn start(options: SandboxOptions, listen: impl Into<Listen>) -> io::Result<Sandbox> {
        let world = Arc::new(World::new(options)?);
        let door = Door::at(listen.into(), MAX_BODY).await?;
        let served = Arc::clone(&world);
        let serving = door.open(move |request| respond(Arc::clone(&served), request));
        Ok(Sandbox { world, serving })
    }

    /// Where API v2 is, without a slash at the end. The legacy API is at `/v1` below it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.addr)
    }

    /// The address that it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.serving.addr
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
        self.serving.close().await;
    }
}

/// Answers in a task of its own: a client that gives up waiting does not undo what it asked for.
async fn respond(world: Arc<World>, request: axum::http::Request<Bytes>) -> Result<Response, NoAnswer> {
    let (parts, body) = request.into_parts();
    let request = Request::new(parts.method, &parts.uri, parts.headers, &body);
    let answering = tokio::spawn(async move { exchange::answer(&world, &request).await });
    answering.await.unwrap_or(Err(NoAnswer))
}
