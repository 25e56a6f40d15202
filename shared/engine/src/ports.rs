//! What the engine needs of the world, in its own words. `shared/aws` and `shared/ghl` implement these for real,
//! the module `testing` (a feature) in memory.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{
    Batch, Call, EpochMs, LocationId, LocationSettings, Outcome, Priority, PutRecord, Record, RecordKey, Reply, ScopeId,
};
use crate::policy::Gate;

/// A boxed error of an adapter.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A store or a queue did not do what was asked; it may have done it all the same.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed")]
pub struct PortError {
    /// What was tried.
    pub action: &'static str,
    /// Why it failed.
    #[source]
    pub source: BoxError,
}

impl PortError {
    /// `action` failed because of `source`.
    pub fn new(action: &'static str, source: impl Into<BoxError>) -> Self {
        PortError { action, source: source.into() }
    }
}

/// The time, and waiting for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> EpochMs;

    /// Returns when `time` has come.
    async fn sleep_until(&self, time: EpochMs);
}

/// A source of randomness.
pub trait Dice: Send + Sync {
    /// A number in `0.0..1.0`.
    fn roll(&self) -> f64;
}

/// GHL, one request at a time. Implementations neither retry nor follow redirects: a permit is a request.
#[async_trait]
pub trait Crm: Send + Sync {
    /// Does `call` for `location`; gives up after `timeout`, connecting included.
    async fn call(&self, location: &LocationId, call: &Call, timeout: Duration) -> Reply;

    /// The request that `call` would be, as text for a dry run: method, path and body, without credentials.
    async fn preview(&self, location: &LocationId, call: &Call) -> String;
}

/// The records, and when they are due.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Stores `record` as due now. Content equal to what GHL last accepted, of a record that is not due, is a no-op.
    async fn put(&self, record: &PutRecord, now: EpochMs) -> Result<Put, PortError>;

    /// The `limit` records of `location` and `priority` that are due first, soonest first, those due later included.
    /// Eventually consistent: it may lag some seconds behind `put` and `settle`.
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
}

/// What [`Outbox::put`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Stored, and due.
    Stored,
    /// GHL has this content already.
    Unchanged,
}

/// An entry of the due index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which record.
    pub key: RecordKey,
    /// When.
    pub due_at: EpochMs,
}

/// What [`Outbox::load`] found.
#[derive(Debug, Clone, PartialEq)]
pub enum Loaded {
    /// A record.
    Record(Box<Record>),
    /// An item that is not a readable record.
    Damaged {
        /// Its key.
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
    /// The record was put again meanwhile, and stays due.
    ChangedMeanwhile,
}

/// A gate as it is stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GateEntry {
    /// Advances with every write; 0 is a gate that does not exist yet.
    pub rev: u64,
    /// Advances with every put into one of the scope's locations.
    pub kick: u64,
    /// When the last put was.
    pub kicked_at: Option<EpochMs>,
    /// The gate.
    pub gate: Gate,
}

/// What [`GateStore::replace`] did.
#[derive(Debug, Clone, PartialEq)]
pub enum Replaced {
    /// The gate is stored, with this `rev`.
    Written {
        /// The new revision.
        rev: u64,
    },
    /// Somebody else wrote first; this is what stands there now.
    Conflict(Box<GateEntry>),
}

/// The gates, one item a scope, each write compared and advanced.
#[async_trait]
pub trait GateStore: Send + Sync {
    /// The gate as it is now (strongly consistent).
    async fn load(&self, scope: &ScopeId) -> Result<GateEntry, PortError>;

    /// Stores `gate` if the stored revision is still `rev`. The time to look at the gate next is
    /// [`Gate::look_at`].
    async fn replace(&self, scope: &ScopeId, rev: u64, gate: &Gate) -> Result<Replaced, PortError>;

    /// Says that records were put: `kick + 1`, look at the gate now.
    async fn kick(&self, scope: &ScopeId, now: EpochMs) -> Result<(), PortError>;

    /// Scopes whose time to look at has come, at most `limit`. Eventually consistent.
    async fn needing_look(&self, now: EpochMs, limit: u32) -> Result<Vec<ScopeId>, PortError>;
}

/// The queue of batches.
#[async_trait]
pub trait BatchQueue: Send + Sync {
    /// Sends `batch`, to be received after `delay` (at most [`MAX_DELAY`], in whole seconds).
    async fn send(&self, batch: &Batch, delay: Duration) -> Result<(), PortError>;
}

/// The longest delay of a message (SQS: 15 minutes).
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// Settings of locations.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The settings of one location; `None` if it is not known.
    async fn location(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError>;

    /// The locations that share a scope.
    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError>;

    /// The scopes of all enabled locations.
    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError>;
}

/// Where events are counted and logged. Must not block.
pub trait Meter: Send + Sync {
    /// Takes note of `event`.
    fn note(&self, event: &Event<'_>);
}

pub use crate::usecase::Event;
