//! A circuit breaker in the memory of one process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Number of contacts in a row, each given up after all retries, that opens the breaker.
const THRESHOLD: u32 = 5;
/// How long it stays open. The next failure then opens it again.
const RESET: Duration = Duration::from_secs(60);

/// The breaker.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Waits until it is not open.
    pub(crate) async fn until_closed(&self) {
        let open_until = self.state().open_until;
        if let Some(until) = open_until {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Records the final result of a contact.
    pub(crate) fn note(&self, success: bool) {
        let mut state = self.state();
        if success {
            *state = State::default();
            return;
        }
        state.failures += 1;
        if state.failures >= THRESHOLD {
            state.open_until = Some(Instant::now() + RESET);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it_for_a_minute() {
        let breaker = Breaker::default();
        for success in [false, false, false, false, true, false, false, false, false] {
            breaker.note(success);
        }
        let started = Instant::now();
        breaker.until_closed().await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        breaker.note(false);
        breaker.until_closed().await;
        assert_eq!(started.elapsed(), RESET);
    }
}
