//! Test clocks based on tokio's (paused) time.

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::EpochMs;

/// Initial time of every test clock: 2026-11-17.
const ORIGIN: EpochMs = EpochMs(1_794_900_000_000);

/// A clock that follows tokio's time, may be off by a constant, and may be set.
#[derive(Debug, Clone, Copy)]
pub struct TestClock {
    started: Instant,
    ahead_ms: i64,
    /// How far all copies of a settable clock have been set. It lives as long as the test.
    set_by_ms: Option<&'static AtomicI64>,
}

impl TestClock {
    /// A correct clock that starts now.
    #[must_use]
    pub fn start() -> TestClock {
        TestClock { started: Instant::now(), ahead_ms: 0, set_by_ms: None }
    }

    /// The same clock on a host that is `ahead_ms` milliseconds ahead (or behind, if negative).
    #[must_use]
    pub fn skewed(self, ahead_ms: i64) -> TestClock {
        TestClock { ahead_ms: self.ahead_ms + ahead_ms, ..self }
    }

    /// The same clock, but settable with [`set_by`](TestClock::set_by), which affects all its copies.
    #[must_use]
    pub fn that_can_be_set(self) -> TestClock {
        TestClock { set_by_ms: Some(Box::leak(Box::default())), ..self }
    }

    /// Sets the clock forwards (or backwards, if negative) by `ms` milliseconds.
    pub fn set_by(&self, ms: i64) {
        if let Some(set_by_ms) = self.set_by_ms {
            set_by_ms.fetch_add(ms, Ordering::Relaxed);
        }
    }

    /// Time since the clock was started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> EpochMs {
        let EpochMs(now) = ORIGIN + self.elapsed();
        let set_by_ms = self.set_by_ms.map_or(0, |set_by_ms| set_by_ms.load(Ordering::Relaxed));
        EpochMs(now.saturating_add_signed(self.ahead_ms + set_by_ms))
    }

    async fn sleep_until(&self, time: EpochMs) {
        tokio::time::sleep(self.now().until(time)).await;
    }
}

/// Runs `future` on one thread, with a clock that jumps to the next timer whenever nothing else is left to do.
///
/// # Panics
/// If the operating system refuses a runtime.
pub fn block_on_paused<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    #[expect(clippy::expect_used, reason = "for tests only")]
    runtime.expect("a runtime without I/O").block_on(future)
}
