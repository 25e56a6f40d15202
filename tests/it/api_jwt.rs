//! The HTTP API with JWTs: API Gateway verifies tokens, and the claims define the caller's identity and rights.

use axum::Router;
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_runtime::{ApiAccess, JwtAccess};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION, context, location, options};

const ISSUER: &str = "https://id.example.com/";
const OTHER: &str = "loc_other";

fn access(binds: bool) -> ApiAccess {
    ApiAccess::Jwt(JwtAccess {
        issuer: ISSUER.to_owned(),
        role_claim: "groups".to_owned(),
        locations_claim: binds.then(|| "locations".to_owned()),
        tags_claim: binds.then(|| "tags".to_owned()),
    })
}

/// A request from API Gateway; the sample contains a key that would work elsewhere.
fn event(method: &str, path: &str, claims: Option<Value>) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../events/api-overview.json")).unwrap();
    event["routeKey"] = json!("ANY /{proxy+}");
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["path"] = json!(path);
    event["requestContext"]["http"]["method"] = json!(method);
    if let Some(claims) = claims {
        event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
    }
    event
}

fn claims(groups: &str) -> Value {
    json!({ "iss": ISSUER, "sub": "auth0|ann", "aud": "ghl-sync", "exp": "1795000000", "groups": groups })
}

async fn ask(router: &Router, event: Value) -> (u64, Value) {
    let answer = api::handle(router, LambdaEvent::new(event, context())).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    let body = answer["body"].as_str().unwrap_or_default();
    (answer["statusCode"].as_u64().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn a_role_in_a_token_allows_what_it_allows_in_a_key() {
    let deployment = Deployment::start().await;
    let router = deployment.router(access(false));
    let status =
        async |groups: &str, method: &str, path: &str| ask(&router, event(method, path, Some(claims(groups)))).await.0;
    let pause = format!("/v1/locations/{LOCATION}/pause");
    for (groups, look, operate, administer) in
        [("read", 200, 403, 403), ("[staff operate]", 200, 204, 403), ("[read admin]", 200, 204, 200)]
    {
        assert_eq!(status(groups, "GET", "/v1/overview").await, look, "{groups}");
        assert_eq!(status(groups, "POST", &pause).await, operate, "{groups}");
        assert_eq!(status(groups, "GET", "/v1/audit").await, administer, "{groups}");
    }
    for groups in ["", "[]", "staff", "site admin", "Admin"] {
        let (status, problem) = ask(&router, event("GET", "/v1/overview", Some(claims(groups)))).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 403 && detail.contains("claim `groups`"), "{groups}: {problem}");
        assert!(detail.contains("read, operate, admin"), "{detail}");
    }
    let mut nameless = claims("admin");
    nameless["sub"] = json!("");
    let (status, problem) = ask(&router, event("GET", "/v1/overview", Some(nameless))).await;
    assert!(status == 403 && problem["detail"].as_str().unwrap().contains("`sub`"), "{problem}");
    let mut foreign = claims("admin");
    foreign["iss"] = json!("https://elsewhere.example.com/");
    assert_eq!(ask(&router, event("GET", "/v1/overview", Some(foreign))).await.0, 401);
}

#[tokio::test]
async fn claims_count_only_where_tokens_are_checked_and_there_no_key_does() {
    let deployment = Deployment::start().await;
    let keys = || ApiAccess::Keys(vec![deployment.stack.api_key.kept("local")]);
    for other in [ApiAccess::Iam, keys()] {
        let mut event = event("GET", "/v1/overview", Some(claims("admin")));
        event["headers"] = json!({});
        assert_eq!(ask(&deployment.router(other.clone()), event).await.0, 401, "{other:?}");
    }
    let router = deployment.router(access(false));
    let caller = Caller::of(&deployment).await;
    let made = caller.post("/v1/keys", &json!({ "name": "crm", "role": "admin" })).await.json();
    let of_record = made["key"].as_str().unwrap();
    for key in [deployment.stack.api_key.text(), of_record] {
        let headers = [json!({ "x-api-key": key }), json!({ "authorization": format!("Bearer {key}") })];
        for headers in headers {
            let mut event = event("GET", "/v1/overview", None);
            event["headers"] = headers;
            assert_eq!(ask(&router, event).await.0, 401);
        }
    }
    // An event of another kind of authorizer.
    let mut signed = event("GET", "/v1/overview", None);
    signed["requestContext"]["authorizer"] = json!({ "iam": { "userArn": "arn:aws:iam::123456789012:user/a" } });
    assert_eq!(ask(&router, signed).await.0, 401);
    let mut asked = event("POST", "/v1/keys", Some(claims("admin")));
    asked["headers"] = json!({ "content-type": "application/json" });
    asked["body"] = json!({ "name": "a", "role": "read" }).to_string().into();
    let (status, problem) = ask(&router, asked).await;
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("ApiAuth=jwt"), "{problem}");
    // Open routes stay open, and tell strangers no more than before.
    let (status, health) = ask(&router, event("GET", "/health", None)).await;
    assert!(status == 200 && health["locations"].is_null(), "{health}");
}

#[tokio::test]
async fn who_is_bound_by_their_token_sees_their_own_locations_and_the_trail_names_them() {
    let locations = vec![location(LOCATION), location(OTHER)];
    let deployment = Deployment::with(StackOptions { locations, ..options() }).await;
    let caller = Caller::of(&deployment).await;
    let tag = json!({ "locations": [{ "location_id": LOCATION, "tags": ["Dental"] }] }).to_string();
    assert_eq!(caller.with_body(reqwest::Method::PATCH, "/v1/locations", "application/json", tag).await.status, 200);
    let router = deployment.router(access(true));
    let bound = |name: &str, value: &str| {
        let mut claims = claims("operate");
        claims[name] = json!(value);
        claims
    };
    for claims in [bound("locations", &format!("[{LOCATION} nobody]")), bound("tags", "dental")] {
        for (location, expected) in [(LOCATION, 204), (OTHER, 403)] {
            let path = format!("/v1/locations/{location}/pause");
            assert_eq!(ask(&router, event("POST", &path, Some(claims.clone()))).await.0, expected, "{claims}");
        }
        for path in ["/v1/overview", "/v1/locations"] {
            let (status, told) = ask(&router, event("GET", path, Some(claims.clone()))).await;
            assert_eq!((status, told["locations"].as_array().unwrap().len()), (200, 1), "{path}");
            assert_eq!(told["locations"][0]["id"], LOCATION);
        }
    }
    let (_, told) = ask(&router, event("GET", "/v1/locations", Some(claims("operate")))).await;
    assert_eq!(told["locations"], json!([]), "who has neither claim reaches nothing");
    for everything in [bound("locations", "*"), claims("admin")] {
        let (_, told) = ask(&router, event("GET", "/v1/locations", Some(everything))).await;
        assert_eq!(told["locations"].as_array().unwrap().len(), 2);
    }
    let trail = caller.get("/v1/audit").await.json();
    let of_ann = |entry: &&Value| entry["caller"] == "auth0|ann";
    let statuses: Vec<&Value> =
        trail["requests"].as_array().unwrap().iter().filter(of_ann).map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, [403, 204, 403, 204].map(|status| json!(status)).iter().collect::<Vec<_>>(), "{trail}");
}
