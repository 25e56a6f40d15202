//! Orderly shutdowns: the process is told to end, drains, releases what it holds, and is restarted with an empty
//! queue.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::EpochMs;
use ghl_sync_testkit::{Arrival, World};

use crate::broken::Broken;
use crate::names::ms;
use crate::scenario::{Scenario, ScenarioTrouble, TroubleKind};

/// Time that a shutdown may take beyond the longest request.
const TIME_TO_WRITE: Duration = Duration::from_secs(5);
/// Interval of the check whether everything has ended.
const LOOK: Duration = Duration::from_millis(50);
/// A start that fails, or hangs for this long, is retried.
const START: Duration = Duration::from_secs(20);
const START_AGAIN: Duration = Duration::from_secs(2);

/// The shutdowns of a world's process and their observed effects.
#[derive(Clone, Default)]
pub(crate) struct Ends(Arc<Mutex<Vec<ObservedShutdown>>>);

struct ObservedShutdown {
    told_at: EpochMs,
    /// Time the next process was started; `None` until then.
    started_at: Option<EpochMs>,
    /// Whether everything ended in time.
    in_time: bool,
    /// Runs still held after the shutdown by invocations that are gone.
    held: Vec<String>,
}

impl Ends {
    /// Shuts down the process of `world` at each time in `scenario`, one shutdown after the other.
    pub(crate) fn of(world: &Arc<World>, scenario: &Scenario) -> Ends {
        let ends = Ends::default();
        let mut times: Vec<(u64, u64)> = scenario.troubles.iter().filter_map(time_of).collect();
        times.sort_unstable();
        if !times.is_empty() {
            let (world, scenario, watch) = (world.clone(), scenario.clone(), ends.clone());
            tokio::spawn(async move {
                for (from_ms, down_ms) in times {
                    tokio::time::sleep(ms(from_ms).saturating_sub(world.clock.elapsed())).await;
                    watch.end(&world, &scenario, ms(down_ms)).await;
                }
            });
        }
        ends
    }

    async fn end(&self, world: &World, scenario: &Scenario, down: Duration) {
        let died = world.died();
        let told_at = world.clock.now();
        self.lock().push(ObservedShutdown { told_at, started_at: None, in_time: true, held: Vec::new() });
        world.shut_down();
        let limit = world.engine.config().request_timeout + TIME_TO_WRITE;
        while world.live() > 0 && world.clock.now().since(told_at) < limit {
            tokio::time::sleep(LOOK).await;
        }
        let in_time = world.live() == 0;
        // Anything still running now ends with its process.
        world.crash_all_now();
        // A dead invocation's run stays until its lease ends, and so does one that a store failed to release.
        let held = if world.died() == died { held(world, scenario) } else { Vec::new() };
        if let Some(end) = self.lock().last_mut() {
            (end.in_time, end.held) = (in_time, held);
        }
        tokio::time::sleep(down).await;
        let started_at = world.clock.now();
        if let Some(end) = self.lock().last_mut() {
            end.started_at = Some(started_at);
        }
        while !tokio::time::timeout(START, world.restart()).await.is_ok_and(|started| started.is_ok()) {
            tokio::time::sleep(START_AGAIN).await;
        }
    }

    /// Rules that a shutdown broke.
    pub(crate) fn broken(&self, scenario: &Scenario, arrivals: &[Arrival]) -> Vec<Broken> {
        let mut broken = Vec::new();
        for end in self.lock().iter() {
            let is_down = |at: EpochMs| at > end.told_at && end.started_at.is_none_or(|started_at| at < started_at);
            if let Some(arrival) = arrivals.iter().find(|arrival| is_down(arrival.sent_at)) {
                broken.push(Broken { rule: "no call begins after an end was asked for", how: format!("{arrival:?}") });
            }
            // A store that does not answer delays the shutdown.
            if scenario.has(|what| matches!(what, TroubleKind::Store { .. })) {
                continue;
            }
            if !end.in_time {
                let how = format!("told at {}", end.told_at);
                broken.push(Broken { rule: "an end in order takes no longer than a request and 5 s", how });
            }
            if !end.held.is_empty() {
                let how = format!("told at {}: {}", end.told_at, end.held.join("; "));
                broken.push(Broken { rule: "an end in order gives back what it holds", how });
            }
        }
        broken
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ObservedShutdown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn time_of(trouble: &ScenarioTrouble) -> Option<(u64, u64)> {
    match trouble.what {
        TroubleKind::EndsInOrder { down_ms } => Some((trouble.from_ms, down_ms)),
        _ => None,
    }
}

/// Runs of invocations that are over. Empty if any invocation died before, as the run may be a dead one's.
fn held(world: &World, scenario: &Scenario) -> Vec<String> {
    if world.died() > 0 {
        return Vec::new();
    }
    let now = world.clock.now();
    let runs = scenario.locations.iter().filter_map(|place| {
        let gate = world.gate(&place.name);
        gate.live_run(now).map(|run| format!("{}: {run:?}", place.name))
    });
    runs.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use ghl_sync_testkit::block_on_paused;

    use super::*;
    use crate::run::run;

    fn ended() -> Scenario {
        serde_json::from_str(include_str!("../scenarios/ends_in_order.json")).unwrap()
    }

    #[test]
    fn ends_in_order_cost_no_call_and_no_time() {
        let ended = ended();
        let mut never = ended.clone();
        never.troubles.clear();
        never.expect = crate::scenario::Expect::default();
        let (ended, never) = (run(&ended), run(&never));
        assert_eq!((ended.broken, never.broken), (Vec::new(), Vec::new()));
        assert_eq!((ended.figures.calls, ended.figures.died), (never.figures.calls, 0));
        assert!(ended.figures.drained_s < never.figures.drained_s + 60.0);
    }

    #[test]
    fn an_end_that_goes_on_calling_or_keeps_what_it_holds_breaks_the_rules() {
        let scenario = ended();
        let calling = Scenario { troubles: Vec::new(), ..scenario.clone() };
        let arrivals = block_on_paused(async {
            let world = calling.start();
            calling.produce(&world).await;
            tokio::time::sleep(Duration::from_secs(60)).await;
            world.ghl.arrivals()
        });
        let told_at = arrivals[0].sent_at;
        let end = ObservedShutdown { told_at, started_at: None, in_time: false, held: vec!["a run".to_owned()] };
        let broken = Ends(Arc::new(Mutex::new(vec![end]))).broken(&scenario, &arrivals);
        let rules: Vec<&str> = broken.iter().map(|broken| broken.rule).collect();
        assert_eq!(rules.len(), 3, "{rules:?}");
    }
}
