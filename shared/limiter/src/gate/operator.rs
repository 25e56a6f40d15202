//! What an operator may do to a gate. Each of these may be done twice.

use super::Gate;
use crate::{Hold, PauseReason};
use ghl_sync_model::EpochMs;

impl Gate {
    /// No permit is given until the hold ends or is lifted. A second one takes the place of the first, but for its
    /// beginning.
    pub fn hold(&mut self, now: EpochMs, hold: Hold) {
        let since = self.held(now).map_or(hold.since, |held| held.since);
        self.hold = Some(Hold { since, ..hold });
    }

    /// Lifts every pause, whatever its reason: an operator's hold, the pause for a token that GHL did not accept, and
    /// what GHL asked us to wait. Whoever resumes has mended it, or wants to see; should GHL still refuse, the next
    /// answer pauses anew. The gate is looked at now.
    pub fn resume(&mut self, now: EpochMs) {
        self.hold = None;
        self.pause = None;
        self.wake_at = Some(now);
    }

    /// There are new credentials: the pause for a token that GHL did not accept is over. An operator's hold and what GHL
    /// asked us to wait stand. The gate is looked at now. Returns whether there was such a pause.
    pub fn credentials_changed(&mut self, now: EpochMs) -> bool {
        let stood_still = self.pause.is_some_and(|pause| pause.reason == PauseReason::Credentials);
        if stood_still {
            self.pause = None;
            self.wake_at = Some(now);
        }
        stood_still
    }

    /// A location of the scope was made safer (disabled, or in dry run): who began before that reads its settings anew
    /// before any further call.
    pub fn stop(&mut self) {
        self.stops = self.stops.saturating_add(1);
    }

    /// How often that was done.
    #[must_use]
    pub fn stops(&self) -> u64 {
        self.stops
    }

    /// Closes the breaker. The gate is looked at now.
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
