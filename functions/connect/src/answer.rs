//! The outermost layer: every request gets an id, one log line and a response, whatever happens.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use ghl_sync_web::{Caller, RequestId};
use tracing::{Instrument, error, info, info_span, warn};

use crate::service::Service;
use crate::trouble::ConnectError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers and logs the request. It logs the route, never the URL, which can contain GHL's code.
pub(crate) async fn answer(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let started = service.now();
    let id = RequestId::of(&request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    request.extensions_mut().insert(id.clone());
    let span = info_span!("request", request_id = id.0);
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let _entered = span.enter();
    let mut response = answered.unwrap_or_else(|_| {
        error!(event = "panic");
        ConnectError::Panicked.into_response()
    });
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The URL of the callback page contains a code.
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    let caller = response.extensions().get::<Caller>().map(|caller| caller.name.as_str());
    let (status, took) = (response.status().as_u16(), service.now().since(started));
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        warn!(event = "request", method = method.as_str(), route, status, caller, took_ms);
    } else {
        info!(event = "request", method = method.as_str(), route, status, caller, took_ms);
    }
    response
}
