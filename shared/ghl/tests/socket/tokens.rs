//! Rejected tokens, their replacement, and that no message reveals a token.

use std::sync::Arc;

use async_trait::async_trait;
use ghl_sync_access::TokenError;
use ghl_sync_access::ports::TokenEndpoint;
use ghl_sync_ghl::{Accounts, ApiAccount, ClientConfig, GhlClient, NoAccount, OAuthClient};
use ghl_sync_model::{Api, Cause, LocationId, OAuthGrant, OAuthUser, Secret};

use crate::fixtures::{Act, Server, TOKEN, answer, call, client_at, failure, location, upsert};

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
        async fn account(&self, _: &LocationId) -> Result<ApiAccount, NoAccount> {
            Ok(ApiAccount { token: Secret::new(*self.0.lock().unwrap()), api: Api::V2 })
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

fn grant() -> OAuthGrant {
    OAuthGrant {
        client_id: "app-1".to_owned(),
        client_secret: Secret::new("hush&=1"),
        refresh_token: Secret::new("r-0"),
        access_token: None,
        user: OAuthUser::Location,
    }
}
