//! What every contender is measured by.

use std::error::Error;
use std::time::Duration;

use serde::Serialize;

/// Calls that the server allows in a window.
pub(crate) const LIMIT: u32 = 100;
/// The window.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);
/// Of them, what somebody else takes where there is somebody else.
pub(crate) const OTHERS: u32 = LIMIT / 3;
/// Whoever needs longer than so many times the least possible is stopped.
pub(crate) const PATIENCE: u32 = 4;
/// A failure of the comparison itself.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// How the server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counting {
    /// Over any window, exactly.
    Sliding,
    /// By windows that begin anew.
    Fixed,
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself.
    Done,
    /// It was stopped.
    Stopped,
}

/// Writes to stores.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StoreUse {
    /// All.
    pub(crate) writes: u64,
    /// Of them, for the pace.
    pub(crate) pace_writes: u64,
}
