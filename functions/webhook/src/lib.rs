//! The function behind GHL's webhooks: verifies an event, and stores what it tells.
//!
//! It stands behind a function URL (or an HTTP API, whose events have the same form) without any authentication of AWS:
//! the signature is the authentication. [`answer`] is all of it but the envelope, for whoever else serves HTTP.

mod answer;

use aws_lambda_events::event::lambda_function_urls::{LambdaFunctionUrlRequest, LambdaFunctionUrlResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ghl_sync_runtime::Webhooks;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tracing::{Instrument, info_span};

pub use answer::{Answer, LARGEST_BODY, Refusal, Said, answer};

/// Why an event could not be handled at all.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The event is no HTTP request.
    #[error(
        "this function expects the event of a function URL or of an HTTP API (payload version 2.0), with `requestContext.http`, `headers` and `body`"
    )]
    NotHttp,
    /// It looks like one, but cannot be read.
    #[error("the event is malformed")]
    Malformed(#[source] serde_json::Error),
    /// Its body is not what it says.
    #[error("the event has `isBase64Encoded`, but its `body` is not base64")]
    Body(#[source] base64::DecodeError),
}

/// Answers one HTTP request.
///
/// # Errors
/// When the event is no HTTP request. Whatever the request is, it gets an answer.
pub async fn handle(webhooks: &Webhooks, event: LambdaEvent<Value>) -> Result<LambdaFunctionUrlResponse, EventError> {
    let LambdaEvent { payload, context } = event;
    let request = request(payload)?;
    let span = info_span!("webhook", request_id = context.request_id, xray_trace_id = context.xray_trace_id);
    let answer = match request.request_context.http.method.as_deref() {
        Some("POST") => {
            let body = body(&request)?;
            answer(webhooks, &request.headers, &body).instrument(span).await
        }
        _ => Answer {
            status: StatusCode::METHOD_NOT_ALLOWED,
            said: Said { result: "not_post", detail: Some("webhooks come by POST".to_owned()), ..Said::default() },
        },
    };
    Ok(response(&answer))
}

fn request(event: Value) -> Result<LambdaFunctionUrlRequest, EventError> {
    if event.pointer("/requestContext/http").is_none() {
        return Err(EventError::NotHttp);
    }
    ghl_sync_model::json::from_value(event).map_err(EventError::Malformed)
}

/// The bytes as GHL sent them: Lambda passes on text as it is, and whatever it does not take for text in base64.
fn body(request: &LambdaFunctionUrlRequest) -> Result<Vec<u8>, EventError> {
    let body = request.body.as_deref().unwrap_or_default();
    if request.is_base64_encoded { STANDARD.decode(body).map_err(EventError::Body) } else { Ok(body.into()) }
}

fn response(answer: &Answer) -> LambdaFunctionUrlResponse {
    let mut response = LambdaFunctionUrlResponse::default();
    response.status_code = answer.status.as_u16().into();
    response.headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    // Texts only: this cannot fail to serialize.
    response.body = serde_json::to_string(&answer.said).ok();
    response
}
