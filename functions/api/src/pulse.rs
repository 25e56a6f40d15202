//! The status that `/health` returns without a key: one request reads it, and the others get the same result.

use std::time::Duration;

use futures::lock::Mutex;
use ghl_sync_engine::usecase::Engine;
use ghl_sync_operate::{Health, Operator, Pulse};
use tracing::error;

/// How long a reading is reused, good or bad.
const FRESH: Duration = Duration::from_secs(2);
/// A store that takes longer counts as down.
const PATIENCE: Duration = Duration::from_secs(3);

/// The last pulse of this process. A request that arrives during a reading waits for its result.
#[derive(Debug, Default)]
pub(crate) struct LastPulse(Mutex<Option<Pulse>>);

impl LastPulse {
    pub(crate) async fn of(&self, engine: &Engine) -> Pulse {
        let mut last = self.0.lock().await;
        let now = engine.ports().clock.now();
        // After the clock was set back, a pulse from the future is not fresh.
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
