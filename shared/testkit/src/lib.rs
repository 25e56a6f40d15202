//! The system in memory: stateful ports, a simulated GHL, faults, and a driver that runs an engine with them as Lambda
//! does. Everything runs on tokio's paused clock, and seeds determine all randomness.
//!
//! ```
//! use ghl_sync_testkit::{Setup, block_on_paused};
//!
//! block_on_paused(async {
//!     let world = Setup::default().start();
//!     world.run_until_settled(std::time::Duration::from_secs(60)).await.unwrap();
//! });
//! ```

mod bookmarks;
mod clock;
mod counters;
mod crm;
mod dead_letters;
mod drop;
mod fail_nth;
mod gate_store;
mod items;
mod known_states;
mod lag;
mod migration_store;
mod mortal;
mod oauth;
mod outbox;
mod queue;
mod quota;
mod randomness;
mod registry;
mod secrets;
mod sink;
mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use bookmarks::MemoryBookmarks;
pub use clock::{TestClock, block_on_paused};
pub use counters::MemoryCounters;
pub use crm::{Arrival, CallFault, GhlSettings, ObservedCall, SimulatedGhl, says};
pub use dead_letters::MemoryDeadLetters;
pub use drop::{MemoryBucket, MemorySteps};
pub use fail_nth::{FailNth, Op, PortFault, PortFaults};
pub use gate_store::MemoryGateStore;
pub use ghl_sync_fake_ghl::WindowKind;
pub use items::MemoryItems;
pub use known_states::MemoryKnownStates;
pub use lag::Lag;
pub use migration_store::{MemoryMigrationQueue, MemoryMigrationStore};
pub use mortal::dying_at_await;
pub use oauth::{OAuthFault, OAuthSettings, SimulatedOAuth};
pub use outbox::MemoryOutbox;
pub use queue::{MemoryQueue, MessageFate, QueueDelivery};
pub use randomness::TestRandomness;
pub use registry::FixedRegistry;
pub use secrets::MemorySecrets;
pub use sink::{Noted, RecordingSink};
pub use world::{Crash, Setup, Unsettled, World};

/// Locks `mutex` and ignores poisoning, so that a test can panic on purpose.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
