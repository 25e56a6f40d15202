//! Serves the sandbox on a port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::{Body, Bytes};
use axum::response::Response;
use ghl_sync_fake_ghl::{Contents, FakeGhl, FaultChange, NoAnswer, SandboxOptions, SandboxRequest, Seeding, Stats};

use super::journal::JournalFile;
use crate::door::{Door, Listen, OpenDoor};

/// Longest body accepted, in bytes.
const MAX_BODY: usize = 1 << 20;

/// The page on which people choose the locations for an app; apps send them there.
const ENTRANCES: &[&str] = &["/v2/oauth/chooselocation"];

/// A running sandbox, until dropped.
#[derive(Debug)]
pub struct Sandbox {
    ghl: Arc<FakeGhl>,
    serving: OpenDoor,
}

impl Sandbox {
    /// Starts a sandbox at `listen`. Port 0 means any free port.
    ///
    /// # Errors
    /// If the address is not available, or the records of `data_dir` cannot be read.
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

    /// URL of API v2, without a trailing slash. The legacy API is below it, at `/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.addr)
    }

    /// Address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.serving.addr
    }

    /// Statistics of the sandbox so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.ghl.stats()
    }

    /// Fills `location` with initial records.
    #[must_use]
    pub fn seed<'a>(&'a self, location: &'a str) -> Seeding<'a> {
        self.ghl.seed(location)
    }

    /// Everything in `location`.
    #[must_use]
    pub fn contents(&self, location: &str) -> Contents {
        self.ghl.contents(location)
    }

    /// Changes the faults.
    pub fn change_faults(&self, change: FaultChange) {
        self.ghl.change_faults(change);
    }

    /// Clears records, counts and windows. Faults stay; a scheduled outage is rescheduled.
    ///
    /// # Errors
    /// If the records of `data_dir` cannot be removed.
    pub fn reset(&self) -> io::Result<()> {
        self.ghl.reset()
    }

    /// Stops listening, and returns once the requests in flight have been answered.
    pub async fn stop(self) {
        self.serving.close().await;
    }
}

/// Wall-clock time read once and continued by the monotonic clock, so that clock adjustments do not affect windows.
#[expect(clippy::disallowed_methods, reason = "the sandbox plays GHL: a machine of its own, with a clock of its own")]
fn steady_clock() -> impl Fn() -> Duration {
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let started = Instant::now();
    move || epoch + started.elapsed()
}

/// Answers in a separate task, so that a client giving up does not cancel its request.
async fn respond(ghl: Arc<FakeGhl>, request: axum::http::Request<Bytes>) -> Result<Response, NoAnswer> {
    let (parts, body) = request.into_parts();
    let request = SandboxRequest::new(parts.method, &parts.uri, parts.headers, &body);
    let answering = tokio::spawn(async move { ghl.answer(&request).await });
    answering.await.unwrap_or(Err(NoAnswer)).map(|response| response.map(Body::from))
}
