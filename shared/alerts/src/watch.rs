//! What is known from one look to the next.

use std::time::Duration;

use ghl_sync_model::{EpochMs, Item, ItemKind, LocationId};
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};

use crate::policy::Share;

/// What is known from one look at all locations to the next: which alerts are on, and what had been counted when.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// The alerts that are on, or will be if what they are about lasts.
    pub alerts: Vec<Alert>,
    /// What had come to an end in all locations together at some times of the last hour, the oldest first.
    pub sums: Vec<Sum>,
}

/// Something that a person should mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Whose; `None` if it is about all locations that have no alert of this kind themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationId>,
    /// What is wrong.
    pub kind: AlertKind,
    /// Since when, as far as was seen.
    pub since: EpochMs,
    /// Whether people were told.
    pub told: bool,
    /// How many records failed, when it was seen last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// When it will pass by itself, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<EpochMs>,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AlertKind {
    /// GHL answers for another location than was asked for.
    OtherLocation,
    /// GHL does not accept the token.
    Credentials,
    /// GHL fails for record after record, and nothing is sent.
    Breaker,
    /// Too many records failed for good within an hour.
    Failures,
    /// GHL asked to wait for long.
    Throttled,
    /// The credentials end within a week, or have ended, as an operator said.
    CredentialsEnd,
}

impl AlertKind {
    /// The kind as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How long it must last before a person is told: a breaker that opened probes and closes by itself, mostly within
    /// minutes.
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

/// What had come to an end by a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// By when.
    pub at: EpochMs,
    /// How many of how many failed.
    pub share: Share,
}

impl Item for Watch {
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
