//! Refused connections: callers without the right to connect, and invalid returns from GHL's page.

use std::time::Duration;

use ghl_sync_cli::sandbox::FaultChange;
use ghl_sync_cli::{ApiExtras, ApiServer};
use ghl_sync_runtime::ApiAccess;
use lambda_runtime::LambdaEvent;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::{Steered, make, process};
use crate::caller::{Answer, Caller};
use crate::consent::Browser;
use crate::deployment::{Deployment, LOCATION, context};

const HOSTILE: &str = "<script>alert(1)</script>";

/// Checks that nothing was connected, and that the page says why.
async fn refused(browser: &Browser, answer: &Answer, status: u16, why: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.text.contains(why), "{}", answer.text);
    let connections = browser.get("/connect").await;
    assert!(!connections.text.contains("/connect/location-"), "{}", connections.text);
}

#[tokio::test]
async fn only_the_browser_that_began_comes_back_and_only_once() {
    let deployment = Deployment::start().await;
    let browser = Browser::at(&deployment).await;
    let (at, other) = (browser.start("location").await, browser.start("location").await);
    let back = browser.choose(&at, LOCATION).await;
    let state = back.split("state=").nth(1).unwrap();
    let other_end = if state.ends_with('0') { '1' } else { '0' };
    let altered = back.replace(state, &format!("{}{other_end}", &state[..state.len() - 1]));
    let strange = back.replace(state, "0123456789abcdef.x");
    let without = back.split("&state").next().unwrap().to_owned();
    for (address, cookie) in [
        (&back, ""),
        (&back, other.cookie.as_str()),
        (&back, browser.session.as_str()),
        (&altered, at.cookie.as_str()),
        (&strange, at.cookie.as_str()),
        (&without, at.cookie.as_str()),
    ] {
        let returned = browser.come_back(address, cookie).await;
        refused(&browser, &returned, 403, "did not begin this").await;
    }
    let returned = browser.come_back(&back, &at.cookie).await;
    assert_eq!(returned.status, 200, "{returned:?}");
    assert!(returned.header("set-cookie").starts_with("ghl-sync-consent=; Path=/; Max-Age=0"));
    assert_eq!(browser.come_back(&back, &at.cookie).await.status, 409);
}

#[tokio::test]
async fn a_way_back_ends_after_ten_minutes_with_the_session_and_with_the_key() {
    let (deployment, clock) = (Deployment::start().await, Steered::default());
    let of_admin = process(&deployment, &clock).await;
    let (key, id) = make(&of_admin, json!({ "name": "desk", "role": "admin" })).await;
    let browser = Browser::signed_in(process(&deployment, &clock).await, &key).await;
    let late = browser.start("location").await;
    let late_back = browser.choose(&late, LOCATION).await;
    clock.pass(Duration::from_secs(600));
    let returned = browser.come_back(&late_back, &late.cookie).await;
    refused(&browser, &returned, 410, "more than ten minutes").await;

    let at = browser.start("location").await;
    let back = browser.choose(&at, LOCATION).await;
    let admin = Browser::at(&deployment).await;
    let leave = [("sec-fetch-site", "same-origin"), ("cookie", browser.session.as_str())];
    assert_eq!(browser.ask(Method::DELETE, "/session", &leave, String::new()).await.status, 204);
    let returned = browser.come_back(&back, &at.cookie).await;
    refused(&admin, &returned, 401, "not signed in").await;

    let again = Browser::signed_in(process(&deployment, &clock).await, &key).await;
    let at = again.start("location").await;
    let back = again.choose(&at, LOCATION).await;
    assert_eq!(of_admin.delete(&format!("/v1/keys/{id}")).await.status, 204);
    clock.pass(Duration::from_secs(31));
    let returned = again.come_back(&back, &at.cookie).await;
    refused(&admin, &returned, 401, "not signed in").await;
}

#[tokio::test]
async fn what_ghl_refuses_or_does_not_answer_connects_nothing_and_is_said() {
    let deployment = Deployment::start().await;
    let browser = Browser::at(&deployment).await;
    let at = browser.start("location").await;
    let back = browser.choose(&at, "Cancel").await;
    refused(&browser, &browser.come_back(&back, &at.cookie).await, 400, "consent was not given").await;

    let at = browser.start("location").await;
    let back = browser.choose(&at, LOCATION).await;
    let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let with = |other: &str| back.replace(code, other);
    refused(&browser, &browser.come_back(&with("none"), &at.cookie).await, 400, "Authorization code not found").await;

    let at = browser.start("location").await;
    let back = browser.choose(&at, LOCATION).await;
    let without_code = back.replace("code=", "other=");
    refused(&browser, &browser.come_back(&without_code, &at.cookie).await, 400, "no code").await;

    let at = browser.start("location").await;
    let back = browser.choose(&at, LOCATION).await;
    let down = FaultChange { error_rate: Some(1.0), ..FaultChange::default() };
    deployment.sandbox().change_faults(down);
    refused(&browser, &browser.come_back(&back, &at.cookie).await, 502, "cannot be reached").await;
    deployment.sandbox().change_faults(FaultChange { error_rate: Some(0.0), ..FaultChange::default() });
    let trail = browser.caller.get("/v1/audit").await.json();
    assert_eq!((&trail["requests"][0]["operation"], &trail["requests"][0]["status"]), (&json!("connect"), &json!(502)));
    assert_eq!(trail["requests"].as_array().unwrap().len(), 1, "what was refused changed nothing");
}

#[tokio::test]
async fn only_an_admin_connects_and_no_page_of_somebody_else_makes_one_do_so() {
    let deployment = Deployment::start().await;
    let browser = Browser::at(&deployment).await;
    let paths = ["/connect", "/connect/start", "/connect/location-loc_demo"];
    for path in paths {
        let nobody = browser.ask(Method::GET, path, &[], String::new()).await;
        assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, ""), "{path}");
        assert!(nobody.text.contains("/sign-in?to=connect"), "{}", nobody.text);
    }
    let caller = Caller::of(&deployment).await;
    for role in ["read", "operate"] {
        let (key, _) = make(&caller, json!({ "name": role, "role": role })).await;
        for path in paths {
            let answer = caller.with_key(&key, Method::GET, path, None).await;
            assert_eq!(answer.status, 403, "{role} {path}: {answer:?}");
        }
        let answer = caller.with_key(&key, Method::POST, "/connect/token", None).await;
        assert_eq!(answer.status, 403, "{role}: {answer:?}");
        assert_eq!(caller.get("/v1/audit").await.json()["requests"][0]["operation"], "connect_token");
    }
    for site in ["cross-site", "same-site", "none"] {
        let headers = [("sec-fetch-site", site), ("cookie", browser.session.as_str())];
        for (method, path) in [(Method::GET, "/connect/start"), (Method::POST, "/connect/token")] {
            let forged = browser.ask(method, path, &headers, String::new()).await;
            assert_eq!(forged.status, 403, "{site} {path}: {forged:?}");
        }
    }
    let by_key = [("x-api-key", caller.key.as_str())];
    assert_eq!(browser.ask(Method::GET, "/connect", &by_key, String::new()).await.status, 200);
    let begun = browser.ask(Method::GET, "/connect/start", &by_key, String::new()).await;
    assert_eq!(begun.status, 303, "{begun:?}");
}

#[tokio::test]
async fn without_an_app_or_with_signatures_there_is_no_way_to_ghl() {
    let mut deployment = Deployment::start().await;
    deployment.stack.vars.insert("GHL_APP".to_owned(), String::new());
    let browser = Browser::at(&deployment).await;
    let overview = browser.get("/connect").await;
    assert!(overview.text.contains("No app is set up") && !overview.text.contains("/connect/start"), "{overview:?}");
    assert_eq!(browser.get("/connect/start").await.status, 409);
    deployment.stack.vars.insert("GHL_APP".to_owned(), "secretsmanager:ghl-sync/local/none".to_owned());
    let browser = Browser::at(&deployment).await;
    let unreadable = browser.get("/connect/start").await;
    assert!(unreadable.status == 503 && unreadable.text.contains("ResourceNotFoundException"), "{unreadable:?}");

    let mut connecting = deployment.stack.connecting(deployment.engine.clone()).unwrap();
    connecting.access = ApiAccess::Iam;
    let beside = ApiExtras { connecting: Some(connecting), webhooks: None };
    let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let parts = deployment.stack.api_parts(deployment.migrator());
    let server = ApiServer::start(parts, beside, &deployment.stack.vars, anywhere).await;
    let answer = reqwest::get(server.unwrap().connect_url()).await.unwrap();
    assert_eq!(answer.status(), 409);
    assert!(answer.text().await.unwrap().contains("ApiAuth=key"));
}

#[tokio::test]
async fn a_hostile_name_of_a_location_is_text_on_our_pages() {
    let deployment = Deployment::start().await;
    deployment.sandbox().seed("loc_north").profile(HOSTILE, "America/New_York", "US").unwrap();
    let browser = Browser::at(&deployment).await;
    let page = browser.connect("agency", "The agency agency and all its sub-accounts").await;
    assert!(page.text.contains("&lt;script&gt;") && !page.text.contains("<script"), "{}", page.text);
}

#[tokio::test]
async fn behind_api_gateway_ghl_sends_people_back_to_the_name_that_it_was_called_by() {
    let deployment = Deployment::start().await;
    let router = connect::router(deployment.stack.connecting(deployment.engine.clone()).unwrap());
    let invoke = async |path: &str, headers: Value, domain: &str| {
        let mut event: Value = serde_json::from_str(include_str!("../../events/connect.json")).unwrap();
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["path"] = json!(path);
        event["requestContext"]["domainName"] = json!(domain);
        event["headers"] = headers;
        serde_json::to_value(connect::handle(&router, LambdaEvent::new(event, context())).await.unwrap()).unwrap()
    };
    let key = deployment.stack.api_key.text();
    let headers = json!({ "x-api-key": key, "host": "evil.example", "x-forwarded-host": "evil.example" });
    let answer = invoke("/connect/start", headers.clone(), "abc.execute-api.us-east-1.amazonaws.com").await;
    assert_eq!(answer["statusCode"], 303, "{answer}");
    let onward = answer["headers"]["location"].as_str().unwrap();
    let callback = "redirect_uri=https%3A%2F%2Fabc.execute-api.us-east-1.amazonaws.com%2Fconnect%2Fcallback";
    assert!(onward.contains(callback) && !onward.contains("evil"), "{onward}");
    let cookie = answer["cookies"][0].as_str().unwrap();
    assert!(cookie.starts_with("__Host-ghl-sync-consent=") && cookie.ends_with("SameSite=Lax; Secure"), "{cookie}");
    let nameless = invoke("/connect/start", headers, "a b").await;
    assert_eq!(nameless["statusCode"], 400, "{nameless}");
}
