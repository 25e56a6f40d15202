//! Steps of the invocations and the server, with the real gate's decisions.

use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_limiter::{BreakerRules, Gate, Leased, Rules, Run, Signal};
use ghl_sync_model::{AdoptLimits, EpochMs, Generation, Holder, Pace, Priority};

use crate::world::{Flight, Invocation, NOW, STEP, Stage, WINDOW, World, began};

pub(crate) const LIMIT: u32 = 2;
/// Lifetime of a function, in steps.
pub(crate) const LIFE: u8 = 2;

/// Bounds on the model, mostly on its faults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) records: u8,
    pub(crate) deaths: u8,
    pub(crate) failures: u8,
    pub(crate) doubles: u8,
}

/// A deliberate error in the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mutation {
    None,
    /// A message runs regardless of its generation.
    GenerationIsNotChecked,
    /// A call is settled as if counted when it was sent.
    SettledWhenSent,
    /// A run counts as dead while its function may still live.
    RunEndsEarly,
}

pub(crate) struct Protocol {
    pub(crate) bounds: Bounds,
    pub(crate) mutation: Mutation,
    pub(crate) rules: Rules,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Ok,
    Trouble,
    Throttled,
}

/// Whether the invocation lives long enough to send the message it planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    DiedBefore,
}

impl Bounds {
    pub(crate) fn let_die(self, world: &World) -> bool {
        world.deaths < self.deaths
    }
}

impl Protocol {
    pub(crate) fn new(bounds: Bounds, mutation: Mutation) -> Protocol {
        let rules = Rules {
            pace: Pace { limit: NonZeroU32::new(LIMIT).unwrap(), window: STEP * u32::from(WINDOW) },
            daily_limit: 1000,
            daily_reserve: 0,
            adopt: AdoptLimits::Lower,
            day_scope: None,
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
    pub(crate) fn plan(&self, world: &mut World, gate: &mut Gate, now: EpochMs, sent: Sent) {
        if world.due == 0 {
            gate.rest(now, None, &self.rules);
            return;
        }
        let opening = gate.opening(now, &self.rules);
        let generation = gate.plan(now, opening.at, &self.rules);
        if sent == Sent::Yes {
            world.messages.push(generation.0);
        }
    }

    pub(crate) fn take_run(&self, world: &mut World, n: usize) {
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
        let (permits, probe) = match gate.lease(now, &run, 2, Priority::High, &self.rules) {
            Leased::Permits(permits) => (permits, false),
            Leased::Probe(at) => (vec![at], true),
            Leased::Wait(wait) => {
                // It came too early and is rescheduled.
                let mut gate = world.stored.gate.clone();
                let generation = gate.plan(now, wait.at, &self.rules);
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

    pub(crate) fn send(&self, world: &mut World, n: usize) {
        let Some(Invocation { name, stage: Stage::Runs { permits, probe, .. }, .. }) = &mut world.invocations[n] else {
            return;
        };
        permits.remove(0);
        let flight = Flight { owner: name, age: 0, counted: false, awaited: true, probe: *probe };
        world.flights.push(flight);
    }

    /// The server counts a request.
    pub(crate) fn arrive(world: &mut World, flight: usize) {
        world.flights[flight].counted = true;
        world.counted.push(0);
        if world.counted.len() > LIMIT as usize {
            world.broken = Some("a window holds more than the limit");
        }
    }

    pub(crate) fn answer(&self, world: &mut World, flight: usize, reply: Reply) {
        let Flight { owner, age, .. } = world.flights.remove(flight);
        world.failures += u8::from(reply != Reply::Ok);
        world.due -= u8::from(reply == Reply::Ok && world.due > 0);
        let settled = if self.mutation == Mutation::SettledWhenSent { age } else { 0 };
        self.ended(world, owner, (settled, true));
        let signal = match reply {
            Reply::Ok if world.stored.gate.breaker().is_quiet() => return,
            Reply::Ok => Signal::Answered,
            Reply::Trouble => Signal::Trouble { operation: 1, at: NOW },
            Reply::Throttled => Signal::Throttled { at: NOW, until: NOW + STEP, daily: false },
        };
        self.teach(world, owner, &signal);
    }

    /// Stores a signal for everyone at once, and returns what was leased before.
    pub(crate) fn teach(&self, world: &mut World, owner: &str, signal: &Signal) {
        let Some(n) = world.holder(owner) else { return };
        let mut gate = world.stored.gate.clone();
        self.settle(world, &mut gate, n);
        gate.learn(signal, &self.rules);
        world.store(gate);
    }

    pub(crate) fn ended(&self, world: &mut World, owner: &str, call: (u8, bool)) {
        if let Some(n) = world.holder(owner)
            && let Some(Invocation { stage: Stage::Runs { ended, .. }, .. }) = &mut world.invocations[n]
        {
            ended.push(call);
        }
    }

    /// Settles the calls that ended and returns unused permits.
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

    pub(crate) fn finish(&self, world: &mut World, n: usize, sent: Sent) {
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
