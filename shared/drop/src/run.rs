//! A step of an import, and how it ends.

use std::time::Duration;

use ghl_sync_model::{EpochMs, LocationFacts};

use crate::Place;
use crate::checkpoint::{Checkpoint, End};
use crate::ports::FileInfo;

/// A step of an import that is under way.
pub(crate) struct Run {
    pub(crate) place: Place,
    pub(crate) file: FileInfo,
    pub(crate) deadline: EpochMs,
    pub(crate) checkpoint: Checkpoint,
    /// What is known of the location.
    pub(crate) facts: Option<LocationFacts>,
    /// The checkpoint's.
    pub(crate) rev: u64,
}

/// How a step ends.
pub(crate) enum Next {
    /// Another one follows, after this time.
    Step(Duration),
    /// It was the last; the report says so.
    End(End),
    /// Somebody else has begun a step of the same import.
    Overtaken,
}
