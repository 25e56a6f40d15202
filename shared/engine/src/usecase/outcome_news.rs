//! What happens when outcomes are told to others, for the sink.

use std::error::Error;
use std::time::Duration;

use ghl_sync_model::LocationId;

/// Something that happened while outcomes were told.
#[derive(Debug, Clone)]
pub enum OutcomeNews<'a> {
    /// Changes of records were read, and what follows from them was told.
    Told {
        /// How many changes.
        changes: usize,
        /// Events that followed from them, and were told.
        events: usize,
        /// Changes that could not be read, and were passed over.
        unreadable: usize,
        /// Changes that come again, because something failed.
        repeated: usize,
    },
    /// A change of a record cannot be read; no event tells of it.
    Unreadable {
        /// Its place in the table's stream.
        sequence: &'a str,
        /// Why. Nothing of what it says.
        why: &'a dyn Error,
    },
    /// An event was posted to a location's webhook, or could not be.
    Delivery {
        /// Whose webhook.
        location: &'a LocationId,
        /// Which event.
        event_id: &'a str,
        /// How often it was tried, this time included.
        tries: u32,
        /// What became of it.
        end: &'a DeliveryEnd,
    },
    /// A message of the queue of deliveries is none.
    NotADelivery,
    /// The endpoint of a location's webhook has failed for too long, or wants nothing any more. It is told nothing until
    /// the location's settings are set again.
    SwitchedOff {
        /// The location whose webhook is switched off.
        location: &'a LocationId,
        /// Whether it said so itself (410).
        is_gone: bool,
    },
}

/// What became of the delivery of an event to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// The endpoint has it.
    Delivered,
    /// The location has no webhook any more, or its endpoint said that it wants nothing (410).
    NotWanted,
    /// It is tried again.
    Failed {
        /// Why. Nothing of the endpoint's URL, which may hold a secret.
        why: String,
        /// After this long.
        rest: Duration,
    },
}
