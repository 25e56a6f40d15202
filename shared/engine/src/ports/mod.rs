//! What the engine needs of the world, in its own words. `shared/aws` and `shared/ghl` implement these for real,
//! the module `testing` (a feature) in memory.

mod error;
mod gates;
mod known;
mod outbox;
mod queue;
mod registry;
mod versioned;

use std::time::Duration;

use async_trait::async_trait;

use crate::counts::{Counted, Counts};
use crate::standing::Standing;
use ghl_sync_model::{Call, EpochMs, KnownCredentials, LocationId, Reply};

pub use crate::usecase::event::Event;
pub use error::{BoxError, PortError};
pub use gates::{DueChecks, GateEntry, GateStore};
pub use known::{Bookmarks, Installations, KnownBefore, KnownStates, RemoteKey, Replacement};
pub use outbox::{
    Backlog, Due, FailedPage, ImportPage, ListedPage, Loaded, MAX_AWAITED_BY, Outbox, Put, Settled, Tallied,
};
pub use queue::{BatchQueue, DeadLetterQueue, DeadLetters, MAX_DELAY, Receipt, TakenDeadLetter};
pub use registry::{LocationIds, LocationRegistry, StoredSettings};
pub use versioned::{Entry, ItemPage, ItemStore, Listing, NewItem, Replaced, StoredItem, Versioned};

/// The time, and waiting for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> EpochMs;

    /// Returns when `time` has come.
    async fn sleep_until(&self, time: EpochMs);
}

/// A source of randomness.
pub trait Randomness: Send + Sync {
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

    /// What the credentials of `location` are, without them; `None` if nobody can tell. Makes no call.
    async fn credentials(&self, _location: &LocationId) -> Option<KnownCredentials> {
        None
    }
}

/// Sums of what happened, for people and programs to look at, and the time of the last tick. Nothing depends on them:
/// one that is lost is no harm.
#[async_trait]
pub trait Counters: Send + Sync {
    /// Adds `counts` to those of `location`, now; `allowed` is how many calls its pace allows in a minute. With `standing`,
    /// it is written down in the same write.
    async fn add(
        &self,
        location: &LocationId,
        now: EpochMs,
        counts: &Counts,
        allowed: Option<u64>,
        standing: Option<&Standing>,
    ) -> Result<(), PortError>;

    /// Writes down how `location` stands.
    async fn tell(&self, location: &LocationId, standing: &Standing) -> Result<(), PortError>;

    /// The counters of `location`.
    async fn of(&self, location: &LocationId, now: EpochMs) -> Result<Counted, PortError> {
        Ok(self.of_each(std::slice::from_ref(location), now).await?.pop().unwrap_or_default())
    }

    /// The counters of these locations, in their order.
    async fn of_each(&self, locations: &[LocationId], now: EpochMs) -> Result<Vec<Counted>, PortError>;

    /// What was counted for `location` since the beginning, as it is now (strongly consistent).
    async fn sums(&self, location: &LocationId) -> Result<Counts, PortError>;

    /// When `location` was written down last, or else when something was counted for it first.
    async fn told_at(&self, location: &LocationId) -> Result<Option<EpochMs>, PortError>;

    /// How these locations stand, in no order; one that was never written down is left out.
    async fn standings_of(&self, locations: &[LocationId]) -> Result<Vec<(LocationId, Standing)>, PortError>;

    /// How all locations stand that were written down, in no order. Eventually consistent. One that cannot be read is left
    /// out, like one that was never written down.
    async fn standings(&self) -> Result<Vec<(LocationId, Standing)>, PortError>;

    /// The same for those that were in trouble when they were written down: some `limit` of them, the most urgent first,
    /// and whether these are all.
    async fn in_trouble(&self, limit: usize) -> Result<(Vec<(LocationId, Standing)>, bool), PortError>;

    /// Forgets the counters of `location`, and how it stood.
    async fn forget(&self, location: &LocationId) -> Result<(), PortError>;

    /// Takes note of a tick.
    async fn ticked(&self, now: EpochMs) -> Result<(), PortError>;

    /// When the last tick was, if there was one.
    async fn last_tick(&self) -> Result<Option<EpochMs>, PortError>;
}

/// Where events are counted and logged. Must not block.
pub trait EventSink: Send + Sync {
    /// Takes note of `event`.
    fn emit(&self, event: &Event<'_>);
}
