//! Opportunities.

use reqwest::Method;
use serde_json::json;

use super::*;

const PIPELINE: &str = "pipeline-sales";

fn opportunity(contact: &str, name: &str) -> Value {
    json!({"locationId": LOCATION, "pipelineId": PIPELINE, "name": name, "status": "open", "contactId": contact})
}

async fn created(it: &Examination, body: Value) -> String {
    let (status, said) = it.post("/opportunities/", body).await;
    assert_eq!(status, 201, "{said}");
    said["opportunity"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn an_opportunity_is_created_updated_and_read() {
    let it = Examination::begin(options()).await;
    let contact = it.contact(json!({"name": "Ann Lee"})).await;
    let mut body = opportunity(&contact, "Roof");
    body["customFields"] = json!([{"id": "f", "field_value": ["a"]}]);
    let id = created(&it, body).await;
    let path = format!("/opportunities/{id}");
    let (status, said) =
        it.put(&path, json!({"status": "won", "monetaryValue": 220.5, "pipelineStageId": "sales-closed"})).await;
    assert_eq!(status, 200, "{said}");
    let (_, said) = it.get(&path).await;
    let opportunity = &said["opportunity"];
    assert_eq!(opportunity["status"], "won");
    assert_eq!(opportunity["monetaryValue"], 220.5);
    assert_eq!(opportunity["pipelineStageId"], "sales-closed");
    assert_eq!(opportunity["customFields"], json!([{"id": "f", "fieldValue": ["a"]}]));
    assert_eq!(opportunity["contact"]["name"], "Ann Lee");
    assert_eq!(it.put(&format!("{path}/status"), json!({"status": "lost"})).await, (200, json!({"succeded": true})));
    assert_eq!(it.send(Method::DELETE, &path, json!({})).await.0, 200);
    assert_eq!(it.get(&path).await.0, 404);
}

#[tokio::test]
async fn a_second_opportunity_of_a_contact_in_a_pipeline_is_refused_with_the_first_ones_id() {
    let it = Examination::begin(options()).await;
    let contact = it.contact(json!({"name": "Ann"})).await;
    let id = created(&it, opportunity(&contact, "Roof")).await;
    let (status, said) = it.post("/opportunities/", opportunity(&contact, "Window")).await;
    assert_eq!(status, 400);
    assert_eq!(said["code"], "OPPORTUNITY_NO_DUPLICATE");
    assert_eq!(said["meta"], json!({"existingId": id}));
    let mut elsewhere = opportunity(&contact, "Roof");
    elsewhere["pipelineId"] = json!("pipeline-renewal");
    created(&it, elsewhere).await;
}

#[tokio::test]
async fn what_ghl_does_is_not_known_so_the_sandbox_does_the_worse() {
    let it = Examination::begin(options()).await;
    let contact = it.contact(json!({"name": "Ann"})).await;
    let path = format!("/opportunities/{}", created(&it, opportunity(&contact, "Roof")).await);
    // Another pipeline, but without one of its stages.
    assert_eq!(it.put(&path, json!({"pipelineId": "pipeline-renewal"})).await.0, 400);
    let both = json!({"pipelineId": "pipeline-renewal", "pipelineStageId": "renewal-due"});
    assert_eq!(it.put(&path, both).await.0, 200);
    // Opportunities of a deleted contact.
    assert_eq!(it.send(Method::DELETE, &format!("/contacts/{contact}"), json!({})).await.0, 200);
    assert_eq!(it.get(&path).await.1["opportunity"]["contactId"], json!(contact));
}

#[tokio::test]
async fn duplicates_that_are_allowed_are_counted_by_name() {
    let it = Examination::begin(SandboxOptions { allow_duplicate_opportunity: true, ..options() }).await;
    let contact = it.contact(json!({"name": "Ann"})).await;
    for name in ["Roof", "Roof", "Window"] {
        created(&it, opportunity(&contact, name)).await;
    }
    assert_eq!((it.sandbox.stats().opportunities, it.sandbox.stats().duplicates), (3, 1));
}

#[tokio::test]
async fn what_ghl_would_not_take_is_refused() {
    let it = Examination::begin(options()).await;
    let contact = it.contact(json!({"name": "Ann"})).await;
    let with = |name: &str, value: Value| {
        let mut body = opportunity(&contact, "Roof");
        body[name] = value;
        body
    };
    let table = [
        (with("contactId", json!("nobody")), 400),
        (with("pipelineId", json!("nowhere")), 400),
        (with("pipelineStageId", json!("renewal-due")), 400),
        (with("status", json!("all")), 422),
        (with("monetaryValue", json!("220")), 422),
        (with("title", json!("Roof")), 422),
        (json!({"locationId": LOCATION}), 422),
    ];
    for (body, expected) in table {
        let (status, said) = it.post("/opportunities/", body.clone()).await;
        assert_eq!(status, expected, "{body}: {said}");
    }
    let id = created(&it, opportunity(&contact, "Roof")).await;
    for name in ["contactId", "locationId"] {
        let (status, said) = it.put(&format!("/opportunities/{id}"), json!({name: LOCATION})).await;
        assert_eq!((status, &said["message"]), (422, &json!([format!("property {name} should not exist")])));
    }
}

#[tokio::test]
async fn the_search_is_in_snake_case_and_finds_what_it_is_asked_for() {
    let it = Examination::begin(options()).await;
    let (ann, bob) = (it.contact(json!({"name": "Ann"})).await, it.contact(json!({"name": "Bob"})).await);
    let roof = created(&it, opportunity(&ann, "Roof")).await;
    let window = created(&it, opportunity(&bob, "Window")).await;
    let path = format!("/opportunities/search?location_id={LOCATION}&order=added_asc");
    for (query, expected) in [
        (String::new(), vec![&roof, &window]),
        (format!("&contact_id={bob}&pipeline_id={PIPELINE}"), vec![&window]),
        ("&q=ann".to_owned(), vec![&roof]),
        ("&status=won".to_owned(), vec![]),
        ("&status=all&limit=1".to_owned(), vec![&roof]),
        ("&date=01-01-2000&endDate=01-02-2000".to_owned(), vec![]),
    ] {
        let (status, said) = it.get(&format!("{path}{query}")).await;
        assert_eq!(status, 200, "{said}");
        assert_eq!(ids(&said["opportunities"]), expected, "{query}");
    }
    let (status, said) = it.get(&format!("/opportunities/search?locationId={LOCATION}")).await;
    assert_eq!(status, 422);
    assert_eq!(said["message"], json!(["property locationId should not exist", "location_id must be a string"]));
}

#[tokio::test]
async fn the_search_lags() {
    let it = Examination::begin(SandboxOptions { search_lag: Duration::from_secs(1), ..options() }).await;
    let contact = it.contact(json!({"name": "Ann"})).await;
    created(&it, opportunity(&contact, "Roof")).await;
    let path = format!("/opportunities/search?location_id={LOCATION}&contact_id={contact}");
    assert_eq!(it.get(&path).await.1["meta"]["total"], 0);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(it.get(&path).await.1["meta"]["total"], 1);
}

#[tokio::test]
async fn pipelines_are_told_with_their_stages() {
    let it = Examination::begin(options()).await;
    let (status, said) = it.get(&format!("/opportunities/pipelines?locationId={LOCATION}")).await;
    assert_eq!((status, &said["pipelines"][0]["id"]), (200, &json!(PIPELINE)));
    assert_eq!(said["pipelines"][0]["stages"][0]["id"], "sales-new");
    assert_eq!(it.get("/opportunities/pipelines").await.0, 403);
}
