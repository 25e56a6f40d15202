//! A step of an import and its result.

use std::time::Duration;

use ghl_sync_model::{EpochMs, LocationFacts};

use crate::ListPlace;
use crate::checkpoint::{Checkpoint, ImportEnd};
use crate::ports::FileInfo;

/// A step of an import in progress.
pub(crate) struct StepRun {
    pub(crate) place: ListPlace,
    pub(crate) file: FileInfo,
    pub(crate) deadline: EpochMs,
    pub(crate) checkpoint: Checkpoint,
    /// The location's facts.
    pub(crate) facts: Option<LocationFacts>,
    /// Revision of the checkpoint.
    pub(crate) rev: u64,
}

/// How a step ends.
pub(crate) enum StepEnd {
    /// Another step follows after this time.
    Step(Duration),
    /// The import has ended, and its report is written.
    End(ImportEnd),
    /// Another invocation has begun a step of the same import.
    Overtaken,
}
