//! Handles a webhook, from its headers and body to the response for GHL.
//!
//! GHL takes 200 as "done, do not send it again". So we return 200 only if the event is stored, or if it has nothing to
//! store. GHL repeats everything else: with a backoff for up to three days, but after a 429 for 70 minutes only. So a
//! store failure returns 503, and we never return 429.

use std::time::Duration;

use ghl_sync_engine::usecase::{Event, Received};
use ghl_sync_ghl::webhook::{SignatureError, Signatures, WebhookError, read};
use ghl_sync_inbound::ReceiveError;
use ghl_sync_model::Webhook;
use ghl_sync_runtime::Webhooks;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

/// Largest accepted body, in bytes: many times the size of GHL's contacts.
pub const LARGEST_BODY: usize = 256 * 1024;
/// A store that takes longer counts as failed. GHL does not document how long it waits for a response.
const PATIENCE: Duration = Duration::from_secs(3);

/// The response to GHL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body, for people who read GHL's delivery log.
    pub said: WebhookAnswerBody,
}

/// The body of a response.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct WebhookAnswerBody {
    /// What happened to the event.
    pub result: &'static str,
    /// Why nothing was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The error in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The invalid field of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// Why a webhook was rejected.
#[derive(Debug, thiserror::Error)]
pub enum WebhookRefusal {
    /// The body is larger than any webhook.
    #[error("the body has {found} bytes; at most {LARGEST_BODY} are read")]
    TooLarge {
        /// Size of the body, in bytes.
        found: usize,
    },
    /// The signature does not prove that GHL sent it.
    #[error(transparent)]
    NotGenuine(#[from] SignatureError),
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] WebhookError),
    /// It could not be stored.
    #[error(transparent)]
    NotReceived(#[from] ReceiveError),
    /// The stores took too long.
    #[error("it could not be stored in {} s", PATIENCE.as_secs())]
    TooSlow,
}

/// Handles the webhook with these headers and this raw body.
pub async fn answer(webhooks: &Webhooks, headers: &HeaderMap, body: &[u8]) -> WebhookAnswer {
    match take_in(webhooks, headers, body).await {
        Ok(received) => accepted(received),
        Err(refusal) => refused(webhooks, &refusal),
    }
}

async fn take_in(webhooks: &Webhooks, headers: &HeaderMap, body: &[u8]) -> Result<Received, WebhookRefusal> {
    if body.len() > LARGEST_BODY {
        return Err(WebhookRefusal::TooLarge { found: body.len() });
    }
    let signatures = Signatures::from_headers(|name| headers.get(name)?.to_str().ok());
    webhooks.keys.verify(signatures, body)?;
    let webhook: Webhook = read(body)?;
    match tokio::time::timeout(PATIENCE, webhooks.receiver.receive(&webhook)).await {
        Ok(received) => Ok(received?),
        Err(_) => Err(WebhookRefusal::TooSlow),
    }
}

fn accepted(received: Received) -> WebhookAnswer {
    let reason = match received {
        Received::Ignored(reason) => Some(reason.as_str()),
        _ => None,
    };
    let said = WebhookAnswerBody { result: received.as_str(), reason, ..WebhookAnswerBody::default() };
    WebhookAnswer { status: StatusCode::OK, said }
}

fn refused(webhooks: &Webhooks, refusal: &WebhookRefusal) -> WebhookAnswer {
    let (status, result) = refusal.status();
    webhooks.sink.emit(&Event::WebhookRefused { status: status.as_u16(), reason: result, error: refusal });
    let detail = Some(refusal.to_string());
    WebhookAnswer { status, said: WebhookAnswerBody { result, detail, field: refusal.field(), reason: None } }
}

impl WebhookRefusal {
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            WebhookRefusal::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            WebhookRefusal::NotGenuine(_) => (StatusCode::UNAUTHORIZED, "not_genuine"),
            WebhookRefusal::NotReceived(ReceiveError::TooOld { .. } | ReceiveError::TooEarly { .. }) => {
                (StatusCode::UNAUTHORIZED, "outside_window")
            }
            WebhookRefusal::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            WebhookRefusal::NotReceived(ReceiveError::Port(_)) | WebhookRefusal::TooSlow => {
                (StatusCode::SERVICE_UNAVAILABLE, "not_stored")
            }
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            WebhookRefusal::Malformed(error) => error.at().map(str::to_owned),
            WebhookRefusal::NotReceived(ReceiveError::TooOld { .. } | ReceiveError::TooEarly { .. }) => {
                Some("timestamp".to_owned())
            }
            _ => None,
        }
    }
}
