//! The records, and when they are due.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;
use ghl_sync_model::{
    EpochMs, FailedCursor, GhlId, ImportId, ImportStanding, Kind, LastError, LocationId, Outcome, Payload, Priority,
    PutRecord, Record, RecordCursor, RecordKey, Resolution,
};

/// So many records wait at most to be woken by one; others look again by themselves.
pub const MAX_AWAITED_BY: usize = 200;

/// The records, and when they are due.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Stores `record` as due now. Content equal to what GHL last accepted, of a record that is not due, is a no-op; so is
    /// content that is true of an earlier time than what stands (see [`PutRecord::as_of`]). Of puts that say when their
    /// content was true the newest stands, in whatever order they come.
    async fn put(&self, record: &PutRecord, now: EpochMs) -> Result<Put, PortError>;

    /// The `limit` records of `location` and `priority` that are due first, soonest first, those due later included.
    /// Strongly consistent: it shows every `put` and `settle` that has returned.
    async fn due(&self, location: &LocationId, priority: Priority, limit: u32) -> Result<Vec<Due>, PortError>;

    /// The records of these keys as they are now (strongly consistent); unknown keys are left out. A record that
    /// cannot be read is [`Loaded::Damaged`].
    async fn load(&self, location: &LocationId, keys: &[RecordKey]) -> Result<Vec<Loaded>, PortError>;

    /// Writes how it ended with `record`. What GHL told is always recorded; the record's due time changes only if it
    /// has not been put again since it was loaded.
    async fn settle(&self, record: &Record, outcome: &Outcome, now: EpochMs) -> Result<Settled, PortError>;

    /// Takes a damaged record out of the due index, as failed, with `reason`.
    async fn quarantine(
        &self,
        location: &LocationId,
        key: &RecordKey,
        reason: &str,
        now: EpochMs,
    ) -> Result<(), PortError>;

    /// Drops the content of `record`, if GHL has its last version and nothing has happened to it since it was loaded. Its
    /// hash stays, so that a put of the same content is nothing new. Returns whether it did.
    async fn drop_content(&self, record: &Record, now: EpochMs) -> Result<bool, PortError>;

    /// How many records of `location` and `priority` are due, now or later, counted up to `cap`. Eventually consistent.
    async fn count_due(&self, location: &LocationId, priority: Priority, cap: u32) -> Result<Backlog, PortError>;

    /// The same for each priority, in the order of [`Priority::ALL`].
    async fn backlog(&self, location: &LocationId, cap: u32) -> Result<[Backlog; 3], PortError>;

    /// How many records of `location` stand as failed, counted up to `cap`. Eventually consistent.
    async fn count_failed(&self, location: &LocationId, cap: u32) -> Result<Tallied, PortError>;

    /// Up to `limit` records of `location` that stand as failed, the oldest failure first, from `after` on. Eventually
    /// consistent.
    async fn failed(
        &self,
        location: &LocationId,
        after: Option<&FailedCursor>,
        limit: u32,
    ) -> Result<FailedPage, PortError>;

    /// Up to `limit` records of `location`, wherever they stand, in the order of their keys, from `after` on. Eventually
    /// consistent. A page may hold fewer, and still not be the last.
    async fn listed(
        &self,
        location: &LocationId,
        kind: Option<Kind>,
        after: Option<&RecordCursor>,
        limit: u32,
    ) -> Result<ListedPage, PortError>;

    /// Makes `record` due for being deleted in GHL, if it still stands in this version and GHL's id of it is known. Returns
    /// whether it did.
    async fn ask_deletion(&self, record: &Record, now: EpochMs) -> Result<bool, PortError>;

    /// Makes `record` due for being undone, if it still stands in this version and its import can be undone. Returns whether
    /// it did. It leaves a record alone that is to be deleted.
    async fn ask_undo(&self, record: &Record, now: EpochMs) -> Result<bool, PortError>;

    /// Deletes a record with all that is kept of it here. Returns the records that waited for its GHL id; `None` if there
    /// was no such record. What a batch that is sending it writes down afterwards does not bring it back.
    async fn forget(&self, location: &LocationId, key: &RecordKey) -> Result<Option<Vec<RecordKey>>, PortError>;

    /// Makes `record` due now with its attempts counted anew, if it still stands as failed in this version. Returns
    /// whether it did.
    async fn replay(&self, record: &Record, now: EpochMs) -> Result<bool, PortError>;

    /// Puts `payload` in place of the content of `record`, if it still stands as failed in this version: one version on,
    /// due now, its attempts counted anew. Import, undo, conflict and priority stay, and so does since when the content is
    /// true: it is the same content, mended. Returns whether it did.
    async fn mend(&self, record: &Record, payload: &Payload, now: EpochMs) -> Result<bool, PortError>;

    /// Deletes `record` with all that is kept of it here, if it still stands as failed in this version. Returns the records
    /// that waited for its GHL id; `None` if it was left.
    async fn dismiss(&self, record: &Record) -> Result<Option<Vec<RecordKey>>, PortError>;

    /// Writes down at the record `awaited` that `waiting` waits for its GHL id. Returns false, and writes nothing, if it
    /// has one, is due, is not there, or is awaited by [`MAX_AWAITED_BY`] others.
    async fn await_id(&self, waiting: &Record, awaited: &RecordKey) -> Result<bool, PortError>;

    /// Makes `waiting` due, which waits for `awaited` or is about to: see [`Record::woken_at`]. Nothing happens to a record
    /// that is neither due nor waiting.
    async fn wake(&self, waiting: &Record, awaited: &RecordKey, now: EpochMs) -> Result<(), PortError>;

    /// The records of `location` that GHL knows by this id: one, or more if GHL took several for the same contact.
    /// Eventually consistent.
    async fn of_ghl_id(&self, location: &LocationId, ghl_id: &GhlId) -> Result<Vec<RecordKey>, PortError>;

    /// How many records of `import` stand at `standing`, counted up to `cap`. Eventually consistent.
    async fn count_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        cap: u32,
    ) -> Result<Tallied, PortError>;

    /// Up to `limit` records of `import` that stand at `standing`, from `after` on, in an order of the outbox's own.
    /// Strongly consistent.
    async fn of_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Result<ImportPage, PortError>;

    /// Makes `record` stand as failed with `error`, if it is still pending (due, or waiting for another) in this version.
    /// Returns whether it did. An outcome that comes later counts as it does of any failed record.
    async fn withdraw(&self, record: &Record, error: &LastError, now: EpochMs) -> Result<bool, PortError>;

    /// Writes down what reconciling has decided about `record`, if it still is due, or not due, in this version.
    /// Returns whether it did.
    async fn resolve(&self, record: &Record, resolution: &Resolution, now: EpochMs) -> Result<bool, PortError>;
}

/// A number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Tally))]
pub struct Tallied {
    /// How many there are, or the most that were counted.
    pub count: u64,
    /// There are more; they were not counted.
    pub capped: bool,
}

/// How much is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Backlog {
    /// How many records.
    #[serde(flatten)]
    pub tallied: Tallied,
    /// When the first of them is due.
    pub oldest_at: Option<EpochMs>,
}

impl Backlog {
    /// Both together.
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

/// Some of the failed records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailedPage {
    /// Which, the oldest failure first.
    pub keys: Vec<RecordKey>,
    /// Where to go on; `None` on the last page.
    pub next: Option<FailedCursor>,
}

/// Some of a location's records.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListedPage {
    /// Which, in the order of their keys.
    pub records: Vec<Loaded>,
    /// Where to go on; `None` on the last page.
    pub next: Option<RecordCursor>,
}

/// Some of an import's records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportPage {
    /// The records of the page.
    pub keys: Vec<RecordKey>,
    /// Where to go on; `None` on the last page.
    pub next: Option<RecordKey>,
}

/// What [`Outbox::put`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Stored, and due.
    Stored,
    /// GHL has this content already.
    Unchanged,
    /// What stands is true of a later time: nothing was stored.
    Outdated,
}

/// An entry of the due index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which record.
    pub key: RecordKey,
    /// From when on it may be sent.
    pub due_at: EpochMs,
}

/// What [`Outbox::load`] found.
#[derive(Debug, Clone, PartialEq)]
pub enum Loaded {
    /// A record.
    Record(Box<Record>),
    /// An item that is not a readable record.
    Damaged {
        /// The record whose item cannot be read.
        key: RecordKey,
        /// What is wrong with it.
        reason: String,
    },
}

/// What [`Outbox::settle`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// All of it.
    Done,
    /// The record was put again meanwhile, and stays due; or it is due at another time than it was.
    ChangedMeanwhile,
    /// Nothing, since records wait for this one of which [`Record::awaited_by`] says nothing yet: they must be woken first.
    AwaitedByMore,
}
