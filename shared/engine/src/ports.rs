//! What the engine needs of the world, in its own words. `shared/aws` and `shared/ghl` implement these for real,
//! the module `testing` (a feature) in memory.

mod migration;

use std::time::Duration;

use async_trait::async_trait;

use crate::counts::{Counted, Counts};
use crate::domain::{
    Api, Batch, Bookmark, Call, ContentHash, CredentialsRef, DeadLetter, EpochMs, EventId, FailedCursor, GhlId, Kind,
    KnownState, LocationId, LocationSettings, OAuthGrant, Outcome, Priority, PutRecord, Record, RecordKey, Reply,
    Resolution, ScopeId, Secret, SettingsOverlay,
};
use crate::policy::{Fleet, Gate, Precedence, TokenEntry, TokenError};

pub use migration::{
    MigrationEntry, MigrationQueue, MigrationStore, MigrationWritten, StoredMigrationConfig, TargetClaim,
};

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

    /// How many records of `location` and `priority` are due, now or later, counted up to `cap`. Eventually consistent.
    async fn count_due(&self, location: &LocationId, priority: Priority, cap: u32) -> Result<Backlog, PortError>;

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

    /// Makes `record` due now with its attempts counted anew, if it still stands as failed in this version. Returns
    /// whether it did.
    async fn replay(&self, record: &Record, now: EpochMs) -> Result<bool, PortError>;

    /// The records of `location` that GHL knows by this id: one, or more if GHL took several for the same contact.
    /// Eventually consistent.
    async fn of_ghl_id(&self, location: &LocationId, ghl_id: &GhlId) -> Result<Vec<RecordKey>, PortError>;

    /// Writes down what reconciling has decided about `record`, if it still is due, or not due, in this version.
    /// Returns whether it did.
    async fn resolve(&self, record: &Record, resolution: &Resolution, now: EpochMs) -> Result<bool, PortError>;
}

/// A number that was counted up to a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tallied {
    /// So many were seen.
    pub count: u64,
    /// There are more.
    pub capped: bool,
}

/// How much is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How many records.
    pub tallied: Tallied,
    /// When the first of them is due.
    pub oldest_at: Option<EpochMs>,
}

/// Some of the failed records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailedPage {
    /// Which, the oldest failure first.
    pub keys: Vec<RecordKey>,
    /// Where to go on; `None` on the last page.
    pub next: Option<FailedCursor>,
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

impl GateEntry {
    /// When the last put was, if the due index may still hide something of it.
    #[must_use]
    pub fn hidden_since(&self, now: EpochMs, index_lag: Duration) -> Option<EpochMs> {
        let unseen = self.kick > self.gate.seen_kick();
        self.kicked_at.filter(|put_at| unseen && *put_at + index_lag > now)
    }

    /// The number of the last put, if all of it must be in the due index by now.
    #[must_use]
    pub fn indexed_kick(&self, now: EpochMs, index_lag: Duration) -> Option<u64> {
        self.kicked_at.is_none_or(|put_at| put_at + index_lag <= now).then_some(self.kick)
    }
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

    /// Says that records were put: `kick + 1`, look at the gate now. Returns the put's number.
    async fn kick(&self, scope: &ScopeId, now: EpochMs) -> Result<u64, PortError>;

    /// Scopes whose time to look at has come, at most `limit`. Eventually consistent.
    async fn needing_look(&self, now: EpochMs, limit: u32) -> Result<Vec<ScopeId>, PortError>;
}

/// What the locations of one API host know together, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FleetEntry {
    /// Advances with every write; 0 is one that does not exist yet.
    pub rev: u64,
    /// What they know.
    pub fleet: Fleet,
}

/// What [`FleetStore::replace`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetReplaced {
    /// It is stored, with this `rev`.
    Written {
        /// The new revision.
        rev: u64,
    },
    /// Somebody else wrote first; this is what stands there now.
    Conflict(Box<FleetEntry>),
}

/// What all locations of an API host know together: one item a host, read once a batch, written only when something
/// goes wrong and when that is over.
#[async_trait]
pub trait FleetStore: Send + Sync {
    /// What is known. Eventually consistent.
    async fn load(&self, api: Api) -> Result<FleetEntry, PortError>;

    /// Stores `fleet` if the stored revision is still `rev`.
    async fn replace(&self, api: Api, rev: u64, fleet: &Fleet) -> Result<FleetReplaced, PortError>;
}

/// The queue of batches.
#[async_trait]
pub trait BatchQueue: Send + Sync {
    /// Sends `batch`, to be received after `delay` (at most [`MAX_DELAY`], in whole seconds).
    async fn send(&self, batch: &Batch, delay: Duration) -> Result<(), PortError>;

    /// Asks for `location` to be reconciled, after `delay` likewise.
    async fn ask_to_reconcile(&self, location: &LocationId, delay: Duration) -> Result<(), PortError>;
}

/// The longest delay of a message (SQS: 15 minutes).
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// Settings of locations: what an operator has set, over what the environment says.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The settings of one location; `None` if it is not known. They may be some seconds old.
    async fn location(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError>;

    /// The locations that share a scope.
    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError>;

    /// All locations that are known: those named in the environment and those that were ever registered, enabled or
    /// not.
    async fn locations(&self) -> Result<Vec<LocationId>, PortError>;

    /// The scopes of all of these.
    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError>;

    /// Makes `location` known, for [`Directory::locations`]. Done before its first record is put; after that it costs
    /// nothing.
    async fn register(&self, location: &LocationId) -> Result<(), PortError>;

    /// The settings as they are now (strongly consistent); `None` if the location is not known.
    async fn stored(&self, location: &LocationId) -> Result<Option<StoredSettings>, PortError>;

    /// Stores `overlay` in place of what was set before, if the stored revision is still `rev` (0: nothing was set
    /// yet), and makes the location known.
    async fn store(
        &self,
        location: &LocationId,
        rev: u64,
        overlay: &SettingsOverlay,
    ) -> Result<SettingsWritten, PortError>;
}

/// The settings of a location, and what of them an operator has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSettings {
    /// Advances with every change; 0 when nothing was ever set.
    pub rev: u64,
    /// What an operator has set.
    pub overlay: SettingsOverlay,
    /// What the environment says.
    pub base: LocationSettings,
}

impl StoredSettings {
    /// What holds: the overlay over the base.
    #[must_use]
    pub fn effective(&self) -> LocationSettings {
        self.overlay.over(self.base.clone())
    }
}

/// What [`Directory::store`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsWritten {
    /// They are stored, with this revision.
    Written {
        /// The new revision.
        rev: u64,
    },
    /// Somebody else wrote first.
    Conflict,
}

/// Sums of what happened, for people and programs to look at, and the time of the last tick. Nothing depends on them:
/// one that is lost is no harm.
#[async_trait]
pub trait Counters: Send + Sync {
    /// Adds `counts` to those of `location`, now; `allowed` is how many calls its pace allows in a minute.
    async fn add(
        &self,
        location: &LocationId,
        now: EpochMs,
        counts: &Counts,
        allowed: Option<u64>,
    ) -> Result<(), PortError>;

    /// The counters of `location`.
    async fn of(&self, location: &LocationId, now: EpochMs) -> Result<Counted, PortError>;

    /// Takes note of a tick.
    async fn ticked(&self, now: EpochMs) -> Result<(), PortError>;

    /// When the last tick was, if there was one.
    async fn last_tick(&self) -> Result<Option<EpochMs>, PortError>;
}

/// Messages that could not be handled: the dead-letter queue, and the queue beside it where what is no batch is parked.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// How many there are in both, about, those that somebody is at included; `None` if nobody said which queues they
    /// are.
    async fn depth(&self) -> Result<Option<u64>, PortError>;

    /// Puts a copy of `letter` into the parking queue, where nothing takes it but a person. Done twice it is there twice.
    async fn park(&self, letter: &DeadLetter) -> Result<(), PortError>;

    /// Takes up to `limit` (at most 10) letters out of `queue`; nobody else sees them for as long as `hidden_for`. None
    /// if there are none.
    async fn take(&self, queue: LetterQueue, limit: u32, hidden_for: Duration) -> Result<Vec<TakenLetter>, PortError>;

    /// Deletes a letter for good. One that was deleted before is no error.
    async fn delete(&self, receipt: &Receipt) -> Result<(), PortError>;

    /// Shows a letter to everybody again, at once.
    async fn put_back(&self, receipt: &Receipt) -> Result<(), PortError>;
}

/// One of the two queues of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LetterQueue {
    /// The dead-letter queue of the batches.
    Dead,
    /// What is parked.
    Parked,
}

/// A letter that was taken out of its queue for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenLetter {
    /// The letter.
    pub letter: DeadLetter,
    /// Names it to [`DeadLetters::delete`] and [`DeadLetters::put_back`].
    pub receipt: Receipt,
}

/// Who has taken a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Out of which queue.
    pub queue: LetterQueue,
    /// The queue's name for this taking of the letter.
    pub handle: String,
}

/// A record by GHL's own id of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteKey<'a> {
    /// Where.
    pub location: &'a LocationId,
    /// What it is.
    pub kind: Kind,
    /// GHL's id of it.
    pub ghl_id: &'a GhlId,
}

/// The last known GHL state of each record, and which events were seen. Beside the outbox: nothing in here is due.
#[async_trait]
pub trait KnownStates: Send + Sync {
    /// Stores `state` as what is known of the record, if `precedence` puts it over what is known now. One write, which
    /// may be repeated.
    async fn replace(
        &self,
        key: RemoteKey<'_>,
        state: &KnownState,
        precedence: &Precedence,
        now: EpochMs,
    ) -> Result<Replacement, PortError>;

    /// What is known of a record (strongly consistent); `None` if GHL has told nothing of it.
    async fn load(&self, key: RemoteKey<'_>) -> Result<Option<KnownState>, PortError>;

    /// Remembers `event` until `until` at least; false if it was remembered already. One write.
    async fn remember(&self, event: &EventId, now: EpochMs, until: EpochMs) -> Result<bool, PortError>;
}

/// How far reconciling has read the changes of each location.
#[async_trait]
pub trait Bookmarks: Send + Sync {
    /// Where to go on; `None` if the location was never read.
    async fn find(&self, location: &LocationId) -> Result<Option<Bookmark>, PortError>;

    /// Keeps `bookmark` in place of the one before.
    async fn keep(&self, location: &LocationId, bookmark: &Bookmark) -> Result<(), PortError>;
}

/// What [`KnownStates::replace`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// The state is stored. What was known before, if anything was.
    Done(Option<KnownBefore>),
    /// What is known is newer, or the same.
    Refused(KnownBefore),
}

/// The state that was known before, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBefore {
    /// The event that told it.
    pub event_id: EventId,
    /// Hash of its content; `None` of a deleted record.
    pub hash: Option<ContentHash>,
}

/// In which order the app was installed and removed.
#[async_trait]
pub trait Installations: Send + Sync {
    /// Takes note that the app was installed in `location`, or removed from it, at `at`; false if it was later told
    /// otherwise. The same again is true again: what follows from it may not have been done. One write.
    async fn note(&self, location: &LocationId, installed: bool, at: EpochMs) -> Result<bool, PortError>;
}

/// Where credentials are kept.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The content of what `reference` names, as it is now.
    async fn read(&self, reference: &CredentialsRef) -> Result<Secret, SecretError>;
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It is not there, or may not be read. A person must mend that.
    #[error("{0}")]
    Missing(String),
    /// The store did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The tokens that were issued, one entry a grant or location of a grant.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The entry as it is now (strongly consistent); the default if there is none.
    async fn load(&self, key: &str) -> Result<TokenEntry, PortError>;

    /// Stores `entry` if the stored fence is still the one before its own.
    async fn replace(&self, key: &str, entry: &TokenEntry) -> Result<TokenReplaced, PortError>;
}

/// What [`TokenStore::replace`] did.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenReplaced {
    /// The entry is stored.
    Written,
    /// Somebody else wrote first; this is what stands there now.
    Conflict(Box<TokenEntry>),
}

/// Where GHL issues tokens, one request at a time. These requests do not count toward a location's quota.
#[async_trait]
pub trait TokenEndpoint: Send + Sync {
    /// New tokens for `refresh_token`, which is used up by it.
    async fn refresh(&self, grant: &OAuthGrant, refresh_token: &Secret) -> Result<IssuedTokens, TokenError>;

    /// A token for one location of the agency that `company_token` speaks for.
    async fn location_token(
        &self,
        company_token: &Secret,
        company_id: &str,
        location: &LocationId,
    ) -> Result<IssuedTokens, TokenError>;
}

/// What GHL issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedTokens {
    /// The token for calls.
    pub access: Secret,
    /// The token for the next refresh, unless there is none.
    pub refresh: Option<Secret>,
    /// How long the token for calls is good.
    pub expires_in: Duration,
    /// For whom it speaks, if GHL says so: `Location` or `Company`.
    pub user_type: Option<String>,
}

/// Where events are counted and logged. Must not block.
pub trait Meter: Send + Sync {
    /// Takes note of `event`.
    fn note(&self, event: &Event<'_>);
}

pub use crate::usecase::Event;
