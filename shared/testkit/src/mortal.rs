//! Futures that die at a chosen await.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is dropped after a number of waits, as if its process died.
pub(super) struct Mortal<F> {
    future: Option<Pin<Box<F>>>,
    awaits_left: u64,
}

impl<F: Future> Mortal<F> {
    /// Wraps `future`, which dies at its wait number `dies_at`.
    pub(super) fn new(future: F, dies_at: u64) -> Self {
        Mortal { future: Some(Box::pin(future)), awaits_left: dies_at }
    }
}

impl<F: Future> Future for Mortal<F> {
    /// `None` if it died.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        self.awaits_left = self.awaits_left.saturating_sub(1);
        if self.awaits_left > 0 {
            return Poll::Pending;
        }
        self.future = None;
        Poll::Ready(None)
    }
}

/// Runs `future` until it is done, or drops it at its wait number `dies_at`, as if its process died (`None`).
pub async fn dying_at_await<F: Future>(dies_at: u64, future: F) -> Option<F::Output> {
    Mortal::new(future, dies_at).await
}
