//! Who needs somebody, and how the day went, told to people.
//!
//! Every few minutes [`Alerts::look`] reads how all locations stand, and announces what has begun and what is over: one
//! message for all of them, which names the locations and links to their pages. Once a day [`Alerts::digest`] says what was
//! sent since the last one: of the whole stack, of each tag and of each location, so that everybody subscribes to what is
//! theirs. A message holds names of locations and numbers, never what a record says.

mod digest;
mod digest_text;
mod look;
mod message;
mod policy;
mod ports;
mod watch;

use std::sync::Arc;

pub use digest::{Digested, Reckoned};
pub use look::Looked;
pub use message::{Audience, Message};
pub use policy::{AlertRules, Change, Found, Share, judge};
pub use ports::Announcer;
pub use watch::{Alert, AlertKind, Watch};

use ghl_sync_engine::ports::{Clock, Counters, EventSink, Versioned};
use ghl_sync_engine::usecase::Ports;
use ghl_sync_model::LocationProfile;

/// Looks after all locations, and tells people. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    ports: AlertPorts,
    rules: AlertRules,
    /// Of which installation messages speak.
    place: Place,
}

/// What alerts work with.
#[derive(Clone)]
pub struct AlertPorts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How locations stand, and what was counted.
    pub counters: Arc<dyn Counters>,
    /// Hears what happens.
    pub sink: Arc<dyn EventSink>,
    /// Which alerts are on.
    pub watch: Versioned<Watch>,
    /// What had been counted when the last digest was told.
    pub reckoned: Versioned<Reckoned>,
    /// What GHL calls locations.
    pub profiles: Versioned<LocationProfile>,
    /// Who is told of alerts; `None` if nobody is but the log.
    pub alerts_to: Option<Arc<dyn Announcer>>,
    /// Who is told digests; `None` if nobody is.
    pub digests_to: Option<Arc<dyn Announcer>>,
}

impl AlertPorts {
    /// The ports of an engine, and nobody who is told yet.
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

/// Which installation it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The stack's name, which every message begins with.
    pub stack: String,
    /// The address of its dashboard, which messages link to; `None` if it has none.
    pub dashboard: Option<String>,
}

impl Alerts {
    /// Alerts of the installation `place`, by these rules.
    #[must_use]
    pub fn new(ports: AlertPorts, rules: AlertRules, place: Place) -> Alerts {
        Alerts { ports, rules, place }
    }
}
