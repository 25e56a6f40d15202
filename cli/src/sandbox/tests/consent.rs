//! The consent page and its codes.

use std::collections::BTreeSet;

use ghl_sync_model::Secret;
use reqwest::redirect::Policy;

use super::*;
use crate::sandbox::Marketplace;

const BACK: &str = "http://127.0.0.1:1/connect/callback";
const SCOPES: &str = "contacts.readonly oauth.readonly oauth.write";

fn app(scopes: Option<&[&str]>) -> SandboxOptions {
    let marketplace = Marketplace {
        client_id: "app-key".into(),
        client_secret: Secret::new("hush"),
        lifetime: Duration::from_secs(60),
        company: "agency".into(),
        locations: (0..5).map(|number| format!("loc-{number}")).collect(),
        scopes: scopes.map(|scopes| scopes.iter().map(|scope| (*scope).to_owned()).collect::<BTreeSet<_>>()),
    };
    SandboxOptions { marketplace: Some(marketplace), ..options() }
}

/// URL that the user is sent to after this choice.
async fn chosen(examination: &Examination, choice: &str) -> String {
    let query = [
        ("response_type", "code"),
        ("client_id", "app-key"),
        ("redirect_uri", BACK),
        ("scope", SCOPES),
        ("state", "s&1"),
    ];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let client = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
    let page = format!("{}/v2/oauth/chooselocation", examination.sandbox.url());
    let shown = client.get(format!("{page}?{query}")).send().await.expect("a page").text().await.expect("text");
    assert!(shown.contains("contacts.readonly") && shown.contains("loc-4"), "{shown}");
    let answer = client.get(format!("{page}/choose?{query}&{choice}")).send().await.expect("an answer");
    answer.headers()["location"].to_str().expect("an address").to_owned()
}

fn code_in(address: &str) -> &str {
    let (code, state) = address.strip_prefix(BACK).unwrap().strip_prefix("?code=").unwrap().split_once('&').unwrap();
    assert_eq!(state, "state=s%261");
    code
}

async fn form(examination: &Examination, fields: &[(&str, &str)]) -> Said {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = examination.client.post(format!("{}/oauth/token", examination.sandbox.url()));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    said(request.body(body).send().await.expect("an answer")).await
}

async fn exchange(examination: &Examination, code: &str, secret: &str, back: &str) -> Said {
    let fields = [("client_id", "app-key"), ("client_secret", secret), ("grant_type", "authorization_code")];
    form(examination, &[&fields[..], &[("code", code), ("redirect_uri", back)]].concat()).await
}

async fn ask(examination: &Examination, token: &str, path: &str) -> Said {
    let request = examination.client.get(format!("{}{path}", examination.sandbox.url())).bearer_auth(token);
    said(request.header("Version", "2021-07-28").send().await.expect("an answer")).await
}

#[tokio::test]
async fn a_code_is_good_once_for_the_app_and_the_address_that_it_was_sent_to() {
    let examination = Examination::begin(app(None)).await;
    let address = chosen(&examination, "location=loc-1").await;
    let code = code_in(&address);
    let (status, refused) = exchange(&examination, "none", "hush", BACK).await;
    assert_eq!((status, &refused["error_description"]), (401, &json!("Authorization code not found")));
    assert_eq!(exchange(&examination, code, "wrong", BACK).await.1["error"], "invalid_client");
    assert_eq!(exchange(&examination, code, "hush", "http://127.0.0.1:1/other").await.1["error"], "invalid_grant");
    let (status, granted) = exchange(&examination, code, "hush", BACK).await;
    assert_eq!((status, &granted["userType"], &granted["locationId"]), (200, &json!("Location"), &json!("loc-1")));
    assert_eq!((&granted["scope"], &granted["companyId"]), (&json!(SCOPES), &json!("agency")));
    assert_eq!(exchange(&examination, code, "hush", BACK).await.0, 401);
    let token = granted["access_token"].as_str().expect("a token");
    assert_eq!(ask(&examination, token, "/contacts/?locationId=loc-1").await.0, 200);
    assert_eq!(ask(&examination, token, "/contacts/?locationId=loc-2").await.0, 403);
    assert_eq!(
        ask(&examination, token, "/opportunities/search?location_id=loc-1").await.0,
        401,
        "nobody consented to it"
    );
    let refresh = granted["refresh_token"].as_str().expect("a token");
    let fields = [
        ("client_id", "app-key"),
        ("client_secret", "hush"),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
    ];
    assert_eq!(form(&examination, &fields).await.1["scope"], SCOPES);
    // Those accepted before still are.
    assert_eq!(examination.get(&format!("/contacts/?locationId={LOCATION}")).await.0, 200);
    let denied = chosen(&examination, "deny=1").await;
    assert_eq!(denied, format!("{BACK}?error=access_denied&state=s%261"));
}

#[tokio::test]
async fn an_agency_is_told_where_the_app_is_installed_page_by_page() {
    let examination = Examination::begin(app(None)).await;
    let address = chosen(&examination, "agency=agency").await;
    let (_, granted) = exchange(&examination, code_in(&address), "hush", BACK).await;
    assert_eq!((&granted["userType"], &granted["locationId"]), (&json!("Company"), &json!(null)));
    let token = granted["access_token"].as_str().expect("a token");
    let page = |skip| format!("/oauth/installedLocations?companyId=agency&appId=app&skip={skip}&limit=2");
    let mut told = Vec::new();
    for skip in [0, 2, 4] {
        let (status, shown) = ask(&examination, token, &page(skip)).await;
        assert_eq!((status, &shown["count"]), (200, &json!(5)));
        told.extend(shown["locations"].as_array().expect("a list").iter().map(|entry| entry["_id"].clone()));
    }
    assert_eq!(told, (0..5).map(|number| json!(format!("loc-{number}"))).collect::<Vec<_>>());
    assert_eq!(ask(&examination, "none", &page(0)).await.0, 401);
    let other = "/oauth/installedLocations?companyId=other&appId=app";
    assert_eq!(ask(&examination, token, other).await.0, 422);

    let examination = Examination::begin(app(Some(&["contacts.readonly"]))).await;
    let address = chosen(&examination, "agency=agency").await;
    let (_, granted) = exchange(&examination, code_in(&address), "hush", BACK).await;
    assert_eq!(granted["scope"], "contacts.readonly", "the app has no others");
    assert_eq!(ask(&examination, granted["access_token"].as_str().expect("a token"), &page(0)).await.0, 401);
}

#[tokio::test]
async fn the_page_is_for_an_app_that_there_is() {
    let examination = Examination::begin(app(None)).await;
    let right = format!("client_id=app-key&response_type=code&redirect_uri={BACK}&scope=a");
    let page = |query: String| {
        let url = format!("{}/v2/oauth/chooselocation?{query}", examination.sandbox.url());
        let request = examination.client.get(url);
        async { request.send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!(page(right.clone()).await, 200);
    for (part, other) in [("app-key", "other"), ("=code", "=token"), ("http://", "javascript:"), ("&scope=a", "")] {
        assert_eq!(page(right.replace(part, other)).await, 400, "{part}");
    }
    let none = Examination::begin(options()).await;
    let url = format!("{}/v2/oauth/chooselocation?{right}", none.sandbox.url());
    assert_eq!(none.client.get(url).send().await.expect("an answer").status().as_u16(), 404);
}
