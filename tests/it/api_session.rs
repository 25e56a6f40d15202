//! Browser sessions: a cookie stands for a key as long as both are valid.

use std::time::Duration;

use ghl_sync_runtime::ApiAccess;
use lambda_runtime::LambdaEvent;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::{Steered, make, process};
use crate::caller::{Answer, Caller};
use crate::deployment::{Deployment, context};

const OUR_PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");
const JSON: (&str, &str) = ("content-type", "application/json");
const PAUSE: &str = "/v1/locations/loc_demo/pause";

async fn sign_in(caller: &Caller, key: &str) -> Answer {
    let body = json!({ "key": key }).to_string().into_bytes();
    caller.send(Method::POST, "/session", &[OUR_PAGE, JSON], body).await
}

/// The cookie that a browser returns.
fn cookie(signed_in: &Answer) -> String {
    assert_eq!((signed_in.status, signed_in.text.as_str()), (204, ""), "{signed_in:?}");
    signed_in.header("set-cookie").split(';').next().unwrap().to_owned()
}

async fn overview(caller: &Caller, cookie: &str) -> Answer {
    caller.send(Method::GET, "/v1/overview", &[("cookie", cookie)], Vec::new()).await
}

#[tokio::test]
async fn who_signs_in_may_what_the_key_may_until_they_sign_out() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let (key, id) = make(&caller, json!({ "name": "desk", "role": "operate" })).await;
    let signed_in = sign_in(&caller, &key).await;
    let set = signed_in.header("set-cookie");
    assert!(
        set.starts_with("ghl-sync=") && set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    let cookie = cookie(&signed_in);
    let secret = &cookie[cookie.len() - 64..];
    assert!(deployment.stored().await.iter().all(|item| !item.contains(secret)), "a session is kept as a hash");
    let several = format!("other=1; {cookie}; more=2");
    assert_eq!(overview(&caller, &several).await.status, 200);
    let page = caller.send(Method::GET, "/dashboard", &[("cookie", &cookie)], Vec::new()).await;
    assert_eq!(page.status, 200);
    let paused = |headers: Vec<(&'static str, String)>| {
        let (caller, cookie) = (&caller, &cookie);
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            caller.send(Method::POST, PAUSE, &[&headers[..], &[("cookie", cookie)]].concat(), Vec::new()).await
        }
    };
    paused(Vec::new()).await.problem(403, "forbidden");
    paused(vec![("sec-fetch-site", "cross-site".to_owned())]).await.problem(403, "forbidden");
    assert_eq!(paused(vec![("sec-fetch-site", "same-origin".to_owned())]).await.status, 204);
    let trail = caller.get("/v1/audit").await.json();
    assert_eq!((&trail["requests"][0]["operation"], &trail["requests"][0]["key"]), (&json!("pause"), &json!(id)));
    let keys = caller.send(Method::GET, "/v1/keys", &[("cookie", &cookie)], Vec::new()).await;
    keys.problem(403, "forbidden");

    let ended = caller.send(Method::DELETE, "/session", &[OUR_PAGE, ("cookie", &cookie)], Vec::new()).await;
    assert!(ended.status == 204 && ended.header("set-cookie").starts_with("ghl-sync=; Path=/; Max-Age=0"), "{ended:?}");
    let over = overview(&caller, &cookie).await;
    over.problem(401, "signed-out");
    assert!(!over.header("www-authenticate").starts_with("Basic"), "the browser asks for no password");
    for path in ["/health", "/sign-in"] {
        let open = caller.send(Method::GET, path, &[("cookie", &cookie)], Vec::new()).await;
        assert_eq!(open.status, 200, "{path} is open to everybody");
    }
    let again = caller.send(Method::DELETE, "/session", &[OUR_PAGE, ("cookie", &cookie)], Vec::new()).await;
    assert_eq!(again.status, 204);
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_and_with_its_key() {
    let (deployment, clock) = (Deployment::start().await, Steered::default());
    let (caller, elsewhere) = (process(&deployment, &clock).await, process(&deployment, &clock).await);
    let (key, id) = make(&caller, json!({ "name": "desk", "role": "read" })).await;
    let of_record = cookie(&sign_in(&caller, &key).await);
    let of_template = cookie(&sign_in(&caller, &caller.key).await);
    for cookie in [&of_record, &of_template] {
        assert_eq!(overview(&elsewhere, cookie).await.status, 200);
    }
    caller.delete(&format!("/v1/keys/{id}")).await;
    overview(&caller, &of_record).await.problem(401, "signed-out");
    clock.pass(Duration::from_secs(30));
    overview(&elsewhere, &of_record).await.problem(401, "signed-out");
    clock.pass(Duration::from_secs(12 * 3600 - 40));
    assert_eq!(overview(&elsewhere, &of_template).await.status, 200);
    clock.pass(Duration::from_secs(11));
    overview(&elsewhere, &of_template).await.problem(401, "signed-out");
}

#[tokio::test]
async fn nobody_signs_in_without_a_key_or_from_somebody_elses_page() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let body = || json!({ "key": caller.key }).to_string().into_bytes();
    for site in [None, Some("none"), Some("cross-site"), Some("same-site")] {
        let headers: Vec<(&str, &str)> = site.map(|site| ("sec-fetch-site", site)).into_iter().chain([JSON]).collect();
        caller.send(Method::POST, "/session", &headers, body()).await.problem(403, "forbidden");
        caller.send(Method::DELETE, "/session", &headers, Vec::new()).await.problem(403, "forbidden");
    }
    for key in ["", "wrong", &format!("ghls_{}_{}", "0".repeat(16), "0".repeat(64))] {
        let refused = sign_in(&caller, key).await;
        refused.problem(401, "unauthorized");
        assert_eq!(refused.header("set-cookie"), "");
    }
    for (body, field) in
        [(json!({}), "key"), (json!({ "key": 7 }), "key"), (json!({ "key": "a", "b": 1 }), "b"), (json!([]), "")]
    {
        let body_text = body.to_string().into_bytes();
        let problem = caller.send(Method::POST, "/session", &[OUR_PAGE, JSON], body_text).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    let good = cookie(&sign_in(&caller, &caller.key).await);
    let altered = format!("{}{}", &good[..good.len() - 1], if good.ends_with('0') { '1' } else { '0' });
    overview(&caller, &altered).await.problem(401, "signed-out");
    for cookie in ["ghl-sync=", "ghl-sync=x", "ghl-sync=a.b", "ghl-sync", "=", &good[..good.len() - 1]] {
        overview(&caller, cookie).await.problem(401, "unauthorized");
    }
    let ended = caller.send(Method::DELETE, "/session", &[OUR_PAGE, ("cookie", &altered)], Vec::new()).await;
    assert_eq!(ended.status, 204);
    assert_eq!(overview(&caller, &good).await.status, 200, "who does not have the whole cookie ends nothing");
}

#[tokio::test]
async fn behind_api_gateway_a_cookie_is_for_this_host_and_for_tls_only() {
    let deployment = Deployment::start().await;
    let key = &deployment.stack.api_key;
    let router = deployment.router(ApiAccess::Keys(vec![key.kept("local")]));
    let invoke = |method: &'static str, path: &'static str, headers: Value, cookies: Value, body: Value| {
        let router = router.clone();
        async move {
            let mut event: Value = serde_json::from_str(include_str!("../../events/api-dashboard.json")).unwrap();
            event["rawPath"] = json!(path);
            event["requestContext"]["http"]["path"] = json!(path);
            event["requestContext"]["http"]["method"] = json!(method);
            event["headers"] = headers;
            event["cookies"] = cookies;
            event["body"] = json!(body.to_string());
            let answer = api::handle(&router, LambdaEvent::new(event, context())).await.unwrap();
            serde_json::to_value(answer).unwrap()
        }
    };
    let headers = json!({ "sec-fetch-site": "same-origin", "content-type": "application/json" });
    let answer = invoke("POST", "/session", headers, json!([]), json!({ "key": key.text() })).await;
    assert_eq!(answer["statusCode"], 204, "{answer}");
    let set = answer["cookies"][0].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert!(set.starts_with("__Host-ghl-sync=") && set.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{set}");
    let cookie = set.split(';').next().unwrap();
    let answer = invoke("GET", "/v1/overview", json!({}), json!([cookie]), Value::Null).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let insecure = cookie.replace("__Host-", "");
    let answer = invoke("GET", "/v1/overview", json!({}), json!([insecure]), Value::Null).await;
    assert_eq!(answer["statusCode"], 401, "{answer}");
}
