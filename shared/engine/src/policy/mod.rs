//! Pure decisions. Time and chance are arguments; a refusal is a value that says how long to wait.

mod comparison;
mod consent;
mod not_stored;
mod precedence;
mod reconcile;
mod retry_class;
mod shared_identity;
mod write_origin;

pub use consent::{needs_known_consent, not_sent, payload_to_send};
pub use not_stored::NotStored;
pub use precedence::Precedence;
pub(crate) use reconcile::SOON;
pub use reconcile::{has_quota_to_spare, last_accepted, resolve, rule_for};
pub use retry_class::{Class, classify};
pub use shared_identity::{SharedBy, SharedIdentity, shared_identities};
pub use write_origin::{WriteOrigin, origin};
