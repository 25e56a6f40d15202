//! The sandbox's port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::{Body, Bytes};
use axum::response::Response;
use ghl_sync_fake_ghl::{Contents, FakeGhl, FaultChange, NoAnswer, Request, SandboxOptions, Seeding, Stats};

use super::journal::JournalFile;
use crate::door::{Door, Listen, Opened};

/// The longest body that is read.
const MAX_BODY: usize = 1 << 20;

/// The page on which people say whom an app may work for: the app leads them there.
const ENTRANCES: &[&str] = &["/v2/oauth/chooselocation"];

/// A running sandbox. It stops when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    ghl: Arc<FakeGhl>,
    serving: Opened,
}

impl Sandbox {
    /// Starts a sandbox that listens as said; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be had, or the records of `data_dir` cannot be read.
    pub async fn start(options: SandboxOptions, listen: impl Into<Listen>) -> io::Result<Sandbox> {
        let data_dir = options.data_dir.clone();
        let ghl = Arc::new(FakeGhl::new(options, steady_clock(), fastrand::u64(..)));
        if let Some(dir) = data_dir {
            let (journal, writes) = JournalFile::open(&dir)?;
            ghl.keep_in(Box::new(journal), &writes)?;
        }
        let door = Door::at(listen.into(), MAX_BODY).await?.with_entrances(ENTRANCES);
        let served = Arc::clone(&ghl);
        let serving = door.open(move |request| respond(Arc::clone(&served), request));
        Ok(Sandbox { ghl, serving })
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

    /// What the examination found so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.ghl.stats()
    }

    /// Fills `location` with what it shall hold from the start.
    #[must_use]
    pub fn seed<'a>(&'a self, location: &'a str) -> Seeding<'a> {
        self.ghl.seed(location)
    }

    /// All that `location` holds.
    #[must_use]
    pub fn contents(&self, location: &str) -> Contents {
        self.ghl.contents(location)
    }

    /// Changes what goes wrong.
    pub fn change_faults(&self, change: FaultChange) {
        self.ghl.change_faults(change);
    }

    /// Forgets records, counts and windows. Faults stay as they are; a scheduled outage is scheduled anew.
    ///
    /// # Errors
    /// When the records of `data_dir` cannot be removed.
    pub fn reset(&self) -> io::Result<()> {
        self.ghl.reset()
    }

    /// Stops listening, and returns when the requests that are under way have been answered.
    pub async fn stop(self) {
        self.serving.close().await;
    }
}

/// The wall clock as it is now, carried on by the monotonic one: windows are never bent by a clock that is set.
#[expect(clippy::disallowed_methods, reason = "the sandbox plays GHL: a machine of its own, with a clock of its own")]
fn steady_clock() -> impl Fn() -> Duration {
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let started = Instant::now();
    move || epoch + started.elapsed()
}

/// Answers in a task of its own: a client that gives up waiting does not undo what it asked for.
async fn respond(ghl: Arc<FakeGhl>, request: axum::http::Request<Bytes>) -> Result<Response, NoAnswer> {
    let (parts, body) = request.into_parts();
    let request = Request::new(parts.method, &parts.uri, parts.headers, &body);
    let answering = tokio::spawn(async move { ghl.answer(&request).await });
    answering.await.unwrap_or(Err(NoAnswer)).map(|response| response.map(Body::from))
}
