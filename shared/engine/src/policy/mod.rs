//! Pure decisions. Time and chance are arguments; a refusal is a value that says how long to wait.

mod backoff;
mod breaker;
mod credentials;
mod daily;
mod echo;
mod fleet;
mod gate;
mod ledger;
mod pacing;
mod precedence;
mod retry_class;
mod room;
mod rules;
mod wait;

pub use backoff::Backoff;
pub use breaker::{Admission, Breaker};
pub use credentials::{AccessToken, Asking, REPEAT_WINDOW, TokenEntry, TokenError, TokenLease, TokenStep, Trouble};
pub use daily::Daily;
pub use echo::{Origin, origin};
pub use fleet::{Deaths, Fleet, Host, HostAdmission, Recovery, Reports};
pub use gate::{Gate, Leased, Opening, Plan, Run, Signal, TakeRefused};
pub use ledger::Ledger;
pub use pacing::Pacing;
pub use precedence::Precedence;
pub use retry_class::{Class, classify};
pub use room::Room;
pub use rules::{BreakerRules, Rules};
pub use wait::{Hold, Pause, PauseReason, WaitReason, WaitUntil};
