//! Runs one scenario from beginning to end.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ghl_sync_testkit::{Op, World, block_on_paused};
use serde::Serialize;

use crate::broken::Broken;
use crate::content::silent_about_sharing;
use crate::deletes::Deletes;
use crate::ends::Ends;
use crate::imports::Cancels;
use crate::mirrors::Mirrors;
use crate::names::ms;
use crate::people::OptOutWatch;
use crate::rules::{GateWatch, broken_at_end, waits_for_ever};
use crate::scenario::Scenario;
use crate::undos;

/// Once the troubles are over, nothing may be due after this time; a record rests an hour at most.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// A used-up daily quota renews after this.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Interval of the check whether everything is done.
const LOOK: Duration = Duration::from_secs(2);
/// The same for scenarios that take days, because there are many records to check.
const LONG_LOOK: Duration = Duration::from_secs(60);
/// How long reconciling runs after everything is done: once to repair, and once to find nothing.
const RECONCILED: Duration = Duration::from_secs(2 * 3600);
/// Once everything is done, nothing may happen for this long.
const SILENCE: Duration = Duration::from_secs(150);

/// Result of a scenario.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioOutcome {
    /// Broken rules.
    pub broken: Vec<Broken>,
    /// Figures of the run.
    pub figures: Figures,
}

/// Figures of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Calls to GHL.
    pub calls: u64,
    /// Calls over the quota.
    pub throttled: u64,
    /// Invocations started.
    pub invocations: u64,
    /// Invocations that died.
    pub died: u64,
    /// Gate writes, including refused ones.
    pub gate_writes: u64,
    /// Records that GHL accepted.
    pub accepted: u64,
    /// Records that failed for good.
    pub failed: u64,
    /// When the last record was final, in seconds.
    pub drained_s: f64,
    /// Simulated duration in seconds.
    pub simulated_s: f64,
    /// Hash of the run. The same scenario gives the same number.
    pub digest: u64,
}

/// Runs `scenario`.
#[must_use]
pub fn run(scenario: &Scenario) -> ScenarioOutcome {
    // The engine catches our panics; one it misses is a broken rule, too.
    catch_unwind(AssertUnwindSafe(|| block_on_paused(live(scenario, |_| {})))).unwrap_or_else(|panic| {
        let how = panic.downcast::<String>().map_or_else(|_| "no message".to_owned(), |message| *message);
        ScenarioOutcome { broken: vec![Broken { rule: "no panic", how }], figures: Figures::default() }
    })
}

/// `sabotage` breaks something in the world before it starts.
async fn live(scenario: &Scenario, sabotage: impl FnOnce(&World)) -> ScenarioOutcome {
    let people = OptOutWatch::default();
    let world = scenario.start_watched(&people);
    sabotage(&world);
    let watch = GateWatch::of(&world, scenario);
    let ends = Ends::of(&world, scenario);
    let cancels = Cancels::of(&world, scenario);
    let deletes = Deletes::of(&world, scenario);
    let undos = undos::begin(&world, scenario);
    let mirrors = Mirrors::of(&world, scenario);
    futures::future::join(scenario.produce(&world), tokio::time::sleep(scenario.calm_from())).await;
    futures::future::join3(deletes.at_work.ended(), undos.ended(), mirrors.at_work.ended()).await;
    let days = days(scenario);
    let patience = PATIENCE + DAY * days;
    let mut drained = drain(&world, patience).await;
    let mut flips = 0;
    if let Some(every_ms) = scenario.reconcile_every_ms {
        // Reconciling repairs what it must, then rests. Where GHL allows little, a round repairs one record.
        let records = u64::try_from(scenario.put_records().len()).unwrap_or(u64::MAX);
        let mending = ms(every_ms.saturating_mul(records)).as_secs() / RECONCILED.as_secs();
        // Where the day has few calls, searching for work uses them up, and the repair comes the day after.
        let (rounds, span) = if days == 0 { (mending + 2, RECONCILED) } else { (mending + 2 * u64::from(days), DAY) };
        for _ in 0..rounds {
            let resent = people.resent();
            tokio::time::sleep(span).await;
            drained = drained && drain(&world, patience).await;
            flips = people.resent() - resent;
            if flips == 0 {
                break;
            }
        }
        people.stop();
        tokio::time::sleep(SILENCE).await;
        drained = drained && drain(&world, patience).await;
    }
    let drained_s = last_settled_s(&world);
    let (calls, invocations) = (world.ghl.calls(), world.invocations());
    if drained {
        tokio::time::sleep(SILENCE).await;
    }
    let mut broken = watch.broken(scenario, &world.ghl.arrivals());
    broken.extend(ends.broken(scenario, &world.ghl.arrivals()));
    broken.extend(cancels.broken(scenario, &world, &world.ghl.arrivals()).await);
    broken.extend(broken_at_end(scenario, &world, &deletes, drained));
    if drained {
        broken.extend(deletes.broken(&world));
        broken.extend(undos::broken(scenario, &world));
        broken.extend(mirrors.broken(&world, &deletes));
    }
    let turned_back = people.turned_back(&world);
    if !turned_back.is_empty() {
        broken.push(Broken { rule: "consent is never turned back", how: turned_back.join("; ") });
    }
    if drained && flips > 0 {
        let how = format!("{flips} records were sent again in the last hours");
        broken.push(Broken { rule: "records of one contact never flip", how });
    }
    if drained && world.ghl.calls() > calls {
        let how = format!("{} calls, {} invocations", world.ghl.calls() - calls, world.invocations() - invocations);
        broken.push(Broken { rule: "nothing is called when all is done", how });
    }
    let silent = if drained { silent_about_sharing(scenario, &world).await } else { Vec::new() };
    if !silent.is_empty() {
        broken.push(Broken { rule: "records of one contact say so", how: silent.join("; ") });
    }
    let figures = figures(&world, drained_s);
    broken.extend(scenario.expect.broken_by(&figures));
    ScenarioOutcome { broken, figures }
}

/// Days that a daily limit may stretch the scenario to. A record takes at most four calls; its retries need more
/// days.
fn days(scenario: &Scenario) -> u32 {
    let Some(limit) = scenario.server.daily_limit else { return 0 };
    let calls = 4 * scenario.put_records().len() as u64;
    u32::try_from(calls / limit.max(1)).unwrap_or(u32::MAX).saturating_add(5)
}

/// Waits until all records are final and nobody is at work. Returns false if that takes longer than `patience`.
async fn drain(world: &World, patience: Duration) -> bool {
    let began = world.clock.elapsed();
    while world.clock.elapsed() - began < patience {
        if world.live() == 0 && world.outbox.open().iter().all(|record| waits_for_ever(world, record)) {
            return true;
        }
        let is_long = world.clock.elapsed() - began > PATIENCE;
        tokio::time::sleep(if is_long { LONG_LOOK } else { LOOK }).await;
    }
    false
}

fn last_settled_s(world: &World) -> f64 {
    use ghl_sync_testkit::Noted;
    let now = ghl_sync_engine::ports::Clock::now(&world.clock);
    let last = world.sink.pick(|at, noted| matches!(noted, Noted::Settled { .. }).then_some(at)).pop();
    let since = last.map_or(Duration::ZERO, |last| now.since(last));
    world.clock.elapsed().saturating_sub(since).as_secs_f64()
}

fn figures(world: &World, drained_s: f64) -> Figures {
    let records = world.outbox.records();
    let accepted = records.iter().filter(|record| record.accepted_version == Some(record.version)).count();
    let mut digest = DefaultHasher::new();
    for arrival in world.ghl.arrivals() {
        (arrival.sent_at, arrival.at, arrival.subject, arrival.allowed).hash(&mut digest);
    }
    Figures {
        calls: world.ghl.calls(),
        throttled: world.ghl.over_quota() as u64,
        invocations: world.invocations(),
        died: world.died(),
        gate_writes: world.faults.calls(Op::GateReplace),
        accepted: accepted as u64,
        failed: world.outbox.failed().len() as u64,
        drained_s,
        simulated_s: world.clock.elapsed().as_secs_f64(),
        digest: digest.finish(),
    }
}

impl crate::scenario::Expect {
    /// Figures outside their expected range.
    fn broken_by(&self, figures: &Figures) -> Vec<Broken> {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let per_call = |number: u64| number as f64 / figures.calls.max(1) as f64;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let number = |number: u64| number as f64;
        let figures = [
            ("throttled_share", self.throttled_share, per_call(figures.throttled)),
            ("calls", self.calls, number(figures.calls)),
            ("gate_writes_per_call", self.gate_writes_per_call, per_call(figures.gate_writes)),
            ("drained_s", self.drained_s, figures.drained_s),
            ("invocations", self.invocations, number(figures.invocations)),
            ("failed", self.failed, number(figures.failed)),
        ];
        let outside = figures.into_iter().filter_map(|(name, range, value)| {
            let (least, most) = range?;
            (value < least || value > most).then(|| Broken {
                rule: "the scenario's expectations",
                how: format!("{name} is {value}, expected {least} to {most}"),
            })
        });
        outside.collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn reconciling_that_sends_records_of_one_contact_against_each_other_breaks_the_rule() {
        let scenario: Scenario = serde_json::from_str(include_str!("../scenarios/shared_identities.json")).unwrap();
        let broken = |sabotage: fn(&World)| -> Vec<&str> {
            let outcome = block_on_paused(live(&scenario, sabotage));
            outcome.broken.iter().map(|broken| broken.rule).collect()
        };
        assert_eq!(broken(|_| {}), [""; 0]);
        let rules = broken(|world| world.outbox.confuse());
        assert!(rules.contains(&"records of one contact never flip"), "{rules:?}");
        assert!(rules.contains(&"records of one contact say so"), "{rules:?}");
    }
}
