//! Orderly shutdown of the engine's process.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Either, Shared, select};

use super::Engine;
use ghl_sync_model::EpochMs;

/// A shutdown signal: once given, everybody who shares it begins no further call. It cannot be revoked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// `None` once the signal was given.
    ask: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    asked: Shared<oneshot::Receiver<()>>,
}

impl Default for Shutdown {
    /// A signal that was not given yet.
    fn default() -> Self {
        let (ask, asked) = oneshot::channel();
        Shutdown { ask: Arc::new(Mutex::new(Some(ask))), asked: asked.shared() }
    }
}

impl Shutdown {
    /// Gives the signal. Repeating it has no effect.
    pub fn ask(&self) {
        if let Some(ask) = self.ask.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It does not matter if nobody is waiting: the signal can still be polled.
            let _ = ask.send(());
        }
    }

    /// Whether the signal was given.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.ask.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Returns when the signal is given.
    pub async fn asked(&self) {
        // The sender lives as long as `self`, so this resolves only when it is used.
        let _ = self.asked.clone().await;
    }
}

impl Engine {
    /// The same engine, stopped by `shutdown`: from then on no call begins and no wait for one continues, and running
    /// work ends as it does when an invocation's time is up. Results of calls are stored, runs and permits are given
    /// back, and the rest stays due.
    #[must_use]
    pub fn until(self, shutdown: Shutdown) -> Engine {
        Engine { shutdown, ..self }
    }

    /// The engine's shutdown signal.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Waits until `time`. Returns false if the shutdown came first.
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
