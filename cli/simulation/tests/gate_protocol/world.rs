//! The state of the model: a gate and its surroundings.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use ghl_sync_limiter::{Breaker, Gate};
use ghl_sync_model::EpochMs;
use serde_json::{Value, json};

/// The present, the same in every state.
pub(crate) const NOW: EpochMs = EpochMs(1_000_000_000);
/// Numbers above this are timestamps.
const TIMES: u64 = 500_000_000;
/// Times further back than this, in milliseconds, make no difference.
const LONG_AGO: u64 = 80_000;
pub(crate) const STEP: Duration = Duration::from_secs(20);
/// The window, and the longest delay before a sent request is counted, in steps.
pub(crate) const WINDOW: u8 = 2;
const ARRIVES_WITHIN: u8 = 2;
/// The current generation, in every state.
const CURRENT: u64 = 10;
/// Messages of older generations are treated alike.
const OLDEST: u64 = CURRENT - 2;
const INVOCATIONS: usize = 3;

/// A stored gate. Two are equal if their texts are.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) gate: Gate,
    pub(crate) text: String,
}

impl Stored {
    pub(crate) fn new(gate: Gate) -> Stored {
        let text = serde_json::to_string(&gate).unwrap();
        Stored { gate, text }
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Stored) -> bool {
        self.text == other.text
    }
}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct World {
    pub(crate) stored: Stored,
    /// Records that are due.
    pub(crate) due: u8,
    /// Generation of each message in flight.
    pub(crate) messages: Vec<u64>,
    pub(crate) invocations: [Option<Invocation>; INVOCATIONS],
    /// Requests that may still be counted.
    pub(crate) flights: Vec<Flight>,
    /// Age of each counted call, in steps.
    pub(crate) counted: Vec<u8>,
    pub(crate) deaths: u8,
    pub(crate) failures: u8,
    pub(crate) doubles: u8,
    pub(crate) broken: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Invocation {
    pub(crate) name: &'static str,
    /// Steps since it began and read the clock.
    pub(crate) age: u8,
    pub(crate) stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Wants to take the run for the message of this generation.
    Asks(u64),
    /// Holds the run.
    Runs {
        /// Unused permits: steps until each may be used.
        permits: Vec<u8>,
        /// Ended calls: their age in steps, and whether they were answered. The next write settles them.
        ended: Vec<(u8, bool)>,
        probe: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Flight {
    pub(crate) owner: &'static str,
    pub(crate) age: u8,
    pub(crate) counted: bool,
    /// Whether its caller waits for the answer.
    pub(crate) awaited: bool,
    pub(crate) probe: bool,
}

/// Time of an event `age` steps ago.
pub(crate) fn began(age: u8) -> EpochMs {
    NOW - STEP * u32::from(age)
}

impl World {
    pub(crate) fn new(records: u8) -> World {
        let mut gate = Gate::default();
        gate.resume(NOW); // New records request a due check.
        let mut world = World {
            stored: Stored::new(gate.clone()),
            due: records,
            messages: Vec::new(),
            invocations: [const { None }; INVOCATIONS],
            flights: Vec::new(),
            counted: Vec::new(),
            deaths: 0,
            failures: 0,
            doubles: 0,
            broken: None,
        };
        world.store(gate);
        world
    }

    pub(crate) fn holder(&self, name: &str) -> Option<usize> {
        self.invocations.iter().position(|of| of.as_ref().is_some_and(|invocation| invocation.name == name))
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &Invocation> {
        self.invocations.iter().flatten().filter(|invocation| matches!(invocation.stage, Stage::Runs { .. }))
    }

    pub(crate) fn probes(&self) -> usize {
        let waiting = self.running().filter(
            |invocation| matches!(&invocation.stage, Stage::Runs { permits, probe: true, .. } if !permits.is_empty()),
        );
        waiting.count() + self.flights.iter().filter(|flight| flight.probe).count()
    }

    /// Stores `gate`, with its generation as the current one.
    pub(crate) fn store(&mut self, gate: Gate) {
        let generation = gate.generation().0;
        let mut value = serde_json::to_value(&gate).unwrap();
        value["generation"] = json!(CURRENT);
        value["turn"] = json!(0);
        value["crashes"] = json!(gate.crashes().min(2));
        value["in_doubt_until"] = Value::Null;
        if !matches!(gate.breaker(), Breaker::Closed { .. }) {
            value["breaker"]["opens"] = json!(1);
        }
        let told = |of: &mut u64| *of = (*of + CURRENT).saturating_sub(generation).max(OLDEST);
        self.messages.iter_mut().for_each(told);
        for invocation in self.invocations.iter_mut().flatten() {
            if let Stage::Asks(of) = &mut invocation.stage {
                told(of);
            }
        }
        self.stored = Stored::new(serde_json::from_value(value).unwrap());
    }

    /// The state in normal form, shared by all equivalent states.
    pub(crate) fn in_order(mut self) -> World {
        self.messages.sort_unstable();
        self.messages.dedup();
        self.flights.sort_unstable();
        self.counted.sort_unstable();
        self
    }

    /// Advances the clock by one step.
    pub(crate) fn grow_older(&mut self) {
        let mut value = serde_json::to_value(&self.stored.gate).unwrap();
        move_back(&mut value);
        self.stored = Stored::new(serde_json::from_value(value).unwrap());
        for invocation in self.invocations.iter_mut().flatten() {
            invocation.age += 1;
            if let Stage::Runs { permits, ended, .. } = &mut invocation.stage {
                permits.iter_mut().for_each(|at| *at = at.saturating_sub(1));
                ended.iter_mut().for_each(|(ago, _)| *ago += 1);
            }
        }
        self.flights.iter_mut().for_each(|flight| flight.age += 1);
        self.flights.retain(|flight| flight.awaited || (!flight.counted && flight.age <= ARRIVES_WITHIN));
        self.counted.iter_mut().for_each(|ago| *ago += 1);
        self.counted.retain(|ago| *ago < WINDOW);
    }
}

/// Moves all times in `value` a step into the past.
fn move_back(value: &mut Value) {
    let step = u64::try_from(STEP.as_millis()).unwrap();
    let moved = |time: u64| if time > TIMES { (time - step).max(NOW.0 - LONG_AGO) } else { time };
    match value {
        Value::Object(fields) => fields.values_mut().for_each(move_back),
        Value::Array(values) => values.iter_mut().for_each(move_back),
        Value::Number(number) => *value = json!(moved(number.as_u64().unwrap())),
        // The ledger's times: the first is absolute, the others are differences.
        Value::String(text) => {
            if let Some(first) = text.split(' ').next().and_then(|first| first.parse::<u64>().ok()) {
                let rest = text.split_once(' ').map_or(String::new(), |(_, rest)| format!(" {rest}"));
                *value = json!(format!("{}{rest}", moved(first)));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}
