//! Waiting, as a value.

use serde::{Deserialize, Serialize};

use crate::domain::EpochMs;

/// "Not before this time, and this is why."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitUntil {
    /// When to ask again.
    pub at: EpochMs,
    /// What is waited for.
    pub reason: WaitReason,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// The burst quota: the next permit.
    Pace,
    /// A pause of the whole scope.
    Pause(PauseReason),
    /// The circuit breaker.
    Breaker,
    /// The daily quota.
    DailyQuota,
    /// The backoff of one operation.
    Backoff,
    /// The function's time is up; the rest goes into the next batch.
    Deadline,
    /// The store that holds the gate does not answer. No gate, no call.
    Store,
}

impl WaitReason {
    /// The reason as it is written in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WaitReason::Pace => "pace",
            WaitReason::Pause(PauseReason::Throttled) => "throttled",
            WaitReason::Pause(PauseReason::Credentials) => "credentials",
            WaitReason::Breaker => "breaker",
            WaitReason::DailyQuota => "daily_quota",
            WaitReason::Backoff => "backoff",
            WaitReason::Deadline => "deadline",
            WaitReason::Store => "store",
        }
    }
}

/// A pause of a whole scope: nobody calls before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Its end.
    pub until: EpochMs,
    /// Why.
    pub reason: PauseReason,
}

/// Why a scope is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// GHL answered 429.
    Throttled,
    /// GHL does not accept the token; looked at again from time to time, so that a mended token needs no hand.
    Credentials,
}
