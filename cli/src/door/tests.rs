//! Tests of all doors of a stack, and of their timeouts.

use std::future::ready;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use ghl_sync_engine::ports::Clock as _;
use ghl_sync_model::{EpochMs, LocationId, Secret};
use ghl_sync_runtime::{Config, SystemClock};
use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::access_key::NotSigned;
use super::{AccessKey, Always, Door, Listen, OpenDoor, Patience};
use crate::api::ApiServer;
use crate::stack::{Stack, StackOptions};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const EVIL: &str = "http://evil.example";

/// A stack with all of its ports open.
struct House {
    stack: Stack,
    api: ApiServer,
}

impl House {
    async fn open(allowed_hosts: &[&str]) -> House {
        let locations = vec![LocationId::new("loc").unwrap()];
        let allowed_hosts: Vec<String> = allowed_hosts.iter().map(|&host| host.to_owned()).collect();
        let options = StackOptions { locations, allowed_hosts: allowed_hosts.clone(), ..StackOptions::default() };
        let stack = Stack::start(options).await.unwrap();
        let api = stack.serve_api(Listen { addr: ANYWHERE, allowed_hosts }).await.unwrap();
        House { stack, api }
    }

    fn var(&self, name: &str) -> &str {
        &self.stack.vars[name]
    }

    /// A request to each port, with the status of its answer when no page sends it.
    fn requests(&self) -> [(Method, String, u16); 5] {
        let api = self.api.url();
        [
            (Method::GET, format!("{}/_sandbox/stats", self.var("GHL_BASE_URL")), 200),
            (Method::POST, self.var("AWS_ENDPOINT_URL_DYNAMODB").to_owned(), 403), // Not signed.
            (Method::POST, self.var("AWS_ENDPOINT_URL_SQS").to_owned(), 403),
            (Method::GET, format!("{api}/health"), 200),
            (Method::POST, format!("{api}/webhooks/ghl"), 401),
        ]
    }
}

/// Status, headers and body of the answer to a request with these headers.
async fn ask(method: &Method, url: &str, headers: &[(&'static str, &str)]) -> (u16, HeaderMap, String) {
    // reqwest wants a TLS provider, though nothing here uses TLS. Installing a second one fails harmlessly.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut request = reqwest::Client::new().request(method.clone(), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.body("{}").send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.text().await.unwrap())
}

#[tokio::test]
async fn no_port_answers_a_web_page_or_a_request_for_another_host() {
    let house = House::open(&[]).await;
    for (method, url, usual) in house.requests() {
        let (status, headers, said) = ask(&method, &url, &[]).await;
        assert_eq!(status, usual, "{url}: {said}");
        assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{url}: {headers:?}");
        let port = url.split(':').nth(2).unwrap().split('/').next().unwrap();
        let rebound = format!("evil.example:{port}");
        let of_pages: [(&str, &[(&'static str, &str)]); 6] = [
            ("Origin", &[("origin", EVIL)]),
            ("Origin", &[("origin", "null")]),
            ("Sec-Fetch-Site", &[("sec-fetch-site", "cross-site")]),
            ("Sec-Fetch-Site", &[("sec-fetch-site", "same-site")]),
            ("host", &[("host", &rebound)]),
            ("host", &[("host", "evil.example")]),
        ];
        for (why, headers) in of_pages {
            let (status, answered, said) = ask(&method, &url, headers).await;
            assert_eq!(status, 403, "{url} {headers:?}: {said}");
            assert!(said.contains(why), "{url} {headers:?}: {said}");
            assert!(!answered.keys().any(|name| name.as_str().starts_with("access-control-")), "{url}: {answered:?}");
        }
        let preflight = [("origin", EVIL), ("access-control-request-method", "POST")];
        let (status, answered, _) = ask(&Method::OPTIONS, &url, &preflight).await;
        assert_eq!(status, 403, "{url}");
        assert!(!answered.keys().any(|name| name.as_str().starts_with("access-control-")), "{url}: {answered:?}");
    }
}

#[tokio::test]
async fn the_apis_own_page_is_let_in_by_the_api_alone() {
    let house = House::open(&[]).await;
    let (own, key) = (house.api.url(), house.stack.api_key.text());
    let as_page = [("origin", own.as_str()), ("sec-fetch-site", "same-origin"), ("x-api-key", key)];
    let pause = format!("{own}/v1/locations/loc/pause");
    assert_eq!(ask(&Method::POST, &pause, &[("x-api-key", key), ("content-type", "application/json")]).await.0, 204);
    let with_type = [as_page[0], as_page[1], as_page[2], ("content-type", "application/json")];
    assert_eq!(ask(&Method::POST, &pause, &with_type).await.0, 204);
    let as_localhost = own.replace("127.0.0.1", "localhost");
    let elsewhere = [("origin", as_localhost.as_str()), ("x-api-key", key)];
    assert_eq!(ask(&Method::POST, &pause, &elsewhere).await.0, 403, "localhost and 127.0.0.1 are two origins");
    let stats = format!("{}/_sandbox/stats", house.var("GHL_BASE_URL"));
    assert_eq!(ask(&Method::GET, &stats, &as_page).await.0, 403);
}

#[tokio::test]
async fn a_host_is_let_in_by_name_when_it_was_allowed() {
    let house = House::open(&["host.docker.internal"]).await;
    for (method, url, usual) in house.requests() {
        let (status, _, said) = ask(&method, &url, &[("host", "host.docker.internal:8788")]).await;
        assert_eq!(status, usual, "{url}: {said}");
        let (status, _, said) = ask(&method, &url, &[("host", "172.17.0.1:8788")]).await;
        assert!(status == 403 && said.contains("--allow-host"), "{url}: {said}");
    }
}

/// SDK clients, with other credentials than the stack's if given.
fn clients(house: &House, id: Option<&str>, secret: Option<&str>) -> (aws_sdk_dynamodb::Client, aws_sdk_sqs::Client) {
    let mut vars = house.stack.vars.clone();
    for (name, value) in [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)] {
        if let Some(value) = value {
            vars.insert(name.to_owned(), value.to_owned());
        }
    }
    let Config { aws, .. } = Config::from_vars(vars).unwrap();
    (aws.dynamodb(), aws.sqs())
}

#[tokio::test]
async fn the_embedded_services_take_only_what_is_signed_with_the_key_of_this_run() {
    let house = House::open(&[]).await;
    let (dynamodb, sqs) = clients(&house, None, None);
    assert!(dynamodb.list_tables().send().await.unwrap().table_names().len() == 2);
    assert!(sqs.list_queues().send().await.unwrap().queue_urls().len() >= 4);

    let other = House::open(&[]).await;
    assert_ne!(other.var("AWS_ACCESS_KEY_ID"), house.var("AWS_ACCESS_KEY_ID"));
    assert_ne!(other.var("AWS_SECRET_ACCESS_KEY"), house.var("AWS_SECRET_ACCESS_KEY"));
    let wrong = [
        (Some("AKIDLOCAL"), Some("local")),
        (None, Some("local")),
        (None, Some(other.var("AWS_SECRET_ACCESS_KEY"))),
        (Some(other.var("AWS_ACCESS_KEY_ID")), None),
    ];
    for (id, secret) in wrong {
        let (dynamodb, sqs) = clients(&house, id, secret);
        let refused = dynamodb.list_tables().send().await.unwrap_err();
        assert_eq!(refused.raw_response().map(|answer| answer.status().as_u16()), Some(403), "{id:?}");
        let refused = sqs.list_queues().send().await.unwrap_err();
        assert_eq!(refused.raw_response().map(|answer| answer.status().as_u16()), Some(403), "{id:?}");
    }
    // The id alone does not grant access.
    let scope = format!("Credential={}/20260101/us-east-1/dynamodb/aws4_request", house.var("AWS_ACCESS_KEY_ID"));
    let made_up = format!("AWS4-HMAC-SHA256 {scope},SignedHeaders=host;x-amz-date,Signature={}", "0".repeat(64));
    let headers = [
        ("authorization", made_up.as_str()),
        ("x-amz-date", "20260101T000000Z"),
        ("x-amz-target", "DynamoDB_20120810.ListTables"),
    ];
    let (status, _, said) = ask(&Method::POST, house.var("AWS_ENDPOINT_URL_DYNAMODB"), &headers).await;
    assert!(status == 403 && !said.contains("ghl-sync"), "{said}");
}

#[tokio::test]
async fn a_signature_counts_for_a_quarter_of_an_hour() {
    let house = House::open(&[]).await;
    let key = AccessKey {
        id: house.var("AWS_ACCESS_KEY_ID").to_owned(),
        secret: Secret::new(house.var("AWS_SECRET_ACCESS_KEY")),
    };
    // Captures the SDK's request as received.
    let (come_in, mut came_in) = tokio::sync::mpsc::unbounded_channel();
    let door = Door::at(ANYWHERE.into(), 10_000).await.unwrap().for_key(key.clone());
    let door = door.open(move |request| {
        come_in.send(request).unwrap();
        ready(Always::Ok("{}".into_response()))
    });
    let mut vars = house.stack.vars.clone();
    vars.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), format!("http://{}", door.addr));
    let now = SystemClock.now();
    Config::from_vars(vars).unwrap().aws.dynamodb().list_tables().send().await.unwrap();
    let (mut parts, body) = came_in.recv().await.unwrap().into_parts();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    for at in [now, now + minutes(14), now - minutes(14)] {
        key.verify(&parts, &body, at).unwrap();
    }
    for at in [now + minutes(16), now - minutes(16), now + minutes(60 * 24 * 365), EpochMs(0)] {
        assert!(matches!(key.verify(&parts, &body, at), Err(NotSigned::Time)), "{at}");
    }
    // Another time needs another signature.
    parts.headers.insert("x-amz-date", "20260101T000000Z".parse().unwrap());
    assert!(matches!(key.verify(&parts, &body, now), Err(NotSigned::Signature(_))));
}

/// A door with short timeouts that answers with the length of the body.
async fn impatient(connections: usize) -> OpenDoor {
    let patience = Patience { head: Duration::from_millis(400), body: Duration::from_millis(400), connections };
    let door = Door::at(ANYWHERE.into(), 100).await.unwrap().with_patience(patience);
    door.open(|request| ready(Always::Ok(request.body().len().to_string().into_response())))
}

/// The answer to `sent` on a socket that then stays silent until it is closed.
async fn told(addr: SocketAddr, sent: &str) -> String {
    let mut socket = TcpStream::connect(addr).await.unwrap();
    socket.write_all(sent.as_bytes()).await.unwrap();
    let mut told = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut told)).await;
    read.expect("it is not closed").unwrap();
    String::from_utf8(told).unwrap()
}

#[tokio::test]
async fn half_a_request_is_given_up() {
    let door = impatient(10).await;
    let host = format!("Host: {}", door.addr);
    let started = Instant::now();
    assert_eq!(told(door.addr, "").await, "", "a connection without a request");
    assert!(!told(door.addr, &format!("POST / HTTP/1.1\r\n{host}\r\nX-Slow")).await.contains("200 OK"));
    let half = told(door.addr, &format!("POST / HTTP/1.1\r\n{host}\r\nContent-Length: 10\r\n\r\n12345")).await;
    assert!(half.starts_with("HTTP/1.1 408"), "{half}");
    let chunked = format!("POST / HTTP/1.1\r\n{host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n");
    assert!(told(door.addr, &chunked).await.starts_with("HTTP/1.1 408"));
    assert!(started.elapsed() < Duration::from_secs(8));
    let whole = told(door.addr, &format!("POST / HTTP/1.1\r\n{host}\r\nContent-Length: 5\r\n\r\n12345")).await;
    assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with("\r\n\r\n5"), "{whole}");
    let large = told(door.addr, &format!("POST / HTTP/1.1\r\n{host}\r\nContent-Length: 101\r\n\r\n{:0101}", 0)).await;
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let door = impatient(10).await;
    let mut socket = TcpStream::connect(door.addr).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 90\r\n\r\n", door.addr);
    socket.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = socket.into_split();
    let dripping = tokio::spawn(async move {
        while write.write_all(b"1").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut told = [0; 12];
    tokio::time::timeout(Duration::from_secs(3), read.read_exact(&mut told)).await.expect("it waits").unwrap();
    assert_eq!(&told, b"HTTP/1.1 408");
    dripping.abort();
}

#[tokio::test]
async fn silent_connections_do_not_keep_others_out_for_good() {
    let door = impatient(3).await;
    let mut silent = Vec::new();
    for _ in 0..9 {
        silent.push(TcpStream::connect(door.addr).await.unwrap());
    }
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", door.addr);
    assert!(told(door.addr, &request).await.starts_with("HTTP/1.1 200"));
    drop(silent);
}

#[tokio::test]
async fn an_answer_tells_no_page_that_it_may_read_it() {
    let door = Door::at(ANYWHERE.into(), 100).await.unwrap();
    let open =
        door.open(|_| ready(Always::Ok((StatusCode::OK, [("access-control-allow-origin", "*")]).into_response())));
    let (status, headers, _) = ask(&Method::GET, &format!("http://{}/", open.addr), &[]).await;
    assert!(status == 200 && headers.get("access-control-allow-origin").is_none(), "{headers:?}");
}
