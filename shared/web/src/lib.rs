//! What the functions behind the HTTP API of API Gateway share: its events, the ids of requests, and who is calling.
//!
//! A request shows a key, or a browser's cookie that stands for one, or API Gateway says who makes it; [`Claim`] reads
//! that, and [`Callers`] knows whose a key is. What somebody may do then is each function's own business.

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

pub use callers::{Caller, Callers, NotLetIn};
pub use claim::Claim;
pub use event::{EventError, handle};
pub use origin::origin;
pub use request_id::RequestId;
pub use sessions::{Cookie, LENGTH, SameSite, cookie_value, from_our_page, hex, is_secure, no_cookie, set_cookie};
pub use shown::Shown;

/// The style of all pages.
pub const STYLE: &str = include_str!("style.css");

/// What a content security policy calls a style or a script that may be in its page.
#[must_use]
pub fn policy_hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}
