//! The ledger's theorem, under its stated assumptions: whatever the network, the holders and their clocks do, no window
//! of any phase at the server ever holds more calls than the limit; and the pace is within 1 % of the maximum.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_limiter::Ledger;
use ghl_sync_model::{EpochMs, Holder, Pace};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);
/// D, and the longest wait for a call.
const LATE_ARRIVAL: u64 = 2_000;
const TIMEOUT: u64 = 3_000;
/// How long a holder's lease lasts.
const LEASE: u64 = 20_000;

/// A world in which the assumptions hold.
#[derive(Debug, Clone)]
struct World {
    limits: Vec<u32>,
    window_ms: u64,
    skew_ms: u64,
    holders: usize,
    lease_size: u32,
    /// Calls in a thousand that get no answer and arrive up to D after they were given up.
    lost_per_mille: u64,
    /// Turns in a thousand that end with the holder's death: nothing is settled.
    dies_per_mille: u64,
    network_ms: u64,
    server_ms: u64,
    seed: u64,
}

/// A simulation in which holders take turns: each leases, calls, settles, and hands over.
struct Simulation {
    world: World,
    ledger: Ledger,
    randomness: Randomness,
    /// True time.
    now: u64,
    arrivals: Vec<u64>,
    /// When each limit came into force.
    limits: Vec<(u64, u32)>,
    round_trips: (u64, u64),
}

impl Simulation {
    fn new(world: World) -> Simulation {
        let randomness = Randomness(world.seed);
        Simulation {
            ledger: Ledger::default(),
            randomness,
            now: 1_000_000,
            arrivals: Vec::new(),
            limits: vec![(0, world.limits[0])],
            round_trips: (0, 0),
            world,
        }
    }

    fn run(&mut self, turns: usize) {
        for turn in 0..turns {
            if turn % 7 == 6 {
                let limit = self.world.limits[self.randomness.below(self.world.limits.len() as u64) as usize];
                self.limits.push((self.now, limit));
            }
            self.turn(turn);
        }
    }

    fn turn(&mut self, turn: usize) {
        let holder = Holder::new(format!("holder-{turn}")).unwrap();
        // Clocks differ by at most the skew, and each reads whole milliseconds.
        let ahead = (self.world.skew_ms * (turn as u64 % self.world.holders as u64)) / self.world.holders as u64;
        let pace = Pace {
            limit: NonZeroU32::new(self.limits.last().unwrap().1).unwrap(),
            window: Duration::from_millis(self.world.window_ms),
        };
        let skew = Duration::from_millis(self.world.skew_ms);
        let clock = EpochMs(self.now + ahead);
        let until = clock + Duration::from_millis(LEASE);
        let last_start = until - Duration::from_millis(TIMEOUT + LATE_ARRIVAL);
        self.ledger.prune(clock, pace.window + skew);
        let permits = self.ledger.available(clock, pace, skew, self.world.lease_size, last_start);
        if permits.is_empty() {
            // No permits within the lease: come back when there may be some.
            self.now = self.ledger.next_at(clock, pace, skew).0.max(self.now + 1);
            return;
        }
        self.ledger.lend(&holder, permits.len() as u32, until);
        let dies = self.randomness.below(1000) < self.world.dies_per_mille;
        let mut finished = Vec::new();
        for permit in &permits {
            // A permit may be used late, but not so late that its call could outlast the lease.
            let latest = last_start.0.max(permit.0);
            let sent = (permit.0 + self.randomness.below(30)).min(latest).max(clock.0) - ahead;
            finished.push(self.call(sent, ahead));
        }
        let end = finished.iter().map(|(_, done)| *done).max().unwrap_or(self.now);
        if dies {
            self.now = end;
            return;
        }
        for (counted_by, _) in finished {
            self.ledger.settle(&holder, EpochMs(counted_by));
        }
        self.now = end.max(self.now);
    }

    /// Sends a call at a true time. Returns the time by which it was counted, by the holder's clock, and the true time
    /// at which the holder is done with it.
    fn call(&mut self, sent: u64, ahead: u64) -> (u64, u64) {
        let way = self.randomness.below(self.world.network_ms + 1);
        if self.randomness.below(1000) < self.world.lost_per_mille {
            let given_up = sent + TIMEOUT;
            self.arrivals.push(sent + self.randomness.below(TIMEOUT + LATE_ARRIVAL));
            return (given_up + ahead + 1 + LATE_ARRIVAL, given_up);
        }
        let answered = sent
            + way
            + self.randomness.below(self.world.server_ms + 1)
            + self.randomness.below(self.world.network_ms + 1);
        self.arrivals.push(sent + way);
        self.round_trips.0 += answered - sent;
        self.round_trips.1 += 1;
        (answered + ahead + 1, answered)
    }

    /// A window with more calls than the limits in force allow: its last arrival, its calls, and the limit. `None` if
    /// there is none.
    fn worst_window(&mut self) -> Option<(u64, usize, u32)> {
        self.arrivals.sort_unstable();
        let mut first = 0;
        for (last, arrival) in self.arrivals.iter().enumerate() {
            while arrival - self.arrivals[first] >= self.world.window_ms {
                first += 1;
            }
            let count = last + 1 - first;
            // A permit leased under an earlier limit may be used until its lease ends.
            let since = arrival.saturating_sub(self.world.window_ms + LEASE);
            let allowed = self.limit_since(since, *arrival);
            if count > allowed as usize {
                return Some((*arrival, count, allowed));
            }
        }
        None
    }

    fn limit_since(&self, since: u64, until: u64) -> u32 {
        let before = self.limits.iter().rev().find(|(at, _)| *at <= since).map_or(0, |(_, limit)| *limit);
        let during = self.limits.iter().filter(|(at, _)| (since..=until).contains(at)).map(|(_, limit)| *limit);
        during.max().unwrap_or(0).max(before)
    }
}

/// SplitMix64: the world's randomness, from its seed.
struct Randomness(u64);

impl Randomness {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

fn worlds() -> impl Strategy<Value = World> {
    let sizes = (prop::collection::vec(1u32..120, 1..4), 500u64..12_000, 0u64..200, 1usize..=20, 1u32..60);
    let faults = (0u64..100, 0u64..150);
    (sizes, faults, 0u64..200, 0u64..300, any::<u64>()).prop_map(
        |((limits, window_ms, skew_ms, holders, lease_size), (lost, dies), network_ms, server_ms, seed)| World {
            limits,
            window_ms,
            skew_ms,
            holders,
            lease_size,
            lost_per_mille: lost,
            dies_per_mille: dies,
            network_ms,
            server_ms,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_window_at_the_server_ever_holds_more_than_the_limit(world in worlds()) {
        let mut simulation = Simulation::new(world);
        simulation.run(60);
        prop_assert!(!simulation.arrivals.is_empty());
        prop_assert_eq!(simulation.worst_window(), None, "(arrival, calls in its window, limit)");
    }
}

/// The throughput of many concurrent calls, each settled as soon as it is answered: the ledger without other limits.
fn throughput(limit: u32, window_ms: u64, skew_ms: u64, network_ms: u64, server_ms: u64, seed: u64) -> (f64, f64) {
    let pace = Pace { limit: NonZeroU32::new(limit).unwrap(), window: MS * u32::try_from(window_ms).unwrap() };
    let skew = Duration::from_millis(skew_ms);
    let holder = Holder::new("one").unwrap();
    let (mut ledger, mut randomness) = (Ledger::default(), Randomness(seed));
    let mut in_flight: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
    let start = 1_000_000;
    let (mut now, mut calls, mut trips) = (start, 0u64, 0u64);
    let end = start + 300 * window_ms;
    while now < end {
        let clock = EpochMs(now);
        ledger.prune(clock, pace.window + skew);
        let permits = ledger.available(clock, pace, skew, limit, clock);
        ledger.lend(&holder, u32::try_from(permits.len()).unwrap(), EpochMs(u64::MAX / 2));
        for _ in &permits {
            let trip =
                randomness.below(network_ms + 1) + randomness.below(server_ms + 1) + randomness.below(network_ms + 1);
            in_flight.push(Reverse(now + trip));
            trips += trip;
            calls += 1;
        }
        let next_permit = ledger.next_at(clock, pace, skew).0.max(now + 1);
        let next_answer = in_flight.peek().map_or(u64::MAX, |Reverse(at)| *at);
        now = next_permit.min(next_answer.max(now));
        while in_flight.peek().is_some_and(|Reverse(at)| *at <= now) {
            in_flight.pop();
            ledger.settle(&holder, EpochMs(now + 1));
        }
    }
    let rate = calls as f64 / (end - start) as f64;
    let mean_trip = trips as f64 / calls as f64;
    let possible = f64::from(limit) / (window_ms as f64 + mean_trip + skew_ms as f64);
    (rate, possible)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_pace_comes_within_one_percent_of_what_the_theorem_allows(
        limit in 20u32..150, window_ms in 5_000u64..12_000, skew_ms in 0u64..100,
        network_ms in 0u64..60, server_ms in 0u64..200, seed in any::<u64>(),
    ) {
        let (rate, possible) = throughput(limit, window_ms, skew_ms, network_ms, server_ms, seed);
        prop_assert!(rate >= 0.99 * possible, "{rate} of {possible} calls a millisecond");
    }
}
