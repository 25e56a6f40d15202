//! Generates a scenario from a seed.

use std::num::NonZeroU32;

use ghl_sync_model::{LocationId, Priority};
use ghl_sync_testkit::{Op, PortFault, TestRandomness, WindowKind};

use crate::scenario::{
    Expect, Hosts, Limit, Puts, Scenario, ScenarioLocation, ScenarioTrouble, Server, Span, TroubleKind,
};

/// Puts and troubles start within this time.
const BUSY_MS: u64 = 300_000;
/// Largest difference between two clocks: within the pace's allowance, or far beyond it (one host 2 s ahead, another
/// 2 s behind).
const SKEWS_MS: [u64; 6] = [0, 20, 50, 50, 500, 4000];
/// A request may reach GHL this late after its caller gave up, which leaves GHL half a second to handle it within D…
const LATE_ARRIVAL_MS: u64 = 4500;
/// …and GHL's search may lag this much. The engine promises nothing beyond that, so clock differences count towards
/// it.
const SEARCH_LAG_MS: u64 = 30_000;

impl Scenario {
    /// Scenario of `seed`: small, and as different from the others as possible.
    #[must_use]
    pub fn of_seed(seed: u64) -> Scenario {
        let chance = Chance(TestRandomness::seeded(seed ^ 0x5ce7_a210));
        let locations = locations(&chance);
        let quota = Limit {
            limit: NonZeroU32::new(chance.one_of(&[2, 5, 20, 100])).unwrap_or(NonZeroU32::MIN),
            window_ms: chance.one_of(&[1000, 10_000, 10_000]),
        };
        let mut puts = puts(&chance, locations.len());
        let hosts = hosts(&chance);
        let skew_ms = hosts.clock_skew_ms;
        let mut troubles: Vec<ScenarioTrouble> =
            (0..chance.within(0, 6)).map(|_| trouble(&chance, locations.len(), skew_ms)).collect();
        // Drawn separately, so that existing seeds keep their meaning.
        let chance_of_people = Chance(TestRandomness::seeded(seed ^ 0x9e0b_1e55));
        puts.iter_mut().for_each(|puts| of_one_contact(&chance_of_people, puts));
        let reconcile_every_ms = chance_of_people.in_ten(3).then(|| chance_of_people.one_of(&[120_000, 600_000]));
        if chance_of_people.in_ten(3) {
            troubles.push(opt_outs(&chance_of_people, locations.len()));
        }
        let chance_of_ends = Chance(TestRandomness::seeded(seed ^ 0x51_97e4_3d0e));
        if chance_of_ends.in_ten(3) {
            (0..chance_of_ends.within(1, 3)).for_each(|_| troubles.push(end_in_order(&chance_of_ends)));
        }
        let chance_of_imports = Chance(TestRandomness::seeded(seed ^ 0x1a90_57ed));
        if chance_of_imports.in_ten(3) {
            puts.iter_mut().for_each(|puts| puts.import = chance_of_imports.in_ten(7));
            troubles.push(cancels(&chance_of_imports, locations.len()));
        }
        let chance_of_deletes = Chance(TestRandomness::seeded(seed ^ 0xde1e_7e50));
        if chance_of_deletes.in_ten(2)
            && !troubles.iter().any(|trouble| matches!(trouble.what, TroubleKind::OptOuts { .. }))
        {
            troubles.push(deletes(&chance_of_deletes, locations.len()));
        }
        let chance_of_undos = Chance(TestRandomness::seeded(seed ^ 0x0bd0_0bd0_0bd0));
        if chance_of_undos.in_ten(2) {
            puts.iter_mut().for_each(|puts| (puts.import, puts.undoable) = (true, true));
            troubles.push(by_an_operator(&chance_of_undos, locations.len(), |location, every_ms| TroubleKind::Undos {
                location,
                every_ms,
            }));
        }
        let chance_of_mirrors = Chance(TestRandomness::seeded(seed ^ 0x3177_0125));
        if chance_of_mirrors.in_ten(2) {
            troubles.push(by_an_operator(&chance_of_mirrors, locations.len(), |location, every_ms| {
                TroubleKind::Mirrors { location, every_ms }
            }));
        }
        Scenario {
            reconcile_every_ms,
            about: String::new(),
            seed,
            locations,
            quota,
            server: server(&chance, quota, skew_ms),
            hosts,
            puts,
            troubles,
            expect: Expect::default(),
        }
    }
}

fn locations(chance: &Chance) -> Vec<ScenarioLocation> {
    let count = chance.one_of(&[1, 1, 2, 3]);
    let shares = count > 1 && chance.in_ten(3);
    (0..count)
        .filter_map(|n| {
            let scope = if shares { 0 } else { n };
            Some(ScenarioLocation {
                name: LocationId::new(format!("loc{n}")).ok()?,
                scope: LocationId::new(format!("loc{scope}")).ok()?,
            })
        })
        .collect()
}

fn server(chance: &Chance, quota: Limit, skew_ms: u64) -> Server {
    let told_less = chance.in_ten(1) && quota.limit.get() > 4;
    let network = chance.one_of(&[5, 20, 60]);
    let work = chance.one_of(&[20, 80, 150]);
    Server {
        limit: NonZeroU32::new(quota.limit.get() / 2).filter(|_| told_less),
        counting: chance.one_of(&[WindowKind::Strict, WindowKind::Fixed, WindowKind::Strict, WindowKind::Approximate]),
        headers: chance.in_ten(8),
        retry_after_ms: chance.in_ten(3).then(|| chance.within(500, 20_000)),
        daily_limit: chance.in_ten(1).then(|| chance.within(20, 200)),
        network_ms: (chance.within(0, network), 2 * network),
        work_ms: (chance.within(0, work), 3 * work),
        search_lag_ms: chance.within(0, SEARCH_LAG_MS - skew_ms),
    }
}

fn hosts(chance: &Chance) -> Hosts {
    Hosts {
        clock_skew_ms: chance.one_of(&SKEWS_MS),
        function_timeout_ms: chance.one_of(&[60_000, 60_000, 30_000]),
        visibility_ms: chance.one_of(&[20_000, 90_000, 360_000]),
        store_ms: chance.one_of::<Span>(&[(0, 0), (1, 4), (2, 40)]),
        index_lag_ms: chance.one_of::<Span>(&[(0, 0), (0, 1000), (0, 5000), (2000, 9000)]),
        batch_size: chance.one_of(&[1, 4, 10, 50, 50]),
        concurrency: 5,
    }
}

fn puts(chance: &Chance, locations: usize) -> Vec<Puts> {
    let count = chance.within(1, 5);
    (0..count)
        .map(|n| {
            let first = u32::try_from(chance.within(0, 10)).unwrap_or(0);
            let contacts = u32::try_from(chance.within(0, 25)).unwrap_or(0);
            // Every opportunity has its contact.
            let opportunities =
                if chance.in_ten(3) { u32::try_from(chance.within(0, 5)).unwrap_or(0).min(contacts) } else { 0 };
            let nameless = u32::try_from(n * 100).unwrap_or(0);
            Puts {
                at_ms: if n == 0 { 0 } else { chance.within(0, BUSY_MS) },
                location: usize::try_from(chance.within(0, locations as u64 - 1)).unwrap_or(0),
                contacts: (first, first + contacts),
                opportunities: (first, first + opportunities),
                nameless: if chance.in_ten(2) { (nameless, nameless + 2) } else { (0, 0) },
                shared: (0, 0),
                twins: (0, 0),
                dropped: false,
                consents: false,
                import: false,
                undoable: false,
                large_bytes: 0,
                priority: chance.one_of(&Priority::ALL),
                starts: chance.in_ten(5),
                dies: chance.in_ten(1),
            }
        })
        .collect()
}

/// Adds records that share a contact, and contacts made by others in GHL, to `puts`.
fn of_one_contact(chance: &Chance, puts: &mut Puts) {
    let (first, end) = puts.contacts;
    let some = |most: u64| first + u32::try_from(chance.within(1, most)).unwrap_or(1).min(end - first);
    if chance.in_ten(2) {
        puts.shared = (first, some(4));
    }
    if chance.in_ten(2) {
        puts.twins = (first, some(3));
    }
    puts.dropped = chance.in_ten(1);
    puts.consents = chance.in_ten(3);
    puts.large_bytes = if chance.in_ten(1) { 60_000 } else { 0 };
}

fn opt_outs(chance: &Chance, locations: usize) -> ScenarioTrouble {
    let location = usize::try_from(chance.within(0, locations as u64 - 1)).unwrap_or(0);
    let from_ms = chance.within(0, BUSY_MS);
    let until_ms = from_ms + chance.one_of(&[120_000, 600_000]);
    ScenarioTrouble {
        from_ms,
        until_ms,
        per_mille: 1000,
        what: TroubleKind::OptOuts { location, every_ms: chance.within(500, 20_000) },
    }
}

/// Excludes opt-outs: a contact deleted and put again is a new contact in GHL, so nobody could tell whether the
/// opt-out was reverted.
fn deletes(chance: &Chance, locations: usize) -> ScenarioTrouble {
    let what = |location, every_ms| TroubleKind::Deletes { location, every_ms };
    by_an_operator(chance, locations, what)
}

fn cancels(chance: &Chance, locations: usize) -> ScenarioTrouble {
    let what = |location, every_ms| TroubleKind::Cancels { location, every_ms };
    by_an_operator(chance, locations, what)
}

fn by_an_operator(chance: &Chance, locations: usize, what: impl Fn(usize, u64) -> TroubleKind) -> ScenarioTrouble {
    let location = usize::try_from(chance.within(0, locations as u64 - 1)).unwrap_or(0);
    let from_ms = chance.within(0, BUSY_MS);
    let until_ms = from_ms + chance.one_of(&[20_000, 120_000]);
    ScenarioTrouble { from_ms, until_ms, per_mille: 1000, what: what(location, chance.within(500, 20_000)) }
}

fn end_in_order(chance: &Chance) -> ScenarioTrouble {
    let from_ms = chance.within(0, BUSY_MS);
    let down_ms = chance.one_of(&[0, 0, 0, 2000, 90_000]);
    // Longer than a drain takes.
    let until_ms = from_ms + 16_000 + down_ms;
    ScenarioTrouble { from_ms, until_ms, per_mille: 1000, what: TroubleKind::EndsInOrder { down_ms } }
}

fn trouble(chance: &Chance, locations: usize, skew_ms: u64) -> ScenarioTrouble {
    let from_ms = chance.within(0, BUSY_MS);
    let location = usize::try_from(chance.within(0, locations as u64 - 1)).unwrap_or(0);
    let what = what(chance, location, skew_ms);
    ScenarioTrouble {
        from_ms,
        until_ms: from_ms + chance.one_of(&[1000, 20_000, 120_000, 600_000]),
        per_mille: chance.one_of(&[20, 100, 300, 1000]),
        what,
    }
}

fn what(chance: &Chance, location: usize, skew_ms: u64) -> TroubleKind {
    match chance.within(0, 19) {
        0 => TroubleKind::Status(chance.one_of(&[500, 502, 503, 504, 408])),
        1 => TroubleKind::DoneBut(chance.one_of(&[500, 502, 504])),
        2 => TroubleKind::NoAnswer { done: chance.in_ten(5) },
        3 => TroubleKind::ArrivesLate(chance.within(0, LATE_ARRIVAL_MS - skew_ms)),
        4 => TroubleKind::Unreachable,
        5 => TroubleKind::TooMany { retry_after_ms: chance.in_ten(5).then(|| chance.within(1, 60_000)) },
        6 => TroubleKind::TokenExpired { location },
        7 => TroubleKind::Others { location, every_ms: chance.within(50, 2000), burst: chance.one_of(&[1, 1, 10]) },
        8 => TroubleKind::MessageLost,
        9 => TroubleKind::MessageLate(chance.within(0, 120_000)),
        10 => TroubleKind::MessageTwice(chance.within(0, 60_000)),
        11 => TroubleKind::ByHand { location, every_ms: chance.within(500, 20_000) },
        12..=14 => TroubleKind::Store {
            op: chance.one_of(&[
                None,
                Some(Op::GateReplace),
                Some(Op::GateLoad),
                Some(Op::OutboxSettle),
                Some(Op::OutboxLoad),
                Some(Op::OutboxDue),
                Some(Op::QueueSend),
                Some(Op::GateAdvance),
                Some(Op::OutboxPut),
            ]),
            fault: chance.one_of(&[PortFault::Refused, PortFault::Unanswered, PortFault::Hangs]),
        },
        15 => TroubleKind::DiesWithin(chance.within(1, 30_000)),
        16 | 17 => TroubleKind::DiesAtAwait(chance.within(1, 200)),
        18 => TroubleKind::AllDie,
        _ => TroubleKind::Status(chance.one_of(&[400, 404, 422])),
    }
}

/// Random choices for this file.
struct Chance(TestRandomness);

impl Chance {
    fn within(&self, least: u64, most: u64) -> u64 {
        self.0.within(least..=most)
    }

    fn in_ten(&self, tenths: u64) -> bool {
        self.within(1, 10) <= tenths
    }

    fn one_of<T: Clone>(&self, choices: &[T]) -> T {
        let index = usize::try_from(self.within(0, choices.len() as u64 - 1)).unwrap_or(0);
        choices[index].clone()
    }
}
