//! Connecting locations in a browser: `GHL_APP`, `GHL_CONSENT_URL` and `CONNECT_SECRETS`.

use ghl_sync_model::CredentialsRef;

use super::variables::EnvironmentReader;

/// Variable with the name prefix of the secrets that a function may write.
pub(crate) const CONNECT_SECRETS: &str = "CONNECT_SECRETS";
const APP: &str = "GHL_APP";
const CONSENT_URL: &str = "GHL_CONSENT_URL";
/// GHL's consent page.
const MARKETPLACE: &str = "https://marketplace.gohighlevel.com";

/// Configuration of connecting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectConfig {
    /// Where the app's id and secret are stored; `None` if there is no app, so that only tokens can be entered.
    pub app: Option<CredentialsRef>,
    /// Base URL of GHL's consent page, without a trailing slash.
    pub consent_url: String,
    /// Name prefix of the secrets, without a trailing slash; `None` in a function that writes none.
    pub secrets: Option<String>,
}

impl ConnectConfig {
    pub(super) fn read(vars: &mut EnvironmentReader) -> ConnectConfig {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<ConnectConfig, String> {
        let vars: BTreeMap<String, String> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut vars = EnvironmentReader::new(vars);
        let connect = ConnectConfig::read(&mut vars);
        vars.finish().map(|()| connect).map_err(|faults| faults.to_string())
    }

    #[test]
    fn an_app_is_where_secrets_are_kept_and_a_key_in_its_place_is_not_quoted() {
        let app = |reference| read(&[("GHL_APP", reference)]).map(|connect| connect.app.map(|app| app.to_string()));
        assert_eq!(app(""), Ok(None));
        for reference in ["ssm:/ghl-sync/a/app/x", "secretsmanager:ghl-sync/a/app/x"] {
            assert_eq!(app(reference), Ok(Some(reference.to_owned())));
        }
        for wrong in ["hush", "file:/etc/hush", "env:GHL_TOKEN", r#"{"client_secret":"hush"}"#] {
            let fault = app(wrong).unwrap_err();
            assert!(fault.contains("GHL_APP") && !fault.contains("hush"), "{fault}");
        }
    }

    #[test]
    fn ghl_asks_at_its_marketplace_unless_it_is_elsewhere() {
        assert_eq!(read(&[]).unwrap().consent_url, MARKETPLACE);
        let elsewhere = read(&[("GHL_CONSENT_URL", "https://x.example/"), ("CONNECT_SECRETS", "a/b/")]).unwrap();
        assert_eq!((elsewhere.consent_url.as_str(), elsewhere.secrets.as_deref()), ("https://x.example", Some("a/b")));
        assert!(read(&[("GHL_CONSENT_URL", "x.example")]).unwrap_err().contains("GHL_CONSENT_URL"));
    }
}
