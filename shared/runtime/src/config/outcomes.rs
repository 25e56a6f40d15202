//! Configuration of reporting outcomes.

use ghl_sync_model::OutcomesWebhook;

use super::is_secure;
use super::variables::EnvironmentReader;

const URL: &str = "OUTCOMES_WEBHOOK_URL";
const SECRET: &str = "OUTCOMES_WEBHOOK_SECRET";

/// Where outcomes are reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutcomesConfig {
    /// Name or ARN of the event bus; `None` if no events are published.
    pub bus: Option<String>,
    /// URL of the queue of deliveries; `None` in a function that reports nothing.
    pub queue_url: Option<String>,
    /// Table of outcomes for clients that poll; `None` if there is none.
    pub table: Option<String>,
    /// The webhook for locations without one of their own.
    pub webhook: Option<OutcomesWebhook>,
}

impl OutcomesConfig {
    pub(super) fn read(vars: &mut EnvironmentReader) -> OutcomesConfig {
        OutcomesConfig {
            bus: vars.text("OUTCOMES_BUS"),
            queue_url: vars.url("OUTCOMES_QUEUE_URL"),
            table: vars.text("OUTCOMES_TABLE"),
            webhook: webhook(vars),
        }
    }
}

/// The faults omit the given values, which may be secret.
fn webhook(vars: &mut EnvironmentReader) -> Option<OutcomesWebhook> {
    let is_deployed = vars.text("AWS_LAMBDA_FUNCTION_NAME").is_some();
    let (url, secret) = (vars.text(URL), vars.json(SECRET, str::parse));
    let webhook = match (url, secret) {
        (Some(url), Some(secret)) => OutcomesWebhook { url, secret },
        (Some(_), None) => {
            vars.fault(SECRET, format!("is missing, and {URL} is set; expected where the secret is: ssm:/PATH/NAME"));
            return None;
        }
        (None, _) => return None,
    };
    // A stack on this machine may post to it without TLS.
    let as_https = match webhook.url.strip_prefix("http://") {
        Some(rest) if !is_deployed && is_secure(&webhook.url) => format!("https://{rest}"),
        _ => webhook.url.clone(),
    };
    match (OutcomesWebhook { url: as_https, ..webhook.clone() }).check() {
        Ok(()) => Some(webhook),
        Err(error) => {
            vars.fault(if error.field == "outcomes_webhook.url" { URL } else { SECRET }, error.reason);
            None
        }
    }
}
