//! What people are told of locations in trouble, for the sink.

use ghl_sync_model::LocationId;

use crate::ports::PortError;

/// Something that people were told, or should have been.
#[derive(Debug, Clone, Copy)]
pub enum AlertNews<'a> {
    /// Somebody should look.
    Begun {
        /// What is wrong: `failures`, `credentials`, `other_location`, `breaker` or `throttled`.
        kind: &'static str,
        /// Whose; `None` if it is about all locations together.
        location: Option<&'a LocationId>,
        /// Records that failed within the hour, if it is about them.
        failed: Option<u64>,
        /// Of so many that came to an end.
        ended: Option<u64>,
    },
    /// That is over.
    Over {
        /// What was wrong.
        kind: &'static str,
        /// Whose it was.
        location: Option<&'a LocationId>,
    },
    /// A digest was told.
    Digested {
        /// How many messages.
        messages: usize,
    },
    /// What people should be told could not be found out, or not be sent. The next look tries again.
    Untold {
        /// What the topic answered.
        error: &'a PortError,
    },
}
