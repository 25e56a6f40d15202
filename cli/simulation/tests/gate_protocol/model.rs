//! The possible actions in a state, their effects, and the properties that must hold.

use ghl_sync_limiter::{Breaker, Signal};
use stateright::{Model, Property};

use crate::protocol::{LIFE, LIMIT, Protocol, Reply, Sent};
use crate::world::{Flight, Invocation, NOW, STEP, Stage, World};

/// Properties that must be reachable; all others must always hold.
pub(crate) const POSSIBLE: [&str; 3] =
    ["all is sent", "all is sent though an invocation died with the run", "a probe closes the breaker"];
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
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

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.bounds.records)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let gate = &world.stored.gate;
        let is_looked_at = gate.next_check_at().is_some_and(|at| at <= NOW);
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
            if self.bounds.let_die(world) {
                actions.push(Action::Lose(generation));
            }
        }
        let mut must_end = false;
        for (n, invocation) in world.invocations.iter().enumerate() {
            let Some(Invocation { name, age, stage }) = invocation else { continue };
            must_end |= *age >= LIFE;
            if self.bounds.let_die(world) {
                actions.push(Action::Die(n));
            }
            let waits = world.flights.iter().any(|flight| flight.awaited && flight.owner == *name);
            match stage {
                Stage::Asks(_) => actions.push(Action::TakeRun(n)),
                Stage::Runs { .. } if waits => {}
                Stage::Runs { permits, .. } => {
                    actions.push(Action::Finish(n, Sent::Yes));
                    if self.bounds.let_die(world) && world.due > 0 {
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
                gate.reap_expired_run(NOW, &self.rules);
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
                let next_check_at = world.stored.gate.next_check_at();
                world.due == 0 || next_check_at.is_some_and(|at| NOW.until(at) <= STEP * 10)
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
