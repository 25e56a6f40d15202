//! Imports over HTTP and the ingest queue: records under an import, their status, cancel and undo.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION, failed_messages, sqs_event};

const NEVER: Duration = Duration::from_secs(3600);
const IMPORTS: &str = "/v1/locations/loc_demo/imports";

fn contacts(ids: std::ops::Range<usize>) -> Value {
    let contact =
        |n| json!({ "id": format!("c{n}"), "contact": { "firstName": "Ada", "email": format!("c{n}@a.test") } });
    ids.map(contact).collect()
}

fn under(import: &str) -> String {
    format!("/v1/locations/loc_demo/contacts?import={import}")
}

async fn counts(caller: &Caller, import: &str) -> [u64; 4] {
    let status = caller.get(&format!("{IMPORTS}/{import}")).await.json();
    ["pending", "accepted", "failed", "other"].map(|of| status["counts"][of]["count"].as_u64().unwrap())
}

#[tokio::test]
async fn an_import_is_told_of_its_records_are_put_and_it_says_how_they_stand() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    let told = json!({ "name": "people.csv", "rows": 5, "records": 4, "problems": { "not_a_date": 1 } });
    let begun = caller.put(&format!("{IMPORTS}/people-1"), &told).await;
    assert_eq!((begun.status, &begun.json()["state"]), (200, &json!("open")), "{begun:?}");
    assert_eq!(caller.post(&under("people-1"), &contacts(0..4)).await.status, 202);
    let all_are_there = |answer: &crate::caller::Answer| answer.json()["counts"]["accepted"]["count"] == 4;
    let status = caller.until(&format!("{IMPORTS}/people-1"), all_are_there).await.json();
    let told = ["name", "rows", "records", "problems", "finished_at"].map(|field| status[field].clone());
    let expected = [json!("people.csv"), json!(5), json!(4), json!({ "not_a_date": 1 }), json!(null)];
    assert_eq!(told, expected, "{status}");
    let done = json!({ "state": "complete", "files": ["people.csv", "rejects.csv"] });
    assert_eq!(caller.put(&format!("{IMPORTS}/people-1"), &done).await.json()["state"], "complete");
    let listed = caller.get(IMPORTS).await.json();
    assert_eq!((listed["imports"].as_array().unwrap().len(), &listed["imports"][0]["id"]), (1, &json!("people-1")));
    assert!(listed["imports"][0]["finished_at"].is_string());

    let record = caller.get("/v1/locations/loc_demo/records/contact/c0").await.json();
    assert_eq!(record["import"], "people-1");
    let page = caller.get("/v1/locations/loc_demo/records?import=people-1&state=accepted&limit=3").await.json();
    assert_eq!(page["records"].as_array().unwrap().len(), 3);
    let cursor = page["cursor"].as_str().unwrap();
    let rest = format!("/v1/locations/loc_demo/records?import=people-1&state=accepted&limit=3&cursor={cursor}");
    let rest = caller.get(&rest).await.json();
    assert_eq!((rest["records"].as_array().unwrap().len(), &rest["cursor"]), (1, &json!(null)));
    // A later put that changes a record takes it out of the import; one without a change does not.
    let changed = json!({ "id": "c0", "contact": { "firstName": "Eve", "email": "c0@a.test" } });
    assert_eq!(caller.post("/v1/locations/loc_demo/contacts", &changed).await.status, 202);
    assert_eq!(caller.post("/v1/locations/loc_demo/contacts", &contacts(1..2)).await.json()["unchanged"], 1);
    assert_eq!(counts(&caller, "people-1").await, [0, 3, 0, 0]);
}

#[tokio::test]
async fn a_cancelled_import_sends_nothing_and_a_replay_brings_it_back() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    // They wait: no function runs yet.
    assert_eq!(caller.post(&under("x"), &contacts(0..6)).await.status, 202);
    assert_eq!(caller.post("/v1/locations/loc_demo/contacts", &contacts(6..7)).await.status, 202);
    assert_eq!(counts(&caller, "x").await, [6, 0, 0, 0], "an import begins with its first items");
    let cancelled = caller.post(&format!("{IMPORTS}/x/cancel"), &json!({})).await;
    let expected = json!({ "withdrawn": 6, "skipped": 0, "not_written": 0, "cursor": null });
    assert_eq!((cancelled.status, cancelled.json()), (200, expected));
    let _running = deployment.stack.functions.clone().start(NEVER);
    caller.until("/v1/locations/loc_demo/records/contact/c6", |record| record.json()["state"] == "accepted").await;
    assert_eq!((deployment.stats().contacts, counts(&caller, "x").await), (1, [0, 0, 6, 0]));
    let failed = caller.get("/v1/locations/loc_demo/records?import=x").await.json();
    assert_eq!(failed["records"][0]["last_error"]["code"], "CANCELLED");

    caller.post(&under("x"), &contacts(0..1)).await.problem(409, "not-now");
    caller.put(&format!("{IMPORTS}/x"), &json!({ "rows": 1 })).await.problem(409, "not-now");
    let replay = async |body: Value| caller.post("/v1/locations/loc_demo/replay", &body).await;
    assert_eq!(replay(json!({ "import": "x", "code": "REJECTED" })).await.json()["replayed"], 0);
    assert_eq!(replay(json!({ "import": "x", "code": "CANCELLED" })).await.json()["replayed"], 6);
    caller.until(&format!("{IMPORTS}/x"), |status| status.json()["counts"]["accepted"]["count"] == 6).await;
    assert_eq!(
        caller.put(&format!("{IMPORTS}/x"), &json!({ "state": "open" })).await.json()["finished_at"],
        json!(null)
    );
    assert_eq!(caller.post(&under("x"), &contacts(0..1)).await.status, 202);
}

#[tokio::test]
async fn an_import_that_was_begun_so_is_undone_field_by_field_and_says_what_was_left() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let there = json!({ "locationId": LOCATION, "email": "c0@a.test", "firstName": "Ann", "city": "Ulm" });
    let made = deployment.ask_ghl(Method::POST, "contacts/", &there).await;
    let id = made["contact"]["id"].as_str().unwrap().to_owned();
    let undo = format!("{IMPORTS}/x/undo");
    caller.post(&undo, &json!({})).await.problem(404, "unknown-import");
    assert_eq!(caller.put(&format!("{IMPORTS}/x"), &json!({ "undoable": true })).await.status, 200);
    let put = json!({ "id": "c0", "contact": {
        "firstName": "Ada", "email": "c0@a.test", "city": "Bonn", "state": "NW", "tags": ["new"],
    } });
    assert_eq!(caller.post(&under("x"), &put).await.status, 202);
    assert_eq!(caller.post(&under("x"), &contacts(1..3)).await.status, 202);
    let _running = deployment.stack.functions.clone().start(NEVER);
    caller.until(&format!("{IMPORTS}/x"), |status| status.json()["counts"]["accepted"]["count"] == 3).await;
    // Somebody changes one field of it in GHL.
    deployment.ask_ghl(Method::PUT, &format!("contacts/{id}"), &json!({ "city": "Kiel" })).await;
    let asked = caller.post(&undo, &json!({})).await;
    let expected = json!({ "asked": 3, "skipped": 0, "not_undoable": 0, "not_written": 0, "cursor": null });
    assert_eq!((asked.status, asked.json()), (200, expected));
    let is_done = |status: &crate::caller::Answer| {
        let undo = &status.json()["undo"];
        undo["undone"]["count"].as_u64().unwrap() + undo["left"]["count"].as_u64().unwrap() == 3
    };
    let status = caller.until(&format!("{IMPORTS}/x"), is_done).await.json();
    assert_eq!((&status["state"], &status["undo"]["left"]["count"]), (&json!("undone"), &json!(1)));
    assert_eq!(counts(&caller, "x").await, [0, 0, 0, 0]);
    let left = caller.get("/v1/locations/loc_demo/records?import=x&state=left").await.json();
    let [left] = left["records"].as_array().unwrap().as_slice() else { panic!("{left}") };
    assert_eq!((&left["record"], &left["state"]), (&json!("contact#c0"), &json!("undone")));
    assert_eq!(left["undone"]["left"], json!([{ "field": "city", "why": "changed" }]));
    let shown = deployment.ask_ghl(Method::GET, &format!("contacts/{id}"), &Value::Null).await;
    let fields = ["firstName", "city", "state", "tags"].map(|field| shown["contact"][field].clone());
    assert_eq!(fields, [json!("Ann"), json!("Kiel"), json!(null), json!([])]);
    assert_eq!(deployment.stats().contacts, 1, "what it created is gone");
    assert_eq!(caller.post(&undo, &json!({})).await.json()["asked"], 0);
    caller.post(&under("x"), &contacts(1..2)).await.problem(409, "not-now");
    caller.put(&format!("{IMPORTS}/z"), &json!({})).await;
    caller.post(&format!("{IMPORTS}/z/undo"), &json!({})).await.problem(409, "not-now");
    let bad = caller.post(&undo, &json!({ "cursor": "0.61" })).await.problem(422, "invalid");
    assert_eq!(bad["errors"][0]["field"], "cursor");
}

#[tokio::test]
async fn what_cannot_be_an_import_is_refused_and_an_unknown_one_is_a_problem() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    caller.get(&format!("{IMPORTS}/x")).await.problem(404, "unknown-import");
    caller.post(&format!("{IMPORTS}/x/cancel"), &json!({})).await.problem(404, "unknown-import");
    for path in ["imports", "imports/x"] {
        caller.get(&format!("/v1/locations/nowhere/{path}")).await.problem(404, "unknown-location");
    }
    caller.put("/v1/locations/nowhere/imports/x", &json!({})).await.problem(404, "unknown-location");
    caller.get(&format!("{IMPORTS}/a%20b")).await.problem(400, "bad-request");
    let wrong = caller.post(&under("a%20b"), &contacts(0..1)).await.problem(400, "bad-request");
    assert_eq!(wrong["errors"][0]["field"], "import");
    let bad = [
        (json!({ "state": "cancelled" }), "state"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(201) }), "name"),
        (json!({ "rows": -1 }), "rows"),
        (json!({ "files": vec!["f"; 21] }), "files"),
        (json!({ "problems": { "kind\n": 1 } }), "problems"),
        (json!({ "counts": {} }), "counts"),
    ];
    for (body, field) in bad {
        let problem = caller.put(&format!("{IMPORTS}/x"), &body).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let list = |query: &str| format!("/v1/locations/loc_demo/records?{query}");
    for (query, field) in
        [("state=pending", "state"), ("import=x&cursor=0.61", "cursor"), ("import=x&kind=contact&id=a", "id")]
    {
        let problem = caller.get(&list(query)).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let cancel =
        caller.post(&format!("{IMPORTS}/x/cancel"), &json!({ "cursor": "0.61" })).await.problem(422, "invalid");
    assert_eq!(cancel["errors"][0]["field"], "cursor");
    for body in [json!({ "import": "x", "all": true }), json!({ "import": "x", "records": [] })] {
        caller.post("/v1/locations/loc_demo/replay", &body).await.problem(422, "invalid");
    }
}

#[tokio::test]
async fn items_of_the_queue_name_their_import_and_those_of_a_cancelled_one_are_put_aside() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let item = |id: &str| {
        let contact = json!({ "email": format!("{id}@a.test") });
        json!({ "location_id": LOCATION, "import": "nightly", "id": id, "contact": contact }).to_string()
    };
    let ingest = async |item: &str| {
        let answer = deployment.ingest(sqs_event([(Some("m1"), item)])).await.unwrap();
        assert_eq!(failed_messages(&answer), [""; 0]);
    };
    ingest(&item("a")).await;
    assert_eq!(counts(&caller, "nightly").await, [1, 0, 0, 0]);
    assert_eq!(caller.post(&format!("{IMPORTS}/nightly/cancel"), &json!({})).await.json()["withdrawn"], 1);
    ingest(&item("b")).await;
    let receive = deployment.stack.functions.sqs.receive_message();
    let receive = receive.queue_url(&deployment.stack.vars["INGEST_DEAD_LETTER_QUEUE_URL"]);
    let letters = receive.message_attribute_names("All").wait_time_seconds(5).send().await.unwrap().messages.unwrap();
    let reason = letters[0].message_attributes.as_ref().unwrap()["reason"].string_value.clone().unwrap();
    assert!(reason.starts_with("import was cancelled or undone, and takes no more records"), "{reason}");
    assert_eq!(counts(&caller, "nightly").await, [0, 0, 1, 0]);
}
