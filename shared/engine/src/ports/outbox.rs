//! The outbox: records, and when they are due.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;
use ghl_sync_model::{
    EpochMs, FailedCursor, GhlId, ImportId, ImportStanding, Kind, LastError, LocationId, Outcome, Payload, Priority,
    PutRecord, Record, RecordCursor, RecordKey, Resolution,
};

/// The most records that one record can wake. Further ones check again by themselves.
pub const MAX_AWAITED_BY: usize = 200;

/// Stores records, and when they are due.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Stores `record` as due now. Does nothing if the content equals what GHL last accepted and the record is not due,
    /// or if the content dates from an earlier time than the stored content (see [`PutRecord::as_of`]). Of several puts
    /// that date their content, the newest wins, in whatever order they arrive.
    async fn put(&self, record: &PutRecord, now: EpochMs) -> Result<Put, PortError>;

    /// The first `limit` records of `location` and `priority` by due time, soonest first, including those due later.
    /// Strongly consistent: it shows every `put` and `settle` that has returned.
    async fn due(&self, location: &LocationId, priority: Priority, limit: u32) -> Result<Vec<Due>, PortError>;

    /// The records with these keys as they are now (strongly consistent). Unknown keys are left out; a record that
    /// cannot be read is [`Loaded::Damaged`].
    async fn load(&self, location: &LocationId, keys: &[RecordKey]) -> Result<Vec<Loaded>, PortError>;

    /// Stores the outcome of `record`. GHL's result is always recorded; the record's due time changes only if the
    /// record has not been put again since it was loaded.
    async fn settle(&self, record: &Record, outcome: &Outcome, now: EpochMs) -> Result<Settled, PortError>;

    /// Removes a damaged record from the due index and marks it as failed with `reason`.
    async fn quarantine(
        &self,
        location: &LocationId,
        key: &RecordKey,
        reason: &str,
        now: EpochMs,
    ) -> Result<(), PortError>;

    /// Drops the content of `record`, if GHL has its last version and nothing has happened to it since it was loaded.
    /// The hash stays, so that putting the same content is still a no-op. Returns whether it did.
    async fn drop_content(&self, record: &Record, now: EpochMs) -> Result<bool, PortError>;

    /// How many records of `location` and `priority` are due, now or later, counted up to `cap`. Eventually consistent.
    async fn count_due(&self, location: &LocationId, priority: Priority, cap: u32) -> Result<Backlog, PortError>;

    /// The same for each priority, in the order of [`Priority::ALL`].
    async fn backlog(&self, location: &LocationId, cap: u32) -> Result<[Backlog; 3], PortError>;

    /// How many records of `location` have failed, counted up to `cap`. Eventually consistent.
    async fn count_failed(&self, location: &LocationId, cap: u32) -> Result<Tallied, PortError>;

    /// Up to `limit` failed records of `location` after `after`, the oldest failure first. Eventually consistent.
    async fn failed(
        &self,
        location: &LocationId,
        after: Option<&FailedCursor>,
        limit: u32,
    ) -> Result<FailedPage, PortError>;

    /// Up to `limit` records of `location` in any state after `after`, in key order. Eventually consistent. A page may
    /// be short without being the last.
    async fn listed(
        &self,
        location: &LocationId,
        kind: Option<Kind>,
        after: Option<&RecordCursor>,
        limit: u32,
    ) -> Result<ListedPage, PortError>;

    /// Makes `record` due for deletion in GHL, if it still has this version and its GHL id is known. Returns whether it
    /// did.
    async fn ask_deletion(&self, record: &Record, now: EpochMs) -> Result<bool, PortError>;

    /// Makes `record` due for undo, if it still has this version and its import can be undone. Leaves records that are
    /// to be deleted alone. Returns whether it did.
    async fn ask_undo(&self, record: &Record, now: EpochMs) -> Result<bool, PortError>;

    /// Deletes a record and everything stored about it here. Returns the records that waited for its GHL id; `None` if
    /// there was no such record. A batch that is sending the record does not bring it back when it settles it.
    async fn forget(&self, location: &LocationId, key: &RecordKey) -> Result<Option<Vec<RecordKey>>, PortError>;

    /// Makes `record` due now and resets its attempts, if it is still failed in this version. Returns whether it did.
    async fn replay(&self, record: &Record, now: EpochMs) -> Result<bool, PortError>;

    /// Replaces the content of `record` with `payload`, if it is still failed in this version. The version advances,
    /// the record is due now, and its attempts are reset. Import, undo, conflict and priority stay, and so does the
    /// content's date: it is the same content, corrected. Returns whether it did.
    async fn mend(&self, record: &Record, payload: &Payload, now: EpochMs) -> Result<bool, PortError>;

    /// Deletes `record` and everything stored about it here, if it is still failed in this version. Returns the records
    /// that waited for its GHL id; `None` if it was left.
    async fn dismiss(&self, record: &Record) -> Result<Option<Vec<RecordKey>>, PortError>;

    /// Notes on the record `awaited` that `waiting` waits for its GHL id. Writes nothing and returns false if the
    /// awaited record already has an id, is due, does not exist, or is awaited by [`MAX_AWAITED_BY`] others.
    async fn await_id(&self, waiting: &Record, awaited: &RecordKey) -> Result<bool, PortError>;

    /// Makes `waiting` due, which waits for `awaited` or is about to: see [`Record::woken_at`]. Does nothing for a
    /// record that is neither due nor waiting.
    async fn wake(&self, waiting: &Record, awaited: &RecordKey, now: EpochMs) -> Result<(), PortError>;

    /// The records of `location` with this GHL id: one, or more if GHL matched several to the same contact. Eventually
    /// consistent.
    async fn of_ghl_id(&self, location: &LocationId, ghl_id: &GhlId) -> Result<Vec<RecordKey>, PortError>;

    /// How many records of `import` have this `standing`, counted up to `cap`. Eventually consistent.
    async fn count_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        cap: u32,
    ) -> Result<Tallied, PortError>;

    /// Up to `limit` records of `import` with this `standing` after `after`, in an order that the outbox chooses.
    /// Strongly consistent.
    async fn of_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Result<ImportPage, PortError>;

    /// Marks `record` as failed with `error`, if it is still pending (due, or waiting for another) in this version.
    /// Returns whether it did. A later outcome counts as for any failed record.
    async fn withdraw(&self, record: &Record, error: &LastError, now: EpochMs) -> Result<bool, PortError>;

    /// Stores reconciling's decision about `record`, if the record's version and whether it is due are unchanged.
    /// Returns whether it did.
    async fn resolve(&self, record: &Record, resolution: &Resolution, now: EpochMs) -> Result<bool, PortError>;
}

/// A number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Tally))]
pub struct Tallied {
    /// The count, at most the cap.
    pub count: u64,
    /// Whether there are more than were counted.
    pub capped: bool,
}

/// The number of due records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Backlog {
    /// Number of records.
    #[serde(flatten)]
    pub tallied: Tallied,
    /// Due time of the first of them.
    pub oldest_at: Option<EpochMs>,
}

impl Backlog {
    /// The sum of both.
    #[must_use]
    pub fn and(self, other: Backlog) -> Backlog {
        Backlog {
            tallied: Tallied {
                count: self.tallied.count + other.tallied.count,
                capped: self.tallied.capped || other.tallied.capped,
            },
            oldest_at: [self.oldest_at, other.oldest_at].into_iter().flatten().min(),
        }
    }
}

/// A page of failed records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailedPage {
    /// Record keys, the oldest failure first.
    pub keys: Vec<RecordKey>,
    /// Where to continue; `None` on the last page.
    pub next: Option<FailedCursor>,
}

/// A page of a location's records.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListedPage {
    /// The records, in key order.
    pub records: Vec<Loaded>,
    /// Where to continue; `None` on the last page.
    pub next: Option<RecordCursor>,
}

/// A page of an import's records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportPage {
    /// The records of the page.
    pub keys: Vec<RecordKey>,
    /// Where to continue; `None` on the last page.
    pub next: Option<RecordKey>,
}

/// Result of [`Outbox::put`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Stored, and due.
    Stored,
    /// Nothing stored: GHL already has this content.
    Unchanged,
    /// Nothing stored: the stored content dates from a later time.
    Outdated,
}

/// An entry of the due index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Key of the record.
    pub key: RecordKey,
    /// The earliest time at which it may be sent.
    pub due_at: EpochMs,
}

/// Result of [`Outbox::load`] for one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Loaded {
    /// A record.
    Record(Box<Record>),
    /// An item that is not a readable record.
    Damaged {
        /// The record whose item cannot be read.
        key: RecordKey,
        /// Why it cannot be read.
        reason: String,
    },
}

/// Result of [`Outbox::settle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The outcome and the due time are stored.
    Done,
    /// The record was put again, or its due time changed, so it stays due.
    ChangedMeanwhile,
    /// Nothing is stored: records wait for this one that [`Record::awaited_by`] does not list yet. They must be woken
    /// first.
    AwaitedByMore,
}
