//! An intermediary between us and a server, which loses responses or sends its own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Action on a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Passes on the request and the response.
    Pass,
    /// Passes on the request, and closes the connection instead of responding.
    LoseAnswer,
    /// Responds itself: status, content type and body.
    Answer(u16, &'static str, &'static str),
}

/// Starts an intermediary before `server` that applies `acts` to the first requests in order of arrival, and passes on
/// all others. Returns its URL. It ends with the test's runtime.
pub(crate) async fn start(server: SocketAddr, acts: impl IntoIterator<Item = Act>) -> String {
    let acts = Mutex::new(acts.into_iter().collect::<VecDeque<Act>>());
    deciding(server, move |_| acts.lock().unwrap().pop_front().unwrap_or(Act::Pass)).await
}

/// Starts an intermediary before `server` that asks `decide` about each request. Returns its URL. It ends with the
/// test's runtime.
pub(crate) async fn deciding(server: SocketAddr, decide: impl Fn(&[u8]) -> Act + Send + Sync + 'static) -> String {
    let decide = Arc::new(decide);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let decide = Arc::clone(&decide);
            tokio::spawn(async move { serve(client, server, &*decide).await });
        }
    });
    url
}

/// Serves requests until either side closes the connection or a response is lost.
async fn serve(mut client: TcpStream, server: SocketAddr, decide: &(impl Fn(&[u8]) -> Act + Sync)) {
    let mut server = TcpStream::connect(server).await.unwrap();
    while let Some(request) = message(&mut client).await {
        let act = decide(&request);
        let answer = match act {
            Act::Pass | Act::LoseAnswer => {
                server.write_all(&request).await.unwrap();
                message(&mut server).await
            }
            Act::Answer(status, content_type, body) => {
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n");
                Some((head + body).into_bytes())
            }
        };
        match (act, answer) {
            (Act::LoseAnswer, _) | (_, None) => return,
            (_, Some(answer)) => client.write_all(&answer).await.unwrap(),
        }
    }
}

/// Reads one HTTP message with the length given in its head.
async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    while length(&message).is_none_or(|length| message.len() < length) {
        if stream.read_buf(&mut message).await.ok()? == 0 {
            return None;
        }
    }
    Some(message)
}

fn length(message: &[u8]) -> Option<usize> {
    let head = message.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&message[..head]).unwrap().to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap_or("0");
    Some(head + body.trim().parse::<usize>().unwrap())
}
