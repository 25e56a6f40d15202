//! Notices of events at a rate scope, each stored as an item of its own, because a gate is written too often to follow.
//!
//! The notice is written before the gate. So an invocation that dies in between has announced something that nearly
//! happened, rather than hidden something that did.

use std::time::Duration;

use ghl_sync_limiter::{Breaker, Gate, PauseReason};
use ghl_sync_model::{EpochMs, Item, ItemKind, ScopeId};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

/// How long a notice is kept; nobody asks for an older one.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// A rejected token is tried again from time to time. A rejection this long after the last pause is a new event.
const REFUSED_AGAIN: Duration = Duration::from_mins(15);

/// An event at a rate scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum GateTrouble {
    /// An operator paused it.
    Paused,
    /// GHL rejects the token, or answers for another location.
    CredentialsRefused,
    /// GHL fails, and nothing is sent until it answers again.
    BreakerOpened,
}

/// The latest occurrence of a trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateNotice {
    /// When it was noticed.
    pub at: EpochMs,
    /// A time that identifies this occurrence.
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

/// The troubles that begin when `old` becomes `new`. Ongoing ones are not repeated.
pub(super) fn troubles(old: &Gate, new: &Gate) -> Vec<(GateTrouble, EpochMs)> {
    // When the hold began does not depend on whether it has ended since.
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
