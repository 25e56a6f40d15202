//! A clock on tokio's (paused) time.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::EpochMs;
use crate::ports::Clock;

/// What every test clock shows at first: 2026-11-17.
const ORIGIN: EpochMs = EpochMs(1_794_900_000_000);

/// A clock that goes with tokio's time, and may be wrong by a constant.
#[derive(Debug, Clone, Copy)]
pub struct TestClock {
    started: Instant,
    ahead_ms: i64,
}

impl TestClock {
    /// A clock that is right, and starts now.
    #[must_use]
    pub fn start() -> TestClock {
        TestClock { started: Instant::now(), ahead_ms: 0 }
    }

    /// The same clock on a host that is so many milliseconds ahead (or behind).
    #[must_use]
    pub fn skewed(self, ahead_ms: i64) -> TestClock {
        TestClock { ahead_ms: self.ahead_ms + ahead_ms, ..self }
    }

    /// The time since the clock was started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> EpochMs {
        let EpochMs(now) = ORIGIN + self.elapsed();
        EpochMs(now.saturating_add_signed(self.ahead_ms))
    }

    async fn sleep_until(&self, time: EpochMs) {
        tokio::time::sleep(self.now().until(time)).await;
    }
}

/// Runs `future` on one thread, on a clock that jumps to the next timer whenever nothing else is left to do.
///
/// # Panics
/// When the operating system refuses a runtime.
pub fn block_on_paused<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    #[expect(clippy::expect_used, reason = "for tests only")]
    runtime.expect("a runtime without I/O").block_on(future)
}
