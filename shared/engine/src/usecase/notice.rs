//! What happens to a rate scope and others want to hear of, as an item of its own: a gate is written all the time, and
//! nobody can follow it.
//!
//! The item is written before the gate. So whoever dies in between has told of what nearly was, and not kept quiet about
//! what is.

use std::time::Duration;

use ghl_sync_limiter::{Breaker, Gate, PauseReason};
use ghl_sync_model::{EpochMs, Item, ItemKind, ScopeId};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

/// Nobody asks for a notice that is older.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// A token that is refused is tried again from time to time. What is refused so long after that is noticed anew.
const REFUSED_AGAIN: Duration = Duration::from_mins(15);

/// What happens to a rate scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum GateTrouble {
    /// An operator paused it.
    Paused,
    /// GHL does not accept the token, or answers for another location.
    CredentialsRefused,
    /// GHL fails, and nothing is sent until it answers again.
    BreakerOpened,
}

/// The last time that it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateNotice {
    /// When it was noticed.
    pub at: EpochMs,
    /// A time that only this time of it has.
    pub of: EpochMs,
}

impl Item for GateNotice {
    const KIND: ItemKind = ItemKind {
        name: "notice",
        load: "notices.load",
        replace: "notices.write",
        attribute: "notice",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = (GateTrouble, ScopeId);

    fn item_key((trouble, scope): &(GateTrouble, ScopeId)) -> String {
        format!("notice#{trouble}#{scope}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.at + KEPT)
    }
}

/// What happens when `old` becomes `new`; while it lasts, nothing happens.
pub(super) fn troubles(old: &Gate, new: &Gate) -> Vec<(GateTrouble, EpochMs)> {
    // Whether a hold has ended meanwhile makes no difference to when it began.
    let held = |gate: &Gate| gate.held(EpochMs(0)).map(|hold| hold.since);
    let refused = |gate: &Gate| {
        let pause = gate.pause()?;
        matches!(pause.reason, PauseReason::Credentials | PauseReason::OtherLocation).then_some(pause)
    };
    let is_new = |since: EpochMs| refused(old).is_none_or(|before| since > before.until + REFUSED_AGAIN);
    let opened = match (old.breaker(), new.breaker()) {
        (Breaker::Closed { .. }, Breaker::Open { until, .. }) => Some(*until),
        _ => None,
    };
    let happened = [
        (GateTrouble::Paused, held(new).filter(|since| held(old) != Some(*since))),
        (GateTrouble::CredentialsRefused, refused(new).map(|pause| pause.since).filter(|since| is_new(*since))),
        (GateTrouble::BreakerOpened, opened),
    ];
    happened.into_iter().filter_map(|(trouble, of)| Some((trouble, of?))).collect()
}

#[cfg(test)]
mod tests {
    use ghl_sync_limiter::Hold;

    use super::*;

    #[test]
    fn a_pause_is_noticed_when_it_begins_and_not_while_it_lasts() {
        let (well, mut paused) = (Gate::default(), Gate::default());
        let hold = |since| Hold { since, until: Some(since + Duration::from_secs(1)), note: None };
        paused.hold(EpochMs(5), hold(EpochMs(5)));
        let mut later = well.clone();
        later.hold(EpochMs(9_000), hold(EpochMs(9_000)));
        assert_eq!(troubles(&well, &well), []);
        assert_eq!(troubles(&well, &paused), [(GateTrouble::Paused, EpochMs(5))]);
        assert_eq!(troubles(&paused, &paused), []);
        assert_eq!(troubles(&paused, &well), []);
        assert_eq!(troubles(&paused, &later), [(GateTrouble::Paused, EpochMs(9_000))]);
    }
}
