//! The gate's protocol in all interleavings of three invocations that may die at any step.
//!
//! The real gate makes the decisions. The model adds its surroundings: lost and duplicated messages, invocations that
//! read the clock, are slow, and write later, requests that arrive late, and a server that counts. Its clock advances
//! in steps of twenty seconds. Instead of moving the present, each step moves all stored times into the past, so that
//! worlds with the same future are one state. For the same reason, generations are relative to the current one. The
//! model bounds deaths, lost and duplicated messages, failures and records.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests; the number of states is worth a line")]

mod model;
mod protocol;
mod world;

use stateright::{Checker, CheckerBuilder, HasDiscoveries, Model};

use crate::model::POSSIBLE;
use crate::protocol::{Bounds, Mutation, Protocol};

fn checker(bounds: Bounds, mutation: Mutation) -> CheckerBuilder<Protocol> {
    Protocol::new(bounds, mutation).checker().threads(2)
}

/// Visits every state and prints their number.
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
