//! Counts requests and answers for each location.

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;

use super::limits::{Limits, LocationQuota, QuotaVerdict};
use super::stats::Stats;
use super::times::millis;

/// The traffic of all locations.
#[derive(Debug)]
pub(crate) struct TrafficMeter {
    limits: Limits,
    locations: HashMap<String, Traffic>,
    totals: Stats,
}

#[derive(Debug)]
struct Traffic {
    allowance: LocationQuota,
    under_way: u64,
    max_under_way: u64,
}

impl TrafficMeter {
    pub(crate) fn new(limits: Limits) -> TrafficMeter {
        TrafficMeter { limits, locations: HashMap::new(), totals: Stats::default() }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts a request that arrives at `now`, and decides whether it is within the limits.
    pub(crate) fn arrive(&mut self, location: &str, now: Duration) -> QuotaVerdict {
        let traffic = self.locations.entry(location.to_owned()).or_insert_with(|| Traffic {
            allowance: LocationQuota::new(self.limits),
            under_way: 0,
            max_under_way: 0,
        });
        traffic.under_way += 1;
        traffic.max_under_way = traffic.max_under_way.max(traffic.under_way);
        let verdict = traffic.allowance.arrive(now);
        self.totals.calls += 1;
        self.totals.breaches += u64::from(verdict.refused_for.is_some());
        self.totals.first_call_ms.get_or_insert(millis(now));
        verdict
    }

    /// Counts the answer to a request. `None` means that there was none.
    pub(crate) fn answer(&mut self, location: &str, status: Option<StatusCode>, now: Duration) {
        if let Some(traffic) = self.locations.get_mut(location) {
            traffic.under_way = traffic.under_way.saturating_sub(1);
        }
        match status {
            Some(status) if status.is_success() => self.totals.ok += 1,
            Some(StatusCode::TOO_MANY_REQUESTS) => self.totals.status_429 += 1,
            _ => self.totals.status_other += 1,
        }
        self.totals.last_answer_ms = Some(millis(now));
    }

    /// The totals of all locations.
    pub(crate) fn totals(&self) -> Stats {
        let busiest = self.locations.values().map(|traffic| traffic.allowance.busiest()).max().unwrap_or(0);
        Stats {
            limit: self.limits.limit,
            window_ms: millis(self.limits.window),
            max_in_any_window: u64::try_from(busiest).unwrap_or(u64::MAX),
            others_calls: self.locations.values().map(|traffic| u64::from(traffic.allowance.others().sent)).sum(),
            others_refused: self.locations.values().map(|traffic| traffic.allowance.others().refused).sum(),
            max_concurrent: self.locations.values().map(|traffic| traffic.max_under_way).max().unwrap_or(0),
            ..self.totals.clone()
        }
    }

    /// Resets all counts. Answers still under way will count all the same.
    pub(crate) fn clear(&mut self) {
        *self = TrafficMeter::new(self.limits);
    }
}
