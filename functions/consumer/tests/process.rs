//! Runs the function as its own process, under a Runtime API like Lambda's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Minimal environment that Lambda and the template give a function.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "AKID"),
    ("AWS_SECRET_ACCESS_KEY", "SECRET"),
    ("RECORDS_TABLE", "records"),
    ("STATE_TABLE", "state"),
    ("BATCH_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/1/batches"),
];

/// A request of the function to the Runtime API.
struct RuntimeRequest {
    path: String,
    kind: String,
    body: Value,
}

/// Starts the function, gives it `event`, and waits for its first request.
async fn invoke(environment: &[(&str, &str)], event: Value) -> (RuntimeRequest, Child) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let next = move || {
        let headers = [
            ("Lambda-Runtime-Aws-Request-Id", "request-1"),
            ("Lambda-Runtime-Deadline-Ms", "32503680000000"),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:1:function:consumer"),
        ];
        std::future::ready((headers, event.to_string()))
    };
    let hear = move |uri: Uri, headers: HeaderMap, body: String| {
        let kind = headers.get("Lambda-Runtime-Function-Error-Type").map(|kind| kind.to_str().unwrap().to_owned());
        let body = serde_json::from_str(&body).unwrap();
        // Only the first request has a receiver.
        let _ = tell.send(RuntimeRequest { path: uri.path().to_owned(), kind: kind.unwrap_or_default(), body });
        std::future::ready(StatusCode::ACCEPTED)
    };
    let api = Router::new().route("/2018-06-01/runtime/invocation/next", get(next)).fallback(post(hear));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut function = Command::new(env!("CARGO_BIN_EXE_consumer"));
    function.env_clear().envs(environment.iter().copied()).stdout(Stdio::null());
    function.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string());
    // The runtime also requires these.
    function.env("AWS_LAMBDA_FUNCTION_NAME", "consumer").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
    function
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "");
    tokio::spawn(async move { axum::serve(listener, api).await });
    let function = function.spawn().unwrap();
    (told.recv().await.unwrap(), function)
}

#[tokio::test]
async fn a_function_that_cannot_start_tells_lambda_every_fault_and_ends() {
    let faulty = [("AWS_REGION", "us-east-1"), ("RECORDS_TABLE", "records"), ("GHL_SYNC_BATCH_SIZE", "many")];
    let (told, mut function) = invoke(&faulty, json!({})).await;
    assert_eq!((told.path.as_str(), told.kind.as_str()), ("/2018-06-01/runtime/init/error", "Runtime.ConfigInvalid"));
    assert_eq!(
        told.body,
        json!({
            "errorType": "Runtime.ConfigInvalid",
            "errorMessage": "the configuration has 5 fault(s); AWS_ACCESS_KEY_ID is missing; AWS_SECRET_ACCESS_KEY is \
                missing; BATCH_QUEUE_URL is missing; GHL_SYNC_BATCH_SIZE is `many`; expected a whole number from 1 to \
                500; STATE_TABLE is missing",
        })
    );
    assert_eq!(function.wait().unwrap().code(), Some(1));
}

#[tokio::test]
async fn the_invoker_is_told_what_event_was_expected() {
    let event = json!({ "Records": [{ "eventSource": "aws:s3", "s3": { "object": { "key": "secret-name" } } }] });
    let (told, mut function) = invoke(&ENVIRONMENT, event).await;
    function.kill().unwrap();
    function.wait().unwrap();
    assert_eq!(told.path, "/2018-06-01/runtime/invocation/request-1/error");
    assert_eq!(told.body["errorType"], "consumer::ConsumerError");
    let message = told.body["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("this function expects an SQS event") && message.ends_with("`aws:s3`"), "{message}");
}
