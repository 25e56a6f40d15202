//! Access tokens of GHL: where a location's credentials come from, who renews a token, and when one is refused.
//!
//! [`AccessTokens`] answers with a token for a call. Whatever it decides is decided by the pure parts in `token`; what it
//! needs of the world stands in [`ports`].

mod access_tokens;
pub mod ports;
mod token;
mod token_source;

pub use access_tokens::{AccessTokens, NoToken, TokenPorts};
pub use token::{AccessToken, Asking, REPEAT_WINDOW, TokenEntry, TokenError, TokenLease, TokenStep, Trouble};
