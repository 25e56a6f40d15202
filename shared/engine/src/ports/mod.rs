//! The engine's interfaces to the outside world. `shared/aws` and `shared/ghl` implement them for production, and the
//! `testing` module (a feature) in memory.

mod error;
mod gates;
mod known;
pub(crate) mod outbox;
mod queue;
mod registry;
mod versioned;

use std::time::Duration;

use async_trait::async_trait;

use crate::counts::{Counted, Counts};
use crate::standing::Standing;
use ghl_sync_model::{Call, EpochMs, KnownCredentials, LocationId, Reply};

pub use error::{BoxError, PortError};
pub use gates::{DueChecks, GateEntry, GateStore};
pub use known::{Bookmarks, Installations, KnownBefore, KnownStates, RemoteKey, Replacement};
pub use outbox::{
    Backlog, Due, FailedPage, ImportPage, ListedPage, Loaded, MAX_AWAITED_BY, Outbox, Put, Settled, Tallied,
};
pub use queue::{BatchQueue, DeadLetterQueue, DeadLetters, MAX_DELAY, Receipt, TakenDeadLetter};
pub use registry::{LocationIds, LocationRegistry, StoredSettings};
pub use versioned::{Entry, ItemPage, ItemStore, Listing, NewItem, Replaced, StoredItem, Versioned};

/// The current time, and waiting for a time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> EpochMs;

    /// Returns at `time`, or at once if it has passed.
    async fn sleep_until(&self, time: EpochMs);
}

/// A source of randomness.
pub trait Randomness: Send + Sync {
    /// A random number in `0.0..1.0`.
    fn roll(&self) -> f64;
}

/// Calls GHL, one request at a time. Implementations neither retry nor follow redirects: one permit is one request.
#[async_trait]
pub trait Crm: Send + Sync {
    /// Sends `call` for `location`; gives up after `timeout`, which includes connecting.
    async fn call(&self, location: &LocationId, call: &Call, timeout: Duration) -> Reply;

    /// The request for `call` as text for a dry run: method, path and body, without credentials.
    async fn preview(&self, location: &LocationId, call: &Call) -> String;

    /// A description of the credentials of `location`, without secrets; `None` if unknown. Makes no call.
    async fn credentials(&self, _location: &LocationId) -> Option<KnownCredentials> {
        None
    }
}

/// Counters and standings for people and programs to look at, and the time of the last tick. Nothing depends on them,
/// so losing one does no harm.
#[async_trait]
pub trait Counters: Send + Sync {
    /// Adds `counts` to those of `location`, now; `allowed` is the number of calls per minute that its pace allows. If
    /// `standing` is given, the same write stores it.
    async fn add(
        &self,
        location: &LocationId,
        now: EpochMs,
        counts: &Counts,
        allowed: Option<u64>,
        standing: Option<&Standing>,
    ) -> Result<(), PortError>;

    /// Stores the standing of `location`.
    async fn tell(&self, location: &LocationId, standing: &Standing) -> Result<(), PortError>;

    /// The counters of `location`.
    async fn of(&self, location: &LocationId, now: EpochMs) -> Result<Counted, PortError> {
        Ok(self.of_each(std::slice::from_ref(location), now).await?.pop().unwrap_or_default())
    }

    /// The counters of these locations, in the given order.
    async fn of_each(&self, locations: &[LocationId], now: EpochMs) -> Result<Vec<Counted>, PortError>;

    /// The totals of `location` since the beginning (strongly consistent).
    async fn sums(&self, location: &LocationId) -> Result<Counts, PortError>;

    /// When the standing of `location` was last stored, or else when it was first counted.
    async fn told_at(&self, location: &LocationId) -> Result<Option<EpochMs>, PortError>;

    /// The standings of these locations, in no particular order. A location without a stored standing is left out.
    async fn standings_of(&self, locations: &[LocationId]) -> Result<Vec<(LocationId, Standing)>, PortError>;

    /// All stored standings, in no particular order. Eventually consistent. Standings that cannot be read are left out.
    async fn standings(&self) -> Result<Vec<(LocationId, Standing)>, PortError>;

    /// The standings of locations that were in trouble when they were stored: about `limit` of them, the most urgent
    /// first, and whether these are all.
    async fn in_trouble(&self, limit: usize) -> Result<(Vec<(LocationId, Standing)>, bool), PortError>;

    /// Deletes the counters and the standing of `location`.
    async fn forget(&self, location: &LocationId) -> Result<(), PortError>;

    /// Records a tick.
    async fn ticked(&self, now: EpochMs) -> Result<(), PortError>;

    /// The time of the last tick, if there was one.
    async fn last_tick(&self) -> Result<Option<EpochMs>, PortError>;
}
