//! Pure decisions. Time and randomness are arguments; a refusal is a value that says how long to wait.

pub mod comparison;
mod consent;
mod not_stored;
mod precedence;
mod retry_class;
mod shared_identity;
mod undo;
mod write_origin;

pub use consent::{
    has_unsent_opt_out, kept_until, needs_known_consent, not_sent, opt_outs_of, payload_to_send, without_consent,
};
pub use not_stored::{NotStored, spelled_otherwise};
pub use precedence::Precedence;
pub use retry_class::{Class, classify};
pub use shared_identity::{SharedBy, SharedIdentity, shared_identities};
pub use undo::{Reversal, ShownNow, Undoing, reversal};
pub use write_origin::{WriteOrigin, origin};
