//! The rules for every contender.

use std::error::Error;
use std::time::Duration;

use serde::Serialize;

/// Calls that the server allows in a window.
pub(crate) const LIMIT: u32 = 100;
/// Length of the window.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);
/// Part of the limit that the other client takes, if there is one.
pub(crate) const OTHERS: u32 = LIMIT / 3;
/// A run is stopped after this multiple of the least possible time.
pub(crate) const PATIENCE: u32 = 4;
/// A failure of the comparison itself.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// How the server counts calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counting {
    /// Over any window, exactly.
    Sliding,
    /// By fixed windows, each of which starts from zero.
    Fixed,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It finished.
    Done,
    /// It was stopped.
    Stopped,
}

/// Store writes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StoreUse {
    /// All writes.
    pub(crate) writes: u64,
    /// Writes for pacing.
    pub(crate) pace_writes: u64,
}
