//! API keys: shown once, stored as hashes, and useless once they are revoked or expired.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{Engine, Ports};
use ghl_sync_model::EpochMs;
use ghl_sync_runtime::{ApiAccess, SystemClock};
use lambda_runtime::LambdaEvent;
use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::deployment::{Deployment, context};

const HOUR: Duration = Duration::from_secs(3600);

/// A clock that the test moves forward.
#[derive(Clone, Default)]
pub(crate) struct Steered(Arc<AtomicU64>);

impl Steered {
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Steered {
    fn now(&self) -> EpochMs {
        SystemClock.now() + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    async fn sleep_until(&self, time: EpochMs) {
        SystemClock.sleep_until(time).await;
    }
}

/// The API in a separate process with this clock.
pub(crate) async fn process(deployment: &Deployment, clock: &Steered) -> Caller {
    let engine = &deployment.engine;
    let ports = Ports { clock: Arc::new(clock.clone()), ..engine.ports().clone() };
    let engine = Engine::new(ports, engine.config().clone());
    Caller::with(deployment.migrator().with_engine(engine), deployment).await
}

pub(crate) async fn make(caller: &Caller, asked: Value) -> (String, String) {
    let made = caller.post("/v1/keys", &asked).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    (made["key"].as_str().unwrap().to_owned(), made["about"]["id"].as_str().unwrap().to_owned())
}

async fn used(caller: &Caller, key: &str) -> Answer {
    caller.with_key(key, Method::GET, "/v1/locations/loc_demo", None).await
}

#[tokio::test]
async fn a_key_is_told_once_and_kept_as_a_hash_and_ends_when_it_is_revoked() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let (key, id) = make(&caller, json!({ "name": "crm", "role": "operate", "locations": ["loc_demo"] })).await;
    assert!(key.starts_with(&format!("ghls_{id}_")) && key.len() == 5 + 16 + 1 + 64, "{}", key.len());
    let bearer = [("authorization", format!("Bearer {key}")), ("x-other", String::new())];
    let bearer = bearer.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(caller.send(Method::GET, "/v1/locations/loc_demo", &bearer[..1], Vec::new()).await.status, 200);
    let listed = caller.get("/v1/keys").await;
    let about = &listed.json()["keys"][0];
    let told = ["id", "name", "role", "state", "created_by"].map(|field| about[field].as_str().unwrap().to_owned());
    assert_eq!(told, [id.as_str(), "crm", "operate", "active", "local"]);
    assert_eq!((&about["locations"], &about["expires_at"]), (&json!(["loc_demo"]), &json!(null)));
    assert_eq!(about["tags"], json!([]));
    assert!(about["last_used_at"].is_string(), "{about}");
    let secret = &key[key.len() - 64..];
    assert!(!listed.text.contains(secret) && !listed.text.contains("hash"));
    assert!(deployment.stored().await.iter().all(|item| !item.contains(secret)), "the key itself is stored nowhere");

    for _ in 0..2 {
        assert_eq!(caller.delete(&format!("/v1/keys/{id}")).await.status, 204);
    }
    used(&caller, &key).await.problem(401, "unauthorized");
    let about = &caller.get("/v1/keys").await.json()["keys"][0];
    assert_eq!((&about["state"], &about["revoked_by"]), (&json!("revoked"), &json!("local")));
    caller.delete("/v1/keys/0123456789abcdef").await.problem(404, "unknown-key");
}

#[tokio::test]
async fn elsewhere_a_revocation_holds_within_thirty_seconds_and_an_expiry_at_once() {
    let (deployment, clock) = (Deployment::start().await, Steered::default());
    let (here, elsewhere) = (process(&deployment, &clock).await, process(&deployment, &clock).await);
    let in_an_hour = (SystemClock.now() + HOUR).to_rfc3339();
    let (key, id) = make(&here, json!({ "name": "crm", "role": "read" })).await;
    let (expiring, _) = make(&here, json!({ "name": "guest", "role": "read", "expires_at": in_an_hour })).await;
    for key in [&key, &expiring] {
        assert_eq!(used(&elsewhere, key).await.status, 200);
    }
    assert_eq!(here.delete(&format!("/v1/keys/{id}")).await.status, 204);
    clock.pass(Duration::from_secs(30));
    used(&elsewhere, &key).await.problem(401, "unauthorized");
    assert_eq!(used(&elsewhere, &expiring).await.status, 200);
    clock.pass(HOUR - Duration::from_secs(40));
    assert_eq!(used(&elsewhere, &expiring).await.status, 200);
    clock.pass(Duration::from_secs(11));
    used(&elsewhere, &expiring).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_key_that_is_wrong_missing_revoked_or_expired_gets_the_same_answer() {
    let (deployment, clock) = (Deployment::start().await, Steered::default());
    let caller = process(&deployment, &clock).await;
    let (key, id) = make(&caller, json!({ "name": "crm", "role": "read" })).await;
    let in_an_hour = (SystemClock.now() + HOUR).to_rfc3339();
    let (expired, _) = make(&caller, json!({ "name": "guest", "role": "read", "expires_at": in_an_hour })).await;
    caller.delete(&format!("/v1/keys/{id}")).await;
    clock.pass(2 * HOUR);
    let altered = format!("{}0", &expired[..expired.len() - 1]);
    let unknown = format!("ghls_{}_{}", "0".repeat(16), "0".repeat(64));
    let mut answers = Vec::new();
    for key in [key.as_str(), &expired, &altered, &unknown, "", "ghls__", "super-secret", &format!("{expired}0")] {
        let answer = used(&caller, key).await.problem(401, "unauthorized");
        answers.push((answer["title"].clone(), answer["detail"].clone()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_bound_to_tags_says_so_and_an_older_build_takes_it_for_one_that_is_good_for_nothing() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let asked = json!({ "name": "dentists", "role": "read", "tags": ["Dental", "berlin"] });
    let made = caller.post("/v1/keys", &asked).await.json();
    let listed = caller.get("/v1/keys").await.json();
    for about in [&made["about"], &listed["keys"][0]] {
        assert_eq!((&about["tags"], &about["locations"]), (&json!(["Dental", "berlin"]), &json!([])));
    }
    // A build that does not know tags reads only the locations; an empty list must not mean all.
    let stored = deployment.stored().await;
    let stored = stored.iter().find(|item| item.contains("dentists")).unwrap();
    assert!(stored.replace('\\', "").contains("\"locations\":[]"), "{stored}");
}

#[tokio::test]
async fn a_key_s_use_is_written_down_once_an_hour() {
    let (deployment, clock) = (Deployment::start().await, Steered::default());
    let caller = process(&deployment, &clock).await;
    let (key, _) = make(&caller, json!({ "name": "crm", "role": "read" })).await;
    let mut seen = Vec::new();
    for minutes in [0, 20, 20, 30, 60] {
        clock.pass(Duration::from_secs(minutes * 60));
        assert_eq!(used(&caller, &key).await.status, 200);
        seen.push(caller.get("/v1/keys").await.json()["keys"][0]["last_used_at"].as_str().unwrap().to_owned());
    }
    assert!(seen[0] == seen[1] && seen[1] == seen[2] && seen[2] < seen[3] && seen[3] < seen[4], "{seen:?}");
}

#[tokio::test]
async fn what_a_key_cannot_be_is_named_field_by_field() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let cases = [
        (json!({ "name": "", "role": "read" }), "name"),
        (json!({ "name": "ann lee", "role": "read" }), "name"),
        (json!({ "role": "read" }), "name"),
        (json!({ "name": "a", "role": "root" }), "role"),
        (json!({ "name": "a" }), "role"),
        (json!({ "name": "a", "role": "read", "locations": [] }), "locations"),
        (json!({ "name": "a", "role": "read", "locations": ["nowhere"] }), "locations"),
        (json!({ "name": "a", "role": "read", "locations": ["a b"] }), "locations[0]"),
        (json!({ "name": "a", "role": "admin", "locations": ["loc_demo"] }), "locations"),
        (json!({ "name": "a", "role": "read", "locations": [], "tags": ["x"] }), "locations"),
        (json!({ "name": "a", "role": "read", "tags": [] }), "tags"),
        (json!({ "name": "a", "role": "read", "tags": [""] }), "tags"),
        (json!({ "name": "a", "role": "read", "tags": ["x", " y"] }), "tags"),
        (json!({ "name": "a", "role": "read", "tags": ["x", "X"] }), "tags"),
        (json!({ "name": "a", "role": "read", "tags": "x" }), "tags"),
        (json!({ "name": "a", "role": "admin", "tags": ["x"] }), "tags"),
        (json!({ "name": "a", "role": "read", "expires_at": "2001-01-01T00:00:00Z" }), "expires_at"),
        (json!({ "name": "a", "role": "read", "expires_at": "tomorrow" }), "expires_at"),
        (json!({ "name": "a", "role": "read", "hash": "x" }), "hash"),
    ];
    for (asked, field) in cases {
        let problem = caller.post("/v1/keys", &asked).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{asked}: {problem}");
    }
    assert_eq!(caller.get("/v1/keys").await.json(), json!({ "keys": [] }));
}

/// The status and `Retry-After` of a request with this key from `address`, through API Gateway.
async fn asked_from(router: &Router, address: &str, key: &str) -> (u64, Option<u64>) {
    let mut event: Value = serde_json::from_str(include_str!("../../events/api-dashboard.json")).unwrap();
    event["requestContext"]["http"]["sourceIp"] = json!(address);
    event["headers"] = json!({ "x-api-key": key });
    let answer = api::handle(router, LambdaEvent::new(event, context())).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    let headers = [&answer["headers"], &answer["multiValueHeaders"]];
    let wait =
        headers.iter().find_map(|headers| headers["retry-after"].as_str().or(headers["retry-after"][0].as_str()));
    (answer["statusCode"].as_u64().unwrap(), wait.map(|wait| wait.parse().unwrap()))
}

#[tokio::test]
async fn who_sends_many_wrong_keys_waits_and_nobody_else_is_kept_out() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let of_template = &deployment.stack.api_key;
    let router = deployment.router(ApiAccess::Keys(vec![of_template.kept("local")]));
    let (known, _) = make(&caller, json!({ "name": "crm", "role": "read" })).await;
    let (other, _) = make(&caller, json!({ "name": "desk", "role": "read" })).await;
    let (address, wrong) = ("203.0.113.7", format!("ghls_{}_{}", "0".repeat(16), "0".repeat(64)));
    assert_eq!(asked_from(&router, address, &known).await.0, 200);
    for _ in 0..20 {
        assert_eq!(asked_from(&router, address, &wrong).await, (401, None));
    }
    for key in [&wrong, "nonsense", &other] {
        let (status, wait) = asked_from(&router, address, key).await;
        assert!(status == 429 && wait.is_some_and(|wait| (1..=6).contains(&wait)), "{status} {wait:?}");
    }
    for (address, key, expected) in [
        (address, known.as_str(), 200),
        (address, of_template.text(), 200),
        ("203.0.113.8", &other, 200),
        ("203.0.113.8", &wrong, 401),
    ] {
        assert_eq!(asked_from(&router, address, key).await.0, expected, "{address}");
    }
}
