//! How locations are connected in a browser: `GHL_APP`, `GHL_CONSENT_URL` and `CONNECT_SECRETS`.

use ghl_sync_model::CredentialsRef;

use super::variables::Variables;

/// What the names of the secrets begin with that a function may put credentials under.
pub(crate) const CONNECT_SECRETS: &str = "CONNECT_SECRETS";
const APP: &str = "GHL_APP";
const CONSENT_URL: &str = "GHL_CONSENT_URL";
/// Where GHL asks people for their consent.
const MARKETPLACE: &str = "https://marketplace.gohighlevel.com";

/// What the environment says of connecting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectConfig {
    /// Where the app's id and key are; `None` if there is no app, so that only tokens can be given.
    pub app: Option<CredentialsRef>,
    /// Where GHL asks people for their consent, without a slash at the end.
    pub consent_url: String,
    /// What the names of the secrets begin with, without a slash at the end; `None` in a function that puts none.
    pub secrets: Option<String>,
}

impl ConnectConfig {
    pub(super) fn read(vars: &mut Variables) -> ConnectConfig {
        let app = vars.json(APP, str::parse);
        let is_kept = |app: &CredentialsRef| matches!(app, CredentialsRef::Ssm(_) | CredentialsRef::SecretsManager(_));
        if app.as_ref().is_some_and(|app| !is_kept(app)) {
            vars.fault(APP, "is not where the app's key is kept; expected ssm:/PATH/NAME or secretsmanager:NAME");
        }
        let consent_url = vars.url(CONSENT_URL).unwrap_or_else(|| MARKETPLACE.to_owned());
        let secrets = vars.text(CONNECT_SECRETS);
        ConnectConfig {
            app,
            consent_url: consent_url.trim_end_matches('/').to_owned(),
            secrets: secrets.map(|prefix| prefix.trim_end_matches('/').to_owned()),
        }
    }
}
