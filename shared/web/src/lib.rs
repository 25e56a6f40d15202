//! Shared code of the functions behind API Gateway's HTTP API: events, request ids and authentication.
//!
//! A request carries a key, or a browser's session cookie, or API Gateway identifies the caller; [`Claim`] reads that,
//! and [`Callers`] finds the owner. Each function decides what the caller may do.

mod caller;
mod callers;
mod claim;
mod event;
mod jwt;
mod known_keys;
mod origin;
mod remembered;
mod request_id;
mod sessions;
mod shown;
mod strangers;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

pub use caller::Caller;
pub use callers::{Callers, NotLetIn};
pub use claim::Claim;
pub use event::{EventError, handle};
pub use origin::origin;
pub use request_id::RequestId;
pub use sessions::{Cookie, LENGTH, SameSite, cookie_value, from_our_page, hex, is_secure, no_cookie, set_cookie};
pub use shown::PresentedKey;

/// The stylesheet of all pages.
pub const STYLE: &str = include_str!("style.css");

/// The source expression that allows this style or script in a content security policy.
#[must_use]
pub fn policy_hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}
