//! The breaker of an API host: when GHL is down for everyone, a single call tests whether it is up again, not one per
//! location.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Reports;
use crate::BreakerRules;
use ghl_sync_model::EpochMs;

/// Percentages of the pace in the steps of recovery after an outage. After that, the full pace applies.
const RECOVERY: [u32; 3] = [10, 25, 50];
/// A step of recovery lasts a tenth of the outage, …
const STEP_PARTS: u32 = 10;
/// … but at most this long.
const STEP_MAX: Duration = Duration::from_secs(60);

/// While the host is down, a location checks again after a tenth of the time that it has been down, …
const LOOK_PARTS: u32 = 10;
/// … but at least this often.
const LOOK_MAX: Duration = Duration::from_secs(300);

/// Whether an API host is up, as far as all its locations together know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Host {
    /// Calls go out.
    Up {
        /// Scopes whose calls all failed recently.
        #[serde(default, skip_serializing_if = "Reports::is_empty")]
        troubled: Reports,
        /// Recovery from the last outage.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recovery: Option<Recovery>,
    },
    /// No calls go out.
    Down {
        /// When it went down.
        since: EpochMs,
        /// When the next probe may go.
        until: EpochMs,
        /// The scope (a hash) whose probe failed last, and when it may send another. Others go first, so that a scope
        /// that always fails does not keep the host down for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<(u32, EpochMs)>,
    },
    /// One call of one scope tests whether the host is up.
    Probing {
        /// When it went down.
        since: EpochMs,
        /// When the probe is over, whatever its result.
        probe_until: EpochMs,
    },
}

/// Gradual recovery after an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// When the outage ended.
    since: EpochMs,
    /// Length of each step, in milliseconds.
    step_ms: u64,
}

impl Default for Host {
    fn default() -> Self {
        Host::Up { troubled: Reports::default(), recovery: None }
    }
}

/// Whether a location may call its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostAdmission {
    /// It may call, at this percentage of its pace.
    Calls {
        /// 1 to 100.
        percent: u32,
    },
    /// One call may go, by whoever takes the probe.
    Probe,
    /// Not before this time.
    WaitUntil(EpochMs),
}

impl Host {
    /// Whether a location of `scope` (a hash) may call.
    #[must_use]
    pub fn admit(&self, scope: u32, now: EpochMs) -> HostAdmission {
        let (since, probe_at) = match self {
            Host::Up { recovery, .. } => {
                let percent = recovery.map_or(100, |recovery| recovery.percent(now));
                return HostAdmission::Calls { percent };
            }
            Host::Down { since, last: Some((last, again_at)), .. } if *last == scope => (*since, *again_at),
            Host::Down { since, until, .. } | Host::Probing { since, probe_until: until } => (*since, *until),
        };
        if probe_at <= now {
            return HostAdmission::Probe;
        }
        // In a long outage, not all locations need to check each time.
        let next_check_at = now + (now.since(since) / LOOK_PARTS).min(LOOK_MAX);
        HostAdmission::WaitUntil(probe_at.max(next_check_at))
    }

    /// Notes that all calls of `scope` (a hash) have begun to fail: its own breaker opened, or one of its records
    /// failed in every try. One scope alone never brings the host down, whatever is wrong with it.
    pub fn in_trouble(&mut self, scope: u32, now: EpochMs, rules: BreakerRules) {
        let Host::Up { troubled, .. } = self else {
            return;
        };
        troubled.add(scope, now);
        if troubled.are_many(now) {
            *self = Host::Down { since: troubled.first().unwrap_or(now), until: now + rules.reset, last: None };
        }
    }

    /// Starts the probe that [`HostAdmission::Probe`] allowed. Nobody else calls before `probe_until`.
    pub fn probe(&mut self, probe_until: EpochMs) {
        if let Host::Down { since, .. } | Host::Probing { since, .. } = *self {
            *self = Host::Probing { since, probe_until };
        }
    }

    /// Notes that the probe of `scope` (a hash) failed.
    pub fn is_down(&mut self, scope: u32, now: EpochMs, rules: BreakerRules) {
        if let Host::Probing { since, .. } = *self {
            *self = Host::Down { since, until: now + rules.reset, last: Some((scope, now + 2 * rules.reset)) };
        }
    }

    /// Notes that the probe was answered.
    pub fn is_up(&mut self, now: EpochMs) {
        if let Host::Down { since, .. } | Host::Probing { since, .. } = *self {
            let step = (now.since(since) / STEP_PARTS).min(STEP_MAX);
            let step_ms = u64::try_from(step.as_millis()).unwrap_or(u64::MAX);
            *self = Host::Up { troubled: Reports::default(), recovery: Some(Recovery { since: now, step_ms }) };
        }
    }

    /// Returns a probe that was not sent: another may go at once.
    pub fn return_probe(&mut self, now: EpochMs) {
        if let Host::Probing { since, .. } = *self {
            *self = Host::Down { since, until: now, last: None };
        }
    }

    /// The state as logs write it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Host::Up { .. } => "up",
            Host::Down { .. } => "down",
            Host::Probing { .. } => "probing",
        }
    }
}

impl Recovery {
    fn percent(self, now: EpochMs) -> u32 {
        let steps = u64::try_from(now.since(self.since).as_millis()).unwrap_or(u64::MAX) / self.step_ms.max(1);
        let step = usize::try_from(steps).unwrap_or(usize::MAX);
        RECOVERY.get(step).copied().unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: BreakerRules = BreakerRules { threshold: 5, reset: Duration::from_secs(60) };
    const T0: EpochMs = EpochMs(1_000_000);
    const ALL: HostAdmission = HostAdmission::Calls { percent: 100 };

    fn at(seconds: u64) -> EpochMs {
        T0 + Duration::from_secs(seconds)
    }

    fn down() -> Host {
        let mut host = Host::default();
        (0..3).for_each(|scope| host.in_trouble(scope, T0, RULES));
        host
    }

    #[test]
    fn goes_down_when_three_scopes_are_in_trouble_within_five_minutes_and_not_before() {
        let table: [(&[(u32, u64)], bool); 5] = [
            (&[(1, 0), (2, 1)], false),
            (&[(1, 0), (2, 1), (3, 2)], true),
            (&[(1, 0), (2, 1), (2, 2)], false),
            (&[(1, 0), (2, 200), (3, 301)], false),
            (&[(1, 0), (2, 200), (3, 301), (4, 302)], true),
        ];
        for (reports, is_down) in table {
            let mut host = Host::default();
            reports.iter().for_each(|(scope, second)| host.in_trouble(*scope, at(*second), RULES));
            assert_eq!(host.as_str() == "down", is_down, "{reports:?}");
        }
    }

    #[test]
    fn one_scope_that_always_fails_never_brings_it_down() {
        let mut host = Host::default();
        (0..1000).for_each(|second| host.in_trouble(7, at(second), RULES));
        assert_eq!(host.admit(9, at(1000)), ALL);
    }

    #[test]
    fn is_asked_by_one_probe_at_a_time_until_one_is_answered() {
        let mut host = down();
        assert_eq!(host.admit(9, at(9)), HostAdmission::WaitUntil(at(60)));
        assert_eq!(host.admit(9, at(60)), HostAdmission::Probe);
        host.probe(at(80));
        assert_eq!(host.admit(9, at(60)), HostAdmission::WaitUntil(at(80)));
        host.is_down(1, at(61), RULES);
        assert_eq!(host.admit(9, at(61)), HostAdmission::WaitUntil(at(121)));
        host.probe(at(141));
        host.return_probe(at(122));
        assert_eq!(host.admit(9, at(122)), HostAdmission::Probe, "it was not sent");
        host.probe(at(142));
        assert_eq!(host.admit(9, at(142)), HostAdmission::Probe, "its holder died");
        host.is_up(at(143));
        assert!(matches!(host.admit(9, at(143)), HostAdmission::Calls { .. }));
    }

    #[test]
    fn a_scope_whose_probe_failed_lets_others_go_first() {
        let mut host = down();
        host.probe(at(80));
        host.is_down(1, at(60), RULES);
        assert_eq!(host.admit(1, at(120)), HostAdmission::WaitUntil(at(180)));
        assert_eq!(host.admit(2, at(120)), HostAdmission::Probe);
        assert_eq!(host.admit(1, at(180)), HostAdmission::Probe, "nobody else came");
    }

    #[test]
    fn the_longer_it_is_down_the_less_often_a_location_looks() {
        for (down_s, wait_s) in [(50, 10), (700, 70), (3000, 300), (90_000, 300)] {
            let mut host = down();
            host.probe(at(down_s - 10));
            host.is_down(1, at(down_s - 50), RULES);
            assert_eq!(host.admit(9, at(down_s)), HostAdmission::WaitUntil(at(down_s + wait_s)), "{down_s} s");
        }
    }

    #[test]
    fn calls_come_back_in_steps_as_long_as_a_tenth_of_the_outage_and_a_minute_at_most() {
        for (outage_s, step_s) in [(60, 6), (600, 60), (3 * 3600, 60)] {
            let mut host = down();
            host.probe(at(outage_s + 20));
            host.is_up(at(outage_s));
            let percent = |second| match host.admit(9, at(outage_s + second)) {
                HostAdmission::Calls { percent } => percent,
                other => panic!("{other:?}"),
            };
            let steps = [0, step_s - 1, step_s, 2 * step_s, 3 * step_s, 1_000_000].map(percent);
            assert_eq!(steps, [10, 10, 25, 50, 100, 100], "after {outage_s} s");
        }
    }

    #[test]
    fn is_stored_and_read_back_as_it_was() {
        let mut probing = down();
        probing.probe(at(80));
        let mut up = probing.clone();
        up.is_up(at(100));
        up.in_trouble(1, at(100), RULES);
        for host in [Host::default(), down(), probing, up] {
            let json = serde_json::to_string(&host).unwrap();
            assert_eq!(serde_json::from_str::<Host>(&json).unwrap(), host, "{json}");
        }
        assert_eq!(serde_json::to_string(&Host::default()).unwrap(), r#"{"state":"up"}"#);
    }

    proptest! {
        #[test]
        fn never_admits_anybody_beside_a_probe_and_is_looked_at_every_five_minutes(
            steps in prop::collection::vec((0u8..5, 0u32..5, 0u64..40_000), 1..200)
        ) {
            let mut host = Host::default();
            let mut now = T0;
            let mut probe_out: Option<EpochMs> = None;
            for (step, scope, ms) in steps {
                now = now + Duration::from_millis(ms);
                probe_out = probe_out.filter(|until| *until > now);
                match (step, host.admit(9, now), probe_out) {
                    (0, HostAdmission::Probe, out) => {
                        prop_assert!(out.is_none());
                        let until = now + Duration::from_secs(20);
                        host.probe(until);
                        probe_out = Some(until);
                    }
                    (1, _, Some(_)) => { host.is_down(scope, now, RULES); probe_out = None; }
                    (2, _, Some(_)) => { host.is_up(now); probe_out = None; }
                    (3, _, Some(_)) => { host.return_probe(now); probe_out = None; }
                    (4, ..) => host.in_trouble(scope, now, RULES),
                    _ => {}
                }
                if probe_out.is_some() {
                    prop_assert!(matches!(host.admit(9, now), HostAdmission::WaitUntil(_)));
                }
                if let HostAdmission::WaitUntil(until) = host.admit(9, now) {
                    prop_assert!(now.until(until) <= LOOK_MAX);
                }
            }
        }
    }
}
