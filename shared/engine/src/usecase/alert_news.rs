//! Alerts about locations in trouble, for the event sink.

use ghl_sync_model::LocationId;

use crate::ports::PortError;

/// An alert that was sent, or should have been.
#[derive(Debug, Clone, Copy)]
pub enum AlertNews<'a> {
    /// An alert began: somebody should look.
    Begun {
        /// The trouble: `failures`, `credentials`, `other_location`, `breaker` or `throttled`.
        kind: &'static str,
        /// The location in trouble; `None` if the alert is about all locations together.
        location: Option<&'a LocationId>,
        /// Records that failed within the hour, if the alert is about failures.
        failed: Option<u64>,
        /// Records that finished within the hour, failed or not.
        ended: Option<u64>,
    },
    /// The alert is over.
    Over {
        /// The trouble that is over.
        kind: &'static str,
        /// The location that was in trouble.
        location: Option<&'a LocationId>,
    },
    /// A digest was sent.
    Digested {
        /// Number of messages.
        messages: usize,
    },
    /// An alert could not be determined, or not be sent. The next check tries again.
    Untold {
        /// The error of the store or of the topic.
        error: &'a PortError,
    },
}
