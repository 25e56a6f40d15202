//! Tokens: each can be refreshed once, the answer is repeated for a while, and each has its permissions.

use ghl_sync_model::Secret;

use super::*;
use crate::sandbox::{FaultChange, Installed, OAuthOptions};

fn app(installed: Installed, lifetime: Duration) -> SandboxOptions {
    let tokens = SandboxTokens::OAuth(OAuthOptions {
        client_id: "app".into(),
        client_secret: Secret::new("hush"),
        refresh_token: Secret::new("r-0"),
        installed,
        lifetime,
    });
    SandboxOptions { tokens, ..options() }
}

async fn form(examination: &Examination, path: &str, token: Option<&str>, body: String) -> Said {
    let request = examination.client.post(format!("{}{path}", examination.sandbox.url()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").header("Version", "2021-07-28");
    let request = token.map_or(request.try_clone().expect("no stream"), |token| request.bearer_auth(token));
    said(request.body(body).send().await.expect("an answer")).await
}

async fn refresh(examination: &Examination, token: &str) -> Said {
    let body = format!("client_id=app&client_secret=hush&grant_type=refresh_token&refresh_token={token}");
    form(examination, "/oauth/token", None, body).await
}

async fn read_contacts(examination: &Examination, token: &str, location: &str) -> u16 {
    let url = format!("{}/contacts/?locationId={location}", examination.sandbox.url());
    let request = examination.client.get(url).bearer_auth(token).header("Version", "2021-07-28");
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_refresh_whose_answer_is_repeated() {
    let examination = Examination::begin(app(Installed::Location(LOCATION.into()), Duration::from_secs(60))).await;
    let (status, first) = refresh(&examination, "r-0").await;
    assert_eq!((status, &first["expires_in"], &first["userType"]), (200, &json!(60), &json!("Location")));
    assert_eq!(refresh(&examination, "r-0").await, (200, first.clone()));
    let (_, second) = refresh(&examination, first["refresh_token"].as_str().expect("a token")).await;
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!(refresh(&examination, "none-of-ours").await.1["error"], "invalid_grant");
    let stats = examination.sandbox.stats();
    assert_eq!((stats.token_refreshes, stats.token_repeats, stats.token_refusals, stats.calls), (2, 1, 1, 0));
}

#[tokio::test]
async fn a_token_is_good_for_its_location_until_it_expires() {
    let examination = Examination::begin(app(Installed::Location(LOCATION.into()), Duration::from_secs(1))).await;
    let (_, issued) = refresh(&examination, "r-0").await;
    let token = issued["access_token"].as_str().expect("a token");
    assert_eq!(read_contacts(&examination, token, LOCATION).await, 200);
    assert_eq!(read_contacts(&examination, token, OTHER_LOCATION).await, 403);
    assert_eq!(read_contacts(&examination, "none", LOCATION).await, 401);
    tokio::time::sleep(Duration::from_millis(1_010)).await;
    assert_eq!(read_contacts(&examination, token, LOCATION).await, 401);
    assert_eq!(examination.sandbox.stats().expired_tokens, 1);
}

#[tokio::test]
async fn an_agencys_token_gets_those_of_its_locations_and_is_good_for_nothing_else() {
    let examination = Examination::begin(app(Installed::Company("agency".into()), Duration::from_secs(60))).await;
    let (_, issued) = refresh(&examination, "r-0").await;
    let agency = issued["access_token"].as_str().expect("a token");
    assert_eq!(read_contacts(&examination, agency, LOCATION).await, 401);
    let body = || format!("companyId=agency&locationId={LOCATION}");
    let (status, issued) = form(&examination, "/oauth/locationToken", Some(agency), body()).await;
    assert_eq!((status, issued.get("refresh_token")), (201, None));
    let token = issued["access_token"].as_str().expect("a token");
    assert_eq!(read_contacts(&examination, token, LOCATION).await, 200);
    assert_eq!(form(&examination, "/oauth/locationToken", Some(token), body()).await.0, 401);
    assert_eq!(form(&examination, "/oauth/locationToken", None, body()).await.0, 401);
    assert_eq!(form(&examination, "/oauth/locationToken", Some(agency), "companyId=agency".into()).await.0, 422);
    let other = format!("companyId=other&locationId={LOCATION}");
    assert_eq!(form(&examination, "/oauth/locationToken", Some(agency), other).await.0, 403);
}

#[tokio::test]
async fn a_location_that_is_not_active_gets_no_token_and_its_refresh_token_works_again_later() {
    let examination = Examination::begin(app(Installed::Location(LOCATION.into()), Duration::from_secs(60))).await;
    let (_, first) = refresh(&examination, "r-0").await;
    let next = first["refresh_token"].as_str().expect("a token");
    examination.sandbox.change_faults(FaultChange { inactive: Some(true), ..FaultChange::default() });
    let (status, said) = refresh(&examination, next).await;
    assert_eq!((status, &said["message"]), (400, &json!("Location is not active")));
    assert_eq!(read_contacts(&examination, first["access_token"].as_str().expect("a token"), LOCATION).await, 401);
    examination.sandbox.change_faults(FaultChange { inactive: Some(false), ..FaultChange::default() });
    assert_eq!(refresh(&examination, next).await.0, 200);
    assert_eq!(examination.sandbox.stats().token_refusals, 0);
}

#[tokio::test]
async fn a_wrong_app_or_a_form_with_holes_is_refused() {
    let examination = Examination::begin(app(Installed::Location(LOCATION.into()), Duration::from_secs(60))).await;
    let wrong = "client_id=app&client_secret=x&grant_type=refresh_token&refresh_token=r-0".to_owned();
    assert_eq!(form(&examination, "/oauth/token", None, wrong).await.0, 401);
    let (status, said) = form(&examination, "/oauth/token", None, "client_id=app".into()).await;
    assert_eq!((status, said["message"].as_array().map(Vec::len)), (422, Some(3)));
    let code = "client_id=app&client_secret=hush&grant_type=authorization_code&refresh_token=x".to_owned();
    assert_eq!(form(&examination, "/oauth/token", None, code).await.0, 422);
    let none = Examination::begin(options()).await;
    assert_eq!(refresh(&none, "r-0").await.0, 404);
}
