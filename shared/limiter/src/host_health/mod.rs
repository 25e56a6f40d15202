//! What all locations that are served by one API host know together: whether it is up, and whether it is we who are not.
//!
//! It is written when something goes wrong and when that is over, never otherwise.

mod deaths;
mod host;
mod open_breakers;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::deaths::Deaths;
pub use self::host::{Host, HostAdmission, Recovery};
pub use self::open_breakers::OpenBreakers;
use ghl_sync_model::{EpochMs, Item, ItemKind};

/// What the locations of one API host know together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostHealth {
    /// Whether the host is up.
    #[serde(default)]
    pub host: Host,
    /// Runs that ended by the death of their invocation.
    #[serde(default)]
    pub deaths: Deaths,
    /// Breakers of scopes that are not closed.
    #[serde(default, skip_serializing_if = "OpenBreakers::is_empty")]
    pub open: OpenBreakers,
}

/// Written only in trouble, read with every batch: what was there a moment ago is good enough.
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
    /// What the caller calls the host.
    type Key = str;

    fn item_key(host: &str) -> String {
        format!("host_health#{host}")
    }
}

/// So many different scopes with the same trouble are no coincidence.
const MANY: usize = 3;
/// What happened longer ago than this has nothing to do with what happens now.
const MEMORY: Duration = Duration::from_secs(300);

/// Different scopes that reported the same thing lately, each by a hash, and when. Of more than `MANY` nothing more is
/// to be learned.
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

    /// Whether many scopes reported within the memory.
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
