//! Verifies and reads GHL's webhooks.
//!
//! [`WebhookKeys::verify`] checks the signature of a body as received, byte for byte; [`read`] turns it into an
//! event. The body is not trusted before that, and errors repeat nothing of it except names of its fields.

mod event;
mod keys;
mod signature;

pub use event::{WebhookError, read};
pub use keys::{WebhookKeyError, WebhookKeys};
pub use signature::{SignatureError, Signatures};
