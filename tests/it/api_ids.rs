//! Records with ids that paths cannot carry, locally and behind API Gateway, which decodes paths.

use axum::Router;
use ghl_sync_runtime::ApiAccess;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::{Deployment, context};

const CONTACTS: &str = "/v1/locations/loc_demo/contacts";
const RECORDS: &str = "/v1/locations/loc_demo/records";

/// Each next to the id that would result from one decoding too many, or from a shortened path.
const IDS: [&str; 22] = [
    "a/b",
    "a%2Fb",
    "a%252Fb",
    "%41",
    "A",
    "%2541",
    "a%",
    "100%25",
    "100%",
    "a+b",
    "a b",
    "a%20b",
    "a?b",
    "a",
    "a#b",
    ".",
    "..",
    "a/../b",
    "//",
    "\u{fc}\u{4e2d}",
    "%C3%BC",
    "a&id=b",
];

fn encoded(id: &str) -> String {
    id.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn put_all(caller: &Caller) {
    let item =
        |(number, id): (usize, &&str)| json!({ "id": id, "contact": { "email": format!("{number}@example.com") } });
    let items: Vec<Value> = IDS.iter().enumerate().map(item).collect();
    assert_eq!(caller.post(CONTACTS, &json!(items)).await.status, 202);
}

#[tokio::test]
async fn every_id_that_may_be_put_is_found_by_query_and_by_path() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    put_all(&caller).await;
    for id in IDS {
        let found = caller.get(&format!("{RECORDS}?kind=contact&id={}", encoded(id))).await;
        assert_eq!((found.status, &found.json()["records"][0]["id"]), (200, &json!(id)));
        assert_eq!(found.json()["records"].as_array().unwrap().len(), 1, "{id}");
        // HTTP clients normalize these segments, however they are encoded.
        if [".", ".."].contains(&id) {
            continue;
        }
        let record = caller.get(&format!("{RECORDS}/contact/{}", encoded(id))).await;
        assert_eq!((record.status, &record.json()["id"]), (200, &json!(id)));
    }
    caller.get(&format!("{RECORDS}?kind=contact&id=nobody")).await.problem(404, "unknown-record");
    for (query, field) in [("id=a", "kind"), ("kind=contact&id=a&state=failed", "id")] {
        let problem = caller.get(&format!("{RECORDS}?{query}")).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}

#[tokio::test]
async fn behind_api_gateway_no_id_leads_to_another_record() {
    let deployment = Deployment::start().await;
    put_all(&Caller::of(&deployment).await).await;
    let router = deployment.router(ApiAccess::Iam);
    for id in IDS {
        let (status, found) = invoke(&router, RECORDS, &format!("kind=contact&id={}", encoded(id))).await;
        assert_eq!((status, &found["records"][0]["id"]), (200, &json!(id)));
        // API Gateway has already decoded it.
        let (status, record) = invoke(&router, &format!("{RECORDS}/contact/{id}"), "").await;
        // Such a segment shortens the path on its way. It leads to no other record.
        if id.split('/').any(|segment| [".", ".."].contains(&segment)) {
            assert_eq!(status, 404, "{id}");
            continue;
        }
        assert_eq!((status, &record["id"]), (200, &json!(id)));
    }
}

async fn invoke(router: &Router, path: &str, query: &str) -> (u64, Value) {
    let mut event: Value = serde_json::from_str(include_str!("../../events/api-record.json")).unwrap();
    event["rawPath"] = json!(path);
    event["rawQueryString"] = json!(query);
    event["requestContext"]["http"]["path"] = json!(path);
    event["requestContext"]["authorizer"] = json!({ "iam": { "userArn": "arn:aws:iam::123456789012:user/a" } });
    let answer = api::handle(router, LambdaEvent::new(event, context())).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    (answer["statusCode"].as_u64().unwrap(), serde_json::from_str(answer["body"].as_str().unwrap()).unwrap())
}
