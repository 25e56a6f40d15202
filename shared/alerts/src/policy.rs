//! Decides which alerts are on. Pure functions.

use std::time::Duration;

use ghl_sync_model::{EpochMs, LocationId};

use crate::share::Share;
use crate::watch::{Alert, AlertKind, AlertState, Sum};

/// The period over which failures are judged.
pub(crate) const WINDOW: Duration = Duration::from_secs(3600);
/// Least time between two sums that are kept; a check that comes sooner adds none.
const APART: Duration = Duration::from_secs(240);
/// Most alerts kept, at some 100 bytes each in an item of 400 KB. The rest is only counted.
const MOST: usize = 1500;

/// Thresholds for an alert about failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertRules {
    /// Failed records per hundred that ended.
    pub percent: u64,
    /// Least number of ended records before the share counts.
    pub minimum: u64,
}

impl Default for AlertRules {
    fn default() -> AlertRules {
        AlertRules { percent: 5, minimum: 20 }
    }
}

/// Findings of one check of all locations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertFindings {
    /// Problems other than failed records, with their expected end if known.
    pub troubles: Vec<(LocationId, AlertKind, Option<EpochMs>)>,
    /// Failures within the last hour, of the locations that had any.
    pub failures: Vec<(LocationId, Share)>,
    /// Records ended in all locations since the beginning.
    pub total: Share,
}

/// Result of judging one check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertChange {
    /// State to store for the next check.
    pub watch: AlertState,
    /// Alerts to announce as begun, the most urgent first.
    pub begun: Vec<Alert>,
    /// Alerts that were announced and are over.
    pub over: Vec<Alert>,
    /// Alerts dropped for lack of space.
    pub more: usize,
}

impl AlertRules {
    /// Whether a share of failures raises an alert.
    #[must_use]
    pub fn are_too_many(&self, share: Share) -> bool {
        share.ended >= self.minimum
            && share.failed > 0
            && u128::from(share.failed) * 100 >= u128::from(share.ended) * u128::from(self.percent)
    }

    /// Whether an alert stays on: half the threshold is enough, so that it does not flap.
    fn are_still_too_many(&self, share: Share) -> bool {
        share.failed > 0 && u128::from(share.failed) * 200 >= u128::from(share.ended) * u128::from(self.percent)
    }
}

/// Decides which alerts begin and end, from the stored state and the findings at `now`.
///
/// The stack-wide share of failures leaves out locations with an alert of their own. So no location is reported twice,
/// and a fault spread thinly over many locations still raises an alert.
#[must_use]
pub fn judge(watch: &AlertState, found: &AlertFindings, rules: &AlertRules, now: EpochMs) -> AlertChange {
    let was_on = |location: Option<&LocationId>| {
        let of = |alert: &&Alert| alert.kind == AlertKind::Failures && alert.location.as_ref() == location;
        watch.alerts.iter().find(of).is_some_and(|alert| alert.told)
    };
    let is_on = |location: Option<&LocationId>, share| {
        rules.are_too_many(share) || was_on(location) && rules.are_still_too_many(share)
    };
    let (alerting, others): (Vec<_>, Vec<_>) =
        found.failures.iter().partition(|(location, share)| is_on(Some(location), *share));
    let told_apart = alerting.iter().fold(Share::default(), |sum, (_, share)| sum.and(*share));
    let sums = sums(&watch.sums, found.total, now);
    let hour = sums.first().map_or(Share::default(), |oldest| found.total.without(oldest.share));
    let rest = hour.without(told_apart);

    let alert = |location, kind, share, until| Alert { location, kind, since: now, told: false, share, until };
    let troubles = found.troubles.iter().map(|(id, kind, until)| alert(Some(id.clone()), *kind, None, *until));
    let failures = alerting.iter().map(|(id, share)| alert(Some(id.clone()), AlertKind::Failures, Some(*share), None));
    let everywhere = is_on(None, rest) && !others.is_empty();
    let everywhere = everywhere.then(|| alert(None, AlertKind::Failures, Some(rest), None));
    let mut seen: Vec<Alert> = troubles.chain(failures).chain(everywhere).collect();

    for alert in &mut seen {
        if let Some(known) = watch.alerts.iter().find(|known| known.is_of(alert)) {
            (alert.since, alert.told) = (known.since, known.told);
        }
    }
    // Alerts that were announced are kept first: otherwise their end could not be announced.
    seen.sort_by(|a, b| (!a.told, a.kind, &a.location).cmp(&(!b.told, b.kind, &b.location)));
    let more = seen.len().saturating_sub(MOST);
    seen.truncate(MOST);
    let over = watch.alerts.iter().filter(|known| known.told && !seen.iter().any(|alert| alert.is_of(known)));
    let over = over.cloned().collect();
    let mut begun = Vec::new();
    for alert in &mut seen {
        if !alert.told && now.since(alert.since) >= alert.kind.patience() {
            alert.told = true;
            begun.push(alert.clone());
        }
    }
    AlertChange { watch: AlertState { alerts: seen, sums }, begun, over, more }
}

impl Alert {
    /// Whether both are about the same problem of the same location.
    fn is_of(&self, other: &Alert) -> bool {
        self.kind == other.kind && self.location == other.location
    }
}

/// The running totals of the last hour, with one before it as the base. A total that fell (a location was removed)
/// starts over: the part that belongs to this hour is unknown.
fn sums(before: &[Sum], total: Share, now: EpochMs) -> Vec<Sum> {
    let is_known = |sum: &&Sum| sum.at <= now && sum.share.failed <= total.failed && sum.share.ended <= total.ended;
    let mut sums: Vec<Sum> = before.iter().filter(is_known).copied().collect();
    let first = sums.iter().rposition(|sum| now.since(sum.at) >= WINDOW).unwrap_or(0);
    sums.drain(..first);
    // An unchanged total needs no new entry.
    if sums.last().is_none_or(|last| last.share != total && now.since(last.at) >= APART) {
        sums.push(Sum { at: now, share: total });
    }
    sums
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
