//! The gate's protocol in all interleavings of three invocations that may die at any step.
//!
//! The decisions are those of the real [`Gate`]; the model adds what is around it: messages that get lost and come
//! twice, invocations that read the clock, are slow, and write later, requests that arrive late, a server that counts.
//! Its clock goes by steps of twenty seconds. It does not move the time: it moves all times that are stored into the
//! past, so that worlds with the same future are one state. For the same reason generations are told from the current
//! one. What is bounded: deaths, lost and doubled messages, failures, and the records.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests; the number of states is worth a line")]

use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_engine::domain::{EpochMs, Generation, Holder, Pace};
use ghl_sync_engine::policy::{Breaker, BreakerRules, Gate, Leased, Rules, Run, Signal};
use serde_json::{Value, json};
use stateright::{Checker, CheckerBuilder, HasDiscoveries, Model, Property};

/// It is always now.
const NOW: EpochMs = EpochMs(1_000_000_000);
/// Numbers above this are times.
const TIMES: u64 = 500_000_000;
/// What lies further back makes no difference any more.
const LONG_AGO: u64 = 80_000;
const STEP: Duration = Duration::from_secs(20);
const LIMIT: u32 = 2;
/// In steps: the window, a function's life, and how long after it was sent a request may be counted.
const WINDOW: u8 = 2;
const LIFE: u8 = 2;
const ARRIVES_WITHIN: u8 = 2;
/// The current generation, in every state.
const CURRENT: u64 = 10;
/// Messages of older generations are all alike.
const OLDEST: u64 = CURRENT - 2;
const INVOCATIONS: usize = 3;
/// What must be possible; the other properties must always hold.
const POSSIBLE: [&str; 3] =
    ["all is sent", "all is sent though an invocation died with the run", "a probe closes the breaker"];
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// How much may go wrong.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    records: u8,
    deaths: u8,
    failures: u8,
    doubles: u8,
}

/// A protocol that is wrong in one way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mutation {
    None,
    /// A message runs whatever its generation.
    GenerationIsNotChecked,
    /// A call is settled as counted when it was sent.
    SettledWhenSent,
    /// A run counts as dead while its function may still live.
    RunEndsEarly,
}

struct Protocol {
    bounds: Bounds,
    mutation: Mutation,
    rules: Rules,
}

/// A gate as it is stored; equal when its text is.
#[derive(Clone, Debug)]
struct Stored {
    gate: Gate,
    text: String,
}

impl Stored {
    fn new(gate: Gate) -> Stored {
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
struct World {
    stored: Stored,
    /// Records that are due.
    due: u8,
    /// The generation of each message on its way.
    messages: Vec<u64>,
    invocations: [Option<Invocation>; INVOCATIONS],
    /// Requests that may still be counted.
    flights: Vec<Flight>,
    /// How long ago each call was counted, in steps.
    counted: Vec<u8>,
    deaths: u8,
    failures: u8,
    doubles: u8,
    broken: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Invocation {
    name: &'static str,
    /// Steps since it began, and read the clock.
    age: u8,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// It wants to take the run for the message of this generation.
    Asks(u64),
    /// It has the run.
    Runs {
        /// Permits that were not used: in how many steps each may be.
        permits: Vec<u8>,
        /// Calls that ended, how many steps ago, and whether they were answered: to be settled with the next write.
        ended: Vec<(u8, bool)>,
        probe: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Flight {
    owner: &'static str,
    age: u8,
    counted: bool,
    /// Its caller waits for the answer.
    awaited: bool,
    probe: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Clock,
    Tick,
    Receive { generation: u64, again: bool },
    Lose(u64),
    TakeRun(usize),
    Send(usize),
    Arrive(usize),
    Answer(usize, Reply),
    GiveUp(usize),
    Finish(usize, Sent),
    Die(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Ok,
    Trouble,
    Throttled,
}

/// Whether the invocation lives to send the message that it planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Yes,
    DiedBefore,
}

impl Protocol {
    fn new(bounds: Bounds, mutation: Mutation) -> Protocol {
        let rules = Rules {
            pace: Pace { limit: NonZeroU32::new(LIMIT).unwrap(), window: STEP * u32::from(WINDOW) },
            daily_limit: 1000,
            daily_reserve: 0,
            clock_skew: Duration::ZERO,
            late_arrival: STEP,
            request_timeout: STEP,
            search_lag: Duration::ZERO,
            percent: 100,
            breaker: BreakerRules { threshold: 1, reset: STEP * 2 },
            batch_size: 2,
            lease_size: 2,
            lease_ahead: STEP,
            patience: Duration::ZERO,
        };
        Protocol { bounds, mutation, rules }
    }

    /// The run of an invocation that began `age` steps ago.
    fn run_of(&self, name: &str, age: u8) -> Run {
        let life = if self.mutation == Mutation::RunEndsEarly { LIFE - 1 } else { LIFE };
        let deadline = began(age) + STEP * u32::from(life);
        Run { holder: Holder::new(name).unwrap(), until: deadline + self.rules.late_arrival }
    }

    /// Plans the next batch and sends its message, if anything is due.
    fn plan(&self, world: &mut World, gate: &mut Gate, now: EpochMs, sent: Sent) {
        if world.due == 0 {
            gate.rest(now, None, &self.rules);
            return;
        }
        let opening = gate.opening(now, &self.rules);
        let generation = gate.plan(now, opening.at, None, &self.rules);
        if sent == Sent::Yes {
            world.messages.push(generation.0);
        }
    }

    fn take_run(&self, world: &mut World, n: usize) {
        let Some(Invocation { name, age, stage: Stage::Asks(generation) }) = world.invocations[n].clone() else {
            return;
        };
        world.invocations[n] = None;
        let (mut gate, now) = (world.stored.gate.clone(), began(age));
        let stale = generation != gate.generation().0;
        let run = self.run_of(name, age);
        let checked = (self.mutation != Mutation::GenerationIsNotChecked).then_some(Generation(generation));
        if gate.take_run(now, checked, run.clone(), &self.rules).is_err() {
            return;
        }
        if stale {
            world.broken = Some("a stale message runs");
        }
        let (permits, probe) = match gate.lease(now, &run, 2, &self.rules) {
            Leased::Permits(permits) => (permits, false),
            Leased::Probe(at) => (vec![at], true),
            Leased::Wait(wait) => {
                // It came too early, and is planned for later.
                let mut gate = world.stored.gate.clone();
                let generation = gate.plan(now, wait.at, None, &self.rules);
                world.messages.push(generation.0);
                world.store(gate);
                return;
            }
        };
        let steps = |at: &EpochMs| u8::try_from(NOW.until(*at).as_millis().div_ceil(STEP.as_millis())).unwrap();
        let stage = Stage::Runs { permits: permits.iter().map(steps).collect(), ended: Vec::new(), probe };
        world.invocations[n] = Some(Invocation { name, age, stage });
        world.store(gate);
    }

    fn send(&self, world: &mut World, n: usize) {
        let Some(Invocation { name, stage: Stage::Runs { permits, probe, .. }, .. }) = &mut world.invocations[n] else {
            return;
        };
        permits.remove(0);
        let flight = Flight { owner: name, age: 0, counted: false, awaited: true, probe: *probe };
        world.flights.push(flight);
    }

    /// The server counts a request.
    fn arrive(world: &mut World, flight: usize) {
        world.flights[flight].counted = true;
        world.counted.push(0);
        if world.counted.len() > LIMIT as usize {
            world.broken = Some("a window holds more than the limit");
        }
    }

    fn answer(&self, world: &mut World, flight: usize, reply: Reply) {
        let Flight { owner, age, .. } = world.flights.remove(flight);
        world.failures += u8::from(reply != Reply::Ok);
        world.due -= u8::from(reply == Reply::Ok && world.due > 0);
        let settled = if self.mutation == Mutation::SettledWhenSent { age } else { 0 };
        self.ended(world, owner, (settled, true));
        let lesson = match reply {
            Reply::Ok if world.stored.gate.breaker().is_quiet() => return,
            Reply::Ok => Signal::Answered,
            Reply::Trouble => Signal::Trouble { operation: 1, at: NOW },
            Reply::Throttled => Signal::Throttled { at: NOW, until: NOW + STEP, daily: false },
        };
        self.teach(world, owner, &lesson);
    }

    /// What all must know is stored at once, and what was leased before goes back.
    fn teach(&self, world: &mut World, owner: &str, lesson: &Signal) {
        let Some(n) = world.holder(owner) else { return };
        let mut gate = world.stored.gate.clone();
        self.settle(world, &mut gate, n);
        gate.learn(lesson, &self.rules);
        world.store(gate);
    }

    fn ended(&self, world: &mut World, owner: &str, call: (u8, bool)) {
        if let Some(n) = world.holder(owner)
            && let Some(Invocation { stage: Stage::Runs { ended, .. }, .. }) = &mut world.invocations[n]
        {
            ended.push(call);
        }
    }

    /// Settles what has ended, and gives back what was not used.
    fn settle(&self, world: &mut World, gate: &mut Gate, n: usize) {
        let Some(Invocation { name, stage: Stage::Runs { permits, ended, .. }, .. }) = &mut world.invocations[n] else {
            return;
        };
        let holder = Holder::new(*name).unwrap();
        for (ago, answered) in ended.drain(..) {
            let late = if answered { Duration::ZERO } else { self.rules.late_arrival };
            let at = began(ago) + late;
            gate.learn(&Signal::Finished { holder: holder.clone(), at, told_daily: true }, &self.rules);
        }
        gate.give_back(NOW, &holder, u32::try_from(permits.len()).unwrap(), &self.rules);
        permits.clear();
    }

    fn finish(&self, world: &mut World, n: usize, sent: Sent) {
        let mut gate = world.stored.gate.clone();
        self.settle(world, &mut gate, n);
        let Some(Invocation { name, .. }) = world.invocations[n].take() else { return };
        let holder = Holder::new(name).unwrap();
        if !gate.is_run_of(&holder) {
            world.broken = Some("a run is taken from who has it");
            return;
        }
        gate.finish(NOW, &holder, &self.rules);
        self.plan(world, &mut gate, NOW, sent);
        world.deaths += u8::from(sent == Sent::DiedBefore);
        world.store(gate);
    }
}

/// When something was that was so many steps ago.
fn began(age: u8) -> EpochMs {
    NOW - STEP * u32::from(age)
}

impl World {
    fn new(records: u8) -> World {
        let mut gate = Gate::default();
        gate.resume(NOW); // What was put asks for a look.
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

    fn holder(&self, name: &str) -> Option<usize> {
        self.invocations.iter().position(|of| of.as_ref().is_some_and(|invocation| invocation.name == name))
    }

    fn running(&self) -> impl Iterator<Item = &Invocation> {
        self.invocations.iter().flatten().filter(|invocation| matches!(invocation.stage, Stage::Runs { .. }))
    }

    fn probes(&self) -> usize {
        let waiting = self.running().filter(
            |invocation| matches!(&invocation.stage, Stage::Runs { permits, probe: true, .. } if !permits.is_empty()),
        );
        waiting.count() + self.flights.iter().filter(|flight| flight.probe).count()
    }

    fn may_die(&self, bounds: Bounds) -> bool {
        self.deaths < bounds.deaths
    }

    /// Stores `gate`, with its generation as the current one.
    fn store(&mut self, gate: Gate) {
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

    /// The next state, in the form that all alike share.
    fn in_order(mut self) -> World {
        self.messages.sort_unstable();
        self.messages.dedup();
        self.flights.sort_unstable();
        self.counted.sort_unstable();
        self
    }

    /// A step of the clock.
    fn grow_older(&mut self) {
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
        // The ledger's times: the first in full, then the steps.
        Value::String(text) => {
            if let Some(first) = text.split(' ').next().and_then(|first| first.parse::<u64>().ok()) {
                let rest = text.split_once(' ').map_or(String::new(), |(_, rest)| format!(" {rest}"));
                *value = json!(format!("{}{rest}", moved(first)));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.bounds.records)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let gate = &world.stored.gate;
        let is_looked_at = gate.look_at().is_some_and(|at| at <= NOW);
        if is_looked_at && gate.live_run(NOW).is_none() && gate.live_plan(NOW).is_none() {
            actions.push(Action::Tick);
        }
        let idle = world.invocations.iter().any(Option::is_none);
        for &generation in &world.messages {
            if idle {
                actions.push(Action::Receive { generation, again: false });
                if world.doubles < self.bounds.doubles {
                    actions.push(Action::Receive { generation, again: true });
                }
            }
            if world.may_die(self.bounds) {
                actions.push(Action::Lose(generation));
            }
        }
        let mut must_end = false;
        for (n, invocation) in world.invocations.iter().enumerate() {
            let Some(Invocation { name, age, stage }) = invocation else { continue };
            must_end |= *age >= LIFE;
            if world.may_die(self.bounds) {
                actions.push(Action::Die(n));
            }
            let waits = world.flights.iter().any(|flight| flight.awaited && flight.owner == *name);
            match stage {
                Stage::Asks(_) => actions.push(Action::TakeRun(n)),
                Stage::Runs { .. } if waits => {}
                Stage::Runs { permits, .. } => {
                    actions.push(Action::Finish(n, Sent::Yes));
                    if world.may_die(self.bounds) && world.due > 0 {
                        actions.push(Action::Finish(n, Sent::DiedBefore));
                    }
                    if permits.first() == Some(&0) && world.due > 0 && *age < LIFE {
                        actions.push(Action::Send(n));
                    }
                }
            }
        }
        for (n, flight) in world.flights.iter().enumerate() {
            match flight {
                Flight { counted: false, .. } => actions.push(Action::Arrive(n)),
                Flight { counted: true, awaited: true, .. } => {
                    actions.push(Action::Answer(n, Reply::Ok));
                    if world.failures < self.bounds.failures {
                        actions.push(Action::Answer(n, Reply::Trouble));
                        actions.push(Action::Answer(n, Reply::Throttled));
                    }
                }
                Flight { .. } => {}
            }
            if flight.awaited && flight.age >= 1 {
                must_end = true;
                if world.failures < self.bounds.failures {
                    actions.push(Action::GiveUp(n));
                }
            }
        }
        if !must_end {
            actions.push(Action::Clock);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Clock => world.grow_older(),
            Action::Tick => {
                let mut gate = world.stored.gate.clone();
                gate.bury_expired_run(NOW, &self.rules);
                self.plan(&mut world, &mut gate, NOW, Sent::Yes);
                world.store(gate);
            }
            Action::Receive { generation, again } => {
                let n = world.invocations.iter().position(Option::is_none)?;
                let named = |name: &str| {
                    world.holder(name).is_some()
                        || world.flights.iter().any(|flight| flight.owner == name)
                        || world.stored.text.contains(&format!("\"{name}\""))
                };
                let name = NAMES.into_iter().find(|name| !named(name))?;
                world.invocations[n] = Some(Invocation { name, age: 0, stage: Stage::Asks(generation) });
                if again {
                    world.doubles += 1;
                } else {
                    world.messages.retain(|message| *message != generation);
                }
            }
            Action::Lose(generation) => {
                world.messages.retain(|message| *message != generation);
                world.deaths += 1;
            }
            Action::TakeRun(n) => self.take_run(&mut world, n),
            Action::Send(n) => self.send(&mut world, n),
            Action::Arrive(n) => Self::arrive(&mut world, n),
            Action::Answer(n, reply) => self.answer(&mut world, n, reply),
            Action::GiveUp(n) => {
                let flight = &mut world.flights[n];
                let (owner, counted) = (flight.owner, flight.counted);
                flight.awaited = false;
                if counted {
                    world.flights.remove(n);
                }
                world.failures += 1;
                self.ended(&mut world, owner, (0, false));
                self.teach(&mut world, owner, &Signal::Trouble { operation: 1, at: NOW });
            }
            Action::Finish(n, sent) => self.finish(&mut world, n, sent),
            Action::Die(n) => {
                let name = world.invocations[n].take()?.name;
                world.deaths += 1;
                world.flights.retain(|flight| flight.owner != name || !flight.counted);
                world
                    .flights
                    .iter_mut()
                    .filter(|flight| flight.owner == name)
                    .for_each(|flight| flight.awaited = false);
            }
        }
        Some(world.in_order())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one run at a time", |_, world: &World| world.running().count() <= 1),
            Property::always("one probe at a time", |_, world: &World| world.probes() <= 1),
            Property::always("no step breaks a rule", |_, world: &World| world.broken.is_none()),
            Property::always("no more permits are out than the limit", |_, world: &World| {
                world.stored.gate.ledger().out() <= LIMIT
            }),
            Property::always("somebody looks at what is due", |_, world: &World| {
                let look_at = world.stored.gate.look_at();
                world.due == 0 || look_at.is_some_and(|at| NOW.until(at) <= STEP * 10)
            }),
            Property::sometimes("all is sent", |_, world: &World| world.due == 0),
            Property::sometimes("all is sent though an invocation died with the run", |_, world: &World| {
                world.due == 0 && world.stored.gate.crashes() > 0
            }),
            Property::sometimes("a probe closes the breaker", |_, world: &World| {
                let closed = matches!(world.stored.gate.breaker(), Breaker::Closed { ramp: Some(_), .. });
                world.failures > 0 && closed
            }),
        ]
    }
}

fn checker(bounds: Bounds, mutation: Mutation) -> CheckerBuilder<Protocol> {
    Protocol::new(bounds, mutation).checker().threads(2)
}

/// Visits every state, and says how many there are.
fn check_all(bounds: Bounds) {
    let checker = checker(bounds, Mutation::None).spawn_bfs().join();
    println!("{bounds:?}: {} states", checker.unique_state_count());
    let broken: Vec<_> = checker.discoveries().into_iter().filter(|(name, _)| !POSSIBLE.contains(name)).collect();
    assert!(checker.is_done() && broken.is_empty(), "{broken:?}");
    assert!(checker.discovery("all is sent").is_some());
    let died = checker.discovery(POSSIBLE[1]).is_some();
    let probed = checker.discovery(POSSIBLE[2]).is_some();
    assert_eq!((died, probed), (bounds.deaths > 0, bounds.failures > 0), "what the check is for was not reached");
}

const CALM: Bounds = Bounds { records: 1, deaths: 0, failures: 0, doubles: 0 };

#[test]
fn in_no_order_of_three_invocations_the_protocol_breaks() {
    check_all(Bounds { records: 2, ..CALM });
}

#[test]
fn it_does_not_break_when_an_invocation_dies_or_a_message_is_lost() {
    check_all(Bounds { deaths: 1, ..CALM });
}

#[test]
fn it_does_not_break_when_a_call_fails_is_refused_or_stays_unanswered() {
    check_all(Bounds { failures: 1, ..CALM });
}

#[test]
fn it_does_not_break_when_a_message_comes_twice() {
    check_all(Bounds { doubles: 1, ..CALM });
}

#[test]
#[ignore = "takes many minutes"]
fn it_does_not_break_when_all_of_that_happens() {
    check_all(Bounds { records: 2, deaths: 1, failures: 1, doubles: 1 });
}

#[test]
fn a_protocol_that_is_wrong_is_found() {
    for (mutation, bounds) in [
        (Mutation::GenerationIsNotChecked, CALM),
        (Mutation::SettledWhenSent, Bounds { records: 3, ..CALM }),
        (Mutation::RunEndsEarly, CALM),
    ] {
        let checker = checker(bounds, mutation).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        println!("{mutation:?}: {} states, {:?}", checker.unique_state_count(), checker.discoveries().keys());
        assert!(checker.discoveries().keys().any(|name| !POSSIBLE.contains(name)), "{mutation:?} was not found");
    }
}
