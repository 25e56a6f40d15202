//! What `/health` says without a key: read by one request of many, and repeated to all others.

use std::time::Duration;

use futures::lock::Mutex;
use ghl_sync_engine::usecase::Engine;
use ghl_sync_operate::{Health, Operator, Pulse};
use tracing::error;

/// What was read is repeated for so long, good or bad.
const FRESH: Duration = Duration::from_secs(2);
/// A store that takes longer counts as one that does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The last pulse of this process. Whoever comes while it is read waits for it, and reads nothing.
#[derive(Debug, Default)]
pub(crate) struct LastPulse(Mutex<Option<Pulse>>);

impl LastPulse {
    pub(crate) async fn of(&self, engine: &Engine) -> Pulse {
        let mut last = self.0.lock().await;
        let now = engine.ports().clock.now();
        // A clock that was put back makes nothing fresh for long.
        if let Some(pulse) = last.filter(|pulse| pulse.time <= now && now.since(pulse.time) < FRESH) {
            return pulse;
        }
        let failing = |error: &dyn std::fmt::Display| {
            error!(event = "port_failed", action = "pulse", error = %error);
            Pulse { time: engine.ports().clock.now(), health: Health::Failing }
        };
        let pulse = match tokio::time::timeout(PATIENCE, Operator::new(engine.clone()).pulse()).await {
            Ok(Ok(pulse)) => pulse,
            Ok(Err(failed)) => failing(&ghl_sync_runtime::causes(&failed)),
            Err(_) => failing(&"the stores took too long"),
        };
        *last = Some(pulse);
        pulse
    }
}
