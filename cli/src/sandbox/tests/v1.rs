//! The legacy API.

use serde_json::json;

use super::*;

#[tokio::test]
async fn no_version_is_asked_for_and_a_bad_key_is_refused() {
    let it = Examination::begin(options()).await;
    let url = format!("{}/v1/pipelines/", it.sandbox.url());
    assert_eq!(it.client.get(&url).bearer_auth(TOKEN).send().await.expect("an answer").status(), 200);
    assert_eq!(it.client.get(&url).bearer_auth("stolen").send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn posting_a_contact_twice_updates_it() {
    let it = Examination::begin(options()).await;
    let (status, first) = it.post("/v1/contacts/", json!({"email": "a@example.com", "customField": {"f": 1}})).await;
    assert_eq!(status, 200, "{first}");
    let (_, second) = it.post("/v1/contacts/", json!({"email": "A@example.com", "city": "Ulm"})).await;
    let (first, second) = (&first["contact"], &second["contact"]);
    assert_eq!(first["id"], second["id"]);
    assert_eq!(second["city"], "Ulm");
    assert_eq!(second["customField"], json!([{"id": "f", "value": 1}]));
    assert_eq!(it.post("/v1/contacts/", json!({"firstName": "Ann"})).await.0, 422);
    assert_eq!(it.post("/v1/contacts/", json!({"email": "a@example.com", "locationId": LOCATION})).await.0, 422);

    let id = second["id"].as_str().expect("an id");
    assert_eq!(it.put(&format!("/v1/contacts/{id}"), json!({"companyName": "x"})).await.0, 200);
    assert_eq!(it.get(&format!("/v1/contacts/{id}")).await.1["contact"]["companyName"], "x");
    assert_eq!(it.post(&format!("/v1/contacts/{id}/tags/"), json!({"tags": ["t"]})).await.1, json!({"tags": ["t"]}));
    let (_, found) = it.get("/v1/contacts/lookup?email=a%40example.com").await;
    assert_eq!(ids(&found["contacts"]), [id]);
}

#[tokio::test]
async fn contacts_are_listed_by_update_page_by_page() {
    let it = Examination::begin(options()).await;
    let mut expected = Vec::new();
    for n in 0..3 {
        let (_, said) = it.post("/v1/contacts/", json!({"email": format!("{n}@example.com")})).await;
        expected.push(said["contact"]["id"].as_str().expect("an id").to_owned());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    it.put(&format!("/v1/contacts/{}", expected[0]), json!({"city": "Ulm"})).await;
    expected.rotate_left(1);
    let list = "/v1/contacts/?limit=2&sortBy=date_updated&order=asc";
    let (_, first) = it.get(list).await;
    let meta = &first["meta"];
    assert_eq!((&meta["total"], &meta["nextPage"]), (&json!(3), &json!(2)));
    let after =
        format!("&startAfter={}&startAfterId={}", meta["startAfter"], meta["startAfterId"].as_str().expect("an id"));
    let (_, second) = it.get(&format!("{list}{after}")).await;
    assert_eq!([ids(&first["contacts"]), ids(&second["contacts"])].concat(), expected);
    assert_eq!(second["meta"]["nextPageUrl"], Value::Null);
}

#[tokio::test]
async fn custom_fields_are_those_of_contacts_and_values_keep_to_them() {
    let it = Examination::begin(options()).await;
    it.sandbox
        .seed(LOCATION)
        .custom_field(json!({"name": "Deal size", "dataType": "TEXT", "model": "opportunity"}))
        .expect("a field");
    let (status, field) = it.post("/v1/custom-fields/", json!({"name": "Shoe size", "dataType": "NUMERICAL"})).await;
    assert_eq!((status, &field["dateType"]), (200, &json!("NUMERICAL")), "{field}");
    let id = field["id"].as_str().expect("an id");
    assert_eq!(ids(&it.get("/v1/custom-fields/").await.1["customFields"]), [id]);
    let with = |value: Value| json!({"email": "a@example.com", "customField": {id: value}});
    assert_eq!(it.post("/v1/contacts/", with(json!("large"))).await.0, 422);
    let (_, said) = it.post("/v1/contacts/", with(json!(42))).await;
    assert_eq!(said["contact"]["customField"], json!([{"id": id, "value": 42}]));
    let foreign = json!({"email": "a@example.com", "customField": {"elsewhere": 1}});
    assert_eq!(it.post("/v1/contacts/", foreign).await.0, 400);
    let (status, _) = it.send(Method::DELETE, &format!("/v1/custom-fields/{id}"), json!({})).await;
    assert_eq!((status, it.get("/v1/custom-fields/").await.1), (200, json!({"customFields": []})));
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let it = Examination::begin(options()).await;
    let (_, said) = it.post("/v1/contacts/", json!({"email": "a@example.com"})).await;
    let contact = said["contact"]["id"].as_str().expect("an id").to_owned();
    let path = "/v1/pipelines/pipeline-sales/opportunities";
    let (_, opportunity) = it.post(path, json!({"title": "Roof", "status": "open", "contactId": contact})).await;
    let opportunity = opportunity["id"].as_str().expect("an id");
    let elsewhere = format!("/v1/pipelines/pipeline-renewal/opportunities/{opportunity}");
    assert_eq!(it.send(Method::DELETE, &elsewhere, json!({})).await.0, 404);
    assert_eq!(it.send(Method::DELETE, &format!("{path}/{opportunity}"), json!({})).await.0, 200);
    assert_eq!(it.send(Method::DELETE, &format!("/v1/contacts/{contact}"), json!({})).await.0, 200);
    let stats = it.sandbox.stats();
    assert_eq!((stats.contacts, stats.opportunities), (0, 0));
}

#[tokio::test]
async fn opportunities_are_written_by_title_and_read_by_name() {
    let it = Examination::begin(options()).await;
    let path = "/v1/pipelines/pipeline-sales/opportunities";
    let body =
        json!({"title": "Roof", "stageId": "sales-new", "status": "open", "email": "a@example.com", "name": "Ann Lee"});
    let (status, said) = it.post(&format!("{path}/"), body.clone()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!((&said["name"], &said["contact"]["name"]), (&json!("Roof"), &json!("Ann Lee")));
    let id = said["id"].as_str().expect("an id");
    assert_eq!(it.post(path, body).await.0, 400);
    assert_eq!(it.put(&format!("{path}/{id}"), json!({"title": "Window"})).await.0, 422, "status is required");
    let (status, said) =
        it.put(&format!("{path}/{id}"), json!({"title": "Window", "status": "won", "stageId": "sales-closed"})).await;
    assert_eq!((status, &said["pipelineStageId"]), (200, &json!("sales-closed")));
    let (_, list) = it.get(&format!("{path}?query=window&status=won&limit=100")).await;
    assert_eq!(ids(&list["opportunities"]), [id]);
    assert_eq!(it.get(&format!("/v1/pipelines/pipeline-renewal/opportunities/{id}")).await.0, 404);
}
