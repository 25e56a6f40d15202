//! Delivery of outcome events to subscribers, for the event sink.

use std::error::Error;
use std::time::Duration;

use ghl_sync_model::LocationId;

/// An event about the delivery of outcomes.
#[derive(Debug, Clone)]
pub enum OutcomeNews<'a> {
    /// Changes of records were read, and their events sent.
    Told {
        /// Number of changes.
        changes: usize,
        /// Number of events sent for them.
        events: usize,
        /// Changes that could not be read and were skipped.
        unreadable: usize,
        /// Changes that will come again because something failed.
        repeated: usize,
    },
    /// A change of a record cannot be read, so no event is sent for it.
    Unreadable {
        /// Its sequence number in the table's stream.
        sequence: &'a str,
        /// The error, without the change's content.
        why: &'a dyn Error,
    },
    /// An event was posted to a location's webhook, or failed to be.
    Delivery {
        /// Location that the webhook belongs to.
        location: &'a LocationId,
        /// Id of the event.
        event_id: &'a str,
        /// Number of tries, including this one.
        tries: u32,
        /// Result of this try.
        end: &'a DeliveryEnd,
    },
    /// A message in the delivery queue is not a delivery.
    NotADelivery,
    /// The endpoint of a location's webhook failed for too long, or asked for no more events. It gets none until the
    /// location's settings are stored again.
    SwitchedOff {
        /// The location whose webhook is switched off.
        location: &'a LocationId,
        /// Whether the endpoint itself asked for that (410).
        is_gone: bool,
    },
}

/// Result of delivering an event to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// The endpoint accepted it.
    Delivered,
    /// The location no longer has a webhook, or its endpoint asked for no more events (410).
    NotWanted,
    /// It failed and will be tried again.
    Failed {
        /// The reason, without the endpoint's URL, which may hold a secret.
        why: String,
        /// Delay until the next try.
        rest: Duration,
    },
}
