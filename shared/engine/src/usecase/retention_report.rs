//! The result of dropping old contents.

use serde::Serialize;

/// Results of one invocation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RetentionReport {
    /// Records processed.
    pub looked_at: u64,
    /// Contents dropped.
    pub dropped: u64,
    /// Whether the pass is complete.
    pub done: bool,
}
