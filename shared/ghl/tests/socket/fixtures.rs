//! A client, and a server with scripted connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::Crm;
use ghl_sync_ghl::{Accounts, ApiAccount, ClientConfig, GhlClient, NoAccount};
use ghl_sync_model::{Api, Call, Contact, Failure, GhlId, LocationId, Reply, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TOKEN: &str = "pit-secret";
const LONG: Duration = Duration::from_secs(20);
pub(crate) const CONTACT: &str = r#"{"new":true,"contact":{"id":"c9"},"traceId":"t"}"#;

/// The next step in a connection's script.
#[derive(Clone)]
pub(crate) enum Act {
    /// Reads a request and writes this answer.
    Answer(String),
    /// Reads a request and resets the connection.
    Reset,
    /// Reads a request, writes this text, and stays silent.
    Hang(String),
}

/// A server whose connections each follow a script and close at its end.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start(scripts: Vec<Vec<Act>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let server = Server { url, requests: requests.clone(), connections: connections.clone() };
        tokio::spawn(async move {
            let mut scripts = scripts.into_iter();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let script = scripts.next().unwrap_or_default();
                tokio::spawn(follow(script, stream, requests.clone()));
            }
        });
        server
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn follow(script: Vec<Act>, mut stream: TcpStream, requests: Arc<Mutex<Vec<String>>>) {
    for act in script {
        if let Act::Reset = act {
            // Closing a socket with unread data resets the connection.
            let mut seen = [0; 4096];
            let length = stream.peek(&mut seen).await.unwrap();
            requests.lock().unwrap().push(String::from_utf8_lossy(&seen[..length]).into_owned());
            return;
        }
        let Some(request) = read_request(&mut stream).await else { return };
        requests.lock().unwrap().push(request);
        match act {
            Act::Answer(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Act::Hang(start) => {
                stream.write_all(start.as_bytes()).await.unwrap();
                std::future::pending::<()>().await;
            }
            Act::Reset => unreachable!(),
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).await.unwrap_or(0);
        if length == 0 {
            return None;
        }
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let expected = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        if body.len() >= expected {
            return Some(text);
        }
    }
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Act {
    Act::Answer(format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()))
}

pub(crate) struct OneAccount(pub(crate) Api);

#[async_trait]
impl Accounts for OneAccount {
    async fn account(&self, location: &LocationId) -> Result<ApiAccount, NoAccount> {
        let account = (location.as_str() == "loc1").then(|| ApiAccount { token: Secret::new(TOKEN), api: self.0 });
        account.ok_or_else(|| NoAccount::Refused("no token".to_owned()))
    }

    async fn refused(&self, _: &LocationId, _: &Secret) -> bool {
        false
    }

    async fn api(&self, _: &LocationId) -> Api {
        self.0
    }
}

pub(crate) fn client_at(url: &str, api: Api) -> GhlClient {
    let config = ClientConfig { v2_base_url: url.to_owned(), v1_base_url: format!("{url}/v1/") };
    GhlClient::new(config, Arc::new(OneAccount(api))).unwrap()
}

pub(crate) fn location() -> LocationId {
    LocationId::new("loc1").unwrap()
}

pub(crate) fn upsert() -> Call {
    Call::UpsertContact(Contact { email: Some("ann@example.com".to_owned()), ..Contact::default() })
}

pub(crate) fn get() -> Call {
    Call::GetContact(GhlId::new("c1").unwrap())
}

pub(crate) async fn call(client: &GhlClient, call: &Call) -> Reply {
    client.call(&location(), call, LONG).await
}

pub(crate) fn failure(reply: Reply) -> Failure {
    reply.answer.unwrap_err()
}
