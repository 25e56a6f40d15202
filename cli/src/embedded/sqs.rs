//! An embedded SQS. Its queues are in memory; after a restart, the outbox restores the work.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, Request, header};
use axum::response::{IntoResponse, Response};
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::dispatch::dispatch_operation;
use rustack_sqs_http::response::{CONTENT_TYPE, error_to_response};
use rustack_sqs_http::router::resolve_operation;

use crate::door::{AccessKey, Always, Door, Listen, OpenDoor};

/// Largest request in bytes: a batch of messages with their envelope.
const MAX_BODY: usize = 2 << 20;
/// Constant request id for errors, because our requests have none.
const REQUEST_ID: &str = "local";

/// A running SQS, until dropped.
pub(crate) struct Sqs {
    /// Address it listens on.
    pub(crate) addr: SocketAddr,
    _serving: OpenDoor,
}

impl Sqs {
    /// Starts SQS at `listen` for clients with `key`.
    pub(crate) async fn start(listen: Listen, key: AccessKey) -> std::io::Result<Sqs> {
        let door = Door::at(listen, MAX_BODY).await?.for_key(key);
        let addr = door.addr();
        let config = SqsConfig { host: addr.ip().to_string(), port: addr.port(), ..SqsConfig::default() };
        let handler = Arc::new(RustackSqsHandler::new(Arc::new(RustackSqs::new(config))));
        let serving = door.open(move |request| {
            let handler = Arc::clone(&handler);
            async move { Always::Ok(answer(&handler, request).await) }
        });
        Ok(Sqs { addr, _serving: serving })
    }
}

async fn answer(handler: &RustackSqsHandler, request: Request<Bytes>) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return axum::http::StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let answered = match resolve_operation(&parts.headers) {
        Ok(operation) => dispatch_operation(handler, operation, body).await,
        Err(error) => Err(error),
    };
    let mut answer = answered.unwrap_or_else(|error| error_to_response(&error, REQUEST_ID)).map(Body::new);
    answer.headers_mut().entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(CONTENT_TYPE));
    answer
}
