//! The Lambda interface: takes API Gateway's event (payload format 2.0), returns its response.

use axum::Router;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Service, service_fn};
use lambda_runtime::LambdaEvent;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use crate::origin::CalledAs;

/// Why an event could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The event is not a request.
    #[error(
        "this function expects an event of an HTTP API of API Gateway: {{\"version\": \"2.0\", \"rawPath\": …, \"requestContext\": {{\"http\": …}}, …}}; it got {found}"
    )]
    NotARequest {
        /// Shape of the event.
        found: String,
    },
    /// A field of the event is invalid.
    #[error("the event of API Gateway is malformed")]
    Malformed(#[source] serde_json::Error),
}

/// Answers the request in `event`.
///
/// # Errors
/// If the event is not a request. An invalid request still gets a response.
pub async fn handle(router: &Router, event: LambdaEvent<Value>) -> Result<impl Serialize + use<>, EventError> {
    let LambdaEvent { payload, context } = event;
    let request = request(payload)?;
    let called_as = CalledAs::of(&request);
    let request = LambdaRequest::ApiGatewayV2(readable(well_formed(request))?);
    let router = service_fn(|mut request: lambda_http::Request| {
        if let Some(called_as) = called_as.clone() {
            request.extensions_mut().insert(called_as);
        }
        router.clone().call(request)
    });
    let Ok(response) = Adapter::from(router).call(LambdaEvent::new(request, context)).await;
    Ok(response)
}

fn not_a_request(found: &str) -> EventError {
    EventError::NotARequest { found: found.to_owned() }
}

fn request(event: Value) -> Result<ApiGatewayV2httpRequest, EventError> {
    if !event.is_object() {
        return Err(not_a_request("something that is not an object"));
    }
    if event.get("version").and_then(Value::as_str) != Some("2.0") {
        return Err(not_a_request("an object without `\"version\": \"2.0\"`"));
    }
    if !event.pointer("/requestContext/http").is_some_and(Value::is_object) {
        return Err(not_a_request("an object without `requestContext.http`"));
    }
    ghl_sync_model::json::from_value(event).map_err(EventError::Malformed)
}

/// Characters to encode again, because API Gateway decodes paths. `%` is one of them: it starts no escape here.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b'%')
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
const NOT_IN_QUERIES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// Changes the request so that `lambda_http` can build a URI from it; otherwise it panics.
fn well_formed(mut request: ApiGatewayV2httpRequest) -> ApiGatewayV2httpRequest {
    let path = request.raw_path.unwrap_or_default();
    let path = utf8_percent_encode(&path, NOT_IN_PATHS).to_string();
    request.raw_path = Some(if path.starts_with('/') { path } else { format!("/{path}") });
    request.raw_query_string =
        request.raw_query_string.map(|query| utf8_percent_encode(&query, NOT_IN_QUERIES).to_string());
    // Nothing here depends on the host name of the request.
    request.headers.remove(http::header::HOST);
    request.request_context.domain_name = None;
    // Our stage has no name, and the stage in an event does not belong in the path.
    request.request_context.stage = None;
    request
}

/// Longest path and query. API Gateway passes on 10 KB, which encoding can triple; a URI cannot exceed 64 KB.
const MAX_URI_BYTES: usize = 60_000;

/// Rejects a request that `lambda_http` cannot read; otherwise it panics.
fn readable(request: ApiGatewayV2httpRequest) -> Result<ApiGatewayV2httpRequest, EventError> {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    if length(&request.raw_path) + length(&request.raw_query_string) > MAX_URI_BYTES {
        return Err(not_a_request("a path and a query that are longer than API Gateway passes on"));
    }
    let body = request.body.as_ref().filter(|_| request.is_base64_encoded);
    if body.is_some_and(|body| BASE64_STANDARD.decode(body).is_err()) {
        return Err(not_a_request("a body that is called Base64 and is not"));
    }
    Ok(request)
}
