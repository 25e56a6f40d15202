//! Health that all locations of one API host share: whether the host is up, and whether an outage is our own.
//!
//! It is written only when something goes wrong, and when that is over.

mod deaths;
mod host;
mod open_breakers;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::deaths::Deaths;
pub use self::host::{Host, HostAdmission, Recovery};
pub use self::open_breakers::OpenBreakers;
use ghl_sync_model::{EpochMs, Item, ItemKind};

/// The shared state of the locations of one API host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostHealth {
    /// Whether the host is up.
    #[serde(default)]
    pub host: Host,
    /// Runs whose invocation died.
    #[serde(default)]
    pub deaths: Deaths,
    /// Scopes whose breaker is not closed.
    #[serde(default, skip_serializing_if = "OpenBreakers::is_empty")]
    pub open: OpenBreakers,
}

/// Written only in trouble, but read with every batch: a slightly stale value is good enough.
impl Item for HostHealth {
    const KIND: ItemKind = ItemKind {
        name: "host_health",
        load: "host_health.load",
        replace: "host_health.replace",
        attribute: "host_health",
        listed: None,
        checked: false,
        may_be_stale: true,
    };
    /// The caller's name for the host.
    type Key = str;

    fn item_key(host: &str) -> String {
        format!("host_health#{host}")
    }
}

/// This many scopes with the same trouble are no coincidence.
const MANY: usize = 3;
/// Reports older than this are unrelated to the present.
const MEMORY: Duration = Duration::from_secs(300);

/// Distinct scopes (hashes) that recently reported the same thing, and when. At most `MANY` are kept: more would say
/// nothing new.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reports(Vec<(u32, EpochMs)>);

impl Reports {
    fn add(&mut self, scope: u32, now: EpochMs) {
        self.0.retain(|(known, at)| *known != scope && now.since(*at) <= MEMORY);
        self.0.push((scope, now));
        let excess = self.0.len().saturating_sub(MANY);
        self.0.drain(..excess);
    }

    /// Whether at least `MANY` scopes reported recently.
    fn are_many(&self, now: EpochMs) -> bool {
        self.0.iter().filter(|(_, at)| now.since(*at) <= MEMORY).count() >= MANY
    }

    fn first(&self) -> Option<EpochMs> {
        self.0.iter().map(|(_, at)| *at).min()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
