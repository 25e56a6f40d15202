//! Decides whether a record kills its invocation, or an outage of ours does.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Reports;
use ghl_sync_model::EpochMs;

/// Longest outage of ours. If invocations still die after that, in however many scopes, records are blamed again: the
/// same bad record may have been put into many locations.
const OUTAGE_MAX: Duration = Duration::from_secs(3600);

/// Runs whose invocation died, in all scopes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Deaths {
    #[serde(default, skip_serializing_if = "Reports::is_empty")]
    scopes: Reports,
    /// Since when they have been many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    many_since: Option<EpochMs>,
}

impl Deaths {
    /// Notes that a run of `scope` (a hash) was found dead.
    pub fn add(&mut self, scope: u32, now: EpochMs) {
        if !self.scopes.are_many(now) {
            self.many_since = None;
        }
        self.scopes.add(scope, now);
        if self.scopes.are_many(now) {
            self.many_since.get_or_insert(now);
        }
    }

    /// Whether invocations die in so many scopes that no record is to blame.
    #[must_use]
    pub fn are_ours(&self, now: EpochMs) -> bool {
        self.scopes.are_many(now) && self.many_since.is_some_and(|since| now.since(since) <= OUTAGE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: EpochMs = EpochMs(1_000_000);

    fn at(seconds: u64) -> EpochMs {
        T0 + Duration::from_secs(seconds)
    }

    #[test]
    fn deaths_are_ours_when_three_scopes_had_one_within_five_minutes() {
        let table: [(&[(u32, u64)], bool); 6] = [
            (&[], false),
            (&[(1, 0), (1, 60), (1, 120)], false),
            (&[(1, 0), (2, 1)], false),
            (&[(1, 0), (2, 1), (3, 2)], true),
            (&[(1, 0), (2, 200), (3, 301)], false),
            (&[(1, 0), (2, 200), (1, 250), (3, 301)], true),
        ];
        for (reports, ours) in table {
            let mut deaths = Deaths::default();
            reports.iter().for_each(|(scope, second)| deaths.add(*scope, at(*second)));
            assert_eq!(deaths.are_ours(at(reports.last().map_or(0, |(_, second)| *second))), ours, "{reports:?}");
        }
    }

    #[test]
    fn an_outage_of_ours_is_over_when_the_deaths_are_and_after_an_hour_at_the_latest() {
        let mut deaths = Deaths::default();
        (0..3).for_each(|scope| deaths.add(scope, T0));
        assert!(deaths.are_ours(at(300)));
        assert!(!deaths.are_ours(at(301)), "nobody died for five minutes");
        for minute in 0..=62 {
            (0..3).for_each(|scope| deaths.add(scope, at(minute * 60)));
        }
        assert!(!deaths.are_ours(at(62 * 60)), "the same record in many locations");
        (0..3).for_each(|scope| deaths.add(scope, at(3 * 3600)));
        assert!(deaths.are_ours(at(3 * 3600)), "a new one");
    }
}
