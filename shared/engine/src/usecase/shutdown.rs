//! The end of the process that an engine runs in.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Either, Shared, select};

use super::Engine;
use ghl_sync_model::EpochMs;

/// Whether a process is to end: whoever shares it begins no call from then on. It is never taken back. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// Gone once it was asked for.
    ask: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    asked: Shared<oneshot::Receiver<()>>,
}

impl Default for Shutdown {
    /// One that nobody has asked for.
    fn default() -> Self {
        let (ask, asked) = oneshot::channel();
        Shutdown { ask: Arc::new(Mutex::new(Some(ask))), asked: asked.shared() }
    }
}

impl Shutdown {
    /// Asks for it. Once is as good as often.
    pub fn ask(&self) {
        if let Some(ask) = self.ask.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // If nobody waits for it, it is seen by whoever looks.
            let _ = ask.send(());
        }
    }

    /// Whether somebody has asked for it.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.ask.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Returns when somebody has asked for it.
    pub async fn asked(&self) {
        // As long as this lives, it is sent or still to come.
        let _ = self.asked.clone().await;
    }
}

impl Engine {
    /// The same engine, which ends what it does when `shutdown` is asked for: no call begins from then on, no wait for
    /// one goes on, and what is under way ends as it does at the end of an invocation's time. What came of calls is
    /// written down, runs and permits are given back, and the rest is due as before.
    #[must_use]
    pub fn until(self, shutdown: Shutdown) -> Engine {
        Engine { shutdown, ..self }
    }

    /// What ends it.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Waits for `time`. Returns false if the shutdown came first.
    pub async fn sleep_until(&self, time: EpochMs) -> bool {
        let asked = pin!(self.shutdown.asked());
        matches!(select(self.ports.clock.sleep_until(time), asked).await, Either::Left(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutdown_is_heard_by_everybody_who_waits_for_it_or_looks_later() {
        let shutdown = Shutdown::default();
        let (first, second) = (shutdown.clone(), shutdown.clone());
        assert!(!first.is_asked() && first.asked().now_or_never().is_none());
        let waiting = futures::future::join(first.asked(), second.asked());
        let asking = async {
            shutdown.ask();
            shutdown.ask();
        };
        ghl_sync_testkit::block_on_paused(async { futures::future::join(waiting, asking).await });
        assert!(first.is_asked() && first.asked().now_or_never().is_some());
        assert!(!Shutdown::default().is_asked());
    }
}
