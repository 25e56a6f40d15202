//! What calls teach the gate.

use std::ops::RangeInclusive;

use super::Gate;
use crate::{Allotment, Pause, PauseReason, Rules};
use ghl_sync_model::{EpochMs, Holder, Quota};

/// Something that a call taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A call of `holder` is over; the server had counted it by `at`.
    Finished {
        /// The holder of the permit.
        holder: Holder,
        /// The latest time at which the server can have counted it.
        at: EpochMs,
        /// Whether the answer reported the day's count, which then includes this call.
        told_daily: bool,
    },
    /// GHL's answer shows that it is up.
    Answered,
    /// An operation met its first transient failure.
    Trouble {
        /// Hash of the operation's record.
        operation: u32,
        /// When the answer came, or the call was given up.
        at: EpochMs,
    },
    /// GHL answered 429.
    Throttled {
        /// When the answer came.
        at: EpochMs,
        /// Until when everybody must wait.
        until: EpochMs,
        /// Whether the daily quota is used up.
        daily: bool,
    },
    /// GHL, in trouble, asked everybody to wait.
    AskedToWait {
        /// When the answer came.
        at: EpochMs,
        /// End of the wait.
        until: EpochMs,
    },
    /// A created object could not be recorded, and GHL's search may not show it yet.
    InDoubt {
        /// When the search must show it.
        until: EpochMs,
    },
    /// A note of the caller for every holder of the scope, valid for a while.
    Remember {
        /// The caller's name for it.
        name: &'static str,
        /// Expiry of the note.
        until: EpochMs,
    },
    /// GHL rejected the token.
    Unauthorized {
        /// When the answer came.
        at: EpochMs,
    },
    /// GHL answered for another location.
    OtherLocation {
        /// When the answer came.
        at: EpochMs,
    },
    /// A part of a day that is shared with other scopes was allotted.
    Allotted {
        /// When the allotment was read.
        at: EpochMs,
        /// The allotted part.
        allotment: Allotment,
    },
    /// The headers of an answer.
    Told {
        /// When the answer came.
        at: EpochMs,
        /// The quota in the headers.
        quota: Quota,
        /// The fewest and the most of our calls that the server can have counted in the window before the answer.
        ours: RangeInclusive<u32>,
    },
}

impl Gate {
    /// Applies what a call taught.
    pub fn learn(&mut self, signal: &Signal, rules: &Rules) {
        match signal {
            Signal::Finished { holder, at, told_daily } => {
                self.ledger.settle(holder, *at);
                self.daily.count(*at, u64::from(!told_daily));
                self.daily.spend_share();
            }
            Signal::Answered => self.breaker.succeeded(),
            Signal::Trouble { operation, at } => self.breaker.failed(*operation, *at, rules.breaker),
            Signal::Throttled { at, until, daily } => {
                let until = (*until).min(*at + PauseReason::Throttled.longest());
                self.pause_until(*at, until, PauseReason::Throttled);
                if !daily {
                    self.pacing.throttled(*at, until, self.configured_pace(rules));
                }
            }
            Signal::AskedToWait { at, until } => self.pause_until(*at, *until, PauseReason::Throttled),
            Signal::InDoubt { until } => {
                self.in_doubt_until = self.in_doubt_until.max(Some(*until));
            }
            Signal::Remember { name, until } => {
                let memo = self.memos.entry((*name).to_owned()).or_insert(*until);
                *memo = (*memo).max(*until);
            }
            Signal::Unauthorized { at } => {
                self.pause_until(*at, *at + PauseReason::Credentials.longest(), PauseReason::Credentials);
            }
            Signal::OtherLocation { at } => {
                self.pause_until(*at, *at + PauseReason::OtherLocation.longest(), PauseReason::OtherLocation);
            }
            Signal::Allotted { at, allotment } => self.daily.add_share(*at, *allotment),
            Signal::Told { at, quota, ours } => {
                self.pacing.observe(*at, quota, ours, self.configured_pace(rules));
                self.daily.observe(*at, quota);
            }
        }
    }

    /// Pauses all calls until `until`, as reported at `at`; never longer than a pause for this reason may last.
    fn pause_until(&mut self, at: EpochMs, until: EpochMs, reason: PauseReason) {
        let until = until.min(at + reason.longest());
        if self.pause.is_none_or(|pause| pause.until < until) {
            self.pause = Some(Pause { until, since: at, reason });
        }
    }
}
