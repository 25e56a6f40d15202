//! The outermost layer: every request gets an id, one log line and a response, whatever happens.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use ghl_sync_web::RequestId;
use tracing::{Instrument, error, info, info_span, warn};

use crate::access::Caller;
use crate::problem::{ApiProblem, ProblemKind};
use crate::service::ApiState;

/// Response header with the request id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers and logs the request. The log holds ids, counts and classes; the only caller input in it is ids in the
/// path.
pub(crate) async fn answer(State(api): State<ApiState>, mut request: Request, next: Next) -> Response {
    let clock = &api.engine.ports().clock;
    let started = clock.now();
    let RequestId(id) = RequestId::of(&request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());

    request.extensions_mut().insert(RequestId(id.clone()));
    let span = info_span!("request", request_id = id);
    let response = catch(next.run(request)).instrument(span.clone()).await;
    let _entered = span.enter();
    let caller = response.extensions().get::<Caller>().map(|caller| caller.name.clone());
    let response = finish(response, &id);
    log(&RequestLine {
        method: method.as_str(),
        route: route.as_deref(),
        status: response.status().as_u16(),
        caller: caller.as_deref(),
        took: clock.now().since(started),
    });
    response
}

/// A panic ends only this request.
async fn catch(answered: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|_| {
        error!(event = "panic");
        ApiProblem::new(ProblemKind::Internal, "the request id leads to what happened").into_response()
    })
}

/// Writes the problem document, if there is one, and the headers that every response has.
fn finish(mut response: Response, id: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<ApiProblem>() {
        let refused = std::mem::replace(&mut response, problem.render(id));
        // Keeps the methods that the path takes.
        if let Some(allow) = refused.headers().get(header::ALLOW) {
            response.headers_mut().insert(header::ALLOW, allow.clone());
        }
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Every response describes the current state, for this caller only.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

struct RequestLine<'a> {
    method: &'a str,
    route: Option<&'a str>,
    status: u16,
    caller: Option<&'a str>,
    took: Duration,
}

fn log(line: &RequestLine<'_>) {
    let RequestLine { method, route, status, caller, took } = *line;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        warn!(event = "request", method, route, status, caller, took_ms);
    } else {
        info!(event = "request", method, route, status, caller, took_ms);
    }
}
