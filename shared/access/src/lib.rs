//! GHL access tokens: where a location's credentials come from, who renews a token, and when one is refused.
//!
//! [`AccessTokens`] provides the token for a call. The pure parts in `token` make all decisions; [`ports`] lists the
//! outside services.

mod access_tokens;
pub mod ports;
mod token;
mod token_source;

pub use access_tokens::{AccessTokens, NoToken, TokenPorts};
pub use token::{
    AccessToken, REPEAT_WINDOW, RenewalFailure, TokenEntry, TokenError, TokenLease, TokenQuery, TokenStep,
};
