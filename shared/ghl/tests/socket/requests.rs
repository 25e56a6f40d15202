//! Which requests the client sends for a call, and which it never sends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::Crm;
use ghl_sync_ghl::{Accounts, ApiAccount, ClientConfig, ClientError, GhlClient, NoAccount};
use ghl_sync_model::{Answer, Api, Call, Cause, GhlId, LocationId, Opportunity, Provenance, Secret};

use crate::fixtures::{CONTACT, OneAccount, Server, answer, call, client_at, failure, location, upsert};

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
async fn what_cannot_be_sent_reaches_no_server() {
    struct Odd;
    #[async_trait]
    impl Accounts for Odd {
        async fn account(&self, location: &LocationId) -> Result<ApiAccount, NoAccount> {
            match location.as_str() {
                "slow" => std::future::pending().await,
                "newline" => Ok(ApiAccount { token: Secret::new("a\nb"), api: Api::V2 }),
                "v1" => Ok(ApiAccount { token: Secret::new("key"), api: Api::V1 }),
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
