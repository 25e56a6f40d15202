//! Shrinks a broken world.

use crate::run::run;
use crate::scenario::{Hosts, Scenario, Server};

/// Most runs that shrinking may take.
const MOST_RUNS: usize = 400;

/// The smallest scenario found that still breaks the first rule that `scenario` breaks, or `scenario` itself if it
/// breaks none.
#[must_use]
pub fn shrink(scenario: &Scenario) -> Scenario {
    let mut smallest = scenario.clone();
    let Some(rule) = first_broken(scenario) else {
        return smallest;
    };
    let mut runs = 0;
    loop {
        let smaller = simpler(&smallest).into_iter().find(|candidate| {
            runs += 1;
            runs <= MOST_RUNS && first_broken(candidate) == Some(rule)
        });
        match smaller {
            Some(smaller) => smallest = smaller,
            None => return smallest,
        }
    }
}

fn first_broken(scenario: &Scenario) -> Option<&'static str> {
    run(scenario).broken.first().map(|broken| broken.rule)
}

/// Scenarios with one simplification each, the most promising first.
fn simpler(scenario: &Scenario) -> Vec<Scenario> {
    let mut simpler = Vec::new();
    let mut changed = |change: &dyn Fn(&mut Scenario)| {
        let mut candidate = scenario.clone();
        change(&mut candidate);
        if candidate != *scenario {
            simpler.push(candidate);
        }
    };
    for n in 0..scenario.troubles.len() {
        changed(&|candidate| {
            candidate.troubles.remove(n);
        });
    }
    for n in 0..scenario.puts.len() {
        changed(&|candidate| {
            candidate.puts.remove(n);
        });
    }
    changed(&|candidate| candidate.reconcile_every_ms = None);
    if scenario.locations.len() > 1 {
        changed(&|candidate| {
            candidate.locations.truncate(1);
            candidate.puts.iter_mut().for_each(|puts| puts.location = 0);
        });
    }
    for n in 0..scenario.puts.len() {
        changed(&|candidate| candidate.puts[n].opportunities = (0, 0));
        changed(&|candidate| candidate.puts[n].nameless = (0, 0));
        changed(&|candidate| candidate.puts[n].shared = (0, 0));
        changed(&|candidate| candidate.puts[n].twins = (0, 0));
        changed(&|candidate| candidate.puts[n].dropped = false);
        changed(&|candidate| candidate.puts[n].consents = false);
        changed(&|candidate| candidate.puts[n].import = false);
        changed(&|candidate| candidate.puts[n].large_bytes = 0);
        changed(&|candidate| candidate.puts[n].contacts = (0, 0));
        changed(&|candidate| {
            let (from, to) = &mut candidate.puts[n].contacts;
            *to = *from + (*to - *from) / 2;
        });
        changed(&|candidate| (candidate.puts[n].starts, candidate.puts[n].dies) = (false, false));
    }
    for n in 0..scenario.troubles.len() {
        changed(&|candidate| candidate.troubles[n].per_mille = 1000);
        changed(&|candidate| {
            let trouble = &mut candidate.troubles[n];
            trouble.until_ms = trouble.from_ms + (trouble.until_ms - trouble.from_ms) / 2;
        });
    }
    let Server { network_ms, work_ms, .. } = scenario.server;
    changed(&|candidate| candidate.server.network_ms = (network_ms.1, network_ms.1));
    changed(&|candidate| candidate.server.work_ms = (work_ms.1, work_ms.1));
    changed(&|candidate| candidate.server.retry_after_ms = None);
    changed(&|candidate| candidate.server.daily_limit = None);
    changed(&|candidate| candidate.server.limit = None);
    changed(&|candidate| candidate.server.headers = true);
    changed(&|candidate| candidate.server.counting = Default::default());
    let Hosts { store_ms, .. } = scenario.hosts;
    changed(&|candidate| candidate.hosts.clock_skew_ms = 0);
    changed(&|candidate| candidate.hosts.index_lag_ms = (0, 0));
    changed(&|candidate| candidate.hosts.store_ms = (store_ms.1, store_ms.1));
    changed(&|candidate| candidate.hosts.store_ms = (0, 0));
    simpler
}
