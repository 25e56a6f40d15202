//! The audit trail: who changed what, or tried to.

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION};

const PAUSE: &str = "/v1/locations/loc_demo/pause";

async fn trail(caller: &Caller, query: &str) -> Value {
    let answer = caller.get(&format!("/v1/audit{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn told(trail: &Value, field: &str) -> Vec<Value> {
    trail["requests"].as_array().unwrap().iter().map(|entry| entry[field].clone()).collect()
}

#[tokio::test]
async fn each_change_says_who_did_what_where_and_nothing_of_what_was_in_it() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let made = caller.post("/v1/keys", &json!({ "name": "desk", "role": "operate" })).await.json();
    let (key, id) = (made["key"].as_str().unwrap(), &made["about"]["id"]);
    let caller = &caller;
    let desk = |method, path: &'static str, body: Option<Value>| async move {
        let answer = caller.with_key(key, method, path, body.as_ref()).await;
        (answer.status, answer.header("x-request-id").to_owned())
    };
    let paused = desk(Method::POST, PAUSE, Some(json!({ "note": "secret note" }))).await;
    let person = json!({ "email": "ann@example.com" });
    assert_eq!(desk(Method::POST, "/v1/locations/loc_demo/erase", Some(person)).await.0, 200);
    let record = "/v1/locations/loc_demo/records/contact/ann@example.com";
    assert_eq!(desk(Method::DELETE, record, None).await.0, 404, "what was refused changed nothing");
    assert_eq!(desk(Method::PUT, "/v1/locations/loc_demo/imports/people-1", Some(json!({ "rows": 1 }))).await.0, 200);
    assert_eq!(desk(Method::PUT, "/v1/locations/loc_demo", Some(json!({}))).await.0, 403);
    // Reads and puts are not in the trail.
    assert_eq!(desk(Method::GET, "/v1/overview", None).await.0, 200);
    assert_eq!(
        desk(Method::POST, "/v1/locations/loc_demo/records/lookup", Some(json!({ "records": ["contact#a"] }))).await.0,
        200
    );
    let contact = json!({ "id": "a", "contact": { "email": "ann@example.com" } });
    assert_eq!(desk(Method::POST, "/v1/locations/loc_demo/contacts", Some(contact)).await.0, 202);

    let all = trail(caller, "").await;
    assert_eq!(told(&all, "operation"), ["set_location", "tell", "erase", "pause", "make_key"].map(Value::from));
    assert_eq!(told(&all, "caller"), ["desk", "desk", "desk", "desk", "local"].map(Value::from));
    assert_eq!(told(&all, "status"), [403, 200, 200, 204, 201].map(Value::from));
    assert_eq!(told(&all, "subject"), [Value::Null, json!("people-1"), Value::Null, Value::Null, id.clone()]);
    let (own, none) = (json!(LOCATION), Value::Null);
    assert_eq!(told(&all, "location"), [own.clone(), own.clone(), own.clone(), own, none.clone()]);
    assert_eq!(told(&all, "key"), [id.clone(), id.clone(), id.clone(), id.clone(), none]);
    assert_eq!(all["requests"][3]["request_id"], paused.1, "the id leads to the log");
    for private in ["secret note", "ann@example.com", key] {
        assert!(!all.to_string().contains(private), "{private}");
    }
    caller.with_key(key, Method::GET, "/v1/audit", None).await.problem(403, "forbidden");
}

#[tokio::test]
async fn the_trail_is_read_page_by_page_each_entry_once_the_newest_first() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    for _ in 0..7 {
        assert_eq!(caller.post(PAUSE, &json!({})).await.status, 204);
    }
    let all = told(&trail(&caller, "").await, "request_id");
    assert_eq!(all.len(), 7);
    for limit in [1, 3, 6, 7, 100] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = trail(&caller, &format!("?limit={limit}{cursor}")).await;
            let ids = told(&page, "request_id");
            assert!(ids.len() <= limit && (!ids.is_empty()), "{limit}");
            seen.extend(ids);
            let Some(next) = page["cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, all, "{limit}");
    }
    let third = &trail(&caller, "").await["requests"][2];
    let since = third["at"].as_str().unwrap();
    let newest = told(&trail(&caller, &format!("?since={since}")).await, "at");
    assert!(newest.len() >= 3 && newest.iter().all(|at| at.as_str().unwrap() >= since), "{newest:?}");
    assert_eq!(trail(&caller, "?since=2999-01-01T00:00:00Z").await, json!({ "requests": [], "cursor": null }));
    for (query, field) in
        [("limit=0", "limit"), ("limit=101", "limit"), ("since=today", "since"), ("cursor=x", "cursor")]
    {
        let problem = caller.get(&format!("/v1/audit?{query}")).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}
