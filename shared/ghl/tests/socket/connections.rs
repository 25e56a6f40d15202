//! Connections that break, stay silent or never open: no call is sent twice, and the failure says whether it may have
//! arrived.

use std::time::Duration;

use ghl_sync_engine::ports::Crm;
use ghl_sync_model::{Api, Call, RetryAfter};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::fixtures::{Act, CONTACT, Server, answer, call, client_at, failure, get, location, upsert};

#[tokio::test]
async fn a_reset_connection_is_not_tried_again() {
    for request in [upsert(), get()] {
        let server = Server::start(vec![vec![Act::Reset], vec![answer("200 OK", "", CONTACT)]]).await;
        let failure = failure(call(&client_at(&server.url, Api::V2), &request).await);

        assert_eq!((failure.status, failure.sent, failure.cause), (None, true, None), "{}", failure.message);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_reset_of_a_connection_from_the_pool_is_not_tried_again() {
    let first = answer("200 OK", "", CONTACT);
    let server = Server::start(vec![vec![first.clone(), Act::Reset], vec![first]]).await;
    let client = client_at(&server.url, Api::V2);
    assert!(call(&client, &upsert()).await.answer.is_ok());
    let failure = failure(call(&client, &upsert()).await);

    assert_eq!((failure.status, failure.sent), (None, true), "{}", failure.message);
    assert_eq!((server.requests().len(), server.connections()), (2, 1));
}

#[tokio::test]
async fn many_calls_over_connections_that_close_are_as_many_requests() {
    const CALLS: usize = 40;
    let server = Server::start(vec![vec![answer("200 OK", "", CONTACT)]; 2 * CALLS]).await;
    let client = client_at(&server.url, Api::V2);
    let mut answered = 0;
    for _ in 0..CALLS {
        // The server has closed the connection, or is about to: a call gets a new one or fails, but is never sent
        // twice.
        answered += usize::from(call(&client, &upsert()).await.answer.is_ok());
    }

    assert_eq!(server.requests().len(), answered);
}

#[tokio::test]
async fn a_refused_connection_is_a_request_that_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let find = Call::FindContact { email: Some("ann@example.com".to_owned()), phone: None };
    let failure = failure(call(&client_at(&url, Api::V2), &find).await);

    assert_eq!((failure.status, failure.sent, failure.cause), (None, false, None));
    assert!(failure.message.contains("refused") && !failure.message.contains("ann"), "{}", failure.message);
}

#[tokio::test]
async fn a_host_without_tls_is_a_request_that_was_not_sent() {
    // Answers a TLS handshake in plain text.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    let failure = failure(call(&client_at(&url, Api::V2), &get()).await);

    assert_eq!((failure.status, failure.sent), (None, false), "{}", failure.message);
}

#[tokio::test]
async fn silence_ends_with_the_timeout_and_may_have_been_heard() {
    let starts = [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"contact\":",
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 50\r\n\r\n{\"mess",
    ];
    for start in starts {
        let server = Server::start(vec![vec![Act::Hang(start.to_owned())]]).await;
        let client = client_at(&server.url, Api::V2);
        let reply = client.call(&location(), &upsert(), Duration::from_millis(200)).await;

        assert_eq!(reply.status, None);
        let failure = failure(reply);
        assert_eq!((failure.status, failure.sent, failure.cause), (None, true, None), "{start}");
        assert!(failure.message.contains("time"), "{}", failure.message);
    }
}

#[tokio::test]
async fn an_answer_cut_off_is_no_answer_unless_its_status_says_it_all() {
    let cases = [("200 OK", None), ("400 Bad Request", None), ("429 Slow", Some(429)), ("502 Bad", Some(502))];
    for (status, expected) in cases {
        let head = format!("HTTP/1.1 {status}\r\nretry-after: 3\r\ncontent-length: 500\r\n\r\n{{\"con");
        let server = Server::start(vec![vec![Act::Answer(head)]]).await;
        let reply = call(&client_at(&server.url, Api::V2), &upsert()).await;

        assert_eq!(reply.quota.retry_after, Some(RetryAfter::Delay(Duration::from_secs(3))), "{status}");
        let failure = failure(reply);
        assert_eq!((failure.status, failure.sent, failure.cause), (expected, true, None), "{status}");
    }
}
