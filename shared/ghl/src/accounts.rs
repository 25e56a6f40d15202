//! Who we are to GHL: a token per location.

use std::fmt;

use async_trait::async_trait;
use ghl_sync_engine::domain::{Api, LocationId};

/// Where the tokens of locations come from.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The account of `location`; `None` if it has none. Asked before every call, within the call's timeout, so
    /// implementations cache.
    async fn account(&self, location: &LocationId) -> Option<Account>;
}

/// How to speak to GHL for a location.
#[derive(Debug, Clone)]
pub struct Account {
    /// OAuth access token or private integration token (API v2), or the location's API key (v1).
    pub token: Secret,
    /// The API that the token is for.
    pub api: Api,
}

/// A token. It can be neither printed nor logged by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The secret in the clear, for an `Authorization` header and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` without the secret, should it be in there.
    pub(crate) fn redact(&self, text: String) -> String {
        if self.0.is_empty() || !text.contains(&self.0) {
            return text;
        }
        text.replace(&self.0, "[token]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_in_debug_output() {
        let account = Account { token: Secret::new("pit-123"), api: Api::V2 };
        assert_eq!(format!("{account:?}"), "Account { token: Secret([redacted]), api: V2 }");
    }

    #[test]
    fn a_secret_that_a_server_echoes_is_taken_out() {
        let echo = "Invalid token: pit-123".to_owned();
        assert_eq!(Secret::new("pit-123").redact(echo.clone()), "Invalid token: [token]");
        assert_eq!(Secret::new("").redact(echo.clone()), echo);
    }
}
