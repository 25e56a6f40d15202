//! The client against a real socket: what is sent, how often, and what becomes of connections that break.

// clippy.toml lets tests unwrap, but sees only the functions marked as tests, not their helpers.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_access::TokenError;
use ghl_sync_access::ports::TokenEndpoint;
use ghl_sync_engine::ports::Crm;
use ghl_sync_ghl::{Account, Accounts, ClientConfig, ClientError, GhlClient, NoAccount, OAuthClient};
use ghl_sync_model::{
    Answer, Api, Call, Cause, Contact, EpochMs, Failure, GhlId, LocationId, OAuthGrant, OAuthUser, Opportunity,
    Provenance, Reply, RetryAfter, Secret,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "pit-secret";
const LONG: Duration = Duration::from_secs(20);

/// What a connection does next.
#[derive(Clone)]
enum Act {
    /// Reads a request and writes this.
    Answer(String),
    /// Reads a request and resets the connection.
    Reset,
    /// Reads a request, writes this, and stays silent.
    Hang(String),
}

/// A server whose connections each follow a script and are closed at its end.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(scripts: Vec<Vec<Act>>) -> Server {
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

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn follow(script: Vec<Act>, mut stream: TcpStream, requests: Arc<Mutex<Vec<String>>>) {
    for act in script {
        if let Act::Reset = act {
            // Closing a socket that has unread data resets the connection.
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

fn answer(status: &str, headers: &str, body: &str) -> Act {
    Act::Answer(format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()))
}

struct OneAccount(Api);

#[async_trait]
impl Accounts for OneAccount {
    async fn account(&self, location: &LocationId) -> Result<Account, NoAccount> {
        let account = (location.as_str() == "loc1").then(|| Account { token: Secret::new(TOKEN), api: self.0 });
        account.ok_or_else(|| NoAccount::Refused("no token".to_owned()))
    }

    async fn refused(&self, _: &LocationId, _: &Secret) -> bool {
        false
    }

    async fn api(&self, _: &LocationId) -> Api {
        self.0
    }
}

fn client_at(url: &str, api: Api) -> GhlClient {
    let config = ClientConfig { v2_base_url: url.to_owned(), v1_base_url: format!("{url}/v1/") };
    GhlClient::new(config, Arc::new(OneAccount(api))).unwrap()
}

fn location() -> LocationId {
    LocationId::new("loc1").unwrap()
}

fn upsert() -> Call {
    Call::UpsertContact(Contact { email: Some("ann@example.com".to_owned()), ..Contact::default() })
}

fn get() -> Call {
    Call::GetContact(GhlId::new("c1").unwrap())
}

async fn call(client: &GhlClient, call: &Call) -> Reply {
    client.call(&location(), call, LONG).await
}

fn failure(reply: Reply) -> Failure {
    reply.answer.unwrap_err()
}

const CONTACT: &str = r#"{"new":true,"contact":{"id":"c9"},"traceId":"t"}"#;

#[tokio::test]
async fn a_v2_call_is_one_request_with_token_and_version() {
    let server = Server::start(vec![vec![answer("200 OK", "x-ratelimit-remaining: 42\r\n", CONTACT)]]).await;
    let reply = call(&client_at(&server.url, Api::V2), &upsert()).await;

    let Ok(Answer::ContactWritten { id, provenance, .. }) = reply.answer else { panic!("{:?}", reply.answer) };
    assert_eq!((id.as_str(), provenance), ("c9", Provenance::Created));
    assert_eq!((reply.status, reply.quota.remaining), (Some(200), Some(42)));
    let [request] = &server.requests()[..] else { panic!() };
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /contacts/upsert HTTP/1.1\r\n"), "{head}");
    assert_eq!(body, r#"{"email":"ann@example.com","locationId":"loc1"}"#);
    let head = head.to_ascii_lowercase();
    let version = concat!("user-agent: ghl-sync/", env!("CARGO_PKG_VERSION"));
    for header in ["authorization: bearer pit-secret", "version: 2021-07-28", "content-type: application/json", version]
    {
        assert!(head.contains(header), "{header}: {head}");
    }
}

#[tokio::test]
async fn a_v1_call_names_neither_version_nor_location() {
    let server = Server::start(vec![vec![answer("200 OK", "", CONTACT)]]).await;
    let reply = call(&client_at(&server.url, Api::V1), &upsert()).await;

    assert!(reply.answer.is_ok(), "{reply:?}");
    let [request] = &server.requests()[..] else { panic!() };
    assert!(request.starts_with("POST /v1/contacts/ HTTP/1.1\r\n"), "{request}");
    assert!(!request.contains("2021-07-28") && !request.contains("loc1"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_a_second_request() {
    let redirect = answer("302 Found", "location: /elsewhere\r\n", "");
    let server = Server::start(vec![vec![redirect, answer("200 OK", "", CONTACT)]]).await;
    let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);

    assert_eq!((failure.status, failure.sent), (Some(302), true));
    assert_eq!(failure.cause, Some(Cause::Gateway));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_page_of_something_on_the_way_is_no_verdict_on_the_record() {
    let page = "<html><head><title>Sign in to the network</title></head></html>";
    for status in ["301 Moved", "400 Bad Request", "404 Not Found", "405 No", "410 Gone", "413 Large", "451 Legal"] {
        for body in [page, ""] {
            let server = Server::start(vec![vec![answer(status, "content-type: text/html\r\n", body)]]).await;
            let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);
            assert_eq!((failure.cause, failure.sent), (Some(Cause::Gateway), true), "{status} {body}");
        }
    }
}

#[tokio::test]
async fn an_answer_for_another_location_is_no_success() {
    let theirs = r#"{"new":true,"contact":{"id":"c1","locationId":"loc2"}}"#;
    let ours = theirs.replace("loc2", "loc1");
    let server = Server::start(vec![vec![answer("200 OK", "", theirs), answer("200 OK", "", &ours)]]).await;
    let client = client_at(&server.url, Api::V2);
    let failure = failure(call(&client, &upsert()).await);
    assert_eq!((failure.status, failure.cause), (Some(200), Some(Cause::OtherLocation)));
    assert!(failure.message.contains("location loc2"), "{}", failure.message);
    assert!(call(&client, &upsert()).await.answer.is_ok());
}

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
        // The server has closed the connection, or is about to: a call gets a new one or fails, but is never doubled.
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
    // Answers a TLS greeting in plain text.
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

#[tokio::test]
async fn a_success_that_cannot_be_read_is_unreadable_and_shows_nothing_of_the_contact() {
    let half = r#"{"contact":{"email":"ann@example.com","#;
    let long = format!(r#"{{"contact":{{"email":"ann@example.com{}"}}}}"#, "x".repeat(1024 * 1024));
    for (body, cause) in [(half, Cause::Unreadable), (long.as_str(), Cause::TooLong), ("", Cause::Unreadable)] {
        let server = Server::start(vec![vec![answer("200 OK", "", body)]]).await;
        let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);

        assert_eq!((failure.status, failure.sent, failure.cause), (Some(200), true, Some(cause)));
        assert!(!failure.message.contains("ann"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_contact_that_is_too_long_by_itself_is_named_whether_listed_or_written_and_a_page_of_several_is_refused() {
    let body = format!(
        r#"{{"contacts":[{{"email":"ann@example.com{}","id":"c1","searchAfter":[1,"c1"]}}]}}"#,
        "x".repeat(3 * 1024 * 1024)
    );
    let server = Server::start(vec![vec![answer("200 OK", "", &body)], vec![answer("200 OK", "", &body)]]).await;
    let client = client_at(&server.url, Api::V2);
    let one = call(&client, &Call::ContactsPage { cursor: None, limit: 1 }).await;
    let Ok(Answer::Contacts(page)) = one.answer else { panic!("{one:?}") };
    assert_eq!(page.unread.iter().map(|long| long.id.as_ref().map(GhlId::as_str)).collect::<Vec<_>>(), [Some("c1")]);
    assert!(page.contacts.is_empty() && page.next.is_some());
    let written = r#"{"new":false,"contact":{"notes":"LONG","id":"c1"}}"#.replace("LONG", &"x".repeat(3 << 20));
    let server = Server::start(vec![vec![answer("200 OK", "", &written)]]).await;
    let reply = call(&client_at(&server.url, Api::V2), &upsert()).await;
    let id = GhlId::new("c1").unwrap();
    assert_eq!(reply.answer, Ok(Answer::ContactWritten { id, provenance: Provenance::Found, view: None }));
    let several = failure(call(&client, &Call::ContactsPage { cursor: None, limit: 100 }).await);
    assert_eq!(several.cause, Some(Cause::TooLong));
}

#[tokio::test]
async fn what_is_gone_already_is_deleted_and_what_may_not_be_deleted_is_not() {
    let gone = r#"{"message":"Contact not found for id:c1","error":"Bad Request","statusCode":400}"#;
    let answers = [
        answer("400 Bad Request", "", gone),
        answer("200 OK", "", ""),
        answer("401 Unauthorized", "", r#"{"message":"The token is not authorized for this scope."}"#),
    ];
    let server = Server::start(vec![answers.to_vec()]).await;
    let client = client_at(&server.url, Api::V2);
    let delete = Call::DeleteContact(GhlId::new("c1").unwrap());
    let reply = call(&client, &delete).await;
    assert_eq!((reply.answer, reply.status), (Ok(Answer::Deleted), Some(400)));
    assert_eq!(call(&client, &delete).await.answer, Ok(Answer::Deleted));
    let refused = failure(call(&client, &Call::DeleteTag(GhlId::new("t1").unwrap())).await);
    assert_eq!(refused.cause, Some(Cause::Forbidden));
    assert!(server.requests()[0].starts_with("DELETE /contacts/c1 HTTP/1.1\r\n"), "{:?}", server.requests());
}

#[tokio::test]
async fn a_gateway_page_becomes_its_title() {
    let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
    let server = Server::start(vec![vec![answer("502 Bad Gateway", "content-type: text/html\r\n", page)]]).await;
    let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);

    assert_eq!((failure.status, failure.message.as_str()), (Some(502), "502 Bad Gateway"));
}

#[tokio::test]
async fn a_huge_error_is_read_no_further_than_it_is_useful() {
    let server = Server::start(vec![vec![answer("500 Oops", "", &"x".repeat(200_000))]]).await;
    let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);

    assert_eq!((failure.status, failure.message.len()), (Some(500), 1024));
}

#[tokio::test]
async fn a_quota_that_is_used_up_comes_with_the_time_to_come_back() {
    let headers = "retry-after: Sat, 21 Nov 2026 12:00:00 GMT\r\nx-ratelimit-daily-remaining: 0\r\n";
    let body = r#"{"statusCode":429,"message":"Too Many Requests"}"#;
    let server = Server::start(vec![vec![answer("429 Too Many Requests", headers, body)]]).await;
    let reply = call(&client_at(&server.url, Api::V2), &upsert()).await;

    assert_eq!(reply.quota.retry_after, Some(RetryAfter::At(EpochMs(1_795_262_400_000))));
    assert_eq!((reply.status, reply.quota.daily_remaining), (Some(429), Some(0)));
    assert_eq!(failure(reply).message, "Too Many Requests");
}

#[tokio::test]
async fn a_token_that_the_server_echoes_is_in_no_message() {
    let body = format!(r#"{{"message":"Invalid token: {TOKEN}"}}"#);
    let server = Server::start(vec![vec![answer("401 Unauthorized", "", &body)]]).await;
    let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);

    assert_eq!((failure.cause, failure.message.as_str()), (Some(Cause::Credentials), "Invalid token: [token]"));
}

#[tokio::test]
async fn a_refused_token_that_another_one_can_follow_is_stale() {
    struct Two(std::sync::Mutex<&'static str>);
    #[async_trait]
    impl Accounts for Two {
        async fn account(&self, _: &LocationId) -> Result<Account, NoAccount> {
            Ok(Account { token: Secret::new(*self.0.lock().unwrap()), api: Api::V2 })
        }

        async fn refused(&self, _: &LocationId, token: &Secret) -> bool {
            *self.0.lock().unwrap() = "second";
            token.expose() == "first"
        }

        async fn api(&self, _: &LocationId) -> Api {
            Api::V2
        }
    }
    let refused = || vec![answer("401 Unauthorized", "", r#"{"message":"Invalid token: access token is invalid"}"#)];
    let server = Server::start(vec![refused(), refused()]).await;
    let config = ClientConfig { v2_base_url: server.url.clone(), ..ClientConfig::default() };
    let client = GhlClient::new(config, Arc::new(Two("first".into()))).unwrap();
    assert_eq!(failure(call(&client, &upsert()).await).cause, Some(Cause::StaleToken));
    assert_eq!(failure(call(&client, &upsert()).await).cause, Some(Cause::Credentials));
}

fn grant() -> OAuthGrant {
    OAuthGrant {
        client_id: "app-1".to_owned(),
        client_secret: Secret::new("hush&=1"),
        refresh_token: Secret::new("r-0"),
        access_token: None,
        user: OAuthUser::Location,
    }
}

#[tokio::test]
async fn a_refresh_is_one_form_without_a_token_and_a_location_token_is_asked_for_with_the_agencys() {
    let issued = r#"{"access_token":"a-1","expires_in":86399,"refresh_token":"r-1","userType":"Location"}"#;
    let server = Server::start(vec![vec![answer("200 OK", "", issued)], vec![answer("201 Created", "", issued)]]).await;
    let oauth = OAuthClient::new(&ClientConfig { v2_base_url: server.url.clone(), ..ClientConfig::default() }).unwrap();
    let refreshed = oauth.refresh(&grant(), &Secret::new("r-0")).await.unwrap();
    assert_eq!((refreshed.access, refreshed.refresh), (Secret::new("a-1"), Some(Secret::new("r-1"))));
    let of_location = oauth.location_token(&Secret::new("agency-token"), "c1", &location()).await.unwrap();
    assert_eq!(of_location.refresh, None, "the agency's own refresh token is enough");

    let requests = server.requests();
    let form =
        "client_id=app-1&client_secret=hush%26%3D1&grant_type=refresh_token&refresh_token=r-0&user_type=Location";
    assert!(requests[0].starts_with("POST /oauth/token HTTP/1.1") && requests[0].ends_with(form), "{}", requests[0]);
    assert!(!requests[0].to_ascii_lowercase().contains("authorization:"));
    let second = requests[1].to_ascii_lowercase();
    assert!(second.starts_with("post /oauth/locationtoken http/1.1"), "{second}");
    assert!(
        second.contains("authorization: bearer agency-token") && second.contains("version: 2021-07-28"),
        "{second}"
    );
    assert!(second.contains("application/x-www-form-urlencoded"), "{second}");
    assert!(second.ends_with("companyid=c1&locationid=loc1"), "{second}");
}

#[tokio::test]
async fn a_refresh_that_was_not_sent_and_one_without_an_answer_are_told_apart() {
    let nobody = ClientConfig { v2_base_url: "http://127.0.0.1:1".to_owned(), ..ClientConfig::default() };
    let error = OAuthClient::new(&nobody).unwrap().refresh(&grant(), &Secret::new("r-0")).await.unwrap_err();
    assert!(matches!(error, TokenError::NotDone(_)), "{error}");
    let server = Server::start(vec![vec![Act::Reset]]).await;
    let config = ClientConfig { v2_base_url: server.url.clone(), ..ClientConfig::default() };
    let error = OAuthClient::new(&config).unwrap().refresh(&grant(), &Secret::new("r-0")).await.unwrap_err();
    assert!(matches!(error, TokenError::Unanswered(_)), "{error}");
    let dead = r#"{"error":"invalid_grant","error_description":"refresh token r-0 is not good"}"#;
    let server = Server::start(vec![vec![answer("401 Unauthorized", "", dead)]]).await;
    let config = ClientConfig { v2_base_url: server.url.clone(), ..ClientConfig::default() };
    let error = OAuthClient::new(&config).unwrap().refresh(&grant(), &Secret::new("r-0")).await.unwrap_err();
    assert_eq!(error, TokenError::Refused("401 invalid_grant: refresh token [token] is not good".to_owned()));
}

#[tokio::test]
async fn what_cannot_be_sent_reaches_no_server() {
    struct Odd;
    #[async_trait]
    impl Accounts for Odd {
        async fn account(&self, location: &LocationId) -> Result<Account, NoAccount> {
            match location.as_str() {
                "slow" => std::future::pending().await,
                "newline" => Ok(Account { token: Secret::new("a\nb"), api: Api::V2 }),
                "v1" => Ok(Account { token: Secret::new("key"), api: Api::V1 }),
                "busy" => Err(NoAccount::Unavailable("no token at the moment".to_owned())),
                _ => Err(NoAccount::Refused("connect the app anew".to_owned())),
            }
        }

        async fn refused(&self, _: &LocationId, _: &Secret) -> bool {
            false
        }

        async fn api(&self, _: &LocationId) -> Api {
            Api::V2
        }
    }
    let server = Server::start(vec![]).await;
    let config = ClientConfig { v2_base_url: server.url.clone(), v1_base_url: server.url.clone() };
    let client = GhlClient::new(config, Arc::new(Odd)).unwrap();
    let opportunity = Opportunity {
        contact_record: None,
        contact_id: Some(GhlId::new("c1").unwrap()),
        pipeline_id: GhlId::new("p1").unwrap(),
        name: "Roof".to_owned(),
        status: None,
        pipeline_stage_id: None,
        monetary_value: None,
        assigned_to: None,
        custom_fields: vec![],
    };
    let update = Call::UpdateOpportunity { id: GhlId::new("o1").unwrap(), opportunity };
    let cases = [
        ("unknown", Some(Cause::Credentials), "connect the app anew"),
        ("busy", None, "no token at the moment"),
        ("newline", Some(Cause::Credentials), "character"),
        ("slow", None, "time"),
        ("v1", Some(Cause::Unsupported), "`status`"),
    ];
    for (location, cause, message) in cases {
        let location = LocationId::new(location).unwrap();
        let failure = failure(client.call(&location, &update, Duration::from_millis(100)).await);
        assert_eq!((failure.status, failure.sent, failure.cause), (None, false, cause));
        assert!(failure.message.contains(message), "{}", failure.message);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_preview_is_the_request_without_credentials() {
    let v2 = client_at("http://127.0.0.1:1", Api::V2).preview(&location(), &upsert()).await;
    assert_eq!(v2, "POST /contacts/upsert\n{\"email\":\"ann@example.com\",\"locationId\":\"loc1\"}");
    let v1 = client_at("http://127.0.0.1:1", Api::V1).preview(&location(), &upsert()).await;
    assert_eq!(v1, "POST /v1/contacts/\n{\"email\":\"ann@example.com\"}");
}

#[test]
fn a_base_url_that_is_none_is_refused() {
    for url in [
        "",
        "services.leadconnectorhq.com",
        "ftp://host",
        "https://host/?a=b",
        "https://host/#f",
        "https://ann:hunter2@host",
    ] {
        let config = ClientConfig { v2_base_url: url.to_owned(), ..ClientConfig::default() };
        let error = GhlClient::new(config, Arc::new(OneAccount(Api::V2))).unwrap_err();
        assert!(matches!(error, ClientError::BaseUrl { .. }), "{url}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn ghl_itself_is_the_default() {
    let client = GhlClient::new(ClientConfig::default(), Arc::new(OneAccount(Api::V2))).unwrap();
    assert_eq!(
        format!("{client:?}"),
        r#"GhlClient { v2: "https://services.leadconnectorhq.com/", v1: "https://rest.gohighlevel.com/v1" }"#
    );
}
