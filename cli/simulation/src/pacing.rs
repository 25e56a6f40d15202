//! Measures the pace against the possible maximum, with an endless backlog.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{Contact, LocationId, Pace, Payload, PutRecord, RecordId};
use ghl_sync_testkit::{Op, Setup, WindowKind, World, block_on_paused};
use serde::{Deserialize, Serialize};

use crate::names::ms;

/// GHL's usual quota.
const LIMIT: u32 = 100;
const WINDOW: Duration = Duration::from_secs(10);
/// Largest difference between two clocks.
const SKEW: Duration = Duration::from_millis(50);
/// Time the pace needs to settle before we measure.
const SETTLE: Duration = Duration::from_secs(60);
/// How long each case of the table is measured.
pub const PACING_SPAN: Duration = Duration::from_secs(50 * 60);
/// Records put again and again, over all locations: enough for each of twenty to always have a full batch due.
const RECORDS: usize = 1600;

/// A server and its callers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacingCase {
    /// How the server counts its windows.
    pub counting: WindowKind,
    /// Mean round trip in milliseconds.
    pub round_trip_ms: u64,
    /// Locations that share the quota and take turns.
    pub holders: usize,
    /// Whether another client takes a third of the quota.
    pub others: bool,
}

/// Measured result of a case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PacingRow {
    /// The measured case.
    #[serde(flatten)]
    pub case: PacingCase,
    /// Our allowed calls.
    pub calls: u64,
    /// Our allowed calls ÷ our possible calls: the limit (minus the other client's share) per window, mean round trip
    /// and clock skew.
    pub of_possible: f64,
    /// Share of our calls answered with 429.
    pub throttled: f64,
    /// Gate writes per call.
    pub gate_writes: f64,
    /// Most of our calls in any window.
    pub fullest_window: usize,
}

/// The cases of the table.
#[must_use]
pub fn pacing_cases() -> Vec<PacingCase> {
    let mut cases = Vec::new();
    for counting in [WindowKind::Strict, WindowKind::Fixed] {
        for round_trip_ms in [165, 265, 405] {
            for holders in [1, 4, 20] {
                cases.push(PacingCase { counting, round_trip_ms, holders, others: false });
            }
        }
        cases.push(PacingCase { counting, round_trip_ms: 265, holders: 1, others: true });
    }
    for round_trip_ms in [165, 265, 405] {
        cases.push(PacingCase { counting: WindowKind::Approximate, round_trip_ms, holders: 1, others: false });
    }
    cases
}

/// Measures `case` for `span` of simulated time.
#[must_use]
pub fn pacing(case: PacingCase, span: Duration) -> PacingRow {
    block_on_paused(measure(case, span))
}

async fn measure(case: PacingCase, span: Duration) -> PacingRow {
    let world = case.setup().start();
    let locations: Vec<LocationId> = case.locations().collect();
    if let (true, Some(location)) = (case.others, locations.first()) {
        tokio::spawn(others(world.clone(), location.clone()));
    }
    let measured = async {
        tokio::time::sleep(SETTLE).await;
        let (calls, refused, writes) = counts(&world);
        tokio::time::sleep(span).await;
        let (calls_then, refused_then, writes_then) = counts(&world);
        (calls_then - calls, refused_then - refused, writes_then - writes)
    };
    let feed = feed(&world, &locations);
    let (calls, refused, writes) = match select(pin!(measured), pin!(feed)).await {
        Either::Left((counted, _)) => counted,
        Either::Right((never, _)) => match never {},
    };
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let share = |part: u64| part as f64 / calls.max(1) as f64;
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let allowed = (calls - refused) as f64;
    PacingRow {
        case,
        calls: calls - refused,
        of_possible: allowed / case.possible(span),
        throttled: share(refused),
        gate_writes: share(writes),
        fullest_window: world.ghl.fullest_window(WINDOW),
    }
}

fn counts(world: &World) -> (u64, u64, u64) {
    (world.ghl.calls(), world.ghl.over_quota() as u64, world.faults.calls(Op::GateReplace))
}

impl PacingCase {
    fn setup(self) -> Setup {
        let limit = NonZeroU32::new(LIMIT).unwrap_or(NonZeroU32::MIN);
        let mut setup = Setup { seed: 7, clock_skew: SKEW, ..Setup::default() };
        let settings = setup.locations.values().next().cloned();
        setup.locations = self.locations().filter_map(|name| Some((name, settings.clone()?))).collect();
        setup.ghl.pace = Pace { limit, window: WINDOW };
        setup.ghl.counting = self.counting;
        setup.ghl.shared_quota = true;
        // On average 100 ms on the way there and back, the rest at the server.
        let work = self.round_trip_ms - 100;
        setup.ghl.network_ms = 20..=80;
        setup.ghl.work_ms = work / 2..=work + work / 2;
        setup.index_lag = Duration::ZERO..=ms(500);
        setup.store_ms = 1..=4;
        setup
    }

    fn locations(self) -> impl Iterator<Item = LocationId> {
        (0..self.holders).filter_map(|n| LocationId::new(format!("loc{n}")).ok())
    }

    /// Calls that we can make within `span`.
    fn possible(self, span: Duration) -> f64 {
        let ours = if self.others { f64::from(LIMIT) * 2.0 / 3.0 } else { f64::from(LIMIT) };
        ours * span.as_secs_f64() / (WINDOW + SKEW + ms(self.round_trip_ms)).as_secs_f64()
    }
}

/// Keeps all records due, with newer content each time. Tells the gate only once; later it finds due records itself.
async fn feed(world: &World, locations: &[LocationId]) -> Infallible {
    let mut version = 0;
    loop {
        for (n, location) in (0..RECORDS).zip(locations.iter().cycle()) {
            let Some(put) = record(location, n, version) else { continue };
            if world.outbox.record(location, &put.key()).is_some_and(|record| record.due_at.is_some()) {
                continue;
            }
            // The in-memory store does not fail.
            let _ = world.engine.ports().outbox.put(&put, world.clock.now()).await;
        }
        if version == 0 {
            for scope in world.engine.ports().registry.scopes().await.unwrap_or_default() {
                let _ = world.engine.fan_out(&scope).await;
            }
        }
        version += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn record(location: &LocationId, n: usize, version: u64) -> Option<PutRecord> {
    let contact = Contact {
        email: Some(format!("c{n}@example.test")),
        first_name: Some(version.to_string()),
        ..Contact::default()
    };
    Some(PutRecord::new(location.clone(), RecordId::new(format!("c{n}")).ok()?, Payload::Contact(contact)))
}

/// Another client that takes a third of the quota at random times.
async fn others(world: Arc<World>, location: LocationId) {
    let randomness = world.randomness.fork();
    let mean = 3 * u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX) / u64::from(LIMIT);
    loop {
        tokio::time::sleep(ms(randomness.within(0..=2 * mean))).await;
        world.ghl.others_call(&location, 1);
    }
}
