//! The functions' environment in a stack.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use ghl_sync_model::{Api, CredentialsRef, LocationId, Secret};
use serde_json::{Value, json};

use super::queues::QUEUE;
use super::{Ghl, RECORDS_TABLE, STATE_TABLE, StackOptions};
use crate::door::AccessKey;
use crate::sandbox::{Installed, Marketplace, OAuthOptions, Sandbox, SeedError};

/// A newly installed app: in the only location, or else in the agency of all locations.
pub(super) fn app(locations: &[LocationId], lifetime: Duration) -> OAuthOptions {
    let installed = match locations {
        [only] => Installed::Location(only.to_string()),
        _ => Installed::Company("agency".to_owned()),
    };
    let refresh_token = Secret::new(format!("refresh-{:032x}", fastrand::u128(..)));
    OAuthOptions { client_id: APP.0.to_owned(), client_secret: Secret::new(APP.1), refresh_token, installed, lifetime }
}

/// The sandbox's app: its client id and client secret.
const APP: (&str, &str) = ("app", "local");
pub(super) const APP_SECRET: &str = "ghl-sync/local/app/oauth";
/// Prefix of the secrets that connecting a location creates.
const CONNECT_SECRETS: &str = "ghl-sync/local/connect";
/// Extra sub-accounts of the sandbox's agency, besides the synced locations, so that there is something to choose.
const SUB_ACCOUNTS: [(&str, &str); 2] = [("loc_north", "North Street Dental"), ("loc_south", "South Bay Roofing")];
/// Lifetime of the sandbox's tokens for an app installed by consent.
const LIFETIME: Duration = Duration::from_secs(86_399);

/// The app offered on the sandbox's consent page.
pub(super) fn marketplace(options: &StackOptions, app: Option<&OAuthOptions>) -> Marketplace {
    let company = match app.map(|app| &app.installed) {
        Some(Installed::Company(company)) => company.clone(),
        Some(Installed::Location(_)) | None => "agency".to_owned(),
    };
    let own = options.locations.iter().map(ToString::to_string);
    Marketplace {
        client_id: APP.0.to_owned(),
        client_secret: Secret::new(APP.1),
        lifetime: app.map_or(LIFETIME, |app| app.lifetime),
        company,
        locations: own.chain(SUB_ACCOUNTS.map(|(id, _)| id.to_owned())).collect(),
        scopes: None,
    }
}

/// Names the sandbox's other sub-accounts.
pub(super) fn name_sub_accounts(sandbox: &Sandbox) -> Result<(), SeedError> {
    SUB_ACCOUNTS.iter().try_for_each(|(id, name)| sandbox.seed(id).profile(name, "America/New_York", "US"))
}

/// The app's key as stored.
pub(super) fn app_secret() -> Secret {
    Secret::new(json!({ "client_id": APP.0, "client_secret": APP.1 }).to_string())
}

/// The credentials that a user stores after installing the app.
fn credentials(app: &OAuthOptions) -> String {
    let OAuthOptions { client_id, client_secret, refresh_token, installed, .. } = app;
    let mut credentials = json!({
        "client_id": client_id, "client_secret": client_secret.expose(), "refresh_token": refresh_token.expose(),
    });
    match installed {
        Installed::Location(_) => credentials["user_type"] = json!("Location"),
        Installed::Company(company) => {
            credentials["user_type"] = json!("Company");
            credentials["company_id"] = json!(company);
        }
    }
    credentials.to_string()
}

/// Whether each location of the sandbox has its own token.
pub(super) fn has_own_keys(options: &StackOptions) -> bool {
    options.api == Api::V1 || !options.own.is_empty()
}

pub(super) fn own_key(location: &LocationId) -> String {
    format!("key-{location}")
}

fn api_name(api: Api) -> &'static str {
    match api {
        Api::V1 => "v1",
        Api::V2 => "v2",
    }
}

/// Settings of a location, in the format of the functions' environment.
fn location_settings(options: &StackOptions, location: &LocationId) -> Value {
    let own = options.own.get(location);
    let mut settings = json!({});
    if let Some(own) = own {
        settings["api"] = json!(api_name(own.api));
    }
    if own_token(options, location).is_some() {
        settings["credentials"] = json!(CredentialsRef::OfLocation(location.clone()));
    }
    settings
}

/// The location's own token, if it has one.
fn own_token(options: &StackOptions, location: &LocationId) -> Option<Secret> {
    match (&options.ghl, options.own.get(location).and_then(|own| own.token.as_ref())) {
        (Ghl::Sandbox(_), _) if has_own_keys(options) => Some(Secret::new(own_key(location))),
        (Ghl::Url { .. }, Some(token)) => Some(token.clone()),
        // A token of API v1 belongs to one location. If there is only one location, the token is its own.
        (Ghl::Url { token, .. }, None) if options.api == Api::V1 && options.locations.len() == 1 => Some(token.clone()),
        _ => None,
    }
}

/// The embedded AWS services and their access key.
pub(super) struct Aws {
    pub(super) access_key: AccessKey,
    pub(super) dynamodb: SocketAddr,
    pub(super) sqs: SocketAddr,
    pub(super) secrets: SocketAddr,
}

/// The functions' environment: the caller's, overridden by this stack's values.
pub(super) fn vars(
    options: &StackOptions,
    sandbox: Option<&Sandbox>,
    app: Option<&OAuthOptions>,
    Aws { access_key, dynamodb, sqs, secrets }: &Aws,
) -> BTreeMap<String, String> {
    let (url, token) = match (&options.ghl, sandbox) {
        (Ghl::Url { url, token }, _) => (url.clone(), token.expose().to_owned()),
        (Ghl::Sandbox(_), Some(sandbox)) => (sandbox.url(), app.map_or("pit-local".to_owned(), credentials)),
        (Ghl::Sandbox(_), None) => (String::new(), String::new()),
    };
    // Another GHL may have its legacy API elsewhere.
    let elsewhere = options.vars.get("GHL_V1_BASE_URL").filter(|_| sandbox.is_none()).cloned();
    let v1_url = elsewhere.unwrap_or_else(|| format!("{}/v1", url.trim_end_matches('/')));
    // Traffic to our own sandbox is no secret; a container reaches it over a bridge, without TLS.
    let insecure = match sandbox {
        Some(_) => "true".to_owned(),
        None => options.vars.get("GHL_ALLOW_INSECURE_URL").cloned().unwrap_or_default(),
    };
    let locations: BTreeMap<&str, Value> =
        options.locations.iter().map(|id| (id.as_str(), location_settings(options, id))).collect();
    let token_of = |id| Some((LocationId::as_str(id), own_token(options, id)?.expose().to_owned()));
    let tokens: BTreeMap<&str, String> = options.locations.iter().filter_map(token_of).collect();
    let mut vars = options.vars.clone();
    if let Some(sandbox) = sandbox {
        vars.insert("GHL_APP".to_owned(), format!("secretsmanager:{APP_SECRET}"));
        vars.insert("GHL_CONSENT_URL".to_owned(), sandbox.url());
    }
    vars.extend(
        [
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", access_key.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", access_key.secret.expose().to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{dynamodb}")),
            ("AWS_ENDPOINT_URL_SQS", format!("http://{sqs}")),
            // There is no Parameter Store here. This endpoint refuses references to parameters, so that they are not
            // looked up in AWS.
            ("AWS_ENDPOINT_URL_SSM", format!("http://{secrets}")),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", format!("http://{secrets}")),
            // There is no event bus either: our own DynamoDB refuses its requests.
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", format!("http://{dynamodb}")),
            // There is no topic: the log reports locations in trouble.
            ("AWS_ENDPOINT_URL_SNS", format!("http://{dynamodb}")),
            ("ALERT_TOPIC_ARN", String::new()),
            ("DIGEST_TOPIC_ARN", String::new()),
            ("DASHBOARD_URL", String::new()),
            ("RECORDS_TABLE", RECORDS_TABLE.to_owned()),
            ("STATE_TABLE", STATE_TABLE.to_owned()),
            ("BATCH_QUEUE_URL", format!("http://{sqs}/000000000000/{QUEUE}")),
            ("CONNECT_SECRETS", CONNECT_SECRETS.to_owned()),
            ("GHL_BASE_URL", url),
            ("GHL_V1_BASE_URL", v1_url),
            ("GHL_ALLOW_INSECURE_URL", insecure),
            ("GHL_API", api_name(options.api).to_owned()),
            ("GHL_TOKEN", token),
            ("GHL_LOCATIONS", json!(locations).to_string()),
            ("GHL_LOCATION_TOKENS", json!(tokens).to_string()),
            ("GHL_RATE_LIMIT_REQUESTS", options.limit.to_string()),
            ("GHL_RATE_LIMIT_WINDOW", options.window_ms.to_string()),
            ("GHL_RATE_LIMIT_DAILY", options.daily.to_string()),
            ("GHL_DRY_RUN", options.dry_run.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    vars
}
