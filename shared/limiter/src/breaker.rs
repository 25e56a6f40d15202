//! The circuit breaker: stops calls while GHL is down, and lets a single call test whether it is up again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rules::{BreakerRules, REOPEN_MAX};
use ghl_sync_model::EpochMs;

/// Additional open time for each time that the breaker reopens without having closed, up to `REOPEN_MAX`.
const REOPEN_STEP: Duration = Duration::from_secs(1);
/// Most records of the first batch after the breaker closed. Each following batch may have twice as many.
const RAMP_START: u32 = 5;

/// The state of one scope's circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Breaker {
    /// Calls go out.
    Closed {
        /// Distinct operations that failed in a row, each as a hash of its record. A single record that fails for its
        /// own reasons counts once, however often it fails.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        failing: BTreeSet<u32>,
        /// After an outage: most records of the next batch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ramp: Option<u32>,
    },
    /// No calls go out.
    Open {
        /// When the next probe may go.
        until: EpochMs,
        /// How often it has opened since it last closed.
        opens: u32,
    },
    /// One call tests whether GHL is up.
    HalfOpen {
        /// When the probe is over, whatever its result: later than its request's deadline + D.
        probe_until: EpochMs,
        /// How often it has opened since it last closed.
        opens: u32,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker::Closed { failing: BTreeSet::new(), ramp: None }
    }
}

/// Whether a call may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Calls,
    /// One call of one record may go out, as a probe.
    Probe,
    /// Not before this time.
    WaitUntil(EpochMs),
}

impl Breaker {
    /// Whether a call may go out.
    #[must_use]
    pub fn admit(&self, now: EpochMs) -> Admission {
        match self {
            Breaker::Closed { .. } => Admission::Calls,
            Breaker::Open { until, .. } | Breaker::HalfOpen { probe_until: until, .. } if *until > now => {
                Admission::WaitUntil(*until)
            }
            Breaker::Open { .. } | Breaker::HalfOpen { .. } => Admission::Probe,
        }
    }

    /// Notes that GHL may be down although nothing failed here: the next call is a probe.
    pub fn suspect(&mut self, now: EpochMs) {
        if self.is_closed() {
            *self = Breaker::Open { until: now, opens: 1 };
        }
    }

    /// Starts the probe that [`Admission::Probe`] allowed. Nobody else calls before `probe_until`.
    pub fn probe(&mut self, probe_until: EpochMs) {
        if let Breaker::Open { opens, .. } | Breaker::HalfOpen { opens, .. } = *self {
            *self = Breaker::HalfOpen { probe_until, opens };
        }
    }

    /// Returns a probe that found nothing to send: the next one may go at once.
    pub fn return_probe(&mut self, now: EpochMs) {
        if let Breaker::HalfOpen { opens, .. } = *self {
            *self = Breaker::Open { until: now, opens };
        }
    }

    /// Notes the first transient failure of an operation (its retries are not reported).
    pub fn failed(&mut self, operation: u32, now: EpochMs, rules: BreakerRules) {
        let opens = match self {
            Breaker::Closed { failing, .. } => {
                failing.insert(operation);
                if failing.len() < rules.threshold as usize {
                    return;
                }
                1
            }
            Breaker::HalfOpen { opens, .. } => opens.saturating_add(1),
            Breaker::Open { .. } => return, // The call was in flight when the breaker opened.
        };
        let longer = REOPEN_STEP.saturating_mul(opens - 1).min(REOPEN_MAX);
        *self = Breaker::Open { until: now + rules.reset + longer, opens };
    }

    /// Notes that GHL answered a call, if only to reject it: it is up.
    pub fn succeeded(&mut self) {
        match self {
            Breaker::Closed { failing, .. } => failing.clear(),
            Breaker::HalfOpen { .. } => {
                *self = Breaker::Closed { failing: BTreeSet::new(), ramp: Some(RAMP_START) };
            }
            Breaker::Open { .. } => {} // The call was in flight when the breaker opened.
        }
    }

    /// Closes the breaker on an operator's word. Batches grow from small ones, as after any outage.
    pub fn reset(&mut self) {
        let ramp = match self {
            Breaker::Closed { ramp, .. } => *ramp,
            Breaker::Open { .. } | Breaker::HalfOpen { .. } => Some(RAMP_START),
        };
        *self = Breaker::Closed { failing: BTreeSet::new(), ramp };
    }

    /// Cuts times that are further ahead than a correct clock can have written.
    pub fn correct_times(&mut self, latest_break: EpochMs, latest_probe: EpochMs) {
        match self {
            Breaker::Closed { .. } => {}
            Breaker::Open { until, .. } => *until = (*until).min(latest_break),
            Breaker::HalfOpen { probe_until, .. } => *probe_until = (*probe_until).min(latest_probe),
        }
    }

    /// When the next probe may go, unless the breaker is closed.
    #[must_use]
    pub fn retry_at(&self) -> Option<EpochMs> {
        match self {
            Breaker::Closed { .. } => None,
            Breaker::Open { until, .. } | Breaker::HalfOpen { probe_until: until, .. } => Some(*until),
        }
    }

    /// Notes the end of a batch: after an outage, the next one may be twice as large.
    pub fn batch_ended(&mut self, batch_size: u32) {
        if let Breaker::Closed { ramp: ramp @ Some(_), failing } = self
            && failing.is_empty()
        {
            *ramp = ramp.map(|size| size.saturating_mul(2)).filter(|size| *size < batch_size);
        }
    }

    /// Most records of the next batch.
    #[must_use]
    pub fn batch_limit(&self) -> u32 {
        match self {
            Breaker::Closed { ramp, .. } => ramp.unwrap_or(u32::MAX),
            Breaker::Open { .. } | Breaker::HalfOpen { .. } => 1,
        }
    }

    /// Whether a success would change nothing, which is the usual case and costs no write.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        matches!(self, Breaker::Closed { failing, .. } if failing.is_empty())
    }

    /// Whether calls go out.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Breaker::Closed { .. })
    }

    /// The state as logs write it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Breaker::Closed { .. } => "closed",
            Breaker::Open { .. } => "open",
            Breaker::HalfOpen { .. } => "half_open",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: BreakerRules = BreakerRules { threshold: 5, reset: Duration::from_secs(60) };
    const T0: EpochMs = EpochMs(1_000_000);

    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        (0..5).for_each(|operation| breaker.failed(operation, T0, RULES));
        breaker
    }

    #[test]
    fn opens_at_the_fifth_operation_that_fails_in_a_row_and_not_before() {
        let mut breaker = Breaker::default();
        for operation in 0..4 {
            breaker.failed(operation, T0, RULES);
            assert_eq!(breaker.admit(T0), Admission::Calls);
        }
        breaker.failed(4, T0, RULES);
        assert_eq!(breaker.admit(T0), Admission::WaitUntil(T0 + RULES.reset));
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let mut breaker = Breaker::default();
        for operation in 0..4 {
            breaker.failed(operation, T0, RULES);
        }
        breaker.succeeded();
        breaker.failed(9, T0, RULES);
        assert_eq!(breaker.admit(T0), Admission::Calls);
    }

    #[test]
    fn one_record_that_always_fails_never_opens_it() {
        let mut breaker = Breaker::default();
        (0..1000).for_each(|_| breaker.failed(7, T0, RULES));
        assert_eq!(breaker.admit(T0), Admission::Calls);
    }

    #[test]
    fn closes_after_the_reset_through_one_probe_that_succeeds() {
        let mut breaker = open();
        let reset = T0 + RULES.reset;
        assert_eq!(breaker.admit(reset), Admission::Probe);
        let probe_until = reset + Duration::from_secs(15);
        breaker.probe(probe_until);
        assert_eq!(breaker.admit(reset), Admission::WaitUntil(probe_until), "one probe at a time");
        breaker.succeeded();
        assert_eq!(breaker.admit(reset), Admission::Calls);
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_for_somewhat_longer_but_never_much() {
        let mut breaker = open();
        let mut now = T0 + RULES.reset;
        let mut spans = Vec::new();
        for _ in 0..8 {
            assert_eq!(breaker.admit(now), Admission::Probe);
            breaker.probe(now + Duration::from_secs(15));
            breaker.failed(1, now, RULES);
            let Breaker::Open { until, .. } = breaker else { panic!("{breaker:?}") };
            spans.push(until.since(now).as_secs());
            now = until;
        }
        assert_eq!(spans, [61, 62, 63, 64, 65, 65, 65, 65]);
    }

    #[test]
    fn one_that_is_suspected_admits_one_probe_and_its_answer_decides() {
        for answered in [true, false] {
            let mut breaker = Breaker::default();
            breaker.suspect(T0);
            assert_eq!(breaker.admit(T0), Admission::Probe);
            breaker.probe(T0 + Duration::from_secs(20));
            if answered {
                breaker.succeeded()
            } else {
                breaker.failed(1, T0, RULES)
            }
            assert_eq!(breaker.is_closed(), answered);
        }
    }

    #[test]
    fn a_probe_whose_holder_died_is_followed_by_another_when_it_has_expired() {
        let mut breaker = open();
        let reset = T0 + RULES.reset;
        breaker.probe(reset + Duration::from_secs(15));
        assert_eq!(breaker.admit(reset + Duration::from_secs(15)), Admission::Probe);
    }

    #[test]
    fn batches_grow_after_an_outage_until_they_are_as_large_as_ever() {
        let mut breaker = open();
        assert_eq!(breaker.batch_limit(), 1);
        breaker.probe(T0 + Duration::from_secs(75));
        breaker.succeeded();
        let mut limits = vec![breaker.batch_limit()];
        while *limits.last().unwrap() != u32::MAX {
            breaker.batch_ended(50);
            limits.push(breaker.batch_limit());
        }
        assert_eq!(limits, [5, 10, 20, 40, u32::MAX]);
    }

    proptest! {
        #[test]
        fn never_admits_a_second_call_while_a_probe_is_out(
            steps in prop::collection::vec((0u8..4, 0u64..40_000), 1..200)
        ) {
            let mut breaker = open();
            let mut now = T0;
            let mut probe_out: Option<EpochMs> = None;
            for (step, ms) in steps {
                now = now + Duration::from_millis(ms);
                if probe_out.is_some_and(|until| until <= now) { probe_out = None; }
                match (step, breaker.admit(now)) {
                    (0, Admission::Probe) => {
                        prop_assert!(probe_out.is_none());
                        let until = now + Duration::from_secs(15);
                        breaker.probe(until);
                        probe_out = Some(until);
                    }
                    (1, _) if probe_out.is_some() => { breaker.failed(1, now, RULES); probe_out = None; }
                    (2, _) if probe_out.is_some() => { breaker.return_probe(now); probe_out = None; }
                    _ => {}
                }
                if probe_out.is_some() {
                    prop_assert!(matches!(breaker.admit(now), Admission::WaitUntil(_)));
                }
            }
        }
    }
}
