//! Checks that the machine kept up: how late timers fired while the cells ran.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const EVERY: Duration = Duration::from_millis(20);

/// Measures in the background.
pub(crate) struct TimerWatch {
    stop: tokio::sync::oneshot::Sender<()>,
    watching: JoinHandle<Vec<Duration>>,
}

/// The delays of timers.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Lateness {
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) most_ms: f64,
}

impl TimerWatch {
    pub(crate) fn start() -> TimerWatch {
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let watching = tokio::spawn(async move {
            let mut late = Vec::new();
            loop {
                let due = Instant::now() + EVERY;
                tokio::select! {
                    () = tokio::time::sleep_until(due) => late.push(due.elapsed()),
                    _ = &mut stopped => return late,
                }
            }
        });
        TimerWatch { stop, watching }
    }

    pub(crate) async fn stop(self) -> Lateness {
        drop(self.stop);
        let mut late = self.watching.await.unwrap_or_default();
        late.sort_unstable();
        let at = |percent: usize| {
            let index = (late.len() * percent / 100).min(late.len().saturating_sub(1));
            late.get(index).map_or(0.0, |late| late.as_secs_f64() * 1_000.0)
        };
        Lateness { median_ms: at(50), p99_ms: at(99), most_ms: at(100) }
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lateness { median_ms, p99_ms, most_ms } = self;
        write!(f, "Timers were {median_ms:.1} ms late (median), {p99_ms:.1} ms (99 %), {most_ms:.0} ms (at most).")
    }
}
