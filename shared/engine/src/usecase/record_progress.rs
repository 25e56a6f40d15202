//! A record on its way: what its sync knows of its batch, and how far its calls have come.

use super::Engine;
use super::holders::Holders;
use super::operation::Operation;
use super::permits::Permits;
use super::pre_image::KeptImage;
use ghl_sync_limiter::{WaitReason, WaitUntil};
use ghl_sync_model::{Api, EpochMs, Generation, LastError, LocationId, Outcome, RecordKey};

/// What one record's sync needs to know of its batch.
pub(super) struct RecordSync<'b, 'e> {
    pub(super) engine: &'b Engine,
    pub(super) location: &'b LocationId,
    /// The API that serves it.
    pub(super) api: Api,
    pub(super) batch: Generation,
    pub(super) permits: &'b Permits<'e>,
    /// Who holds which GHL id.
    pub(super) holders: &'b Holders,
    pub(super) dry_run: Option<DryRun>,
    /// The function's deadline, less what is needed to write everything down.
    pub(super) deadline: EpochMs,
}

/// Whose dry run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DryRun {
    /// The location's: the record is done with.
    OfLocation,
    /// This batch's only: the record stays due.
    OfBatch,
}

/// How the calls of a record ended.
pub(super) enum Ended {
    /// GHL has it.
    Accepted,
    /// There will be a next time, and nothing has to be written down for it.
    Deferred(WaitReason),
    /// This is to be written down.
    Outcome(Outcome),
}

/// What follows a call.
pub(super) enum After {
    /// Wait, and try again.
    Retry(WaitUntil),
    /// Go on at once: to the next call, or on another road.
    GoOn,
    End(Ended),
}

/// A record on its way through its calls.
pub(super) struct Progress {
    pub(super) operation: Operation,
    /// What GHL showed before, of an import that can be undone.
    pub(super) image: Option<KeptImage>,
    /// Retries after errors, so far.
    pub(super) retries: u32,
    /// Tries that GHL's quota did not allow, so far. They use up no retry of an error.
    pub(super) throttled: u32,
    /// Whether a call was made again with another token.
    pub(super) changed_token: bool,
    /// Whether it was, or may have been, created without an id that is written down.
    pub(super) created: bool,
    pub(super) called: bool,
    /// Whether it was loaded with an id of GHL's that stands for its content.
    pub(super) had_id: bool,
    /// Records of this batch that have its id as well.
    pub(super) shares_with: Vec<RecordKey>,
    /// A call without an answer may arrive until then.
    pub(super) not_before: Option<EpochMs>,
    pub(super) error: Option<LastError>,
}

impl Progress {
    /// 0 for the first try.
    pub(super) fn attempt(&self) -> u32 {
        self.retries + self.throttled
    }

    /// Whether GHL said that there is nothing under the id with which it was loaded.
    pub(super) fn has_lost_id(&self) -> bool {
        self.had_id && self.operation.ghl_id().is_none()
    }
}
