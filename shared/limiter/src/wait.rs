//! Waits as values: until when, and why.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strum::{EnumCount, IntoStaticStr};

use ghl_sync_model::EpochMs;

/// A refusal: not before this time, for this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitUntil {
    /// When to ask again.
    pub at: EpochMs,
    /// Why to wait.
    pub reason: WaitReason,
}

/// A reason to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumCount)]
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
    /// The gate's store does not answer. Without a gate, no call is made.
    Store,
}

impl WaitReason {
    /// All reasons, with one for each reason of a pause.
    pub const ALL: [WaitReason; WaitReason::COUNT - 1 + PauseReason::COUNT] = [
        WaitReason::Pace,
        WaitReason::Pause(PauseReason::Throttled),
        WaitReason::Pause(PauseReason::Credentials),
        WaitReason::Pause(PauseReason::OtherLocation),
        WaitReason::Pause(PauseReason::Operator),
        WaitReason::Breaker,
        WaitReason::DailyQuota,
        WaitReason::Backoff,
        WaitReason::Deadline,
        WaitReason::Store,
    ];

    /// Reasons of waits before a call is repeated after a failure.
    pub const BACKOFFS: [WaitReason; 2] = [WaitReason::Backoff, WaitReason::Pause(PauseReason::Throttled)];

    /// The reason as logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WaitReason::Pace => "pace",
            WaitReason::Pause(reason) => reason.as_str(),
            WaitReason::Breaker => "breaker",
            WaitReason::DailyQuota => "daily_quota",
            WaitReason::Backoff => "backoff",
            WaitReason::Deadline => "deadline",
            WaitReason::Store => "store",
        }
    }
}

impl Serialize for WaitReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for WaitReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        let found = WaitReason::ALL.into_iter().find(|reason| reason.as_str() == name);
        found.ok_or_else(|| D::Error::custom("is no reason to wait"))
    }
}

/// A pause of a whole scope: nobody calls before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// End of the pause.
    pub until: EpochMs,
    /// When it was set; zero in items that older builds stored.
    #[serde(default)]
    pub since: EpochMs,
    /// Why nothing is sent.
    pub reason: PauseReason,
}

/// Why a scope is paused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PauseReason {
    /// GHL answered 429.
    Throttled,
    /// GHL rejects the token. It is tried again from time to time, so that a repaired token needs no operator.
    Credentials,
    /// GHL answered for another location: the token may belong to somebody else. It is tried again from time to time.
    OtherLocation,
    /// An operator paused the scope.
    Operator,
}

impl PauseReason {
    /// The reason as logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An operator's pause of a whole scope. It is independent of a [`Pause`], and ends only by itself or by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Start of the hold.
    pub since: EpochMs,
    /// End of the hold; without one, it lasts until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<EpochMs>,
    /// The operator's note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Hold {
    /// End of the hold, or [`EpochMs::NEVER`].
    #[must_use]
    pub fn ends_at(&self) -> EpochMs {
        self.until.unwrap_or(EpochMs::NEVER)
    }
}
