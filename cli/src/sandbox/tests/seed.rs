//! Initial records.

use serde_json::json;

use super::*;
use crate::sandbox::Unwritable;

const DAY: u64 = 86_400_000;

#[tokio::test]
async fn more_than_10_000_contacts_are_seeded_without_a_call_and_read_page_by_page_each_once() {
    const COUNT: u64 = 10_250;
    let it = Examination::begin(SandboxOptions { search_lag: Duration::from_secs(10), ..options() }).await;
    let seed = it.sandbox.seed(LOCATION);
    let mut seeded = Vec::new();
    for n in 0..COUNT {
        // Some contacts were added in the same millisecond.
        let body = json!({"email": format!("{n}@example.com")});
        seeded.push(seed.contact(body, &Unwritable::default(), DAY + n / 3).expect("a contact"));
    }
    assert_eq!((it.sandbox.stats().calls, it.sandbox.stats().contacts), (0, COUNT));

    let mut body = json!({
        "locationId": LOCATION, "pageLimit": 500, "sort": [{"field": "dateAdded", "direction": "asc"}],
    });
    let mut read = Vec::new();
    loop {
        let (status, page) = it.post("/contacts/search", body.clone()).await;
        assert_eq!((status, &page["total"]), (200, &json!(COUNT)));
        let Some(last) = page["contacts"].as_array().and_then(|contacts| contacts.last()) else { break };
        body["searchAfter"] = last["searchAfter"].clone();
        read.extend(ids(&page["contacts"]).into_iter().map(str::to_owned));
    }
    assert_eq!(read.len(), seeded.len());
    read.sort_unstable();
    seeded.sort_unstable();
    assert_eq!(read, seeded);
    body["page"] = json!(21);
    body.as_object_mut().expect("an object").remove("searchAfter");
    assert_eq!(it.post("/contacts/search", body).await.0, 400, "by number only the first 10,000");
}

#[tokio::test]
async fn opportunities_are_read_page_by_page_each_once_in_both_apis() {
    let it = Examination::begin(options()).await;
    let seed = it.sandbox.seed(LOCATION);
    let contact = seed.contact(json!({"email": "a@example.com"}), &Unwritable::default(), DAY).expect("a contact");
    let mut seeded = Vec::new();
    for n in 0..250_u64 {
        let body = json!({
            "pipelineId": "pipeline-sales", "name": format!("Deal {n}"), "status": "open", "contactId": contact,
        });
        seeded.push(seed.opportunity(body, DAY + n / 3).expect("an opportunity"));
    }
    seeded.sort_unstable();
    let v2 = format!("/opportunities/search?location_id={LOCATION}&status=all&order=added_asc&limit=100");
    let v1 = "/v1/pipelines/pipeline-sales/opportunities?limit=100".to_owned();
    for list in [v2, v1] {
        let (mut read, mut after) = (Vec::new(), String::new());
        loop {
            let (_, page) = it.get(&format!("{list}{after}")).await;
            read.extend(ids(&page["opportunities"]).into_iter().map(str::to_owned));
            let meta = &page["meta"];
            assert_eq!(meta["total"], 250);
            let Some(last) = meta["startAfterId"].as_str() else { break };
            after = format!("&startAfter={}&startAfterId={last}", meta["startAfter"]);
        }
        read.sort_unstable();
        assert_eq!(read, seeded, "{list}");
    }
}

#[tokio::test]
async fn what_no_call_can_write_is_shown() {
    let it = Examination::begin(options()).await;
    let unwritable = Unwritable {
        additional_emails: vec!["x@example.com".to_owned()],
        attachments: vec!["https://files.example/1.pdf".to_owned()],
        ..Unwritable::default()
    };
    let body = json!({"firstName": "Ann", "customFields": [{"id": "f", "field_value": 1}]});
    let id = it.sandbox.seed(LOCATION).contact(body, &unwritable, DAY).expect("a contact");
    let (_, said) = it.get(&format!("/contacts/{id}")).await;
    assert_eq!(said["contact"]["additionalEmails"], json!(["x@example.com"]));
    assert_eq!(said["contact"]["attachments"], json!(["https://files.example/1.pdf"]));
    assert_eq!(said["contact"]["dateAdded"], "1970-01-02T00:00:00.000Z");
}

#[tokio::test]
async fn a_seed_that_ghl_would_refuse_is_refused_with_its_words() {
    let it = Examination::begin(options()).await;
    let seed = it.sandbox.seed(LOCATION);
    let refused = seed.contact(json!({"email": "none"}), &Unwritable::default(), DAY).expect_err("no e-mail address");
    assert!(refused.to_string().contains("email must be an email"), "{refused}");
    let body = json!({"pipelineId": "nowhere", "name": "Roof", "status": "open", "contactId": "nobody"});
    assert!(seed.opportunity(body, DAY).is_err());
}

#[tokio::test]
async fn pipelines_that_are_given_take_the_place_of_those_that_every_location_has() {
    let it = Examination::begin(options()).await;
    let given = it.sandbox.seed(LOCATION).pipelines(&[("Deals", &["New", "Won"])]).expect("pipelines");
    let (_, listed) = it.get("/v1/pipelines/").await;
    assert_eq!(ids(&listed["pipelines"]), [&given[0].id]);
    let contact = it.contact(json!({"firstName": "Ann"})).await;
    let opportunity = |pipeline: &str| json!({"locationId": LOCATION, "pipelineId": pipeline, "name": "Roof", "status": "open", "contactId": contact});
    assert_eq!(it.post("/opportunities/", opportunity("pipeline-sales")).await.0, 400);
    let (_, said) = it.post("/opportunities/", opportunity(&given[0].id)).await;
    assert_eq!(said["opportunity"]["pipelineStageId"], json!(given[0].stages[0].id));
}
