//! Alerts and daily digests for the people who run the stack.
//!
//! Every few minutes [`Alerts::look`] checks all locations and announces which alerts have begun and which are over,
//! in one message that names the locations and links to their pages. Once a day [`Alerts::digest`] reports the records
//! sent since the last digest: for the whole stack, for each tag and for each location, so that people can subscribe
//! to their part. Messages hold location names and numbers, never record content.

mod digest;
mod digest_counts;
mod digest_text;
mod look;
mod message;
mod policy;
mod ports;
mod share;
mod watch;

use std::sync::Arc;

pub use digest::DigestResult;
pub use digest_counts::DigestCounts;
pub use look::AlertCheckResult;
pub use message::{Announcement, Audience};
pub use policy::{AlertChange, AlertFindings, AlertRules, judge};
pub use ports::Announcer;
pub use share::Share;
pub use watch::{Alert, AlertKind, AlertState};

use ghl_sync_engine::ports::{Clock, Counters, Versioned};
use ghl_sync_engine::usecase::{EventSink, Ports};
use ghl_sync_model::LocationProfile;

/// Checks all locations and notifies people. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    ports: AlertPorts,
    rules: AlertRules,
    /// The installation that messages name.
    place: AlertOrigin,
}

/// The ports that alerts work with.
#[derive(Clone)]
pub struct AlertPorts {
    /// Current time.
    pub clock: Arc<dyn Clock>,
    /// Standings and counts of the locations.
    pub counters: Arc<dyn Counters>,
    /// Receives log and metric events.
    pub sink: Arc<dyn EventSink>,
    /// The alerts that are on.
    pub watch: Versioned<AlertState>,
    /// The counts at the last digest.
    pub reckoned: Versioned<DigestCounts>,
    /// GHL's names of locations.
    pub profiles: Versioned<LocationProfile>,
    /// Receives alerts; `None` to write them to the log only.
    pub alerts_to: Option<Arc<dyn Announcer>>,
    /// Receives digests; `None` to send none.
    pub digests_to: Option<Arc<dyn Announcer>>,
}

impl AlertPorts {
    /// The engine's ports, without recipients yet.
    #[must_use]
    pub fn of(Ports { clock, counters, sink, items, .. }: &Ports) -> AlertPorts {
        AlertPorts {
            clock: clock.clone(),
            counters: counters.clone(),
            sink: sink.clone(),
            watch: Versioned::new(items.clone()),
            reckoned: Versioned::new(items.clone()),
            profiles: Versioned::new(items.clone()),
            alerts_to: None,
            digests_to: None,
        }
    }
}

/// The installation that messages come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertOrigin {
    /// The stack's name. Every message begins with it.
    pub stack: String,
    /// URL of the dashboard that messages link to, if there is one.
    pub dashboard: Option<String>,
}

impl Alerts {
    /// Alerts of the installation `place`, with these rules.
    #[must_use]
    pub fn new(ports: AlertPorts, rules: AlertRules, place: AlertOrigin) -> Alerts {
        Alerts { ports, rules, place }
    }
}
