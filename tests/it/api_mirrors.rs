//! Mirrors over HTTP: a complete list in parts, and its missing contacts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::Deployment;

const LOCATION: &str = "/v1/locations/loc_demo";
const MIRROR: &str = "/v1/locations/loc_demo/mirrors/crm";
const NEVER: Duration = Duration::from_secs(3600);

fn people(numbers: std::ops::Range<u32>) -> Value {
    numbers.map(|n| json!({ "id": format!("p{n}"), "contact": { "email": format!("p{n}@example.com") } })).collect()
}

#[tokio::test]
async fn a_list_is_sent_whole_each_time_and_who_is_missing_is_deleted_in_ghl() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    let accepted = async |count: usize| {
        let is_so = |answer: &crate::caller::Answer| answer.json()["records"].as_array().unwrap().len() == count;
        caller.until(&format!("{LOCATION}/records?state=accepted"), is_so).await;
    };
    let commit = async |run: &str, body: Value| caller.post(&format!("{MIRROR}/runs/{run}/commit"), &body).await;
    for (part, range) in [(0, 0..20), (1, 20..40)] {
        let put = caller.put(&format!("{MIRROR}/runs/monday/parts/{part}"), &people(range)).await;
        assert_eq!((put.status, &put.json()["stored"]), (202, &json!(20)));
    }
    assert_eq!(caller.get(MIRROR).await.json()["committed"], json!(null));
    accepted(40).await;
    let first = commit("monday", json!({ "parts": 2, "on_missing": "delete" })).await.json();
    assert_eq!((&first["present"], &first["missing"], &first["complete"]), (&json!(40), &json!(0), &json!(true)));

    let put = caller.put(&format!("{MIRROR}/runs/tuesday/parts/0"), &people(0..39)).await.json();
    assert_eq!((&put["stored"], &put["unchanged"]), (&json!(0), &json!(39)), "what has not changed costs nothing");
    let second = commit("tuesday", json!({ "parts": 1, "on_missing": "delete" })).await.json();
    assert_eq!((&second["missing"], &second["changed"], &second["complete"]), (&json!(1), &json!(1), &json!(true)));
    accepted(39).await;
    caller.until(&format!("{LOCATION}/records/contact/p39"), |answer| answer.status == 404).await;
    assert_eq!(deployment.stats().contacts, 39);

    // Most of the list is missing: the source looks broken.
    assert_eq!(caller.put(&format!("{MIRROR}/runs/wednesday/parts/0"), &people(0..3)).await.status, 202);
    let broken = commit("wednesday", json!({ "parts": 1, "on_missing": "delete" })).await.problem(409, "not-now");
    assert!(broken["detail"].as_str().unwrap().contains("36 of 39"), "{broken}");
    assert_eq!(caller.get(MIRROR).await.json()["committed"]["run"], "tuesday");
    for (body, field) in [
        (json!({ "parts": 0 }), "parts"),
        (json!({ "parts": 1, "on_missing": "drop" }), "on_missing"),
        (json!({ "parts": 1, "max_missing": 5 }), "max_missing"),
    ] {
        assert_eq!(commit("x", body).await.problem(422, "invalid")["errors"][0]["field"], field);
    }
    commit("never", json!({ "parts": 1 })).await.problem(409, "not-now");
    let part = caller.put(&format!("{MIRROR}/runs/x/parts/100"), &people(0..1)).await.problem(400, "bad-request");
    assert_eq!(part["errors"][0]["field"], "part");
    assert_eq!(deployment.stats().contacts, 39);
}
