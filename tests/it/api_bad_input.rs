//! How the HTTP API handles bad callers and requests.

use std::time::Duration;

use ghl_sync_cli::NewApiKey;
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_runtime::ApiAccess;
use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::deployment::{Deployment, options};

const CONTACTS: &str = "/v1/locations/loc_demo/contacts";

async fn start() -> (Deployment, Caller) {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    (deployment, caller)
}

fn basic(key: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("somebody:{key}")))
}

#[tokio::test]
async fn a_key_is_taken_in_each_way_and_a_wrong_missing_or_revoked_one_gets_the_same_answer() {
    let (deployment, caller) = start().await;
    let key = caller.key.as_str();
    let with = |name: &'static str, value: String| {
        let caller = &caller;
        async move { caller.send(Method::GET, "/v1/overview", &[(name, &value)], Vec::new()).await }
    };
    for (name, value) in [
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("bearer  {key}")),
        ("x-api-key", key.to_owned()),
        ("authorization", basic(key)),
    ] {
        assert_eq!(with(name, value.clone()).await.status, 200, "{name}: {value}");
    }
    let revoked = NewApiKey::make().unwrap();
    let mut refused = vec![caller.send(Method::GET, "/v1/overview", &[], Vec::new()).await];
    for (name, value) in [
        ("authorization", format!("Bearer {}", revoked.text())),
        ("authorization", format!("Bearer {key}x")),
        ("authorization", format!("Basic {key}")),
        ("authorization", basic("")),
        ("authorization", format!("Digest {key}")),
        ("x-api-key", String::new()),
        ("x-api-key", deployment.stack.vars["API_KEYS"].clone()),
    ] {
        refused.push(with(name, value).await);
    }
    for answer in &refused {
        let problem = answer.problem(401, "unauthorized");
        assert!(answer.header("www-authenticate").contains("Basic realm="));
        assert_eq!(problem["detail"], refused[0].json()["detail"], "no hint tells a wrong key from none");
        assert!(!answer.text.contains(key));
    }
    // Callers without a key cannot find out which paths exist.
    for path in ["/", "/openapi.json", "/dashboard", "/metrics", "/v1/locations/nowhere", "/.env"] {
        caller.send(Method::GET, path, &[], Vec::new()).await.problem(401, "unauthorized");
    }
    caller.send(Method::GET, "/health", &[("x-api-key", "wrong")], Vec::new()).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn several_keys_work_at_once_so_that_one_can_take_the_place_of_another() {
    use tower::ServiceExt;
    let deployment = Deployment::start().await;
    let (old, new) = (NewApiKey::make().unwrap(), NewApiKey::make().unwrap());
    let asks = async |keys: Vec<_>, key: &NewApiKey| {
        let router = deployment.router(ApiAccess::Keys(keys));
        let request = http::Request::get("/v1/overview").header("x-api-key", key.text());
        router.oneshot(request.body(String::new()).unwrap()).await.unwrap().status().as_u16()
    };
    let both = || vec![old.kept("old"), new.kept("new")];
    assert_eq!((asks(both(), &old).await, asks(both(), &new).await), (200, 200));
    let only_new = || vec![new.kept("new")];
    assert_eq!((asks(only_new(), &old).await, asks(only_new(), &new).await), (401, 200));
}

#[tokio::test]
async fn nobody_comes_in_with_a_key_where_api_gateway_checks_signatures() {
    use tower::ServiceExt;
    let deployment = Deployment::start().await;
    let router = deployment.router(ApiAccess::Iam);
    let status = async |path: &str| {
        let request = http::Request::get(path).header("x-api-key", "any").body(String::new()).unwrap();
        router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!((status("/v1/overview").await, status("/health").await), (401, 200));
}

#[tokio::test]
async fn with_a_browsers_password_changes_come_from_our_own_pages_only() {
    let (_deployment, caller) = start().await;
    let basic = basic(&caller.key);
    let pause = |site: Option<&'static str>| {
        let (caller, basic) = (&caller, basic.as_str());
        async move {
            let mut headers = vec![("authorization", basic), ("content-type", "application/json")];
            headers.extend(site.map(|site| ("sec-fetch-site", site)));
            caller.send(Method::POST, "/v1/locations/loc_demo/pause", &headers, b"{}".to_vec()).await
        }
    };
    for site in [None, Some("cross-site"), Some("same-site"), Some("none")] {
        pause(site).await.problem(403, "forbidden");
    }
    assert_eq!(pause(Some("same-origin")).await.status, 204);
    // It only reads, but it makes calls to GHL.
    let test = "/api/v1/migration/test-connection?source=loc_demo&target=loc_demo";
    let cross_site = [("authorization", basic.as_str()), ("sec-fetch-site", "cross-site")];
    caller.send(Method::GET, test, &cross_site, Vec::new()).await.problem(403, "forbidden");
}

#[tokio::test]
async fn health_is_open_and_tells_nothing_but_whether_all_is_well() {
    let (_deployment, caller) = start().await;
    let open = caller.send(Method::GET, "/health", &[], Vec::new()).await;
    assert_eq!(open.status, 200);
    let mut fields: Vec<String> = open.json().as_object().unwrap().keys().cloned().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["status", "time", "version"]);
    let known = caller.get("/health").await.json();
    assert_eq!((&known["locations"], &known["dead_letters"]), (&json!([]), &json!(0)), "nobody need look");
    assert_eq!(caller.post("/v1/locations/loc_demo/pause", &json!({})).await.status, 204);
    let known = caller.get("/health").await.json();
    assert_eq!((&known["status"], &known["locations"][0]["id"]), (&json!("degraded"), &json!("loc_demo")));
}

/// Anybody may call it, as often as they like.
#[tokio::test]
async fn health_without_a_key_costs_the_same_few_reads_however_many_ask_and_however_many_locations_there_are() {
    let locations = (0..40).map(|number| crate::deployment::location(&format!("loc_{number}"))).collect();
    let deployment = Deployment::with(StackOptions { locations, ..options() }).await;
    let caller = Caller::of(&deployment).await;
    let usage = &deployment.stack.usage;
    let before = usage.snapshot();
    let asks = (0..200).map(|_| caller.send(Method::GET, "/health", &[], Vec::new()));
    for answer in futures::future::join_all(asks).await {
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("ok")));
    }
    let reads = usage.snapshot().since(&before).reads().requests;
    assert!((1..=9).contains(&reads), "{reads} reads");
}

#[tokio::test]
async fn a_bad_body_is_a_problem_that_says_what_is_wrong_and_stores_nothing() {
    let (_deployment, caller) = start().await;
    let secret = "ada@secret.example";
    let item = |contact: Value| json!({ "id": "a", "contact": contact }).to_string();
    let deep = format!("{{\"id\":\"a\",\"contact\":{{\"dndSettings\":{}1{}}}}}", "[".repeat(5000), "]".repeat(5000));
    let json = "application/json";
    let cases: [(&str, Vec<u8>, u16, &str, &str); 25] = [
        (json, vec![], 400, "bad-request", "EOF"),
        (json, b"   ".to_vec(), 400, "bad-request", "EOF"),
        (json, item(json!({ "email": secret })).as_bytes()[..30].to_vec(), 400, "bad-request", "line 1 column 30"),
        (json, format!("[{}", item(json!({ "email": secret }))).into(), 400, "bad-request", "EOF"),
        (
            json,
            format!("{} {secret}", item(json!({ "email": secret }))).into(),
            400,
            "bad-request",
            "trailing characters",
        ),
        (json, [b"{\"id\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat(), 400, "bad-request", "byte 7"),
        (
            json,
            item(json!({ "email": "a@b.c" })).encode_utf16().flat_map(u16::to_le_bytes).collect(),
            400,
            "bad-request",
            "JSON",
        ),
        (json, b"null".to_vec(), 422, "invalid", "none of the 1 items"),
        (json, b"\"secret\"".to_vec(), 422, "invalid", "none of the 1 items"),
        (json, b"[]".to_vec(), 422, "invalid", "no item"),
        (json, b"[null, 3, [], {}]".to_vec(), 422, "invalid", "none of the 4 items"),
        (json, item(json!({ "email": secret, "phone": ["secret"] })).into(), 422, "invalid", "contact.phone"),
        (json, item(json!({ "email": "secret" })).into(), 422, "invalid", "contact.email"),
        (
            json,
            item(json!({ "e\u{0}\u{1b}[31mmail\r\nX-Evil: 1": secret })).into(),
            422,
            "invalid",
            "is not a field here",
        ),
        (
            json,
            json!({ "id": "a\r\nb", "contact": { "email": secret } }).to_string().into(),
            422,
            "invalid",
            "control character",
        ),
        (
            json,
            json!({ "id": "x".repeat(257), "contact": { "email": secret } }).to_string().into(),
            422,
            "invalid",
            "longer than 256",
        ),
        (
            json,
            format!("{{\"id\":\"a\",\"id\":\"b\",\"contact\":{{\"email\":\"{secret}\"}}}}").into(),
            422,
            "invalid",
            "is there twice",
        ),
        (json, deep.into(), 422, "invalid", "nested too deeply"),
        (
            json,
            item(json!({ "email": "a@b.c", "source": "secret".repeat(20_000) })).into(),
            422,
            "invalid",
            "field `source` is too long: it has 120002 of 1",
        ),
        ("text/plain", item(json!({ "email": "a@b.c" })).into(), 415, "unsupported-media-type", "application/json"),
        ("application/x-www-form-urlencoded", b"id=a".to_vec(), 415, "unsupported-media-type", "application/json"),
        ("application/json; charset=utf-16", item(json!({})).into(), 415, "unsupported-media-type", "UTF-8"),
        ("not a type", item(json!({})).into(), 415, "unsupported-media-type", "application/json"),
        (json, vec![b' '; (4 << 20) + 1], 413, "too-large", "4 MiB"),
        (json, format!("[{}]", ["{}"; 10_001].join(",")).into(), 413, "too-large", "at most 10000"),
    ];
    for (kind, body, status, problem, detail) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let answer = caller.with_body(Method::POST, CONTACTS, kind, body).await;
        answer.problem(status, problem);
        assert!(answer.text.contains(detail), "{shown}: {answer:?}");
        assert!(!answer.text.contains("secret"), "{shown}: {answer:?}");
        assert!(answer.text.len() < 2000 || status == 422, "{shown}");
    }
    let gzip = [("x-api-key", caller.key.as_str()), ("content-type", json), ("content-encoding", "gzip")];
    caller.send(Method::POST, CONTACTS, &gzip, vec![0x1f, 0x8b]).await.problem(415, "unsupported-media-type");
    let untyped = [("x-api-key", caller.key.as_str())];
    caller.send(Method::POST, CONTACTS, &untyped, b"{}".to_vec()).await.problem(415, "unsupported-media-type");
    caller.get("/v1/locations/loc_demo/records/contact/a").await.problem(404, "unknown-record");
}

#[tokio::test]
async fn each_bad_line_is_refused_by_itself() {
    let (_deployment, caller) = start().await;
    let lines = [
        b"\xef\xbb\xbf{\"id\":\"a\",\"contact\":{\"email\":\"a@example.com\"}}".as_slice(),
        b"{\"id\":\"b\",\"contact\":{\"email\":\"\xff@secret.example\"}}",
        b"{\"id\":\"c\",\"contact\":",
        b"",
        b"{\"id\":\"d\",\"contact\":{\"email\":\"d@example.com\"}}",
    ]
    .join(b"\n".as_slice());
    let put = caller.with_body(Method::POST, CONTACTS, "application/x-ndjson", lines).await;
    assert_eq!(put.status, 207);
    let found: Vec<(Value, Value)> = put.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["result"].clone(), item["errors"][0]["detail"].clone()))
        .collect();
    let not_json = json!("is not JSON: EOF while parsing a value at line 1 column 20");
    assert_eq!(
        found,
        [
            (json!("stored"), Value::Null),
            (json!("refused"), json!("is not UTF-8")),
            (json!("refused"), not_json),
            (json!("stored"), Value::Null)
        ]
    );
}

#[tokio::test]
async fn hostile_paths_and_headers_lead_nowhere() {
    let (_deployment, caller) = start().await;
    caller.get("/nowhere").await.problem(404, "not-found");
    caller.get("/v1/locations/loc_demo/../../openapi").await.problem(404, "not-found");
    for id in ["a%20b", "%00", "a%0d%0aX-Evil:%201", "%ff", "..%2f..", &"x".repeat(65)] {
        let answer = caller.get(&format!("/v1/locations/{id}")).await;
        let problem = answer.problem(400, "bad-request");
        assert!(problem["detail"].as_str().unwrap().contains("location_id"), "{problem}");
        assert!(answer.headers.get("x-evil").is_none());
    }
    for path in ["record/x/a", "records/lead/a", "records/contact/%00", "records/contact/%ff"] {
        let answer = caller.get(&format!("/v1/locations/loc_demo/{path}")).await;
        assert!((400..=404).contains(&answer.status), "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    caller.get("/v1/locations/loc_demo/records?state=lost").await.problem(400, "bad-request");
    caller.get("/v1/locations/loc_demo/records?limit=0").await.problem(422, "invalid");
    let own_id = [("x-api-key", caller.key.as_str()), ("x-request-id", "mine"), ("x-amzn-trace-id", "Root=mine")];
    let answer = caller.send(Method::GET, "/health", &own_id, Vec::new()).await;
    assert_ne!(answer.header("x-request-id"), "mine");
    let refused = caller.send(Method::POST, "/v1/locations/loc_demo", &own_id[..1], Vec::new()).await;
    refused.problem(405, "method-not-allowed");
    assert!(refused.header("allow").contains("PUT"), "{refused:?}");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_a_503_and_health_says_failing() {
    let (deployment, _) = start().await;
    // No server listens there.
    let migrator = deployment.migrator_with(&[("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")]);
    let caller = Caller::with(migrator, &deployment).await;
    let contact = json!({ "id": "a", "contact": { "email": "a@example.com" } });
    let answer: Answer = tokio::time::timeout(Duration::from_secs(60), caller.post(CONTACTS, &contact)).await.unwrap();
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    let health = caller.send(Method::GET, "/health", &[], Vec::new()).await;
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("failing")));
}
