//! An operator's actions on a gate. All of them are idempotent.

use super::Gate;
use crate::{Hold, PauseReason};
use ghl_sync_model::EpochMs;

impl Gate {
    /// Holds all permits until the hold ends or is lifted. A second hold replaces the first, but keeps its start time.
    pub fn hold(&mut self, now: EpochMs, hold: Hold) {
        let since = self.held(now).map_or(hold.since, |held| held.since);
        self.hold = Some(Hold { since, ..hold });
    }

    /// Lifts every pause, whatever its reason: an operator's hold, a pause for a rejected token, and a wait that GHL
    /// asked for. The operator has fixed the cause, or wants to see; if GHL still refuses, the next answer pauses
    /// again. The gate is due for a check now.
    pub fn resume(&mut self, now: EpochMs) {
        self.hold = None;
        self.pause = None;
        self.wake_at = Some(now);
    }

    /// Ends a pause for a rejected token, because there are new credentials. An operator's hold and a wait that GHL
    /// asked for stay. The gate is then due for a check now. Returns whether there was such a pause.
    pub fn credentials_changed(&mut self, now: EpochMs) -> bool {
        let stood_still = self.pause.is_some_and(|pause| pause.reason == PauseReason::Credentials);
        if stood_still {
            self.pause = None;
            self.wake_at = Some(now);
        }
        stood_still
    }

    /// Notes that a location of the scope was made safer (disabled, or in dry run): runs that began earlier must read
    /// its settings again before any further call.
    pub fn stop(&mut self) {
        self.stops = self.stops.saturating_add(1);
    }

    /// How often [`Gate::stop`] was called.
    #[must_use]
    pub fn stops(&self) -> u64 {
        self.stops
    }

    /// Closes the breaker. The gate is due for a check now.
    pub fn reset_breaker(&mut self, now: EpochMs) {
        self.breaker.reset();
        self.wake_at = Some(now);
    }

    /// The operator's hold, if it has not ended.
    #[must_use]
    pub fn held(&self, now: EpochMs) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| hold.ends_at() > now)
    }
}
