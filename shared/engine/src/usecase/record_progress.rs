//! State of a record's sync: what it needs from its batch, and how far its calls have come.

use super::Engine;
use super::holders::Holders;
use super::kept_image::KeptImage;
use super::operation::Operation;
use super::permits::Permits;
use ghl_sync_limiter::{WaitReason, WaitUntil};
use ghl_sync_model::{Api, EpochMs, Generation, LastError, LocationId, Outcome, RecordKey};

/// What the sync of one record needs from its batch.
pub(super) struct RecordSync<'b, 'e> {
    pub(super) engine: &'b Engine,
    pub(super) location: &'b LocationId,
    /// The API that serves the location.
    pub(super) api: Api,
    pub(super) batch: Generation,
    pub(super) permits: &'b Permits<'e>,
    /// The records that hold GHL ids.
    pub(super) holders: &'b Holders,
    pub(super) dry_run: Option<DryRun>,
    /// The function's deadline, minus the time needed to store results.
    pub(super) deadline: EpochMs,
}

/// Scope of a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DryRun {
    /// The location is in dry run: the record is done.
    OfLocation,
    /// Only this batch is a dry run: the record stays due.
    OfBatch,
}

/// How the calls of a record ended.
pub(super) enum Ended {
    /// GHL accepted the record.
    Accepted,
    /// The record will be tried again, and nothing needs to be stored for that.
    Deferred(WaitReason),
    /// This outcome must be stored.
    Outcome(Outcome),
}

/// What to do after a call.
pub(super) enum AfterCall {
    /// Wait, then try again.
    Retry(WaitUntil),
    /// Continue at once with the next call, possibly on another course.
    GoOn,
    End(Ended),
}

/// Progress of a record through its calls.
pub(super) struct RecordProgress {
    pub(super) operation: Operation,
    /// The pre-image, for an import that can be undone.
    pub(super) image: Option<KeptImage>,
    /// Retries after errors so far.
    pub(super) retries: u32,
    /// Tries so far that GHL throttled. They do not count as retries after errors.
    pub(super) throttled: u32,
    /// Whether a call was already repeated with another token.
    pub(super) changed_token: bool,
    /// Whether the record was, or may have been, created without its id being stored.
    pub(super) created: bool,
    pub(super) called: bool,
    /// Whether it was loaded with a GHL id that belongs to its content.
    pub(super) had_id: bool,
    /// Records of this batch with the same GHL id.
    pub(super) shares_with: Vec<RecordKey>,
    /// A call without an answer may still arrive until then.
    pub(super) not_before: Option<EpochMs>,
    pub(super) error: Option<LastError>,
}

impl RecordProgress {
    /// Number of earlier tries; 0 for the first.
    pub(super) fn attempt(&self) -> u32 {
        self.retries + self.throttled
    }

    /// Whether GHL reported that nothing exists under the id that the record was loaded with.
    pub(super) fn has_lost_id(&self) -> bool {
        self.had_id && self.operation.ghl_id().is_none()
    }
}
