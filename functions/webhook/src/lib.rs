//! The function behind GHL's webhooks: verifies an event, and stores its content.
//!
//! It runs behind a function URL (or an HTTP API, which sends events of the same form) without any authentication by
//! AWS: the signature is the authentication. [`answer`] does everything except parse the envelope, for other HTTP
//! servers.

mod answer;

use aws_lambda_events::event::lambda_function_urls::{LambdaFunctionUrlRequest, LambdaFunctionUrlResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ghl_sync_runtime::Webhooks;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tracing::{Instrument, info_span};

pub use answer::{LARGEST_BODY, WebhookAnswer, WebhookAnswerBody, WebhookRefusal, answer};

/// Why an event could not be handled at all.
#[derive(Debug, thiserror::Error)]
pub enum WebhookEventError {
    /// The event is not an HTTP request.
    #[error(
        "this function expects the event of a function URL or of an HTTP API (payload version 2.0), with `requestContext.http`, `headers` and `body`"
    )]
    NotHttp,
    /// It looks like an HTTP request, but cannot be read.
    #[error("the event is malformed")]
    Malformed(#[source] serde_json::Error),
    /// Its body is not valid base64.
    #[error("the event has `isBase64Encoded`, but its `body` is not base64")]
    Body(#[source] base64::DecodeError),
}

/// Answers one HTTP request.
///
/// # Errors
/// If the event is not an HTTP request. Every HTTP request gets a response.
pub async fn handle(
    webhooks: &Webhooks,
    event: LambdaEvent<Value>,
) -> Result<LambdaFunctionUrlResponse, WebhookEventError> {
    let LambdaEvent { payload, context } = event;
    let request = request(payload)?;
    let span = info_span!("webhook", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    let answer = match request.request_context.http.method.as_deref() {
        Some("POST") => {
            let body = body(&request)?;
            answer(webhooks, &request.headers, &body).instrument(span).await
        }
        _ => WebhookAnswer {
            status: StatusCode::METHOD_NOT_ALLOWED,
            said: WebhookAnswerBody {
                result: "not_post",
                detail: Some("webhooks come by POST".to_owned()),
                ..WebhookAnswerBody::default()
            },
        },
    };
    Ok(response(&answer))
}

fn request(event: Value) -> Result<LambdaFunctionUrlRequest, WebhookEventError> {
    if event.pointer("/requestContext/http").is_none() {
        return Err(WebhookEventError::NotHttp);
    }
    ghl_sync_model::json::from_value(event).map_err(WebhookEventError::Malformed)
}

/// The bytes as GHL sent them: Lambda passes text through, and encodes anything else as base64.
fn body(request: &LambdaFunctionUrlRequest) -> Result<Vec<u8>, WebhookEventError> {
    let body = request.body.as_deref().unwrap_or_default();
    if request.is_base64_encoded { STANDARD.decode(body).map_err(WebhookEventError::Body) } else { Ok(body.into()) }
}

fn response(answer: &WebhookAnswer) -> LambdaFunctionUrlResponse {
    let mut response = LambdaFunctionUrlResponse::default();
    response.status_code = answer.status.as_u16().into();
    response.headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    // Only strings: serialization cannot fail.
    response.body = serde_json::to_string(&answer.said).ok();
    response
}
