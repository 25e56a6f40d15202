//! The host's clock, read only here.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::EpochMs;

/// The host's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock's one home")]
    fn now(&self) -> EpochMs {
        // A clock before 1970 counts as 1970: every wait is then too long, and none too short.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        EpochMs(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    async fn sleep_until(&self, time: EpochMs) {
        // Timers use another clock than `now`, and may fire slightly early.
        loop {
            let span = self.now().until(time);
            if span.is_zero() {
                return;
            }
            tokio::time::sleep(span).await;
        }
    }
}
