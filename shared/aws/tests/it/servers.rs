//! Embedded DynamoDB and SQS servers on their own ports, and a proxy that loses replies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use ghl_sync_aws::AwsConfig;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A client configuration for embedded servers: any credentials, no retries that could hide an error.
pub(crate) fn config() -> AwsConfig {
    AwsConfig {
        region: "us-east-1".to_owned(),
        credentials: Credentials::new("AKIDLOCAL", "local", None, None, "test"),
        dynamodb_endpoint: None,
        sqs_endpoint: None,
        s3_endpoint: None,
        ssm_endpoint: None,
        secrets_manager_endpoint: None,
        eventbridge_endpoint: None,
        sns_endpoint: None,
        retries: false,
        interceptor: None,
    }
}

/// Starts an empty in-memory DynamoDB, which ends with the test's runtime. Returns its `host:port`.
pub(crate) async fn dynamodb() -> String {
    let (listener, address) = listen().await;
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    address
}

/// Starts an empty in-memory SQS, which ends with the test's runtime. Returns its `host:port`.
pub(crate) async fn sqs() -> String {
    let (listener, address) = listen().await;
    let (host, port) = address.split_once(':').unwrap();
    let config = SqsConfig { host: host.to_owned(), port: port.parse().unwrap(), ..SqsConfig::default() };
    let handler = RustackSqsHandler::new(Arc::new(RustackSqs::new(config)));
    let service = SqsHttpService::new(Arc::new(handler), SqsHttpConfig::default());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
        }
    });
    address
}

/// A server that takes one request, answers it with `body`, and returns the request.
pub(crate) async fn one_request(body: &'static str) -> (String, JoinHandle<String>) {
    one_answer("200 OK", body).await
}

/// Like [`one_request`], with a status.
pub(crate) async fn one_answer(status: &'static str, body: &'static str) -> (String, JoinHandle<String>) {
    let (listener, address) = listen().await;
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = message(&mut stream).await.unwrap();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).await.unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, request)
}

/// A proxy before a server that loses a reply on demand: the server has performed the request, and the client does
/// not learn of it. It can also hold a request back until something else has happened.
pub(crate) struct LossyProxy {
    pub(crate) address: String,
    lose_next: Arc<AtomicBool>,
    held: Held,
}

/// How many requests pass before one is held back, the channel that reports it, and the channel it waits for.
type Held = Arc<Mutex<Option<(usize, oneshot::Sender<()>, oneshot::Receiver<()>)>>>;

impl LossyProxy {
    pub(crate) async fn before(server: String) -> LossyProxy {
        let (listener, address) = listen().await;
        let lose_next = Arc::new(AtomicBool::new(false));
        let held = Held::default();
        let proxy = LossyProxy { address, lose_next: Arc::clone(&lose_next), held: Arc::clone(&held) };
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(relay(client, server, Arc::clone(&lose_next), Arc::clone(&held)));
            }
        });
        proxy
    }

    /// Loses only the next reply.
    pub(crate) fn lose_next_reply(&self) {
        self.lose_next.store(true, Ordering::SeqCst);
    }

    /// After `passing` more requests, holds the next one back until `between` is done.
    pub(crate) fn before_next(&self, passing: usize, between: impl Future<Output = ()>) -> impl Future<Output = ()> {
        let (tell, reached) = oneshot::channel();
        let (go, wait) = oneshot::channel();
        *self.held.lock().unwrap() = Some((passing, tell, wait));
        async move {
            reached.await.unwrap();
            between.await;
            go.send(()).unwrap();
        }
    }
}

/// Relays requests until either side hangs up or a reply must be lost.
async fn relay(mut client: TcpStream, mut server: TcpStream, lose: Arc<AtomicBool>, held: Held) {
    while let Some(request) = message(&mut client).await {
        if let Some((tell, wait)) = next_held(&held) {
            tell.send(()).unwrap();
            wait.await.unwrap();
        }
        server.write_all(&request).await.unwrap();
        let Some(reply) = message(&mut server).await else { return };
        if lose.swap(false, Ordering::SeqCst) {
            return;
        }
        client.write_all(&reply).await.unwrap();
    }
}

/// Counts one request; the one to hold back takes its channels.
fn next_held(held: &Held) -> Option<(oneshot::Sender<()>, oneshot::Receiver<()>)> {
    let mut held = held.lock().unwrap();
    match held.take() {
        Some((0, tell, wait)) => Some((tell, wait)),
        Some((passing, tell, wait)) => {
            *held = Some((passing - 1, tell, wait));
            None
        }
        None => None,
    }
}

/// Reads one HTTP message that has a content length.
pub(crate) async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    while length(&message).is_none_or(|length| message.len() < length) {
        if stream.read_buf(&mut message).await.ok()? == 0 {
            return None;
        }
    }
    Some(message)
}

/// The message's total length, once its head has arrived.
fn length(message: &[u8]) -> Option<usize> {
    let head = message.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&message[..head]).unwrap().to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap_or("0");
    Some(head + body.trim().parse::<usize>().unwrap())
}

pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}
