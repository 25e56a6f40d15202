//! Bulk mend and dismissal of failures with one cause, over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::deployment::Deployment;

const NEVER: Duration = Duration::from_secs(3600);
const LOCATION: &str = "/v1/locations/loc_demo";

/// A contact with a date of birth that GHL refuses.
fn refused(id: &str) -> Value {
    json!({ "id": id, "contact": { "firstName": "Ada", "email": format!("{id}@example.com"), "dateOfBirth": "never" } })
}

async fn put(caller: &Caller, contacts: &Value) {
    let put = caller.post(&format!("{LOCATION}/contacts?import=people"), contacts).await;
    assert_eq!(put.status, 202, "{put:?}");
}

async fn until_failed(caller: &Caller, count: usize) {
    let has = |page: &Answer| page.json()["records"].as_array().unwrap().len() == count;
    caller.until(&format!("{LOCATION}/records?state=failed"), has).await;
}

async fn cause(caller: &Caller) -> String {
    let failures = caller.get(&format!("{LOCATION}/failures")).await.json();
    failures["causes"][0]["id"].as_str().unwrap_or_else(|| panic!("{failures}")).to_owned()
}

#[tokio::test]
async fn a_group_is_listed_mended_without_the_field_that_ghl_refuses_and_goes_out() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    put(&caller, &json!([refused("a"), refused("b"), refused("c")])).await;
    until_failed(&caller, 3).await;
    let id = cause(&caller).await;
    let list = |query: &str| format!("{LOCATION}/records?state=failed&cause={query}");
    let page = caller.get(&list(&format!("{id}&limit=2"))).await.json();
    assert_eq!(page["records"].as_array().unwrap().len(), 2, "{page}");
    let next = page["cursor"].as_str().unwrap();
    let rest = caller.get(&list(&format!("{id}&limit=2&cursor={next}"))).await.json();
    assert_eq!((rest["records"].as_array().unwrap().len(), &rest["cursor"]), (1, &json!(null)));
    assert_eq!(caller.get(&list("REJECTED.0f4c1a90be27")).await.json()["records"], json!([]));
    for query in ["cause=REJECTED", "cause=REJECTED&state=accepted", "cause=REJECTED&state=failed&kind=contact"] {
        let wrong = caller.get(&format!("{LOCATION}/records?{query}")).await.problem(422, "invalid");
        assert_eq!(wrong["errors"][0]["field"], "cause", "{query}");
    }

    let mend = async |body: Value| caller.post(&format!("{LOCATION}/failures/mend"), &body).await;
    let other = mend(json!({ "cause": id, "without": ["customFields.f1"] })).await.json();
    let why = json!({
        "other": 0, "changed": 0, "to_delete": 0, "to_undo": 0, "content_dropped": 0, "no_such_field": 3, "unchanged": 0,
        "nothing_left": 0, "not_valid": 0, "unreadable": 0,
    });
    let expected = json!({ "mended": 0, "skipped": 3, "why": why, "not_written": 0, "looked_at": 3, "cursor": null });
    assert_eq!(other, expected);
    let mended = mend(json!({ "cause": id, "without": ["dateOfBirth"], "set": { "city": "Ulm" } })).await.json();
    assert_eq!((&mended["mended"], &mended["looked_at"], &mended["cursor"]), (&json!(3), &json!(3), &json!(null)));
    for id in ["a", "b", "c"] {
        let record = caller
            .until(&format!("{LOCATION}/records/contact/{id}"), |record| record.json()["state"] == "accepted")
            .await
            .json();
        let expected = json!({ "firstName": "Ada", "email": format!("{id}@example.com"), "city": "Ulm" });
        assert_eq!(
            (&record["content"], &record["version"], &record["import"]),
            (&expected, &json!(2), &json!("people"))
        );
    }
    let again = mend(json!({ "cause": id, "without": ["dateOfBirth"] })).await.json();
    assert_eq!((&again["mended"], &again["looked_at"]), (&json!(0), &json!(0)), "nothing stands as failed");
}

#[tokio::test]
async fn a_group_is_dismissed_and_what_was_put_again_stays() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    put(&caller, &json!([refused("a"), refused("b"), refused("c")])).await;
    until_failed(&caller, 3).await;
    let good = json!({ "id": "c", "contact": { "firstName": "Eve", "email": "c@example.com" } });
    put(&caller, &good).await;
    let dismiss = async |body: Value| caller.post(&format!("{LOCATION}/failures/dismiss"), &body).await;
    let keys = ["contact#a", "contact#b", "contact#c", "contact#never"];
    let answer = dismiss(json!({ "records": keys })).await.json();
    assert_eq!((&answer["dismissed"], &answer["skipped"], &answer["why"]["other"]), (&json!(2), &json!(2), &json!(2)));
    for id in ["a", "b"] {
        caller.get(&format!("{LOCATION}/records/contact/{id}")).await.problem(404, "unknown-record");
    }
    caller.until(&format!("{LOCATION}/records/contact/c"), |record| record.json()["state"] == "accepted").await;
    assert_eq!(deployment.stats().contacts, 1);
    let audit = caller.get("/v1/audit").await.json();
    let operations: Vec<&str> =
        audit["requests"].as_array().unwrap().iter().filter_map(|entry| entry["operation"].as_str()).collect();
    assert!(operations.contains(&"dismiss_failures"), "{audit}");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_with_the_name_of_its_field() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let mend = format!("{LOCATION}/failures/mend");
    for (body, field) in [
        (json!({ "without": ["city"] }), "records"),
        (json!({ "records": ["contact#a"], "cause": "REJECTED", "without": ["city"] }), "records"),
        (json!({ "cause": "REJECTED" }), "without"),
        (json!({ "cause": "REJECTED", "without": ["colour"] }), "without[0]"),
        (json!({ "cause": "REJECTED", "without": ["pipelineId"] }), "without[0]"),
        (json!({ "cause": "REJECTED", "set": { "email": "a@b.example" } }), "set.email"),
        (json!({ "cause": "REJECTED", "set": { "pipelineId": null } }), "set.pipelineId"),
        (json!({ "cause": "REJECTED", "set": { "country": null } }), "set.country"),
        (json!({ "cause": "REJECTED", "kind": "contact", "set": { "pipelineId": "p" } }), "set.pipelineId"),
        (json!({ "cause": "REJECTED", "set": { "tags": ["a"], "removeTags": ["A"] } }), "set.removeTags"),
        (json!({ "cause": "REJECTED", "without": ["city"], "cursor": "x" }), "cursor"),
        (json!({ "all": true, "without": ["city"] }), "all"),
    ] {
        let wrong = caller.post(&mend, &body).await.problem(422, "invalid");
        assert_eq!(wrong["errors"][0]["field"], field, "{body}: {wrong}");
    }
    let dismiss = format!("{LOCATION}/failures/dismiss");
    for (body, field) in [(json!({}), "records"), (json!({ "all": true }), "all"), (json!({ "cause": "x" }), "cause")] {
        let wrong = caller.post(&dismiss, &body).await.problem(422, "invalid");
        assert_eq!(wrong["errors"][0]["field"], field, "{body}: {wrong}");
    }
    for path in ["mend", "dismiss"] {
        let body = if path == "mend" {
            json!({ "cause": "REJECTED", "without": ["city"] })
        } else {
            json!({ "cause": "REJECTED" })
        };
        let unknown = caller.post(&format!("/v1/locations/nowhere/failures/{path}"), &body).await;
        unknown.problem(404, "unknown-location");
    }
}
