//! GHL's webhooks: whether they are genuine, and what they say.
//!
//! [`WebhookKeys::verify`] checks the signature of a body as it came, byte for byte; [`read`] makes an event of it. The
//! body is not trusted before, and nothing of it is repeated in an error but the names of its fields.

mod event;
mod keys;
mod signature;

pub use event::{WebhookError, read};
pub use keys::{KeyError, WebhookKeys};
pub use signature::{SignatureError, Signatures};
