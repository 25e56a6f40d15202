//! Records in lists, causes of failures, forgetting and erasing, over HTTP.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::Deployment;

const LOCATION: &str = "/v1/locations/loc_demo";
const NEVER: Duration = Duration::from_secs(3600);

/// Ann, Bob and Eve are in GHL; two others were refused because of their birthday.
async fn with_people() -> (Deployment, Caller) {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let running = deployment.stack.functions.clone().start(NEVER);
    let person = |id: &str, name: &str, email: &str| json!({ "id": id, "contact": { "name": name, "email": email } });
    let refused =
        |id: &str| json!({ "id": id, "contact": { "email": format!("{id}@example.com"), "dateOfBirth": "never" } });
    let people = json!([
        person("crm-1", "Ann Lee", "ann@example.com"),
        person("crm-2", "Bob Stone", "bob@example.com"),
        person("crm/3 #4", "Eve <b>Lee</b>", "eve@example.com"),
        refused("wrong-1"),
        refused("wrong-2"),
    ]);
    assert_eq!(caller.post(&format!("{LOCATION}/contacts"), &people).await.status, 202);
    let is_done = |answer: &crate::caller::Answer| {
        let records = answer.json()["records"].as_array().cloned().unwrap_or_default();
        records.iter().filter(|record| record["state"] == "accepted" || record["state"] == "failed").count() == 5
    };
    caller.until(&format!("{LOCATION}/records"), is_done).await;
    drop(running);
    (deployment, caller)
}

fn ids(list: &Value) -> Vec<String> {
    let of = |record: &Value| record["id"].as_str().unwrap().to_owned();
    list["records"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test]
async fn records_are_found_by_state_by_text_and_by_either_id_and_paged_to_the_end() {
    let (_deployment, caller) = with_people().await;
    let list = async |query: &str| caller.get(&format!("{LOCATION}/records?{query}")).await.json();
    for (query, expected) in [
        ("", &["crm-1", "crm-2", "crm/3 #4", "wrong-1", "wrong-2"][..]),
        ("state=accepted", &["crm-1", "crm-2", "crm/3 #4"]),
        ("state=due", &[]),
        ("kind=opportunity", &[]),
        ("kind=contact&state=failed", &["wrong-1", "wrong-2"]),
        ("q=lee", &["crm-1", "crm/3 #4"]),
        ("q=ANN@EX&state=accepted", &["crm-1"]),
        ("q=crm-2", &["crm-2"]),
        ("q=crm%2F3%20%234", &["crm/3 #4"]),
        ("q=crm-2&state=failed", &[]),
        ("q=nobody", &[]),
    ] {
        assert_eq!(ids(&list(query).await), expected, "{query}");
    }
    let ann = list("q=ann").await["records"][0].clone();
    assert_eq!((&ann["name"], &ann["content"]), (&json!("Ann Lee"), &json!(null)));
    assert_eq!(ids(&list(&format!("q={}", ann["ghl_id"].as_str().unwrap())).await), ["crm-1"]);
    let one = caller.get(&format!("{LOCATION}/records/contact/crm-1")).await.json();
    assert_eq!(one["content"], json!({ "name": "Ann Lee", "email": "ann@example.com" }));

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("limit=2{cursor}")).await;
        seen.extend(ids(&page));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["crm-1", "crm-2", "crm/3 #4", "wrong-1", "wrong-2"]);
    for (query, field) in [("q=", "q"), ("q=%3C", "q"), ("limit=0", "limit"), ("cursor=x", "cursor")] {
        let problem = caller.get(&format!("{LOCATION}/records?{query}")).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
    let problem = caller.get(&format!("{LOCATION}/records?state=lost")).await.problem(400, "bad-request");
    assert_eq!(problem["errors"][0]["field"], "state");
}

#[tokio::test]
async fn records_that_ghl_refuses_in_the_same_words_are_one_cause() {
    let (_deployment, caller) = with_people().await;
    let failures = caller.get(&format!("{LOCATION}/failures")).await.json();
    let causes = failures["causes"].as_array().unwrap();
    assert_eq!(
        (causes.len(), &causes[0]["count"], &causes[0]["code"]),
        (1, &json!(2), &json!("REJECTED")),
        "{failures}"
    );
    assert_eq!(failures["capped"], false);
}

#[tokio::test]
async fn a_forgotten_record_and_an_erased_person_are_gone_here_and_stay_in_ghl() {
    let (deployment, caller) = with_people().await;
    let delete = async |id: &str| {
        let path = format!("{LOCATION}/records/contact/{id}");
        caller.send(Method::DELETE, &path, &[("x-api-key", caller.key.as_str())], Vec::new()).await
    };
    let before = deployment.stats().contacts;
    assert_eq!(delete("crm-2").await.status, 204);
    delete("crm-2").await.problem(404, "unknown-record");
    caller.get(&format!("{LOCATION}/records/contact/crm-2")).await.problem(404, "unknown-record");
    let ann = caller.get(&format!("{LOCATION}/records/contact/crm-1")).await.json();
    let erase = async |body: Value| caller.post(&format!("{LOCATION}/erase"), &body).await;
    let erased = erase(json!({ "email": "Ann@Example.com" })).await.json();
    assert_eq!(erased["contacts"], json!([{ "record": "contact#crm-1", "ghl_id": ann["ghl_id"] }]));
    assert_eq!(erased["cursor"], json!(null));
    assert_eq!(erase(json!({ "email": "ann@example.com" })).await.json()["contacts"], json!([]));
    let left = caller.get(&format!("{LOCATION}/records?state=accepted")).await.json();
    assert_eq!(ids(&left), ["crm/3 #4"]);
    assert_eq!(deployment.stats().contacts, before, "nothing is deleted in GHL");
    // In GHL as well: it is due for deletion, and gone once that is done.
    let path = format!("{LOCATION}/records/contact/crm%2F3%20%234");
    let headers = [("x-api-key", caller.key.as_str())];
    let asked = caller.send(Method::DELETE, &format!("{path}?in_ghl=true"), &headers, Vec::new()).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let _running = deployment.stack.functions.clone().start(NEVER);
    caller.until(&path, |answer| answer.status == 404).await;
    assert_eq!(deployment.stats().contacts, before - 1);
    let path = format!("{LOCATION}/records/contact/wrong-1?in_ghl=true");
    caller.send(Method::DELETE, &path, &headers, Vec::new()).await.problem(409, "not-now");
    for (body, field) in [
        (json!({}), "email"),
        (json!({ "email": "ann" }), "email"),
        (json!({ "phone": "none" }), "phone"),
        (json!({ "email": "a@b.example", "cursor": "x" }), "cursor"),
    ] {
        let problem = erase(body).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field);
    }
}
