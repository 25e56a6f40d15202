//! The way of a webhook, from its headers and its bytes to the answer that GHL gets.
//!
//! GHL takes 200 as "done, do not send it again". So 200 is only said of what is stored, or of what there is nothing to
//! store of. Whatever else GHL gets, it repeats: with a backoff for up to three days, but what got a 429 for 70 minutes
//! only. So a store that does not do its part is a 503, and no answer of ours is a 429.

use std::time::Duration;

use ghl_sync_engine::usecase::{Event, Received};
use ghl_sync_ghl::webhook::{SignatureError, Signatures, WebhookError, read};
use ghl_sync_inbound::ReceiveError;
use ghl_sync_model::Webhook;
use ghl_sync_runtime::Webhooks;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

/// The largest body that is read, in bytes: many times what GHL's contacts have.
pub const LARGEST_BODY: usize = 256 * 1024;
/// A store that takes longer counts as failed. How long GHL waits for an answer is not documented.
const PATIENCE: Duration = Duration::from_secs(3);

/// What GHL is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// More of it, for people who read GHL's delivery log.
    pub said: Said,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Said {
    /// What became of the event.
    pub result: &'static str,
    /// Why nothing was stored of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The field of the body that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// Why a webhook was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// More bytes than a webhook has.
    #[error("the body has {found} bytes; at most {LARGEST_BODY} are read")]
    TooLarge {
        /// How many it has.
        found: usize,
    },
    /// It is not GHL's, as far as one can tell.
    #[error(transparent)]
    NotGenuine(#[from] SignatureError),
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] WebhookError),
    /// It was not taken in.
    #[error(transparent)]
    NotReceived(#[from] ReceiveError),
    /// The stores took too long.
    #[error("it could not be stored in {} s", PATIENCE.as_secs())]
    TooSlow,
}

/// Takes in the webhook with these headers and this body, the bytes as they came.
pub async fn answer(webhooks: &Webhooks, headers: &HeaderMap, body: &[u8]) -> Answer {
    match take_in(webhooks, headers, body).await {
        Ok(received) => accepted(received),
        Err(refusal) => refused(webhooks, &refusal),
    }
}

async fn take_in(webhooks: &Webhooks, headers: &HeaderMap, body: &[u8]) -> Result<Received, Refusal> {
    if body.len() > LARGEST_BODY {
        return Err(Refusal::TooLarge { found: body.len() });
    }
    let signatures = Signatures::from_headers(|name| headers.get(name)?.to_str().ok());
    webhooks.keys.verify(signatures, body)?;
    let webhook: Webhook = read(body)?;
    match tokio::time::timeout(PATIENCE, webhooks.receiver.receive(&webhook)).await {
        Ok(received) => Ok(received?),
        Err(_) => Err(Refusal::TooSlow),
    }
}

fn accepted(received: Received) -> Answer {
    let reason = match received {
        Received::Ignored(reason) => Some(reason.as_str()),
        _ => None,
    };
    Answer { status: StatusCode::OK, said: Said { result: received.as_str(), reason, ..Said::default() } }
}

fn refused(webhooks: &Webhooks, refusal: &Refusal) -> Answer {
    let (status, result) = refusal.status();
    webhooks.sink.emit(&Event::WebhookRefused { status: status.as_u16(), reason: result, error: refusal });
    Answer { status, said: Said { result, detail: Some(refusal.to_string()), field: refusal.field(), reason: None } }
}

impl Refusal {
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Refusal::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Refusal::NotGenuine(_) => (StatusCode::UNAUTHORIZED, "not_genuine"),
            Refusal::NotReceived(ReceiveError::TooOld { .. } | ReceiveError::TooEarly { .. }) => {
                (StatusCode::UNAUTHORIZED, "outside_window")
            }
            Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Refusal::NotReceived(ReceiveError::Port(_)) | Refusal::TooSlow => {
                (StatusCode::SERVICE_UNAVAILABLE, "not_stored")
            }
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Refusal::Malformed(error) => error.at().map(str::to_owned),
            Refusal::NotReceived(ReceiveError::TooOld { .. } | ReceiveError::TooEarly { .. }) => {
                Some("timestamp".to_owned())
            }
            _ => None,
        }
    }
}
