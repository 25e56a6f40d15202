//! Which alerts are on: pure decisions.

use std::time::Duration;

use ghl_sync_model::{EpochMs, LocationId};
use serde::{Deserialize, Serialize};

use crate::watch::{Alert, AlertKind, Sum, Watch};

/// The failures of so long are looked at together.
pub(crate) const WINDOW: Duration = Duration::from_secs(3600);
/// Between two sums that are kept: a look that comes sooner adds none.
const APART: Duration = Duration::from_secs(240);
/// Alerts that are kept at most, each some 100 bytes of an item of 400 KB. Of more only their number is told.
const MOST: usize = 1500;

/// When failures are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertRules {
    /// So many of a hundred records that came to an end.
    pub percent: u64,
    /// If at least so many came to an end.
    pub minimum: u64,
}

impl Default for AlertRules {
    fn default() -> AlertRules {
        AlertRules { percent: 5, minimum: 20 }
    }
}

/// What failed of what came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Share {
    /// Records that failed for good.
    pub failed: u64,
    /// Records that failed or were accepted.
    pub ended: u64,
}

/// What a look at all locations found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// What is wrong with locations, but for their failures: until when it lasts, if that is known.
    pub troubles: Vec<(LocationId, AlertKind, Option<EpochMs>)>,
    /// What failed within the last hour in locations where anything did.
    pub failures: Vec<(LocationId, Share)>,
    /// What has come to an end in all locations since the beginning.
    pub total: Share,
}

/// What a look changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// What is known from now on.
    pub watch: Watch,
    /// What people must be told, the most urgent first.
    pub begun: Vec<Alert>,
    /// What they were told, and is over.
    pub over: Vec<Alert>,
    /// Alerts that there was no room for.
    pub more: usize,
}

impl AlertRules {
    /// Whether somebody should look.
    #[must_use]
    pub fn are_too_many(&self, share: Share) -> bool {
        share.ended >= self.minimum
            && share.failed > 0
            && u128::from(share.failed) * 100 >= u128::from(share.ended) * u128::from(self.percent)
    }

    /// Whether it goes on where they were too many: half of it is enough, so that an alert does not come and go.
    fn are_still_too_many(&self, share: Share) -> bool {
        share.failed > 0 && u128::from(share.failed) * 200 >= u128::from(share.ended) * u128::from(self.percent)
    }
}

impl Share {
    fn without(self, other: Share) -> Share {
        Share { failed: self.failed.saturating_sub(other.failed), ended: self.ended.saturating_sub(other.ended) }
    }

    pub(crate) fn and(self, other: Share) -> Share {
        Share { failed: self.failed + other.failed, ended: self.ended + other.ended }
    }
}

/// Decides what has begun and what is over, by what was known and what was found at `now`.
///
/// What everywhere else failed is judged without the locations that have an alert of their own: so one location is told
/// once, and a fault that is spread thin over many is told, too.
#[must_use]
pub fn judge(watch: &Watch, found: &Found, rules: &AlertRules, now: EpochMs) -> Change {
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
    // What was told stays known, or its end could not be told.
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
    Change { watch: Watch { alerts: seen, sums }, begun, over, more }
}

impl Alert {
    /// Whether both are about the same.
    fn is_of(&self, other: &Alert) -> bool {
        self.kind == other.kind && self.location == other.location
    }
}

/// What had come to an end at times of the last hour, and at one before it. A total that fell (a location was removed) begins
/// anew: nobody knows what of it was of this hour.
fn sums(before: &[Sum], total: Share, now: EpochMs) -> Vec<Sum> {
    let is_known = |sum: &&Sum| sum.at <= now && sum.share.failed <= total.failed && sum.share.ended <= total.ended;
    let mut sums: Vec<Sum> = before.iter().filter(is_known).copied().collect();
    let first = sums.iter().rposition(|sum| now.since(sum.at) >= WINDOW).unwrap_or(0);
    sums.drain(..first);
    // While nothing ends, the last one says it all.
    if sums.last().is_none_or(|last| last.share != total && now.since(last.at) >= APART) {
        sums.push(Sum { at: now, share: total });
    }
    sums
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
