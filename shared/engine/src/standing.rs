//! The standing of a location, stored when it changes, so that an overview of thousands of locations queries none of
//! them.
//!
//! A standing is read later than it was written. So it holds times rather than answers: [`Standing::state`] and its
//! neighbours derive what is true now.

use std::time::Duration;

use ghl_sync_limiter::{Breaker, Hold, Pause, PauseReason, WaitReason};
use ghl_sync_model::{EpochMs, LocationId, Pace, ScopeId};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::counts::Counts;
use crate::ports::outbox::{Backlog, Tallied};

/// A throttling pause longer than this counts as trouble.
const LONG_PAUSE: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// How long before their expiry credentials are reported.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// The stored state of a location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// When it was stored.
    pub at: EpochMs,
    /// The rate scope that its calls count toward.
    pub scope: ScopeId,
    /// The scope whose daily quota its calls count toward, if different.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_scope: Option<ScopeId>,
    /// The operator's name for the location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The operator's tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When its credentials expire, as set by an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_expire_at: Option<EpochMs>,
    /// Whether it is synced at all.
    pub enabled: bool,
    /// End of the current run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_until: Option<EpochMs>,
    /// An operator's pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// A pause that the system set: throttling, credentials or another location's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// State of the circuit breaker.
    #[serde(default, skip_serializing_if = "BreakerState::is_closed")]
    pub breaker: BreakerState,
    /// When the next call may probe whether GHL is up, unless the breaker is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<EpochMs>,
    /// What delays the next call, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<(WaitReason, EpochMs)>,
    /// Quota of the short window.
    pub burst: Burst,
    /// Quota of the day.
    pub day: Day,
    /// Records that are due.
    #[serde(default, skip_serializing_if = "is_default")]
    pub due: Backlog,
    /// Records that failed permanently.
    #[serde(default, skip_serializing_if = "is_default")]
    pub failed: Tallied,
    /// When all due records will have been sent, if it can be estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_at: Option<EpochMs>,
    /// Counter totals since the beginning.
    #[serde(default, skip_serializing_if = "Counts::is_empty")]
    pub sums: Counts,
}

/// The quota of the short window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burst {
    /// The pace that is kept.
    pub pace: Pace,
    /// Configured calls per window.
    pub configured: u64,
    /// The pace in GHL's latest headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Pace>,
    /// Calls made in the window that ends at [`Standing::at`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub used: u64,
}

/// The quota of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Calls per day.
    pub limit: u64,
    /// Configured calls per day.
    pub configured: u64,
    /// Calls per day in GHL's latest headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<u64>,
    /// Calls made since the last reset.
    #[serde(default, skip_serializing_if = "is_default")]
    pub used: u64,
    /// Calls that are left.
    pub left: u64,
    /// The part of `left` that is reserved for records of high priority.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reserve: u64,
    /// Time of the next reset.
    pub resets_at: EpochMs,
}

/// The state of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, IntoStaticStr, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum BreakerState {
    /// Calls go out.
    #[default]
    Closed,
    /// No calls go out.
    Open,
    /// One call tests whether GHL is up again.
    HalfOpen,
}

/// What a location does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, strum::VariantArray, Serialize, Deserialize,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LocationState {
    /// Nothing is due.
    Idle,
    /// Records go out.
    Syncing,
    /// Records are due, and wait for something that passes by itself.
    Waiting,
    /// An operator has paused it.
    Paused,
    /// It is not enabled, or GHL does not accept its token.
    Stopped,
}

/// A condition that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The breaker is not closed.
    Breaker(BreakerState),
    /// GHL answered for another location.
    OtherLocation,
    /// An operator has paused it.
    Paused,
    /// GHL does not accept the token.
    Credentials,
    /// GHL asked for a long pause.
    Throttled {
        /// End of the pause.
        until: EpochMs,
    },
    /// Records failed permanently.
    Failed(Tallied),
}

/// How urgently somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Something has stopped.
    Failing,
    /// It runs, but something needs attention.
    Degraded,
    /// Nothing needs attention.
    Fine,
}

impl LocationState {
    /// All states.
    pub const ALL: &[LocationState] = <LocationState as strum::VariantArray>::VARIANTS;

    /// The state as JSON and logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl BreakerState {
    /// The state as JSON and logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    fn is_closed(&self) -> bool {
        *self == BreakerState::Closed
    }
}

impl From<&Breaker> for BreakerState {
    fn from(breaker: &Breaker) -> BreakerState {
        match breaker {
            Breaker::Closed { .. } => BreakerState::Closed,
            Breaker::Open { .. } => BreakerState::Open,
            Breaker::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

impl Trouble {
    /// How urgent the trouble is.
    #[must_use]
    pub fn urgency(&self) -> Urgency {
        match self {
            Trouble::Breaker(_) | Trouble::OtherLocation => Urgency::Failing,
            Trouble::Paused | Trouble::Credentials | Trouble::Throttled { .. } | Trouble::Failed(_) => {
                Urgency::Degraded
            }
        }
    }
}

impl Urgency {
    /// First character of a sort key that puts the most urgent first.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Urgency::Failing => 0,
            Urgency::Degraded => 1,
            Urgency::Fine => 9,
        }
    }
}

impl Standing {
    /// When its credentials expire, if it is synced and they expire within a week or have expired.
    #[must_use]
    pub fn credentials_end(&self, now: EpochMs) -> Option<EpochMs> {
        self.credentials_expire_at.filter(|end| self.enabled && *end <= now + SOON)
    }

    /// The state at `now`.
    #[must_use]
    pub fn state(&self, now: EpochMs) -> LocationState {
        let paused = self.pause_at(now).map(|(reason, _)| reason);
        match paused {
            _ if !self.enabled => LocationState::Stopped,
            Some(PauseReason::Operator) => LocationState::Paused,
            Some(PauseReason::Credentials | PauseReason::OtherLocation) => LocationState::Stopped,
            _ if self.run_until.is_some_and(|until| until > now) => LocationState::Syncing,
            _ if self.due.tallied.count > 0 => LocationState::Waiting,
            _ => LocationState::Idle,
        }
    }

    /// The reason and the end of the pause in force; an operator's pause takes precedence.
    #[must_use]
    pub fn pause_at(&self, now: EpochMs) -> Option<(PauseReason, EpochMs)> {
        let held = self.hold.as_ref().filter(|hold| hold.ends_at() > now);
        let held = held.map(|hold| (PauseReason::Operator, hold.ends_at()));
        held.or_else(|| self.pause.filter(|pause| pause.until > now).map(|pause| (pause.reason, pause.until)))
    }

    /// What delays the next call at `now`.
    #[must_use]
    pub fn waits_at(&self, now: EpochMs) -> Option<(WaitReason, EpochMs)> {
        self.waits.filter(|(_, until)| *until > now)
    }

    /// Calls left in the window that ends at `now`.
    #[must_use]
    pub fn burst_left(&self, now: EpochMs) -> u64 {
        let is_over = now.since(self.at) >= self.burst.pace.window;
        u64::from(self.burst.pace.limit.get()).saturating_sub(if is_over { 0 } else { self.burst.used })
    }

    /// The daily quota at `now`, after any resets in between.
    #[must_use]
    pub fn day_at(&self, now: EpochMs) -> Day {
        if self.day.resets_at > now {
            return self.day;
        }
        let days = now.since(self.day.resets_at).as_secs() / DAY.as_secs() + 1;
        let resets_at = EpochMs(self.day.resets_at.0.saturating_add(days.saturating_mul(DAY.as_millis() as u64)));
        Day { used: 0, left: self.day.limit, resets_at, ..self.day }
    }

    /// What a person should look at, the most urgent first. A disabled location has no troubles.
    #[must_use]
    pub fn troubles(&self, now: EpochMs) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        if !self.enabled {
            return troubles;
        }
        if !self.breaker.is_closed() {
            troubles.push(Trouble::Breaker(self.breaker));
        }
        match self.pause_at(now) {
            Some((PauseReason::Operator, _)) => troubles.push(Trouble::Paused),
            Some((PauseReason::Credentials, _)) => troubles.push(Trouble::Credentials),
            Some((PauseReason::OtherLocation, _)) => troubles.push(Trouble::OtherLocation),
            Some((PauseReason::Throttled, until)) if now.until(until) > LONG_PAUSE => {
                troubles.push(Trouble::Throttled { until });
            }
            Some((PauseReason::Throttled, _)) | None => {}
        }
        if self.failed.count > 0 {
            troubles.push(Trouble::Failed(self.failed));
        }
        troubles.sort_by_key(Trouble::urgency);
        troubles
    }

    /// How urgently somebody should look at the location.
    #[must_use]
    pub fn urgency(&self, now: EpochMs) -> Urgency {
        self.troubles(now).first().map_or(Urgency::Fine, Trouble::urgency)
    }

    /// Sort key within its shard: locations in trouble come first.
    #[must_use]
    pub fn rank(&self, location: &LocationId) -> String {
        format!("{}#{location}", self.urgency(self.at).rank())
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::counts::{Counter, RecordCount};

    const NOW: EpochMs = EpochMs(1_795_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn standing() -> Standing {
        let pace = Pace { limit: NonZeroU32::new(100).unwrap(), window: 10 * SECOND };
        Standing {
            at: NOW,
            scope: ScopeId::new("a").unwrap(),
            day_scope: None,
            name: None,
            tags: Vec::new(),
            credentials_expire_at: None,
            enabled: true,
            run_until: None,
            hold: None,
            pause: None,
            breaker: BreakerState::Closed,
            retry_at: None,
            waits: None,
            burst: Burst { pace, configured: 100, told: None, used: 40 },
            day: Day {
                limit: 1000,
                configured: 1000,
                told: None,
                used: 10,
                left: 990,
                reserve: 0,
                resets_at: NOW + 60 * SECOND,
            },
            due: Backlog::default(),
            failed: Tallied::default(),
            empty_at: None,
            sums: Counts::default(),
        }
    }

    #[test]
    fn what_has_passed_since_it_was_written_down_is_not_told_any_more() {
        let due = Backlog { tallied: Tallied { count: 3, capped: false }, oldest_at: Some(NOW) };
        let pause = Pause { until: NOW + 5 * SECOND, since: NOW, reason: PauseReason::Credentials };
        let stood = Standing {
            run_until: Some(NOW + 20 * SECOND),
            pause: Some(pause),
            waits: Some((WaitReason::Pause(PauseReason::Credentials), NOW + 5 * SECOND)),
            due,
            ..standing()
        };
        let states: Vec<LocationState> = [0, 5, 20].map(|s| stood.state(NOW + s * SECOND)).to_vec();
        assert_eq!(states, [LocationState::Stopped, LocationState::Syncing, LocationState::Waiting]);
        assert_eq!([0, 5].map(|s| stood.waits_at(NOW + s * SECOND).is_some()), [true, false]);
        assert_eq!([0, 9, 10].map(|s| stood.burst_left(NOW + s * SECOND)), [60, 60, 100]);
        assert_eq!([59, 60].map(|s| stood.day_at(NOW + s * SECOND).used), [10, 0]);
        let later = stood.day_at(NOW + 3 * DAY);
        assert_eq!((later.left, later.resets_at), (1000, NOW + 60 * SECOND + 3 * DAY));
        assert_eq!([0, 5].map(|s| stood.urgency(NOW + s * SECOND)), [Urgency::Degraded, Urgency::Fine]);
    }

    #[test]
    fn those_in_trouble_sort_first_and_nobody_looks_at_what_is_switched_off() {
        let id = LocationId::new("a").unwrap();
        let failed = Tallied { count: 1, capped: false };
        let open = Standing { breaker: BreakerState::Open, failed, ..standing() };
        let degraded = Standing { failed, ..standing() };
        let ranks = [&open, &degraded, &standing()].map(|standing| standing.rank(&id));
        assert_eq!(ranks, ["0#a", "1#a", "9#a"]);
        assert_eq!(Standing { enabled: false, ..open }.troubles(NOW), []);
    }

    #[test]
    fn it_is_read_back_as_written_and_short_where_there_is_nothing_to_say() {
        let mut full = Standing {
            hold: Some(Hold { since: NOW, until: None, note: Some("why".to_owned()) }),
            breaker: BreakerState::HalfOpen,
            waits: Some((WaitReason::Pause(PauseReason::OtherLocation), EpochMs::NEVER)),
            ..standing()
        };
        full.sums.add(Counter::Records(RecordCount::Succeeded), 7);
        full.sums.add(Counter::CallMs, 1200);
        for standing in [standing(), full] {
            let json = serde_json::to_string(&standing).unwrap();
            assert_eq!(serde_json::from_str::<Standing>(&json).unwrap(), standing, "{json}");
        }
        let short = serde_json::to_string(&standing()).unwrap();
        assert!(short.len() < 260, "{} {short}", short.len());
    }
}
