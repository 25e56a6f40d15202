//! The state kept from one check to the next.

use std::time::Duration;

use ghl_sync_model::{EpochMs, Item, ItemKind, LocationId};
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};

use crate::share::Share;

/// The state kept from one check of all locations to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertState {
    /// Alerts that are on, or will be if their problem lasts.
    pub alerts: Vec<Alert>,
    /// Totals of ended records in all locations at some times of the last hour, the oldest first.
    pub sums: Vec<Sum>,
}

/// A problem that a person should fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The location; `None` if it is about all locations without an alert of this kind of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationId>,
    /// The kind of problem.
    pub kind: AlertKind,
    /// When the problem was first seen.
    pub since: EpochMs,
    /// Whether the alert was announced.
    pub told: bool,
    /// Failed records when last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Expected end, if the problem passes by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<EpochMs>,
}

/// Kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AlertKind {
    /// GHL answers for a location other than the one requested.
    OtherLocation,
    /// GHL does not accept the token.
    Credentials,
    /// GHL fails for record after record, and nothing is sent.
    Breaker,
    /// Too many records failed for good within an hour.
    Failures,
    /// GHL asked us to wait for long.
    Throttled,
    /// The credentials expire within a week, or have expired, by the operator's setting.
    CredentialsEnd,
}

impl AlertKind {
    /// The kind's name in logs and stored items: `credentials_end`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How long the problem must last before it is announced. An open breaker probes and mostly closes by itself
    /// within minutes.
    #[must_use]
    pub fn patience(self) -> Duration {
        match self {
            AlertKind::Breaker => Duration::from_secs(600),
            AlertKind::OtherLocation
            | AlertKind::Credentials
            | AlertKind::Failures
            | AlertKind::Throttled
            | AlertKind::CredentialsEnd => Duration::ZERO,
        }
    }
}

/// The total of ended records at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// When it was counted.
    pub at: EpochMs,
    /// Failed records out of those that ended.
    pub share: Share,
}

impl Item for AlertState {
    const KIND: ItemKind = ItemKind {
        name: "alerts",
        load: "alerts.load",
        replace: "alerts.write",
        attribute: "alerts",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = ();

    fn item_key((): &()) -> String {
        "alerts".to_owned()
    }
}
