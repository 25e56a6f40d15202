//! A marketplace app with its credentials, and the grants that it receives.

use std::fmt;

use serde::Deserialize;
use serde_json::json;

use crate::{OAuthGrant, OAuthUser, Secret};

/// A marketplace app: the credentials that identify it to GHL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketplaceApp {
    /// Its client id, which is public.
    pub client_id: String,
    /// Its client secret, sent with each request for tokens.
    pub client_secret: Secret,
}

/// The stored key of an app cannot be used. The error contains none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not {{\"client_id\": \"…\", \"client_secret\": \"…\"}}")]
pub struct InvalidApp;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredApp {
    client_id: String,
    client_secret: String,
}

impl MarketplaceApp {
    /// Parses `{"client_id": …, "client_secret": …}`.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<MarketplaceApp, InvalidApp> {
        let StoredApp { client_id, client_secret } = serde_json::from_str(text).map_err(|_| InvalidApp)?;
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_word(&client_id) || !is_word(&client_secret) {
            return Err(InvalidApp);
        }
        Ok(MarketplaceApp { client_id, client_secret: Secret::new(client_secret) })
    }

    /// GHL's id of the app: the client id up to its hyphen.
    #[must_use]
    pub fn app_id(&self) -> &str {
        self.client_id.split('-').next().unwrap_or_default()
    }
}

/// Shows only the app's id.
impl fmt::Display for MarketplaceApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.client_id)
    }
}

impl OAuthGrant {
    /// The grant in its stored form, which [`Credentials::parse`](crate::Credentials::parse) reads.
    #[must_use]
    pub fn to_stored(&self) -> Secret {
        let OAuthGrant { client_id, client_secret, refresh_token, access_token, user } = self;
        let mut stored = json!({
            "client_id": client_id, "client_secret": client_secret.expose(), "refresh_token": refresh_token.expose(),
            "user_type": user.as_str(),
        });
        if let OAuthUser::Company { company_id } = user {
            stored["company_id"] = json!(company_id);
        }
        if let Some((token, expires_at)) = access_token {
            stored["access_token"] = json!(token.expose());
            stored["expires_at"] = json!(expires_at.0);
        }
        Secret::new(stored.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credentials, EpochMs};

    #[test]
    fn an_app_is_read_whole_or_not_at_all_and_its_key_is_never_shown() {
        let app = MarketplaceApp::parse(r#"{"client_id":"6578-lq2k","client_secret":"hush"}"#).unwrap();
        assert_eq!((app.app_id(), app.to_string().as_str()), ("6578", "6578-lq2k"));
        assert!(!format!("{app:?}").contains("hush"));
        for text in [
            "",
            "hush",
            "{}",
            r#"{"client_id":"a"}"#,
            r#"{"client_id":"a","client_secret":""}"#,
            r#"{"client_id":"a b","client_secret":"hush"}"#,
            r#"{"client_id":"a","client_secret":"hush","refresh_token":"r"}"#,
        ] {
            let error = MarketplaceApp::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_grant_is_read_as_it_was_stored() {
        let company = OAuthUser::Company { company_id: "agency".to_owned() };
        let token = Some((Secret::new("a-0"), EpochMs(1_795_000_000_000)));
        for (user, access_token) in [(OAuthUser::Location, None), (company, token)] {
            let grant = OAuthGrant {
                client_id: "app".to_owned(),
                client_secret: Secret::new("hush"),
                refresh_token: Secret::new("r-0"),
                access_token,
                user,
            };
            assert_eq!(Credentials::parse(grant.to_stored().expose()), Ok(Credentials::OAuth(grant)));
        }
    }
}
