//! Decides when a call may begin, so that any number of processes together never exceed a remote API's limits.
//!
//! Everything here is pure: the time is an argument, and a refusal is a value that says how long to wait. The state of
//! one rate scope is one document, the [`Gate`]. Its store (a DynamoDB item, a row, a file) must replace it only if it
//! is still the one that was read. The README shows the idea and an example.

mod backoff;
mod breaker;
mod daily;
mod gate;
mod host_health;
mod ledger;
mod pacing;
mod remaining_quota;
mod rules;
mod wait;

pub use backoff::Backoff;
pub use breaker::{Admission, Breaker};
pub use daily::{Allotment, Daily};
pub use gate::{Gate, Leased, Opening, Plan, Run, Signal, TakeRefused};
pub use host_health::{Deaths, Host, HostAdmission, HostHealth, OpenBreakers, Recovery, Reports};
pub use ledger::Ledger;
pub use pacing::Pacing;
pub use remaining_quota::RemainingQuota;
pub use rules::{BreakerRules, Rules};
pub use wait::{Hold, Pause, PauseReason, WaitReason, WaitUntil};
