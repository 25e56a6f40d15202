//! Injects faults, at random (from a seed) or on command.

use std::ops::RangeInclusive;
use std::time::Duration;

use fastrand::Rng;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::options::{RetryAfterMode, SandboxOptions};
use super::times::millis;

/// Additional delay of a very late answer.
const LATE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3);

/// A change to the injected faults; absent fields stay unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultChange {
    /// Share of the admitted requests that meet a fault.
    pub error_rate: Option<f64>,
    /// `true` starts an outage that lasts until `false`, which also ends any other outage.
    pub outage: Option<bool>,
    /// Minimum and maximum latency of an answer.
    pub latency_ms: Option<(u64, u64)>,
    /// Something in between answers every request with a page of this status, until 0 ends it.
    pub page: Option<u16>,
    /// `true`: successes show another location, as with a key of another account, until `false`.
    pub other_location: Option<bool>,
    /// `true` deactivates the app's location (or its agency) until `false`: no token is issued, and none is accepted.
    /// Only for a sandbox with OAuth.
    pub inactive: Option<bool>,
}

/// Latency and fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FaultPlan {
    pub(crate) latency: Duration,
    pub(crate) fault: Option<InjectedFault>,
}

/// A fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InjectedFault {
    /// 500; the request had no effect.
    ServerError,
    /// The gateway answers 503; the request had no effect.
    Unavailable,
    /// The gateway answers 502: it got no answer, and does not know whether the request had an effect.
    BadGateway(RequestProgress),
    /// The connection closes without an answer.
    Reset(RequestProgress),
    /// The answer comes, but this much later.
    Late(Duration),
    /// Something in between answers with a page instead of GHL.
    Page(StatusCode),
    /// The request succeeds, but the answer shows another location.
    OtherLocation,
}

/// How far a request without a proper answer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestProgress {
    BeforeWrite,
    AfterWrite,
}

/// Decides which faults to inject.
#[derive(Debug)]
pub(crate) struct FaultInjector {
    rng: Rng,
    error_rate: f64,
    latency: RangeInclusive<Duration>,
    retry_after: RetryAfterMode,
    scheduled: Option<(Duration, Duration)>,
    first_call: Option<Duration>,
    is_out: bool,
    page: Option<StatusCode>,
    other_location: bool,
}

impl FaultInjector {
    pub(crate) fn new(options: &SandboxOptions) -> FaultInjector {
        FaultInjector {
            rng: Rng::with_seed(options.seed),
            error_rate: options.error_rate,
            latency: options.latency.clone(),
            retry_after: options.retry_after,
            scheduled: options.outage,
            first_call: None,
            is_out: false,
            page: None,
            other_location: false,
        }
    }

    /// Decides on a request that was admitted at `now`.
    pub(crate) fn plan(&mut self, now: Duration) -> FaultPlan {
        let first_call = *self.first_call.get_or_insert(now);
        let latency = self.span(self.latency.clone());
        let scheduled = self.scheduled.is_some_and(|(after, length)| {
            (first_call + after..first_call.saturating_add(after).saturating_add(length)).contains(&now)
        });
        let fault = if let Some(status) = self.page {
            Some(InjectedFault::Page(status))
        } else if self.other_location {
            Some(InjectedFault::OtherLocation)
        } else if scheduled || self.is_out {
            Some(if self.rng.bool() {
                InjectedFault::Unavailable
            } else {
                InjectedFault::Reset(RequestProgress::BeforeWrite)
            })
        } else if self.rng.f64() < self.error_rate {
            Some(self.fault())
        } else {
            None
        };
        FaultPlan { latency, fault }
    }

    /// Whether a 429 has a `Retry-After`.
    pub(crate) fn tells_retry_after(&mut self) -> bool {
        match self.retry_after {
            RetryAfterMode::Never => false,
            RetryAfterMode::Seconds => true,
            RetryAfterMode::Sometimes => self.rng.bool(),
        }
    }

    pub(crate) fn change(&mut self, change: FaultChange) {
        if let Some(rate) = change.error_rate {
            self.error_rate = rate;
        }
        if let Some(is_out) = change.outage {
            self.is_out = is_out;
            self.scheduled = None;
        }
        if let Some(status) = change.page {
            self.page = StatusCode::from_u16(status).ok();
        }
        if let Some(other) = change.other_location {
            self.other_location = other;
        }
        if let Some((shortest, longest)) = change.latency_ms {
            self.latency = Duration::from_millis(shortest)..=Duration::from_millis(longest);
        }
    }

    /// Treats the next request as the first one.
    pub(crate) fn restart(&mut self) {
        self.first_call = None;
    }

    fn fault(&mut self) -> InjectedFault {
        match self.rng.u8(0..5) {
            0 => InjectedFault::ServerError,
            1 => InjectedFault::Unavailable,
            2 => InjectedFault::BadGateway(self.progress()),
            3 => InjectedFault::Reset(self.progress()),
            _ => InjectedFault::Late(self.span(LATE)),
        }
    }

    fn progress(&mut self) -> RequestProgress {
        if self.rng.bool() { RequestProgress::BeforeWrite } else { RequestProgress::AfterWrite }
    }

    fn span(&mut self, range: RangeInclusive<Duration>) -> Duration {
        let (shortest, longest) = (millis(*range.start()), millis(*range.end()));
        Duration::from_millis(self.rng.u64(shortest..=longest.max(shortest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn plans(options: &SandboxOptions) -> Vec<FaultPlan> {
        let mut faults = FaultInjector::new(options);
        (0..1_000).map(|n| faults.plan(SECOND * n)).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_faults() {
        let options = SandboxOptions { error_rate: 0.5, seed: 7, ..SandboxOptions::default() };
        assert_eq!(plans(&options), plans(&options));
        assert_ne!(plans(&options), plans(&SandboxOptions { seed: 8, ..options.clone() }));
    }

    #[test]
    fn every_fault_happens_and_resets_come_as_often_before_the_write_as_after() {
        let plans = plans(&SandboxOptions { error_rate: 1.0, ..SandboxOptions::default() });
        let count = |wanted: fn(&InjectedFault) -> bool| {
            plans.iter().filter(|plan| plan.fault.as_ref().is_some_and(wanted)).count()
        };
        let share = 100..300;
        assert!(share.contains(&count(|fault| *fault == InjectedFault::ServerError)));
        assert!(share.contains(&count(|fault| *fault == InjectedFault::Unavailable)));
        assert!(share.contains(&count(|fault| matches!(fault, InjectedFault::BadGateway(_)))));
        assert!(share.contains(&count(|fault| matches!(fault, InjectedFault::Late(_)))));
        let before = count(|fault| *fault == InjectedFault::Reset(RequestProgress::BeforeWrite));
        let after = count(|fault| *fault == InjectedFault::Reset(RequestProgress::AfterWrite));
        assert!((70..130).contains(&before) && (70..130).contains(&after), "{before} before, {after} after");
    }

    #[test]
    fn a_scheduled_outage_begins_and_ends_by_the_first_call() {
        let options = SandboxOptions { outage: Some((SECOND * 2, SECOND * 3)), ..SandboxOptions::default() };
        let mut faults = FaultInjector::new(&options);
        let start = SECOND * 1_000;
        let out: Vec<bool> = (0..7).map(|n| faults.plan(start + SECOND * n).fault.is_some()).collect();
        assert_eq!(out, [false, false, true, true, true, false, false]);
    }

    #[test]
    fn an_outage_by_order_lasts_until_the_order_ends_it() {
        let mut faults = FaultInjector::new(&SandboxOptions::default());
        faults.change(FaultChange { outage: Some(true), ..FaultChange::default() });
        assert!(faults.plan(SECOND).fault.is_some());
        faults.change(FaultChange { latency_ms: Some((5, 5)), ..FaultChange::default() });
        assert_eq!(faults.plan(SECOND).latency, Duration::from_millis(5));
        faults.change(FaultChange { outage: Some(false), ..FaultChange::default() });
        assert_eq!(faults.plan(SECOND).fault, None);
    }
}
