//! Lists that are uploaded over HTTP: to the bucket, to the importer, to GHL, and back.

use std::time::{Duration, Instant};

use ghl_sync_drop::Importer;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::Deployment;
use crate::drops::hand_over;
use crate::events::sample;

const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
const LISTS: &str = "/v1/locations/loc_demo/lists";
const PATIENCE: Duration = Duration::from_secs(300);
const PEOPLE: &str = "Name,Email,Rank\nAda,ada@example.com,1\nBob,bob@example.com,2\n,nobody,3\n";

async fn hand_in(caller: &Caller, file: &str, bytes: &str) -> String {
    let answer = caller.post(LISTS, &json!({ "name": file, "size": bytes.len(), "undoable": true })).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let upload = &answer.json()["upload"];
    let put = Client::new().put(upload["url"].as_str().unwrap()).body(bytes.to_owned()).send().await.unwrap();
    assert_eq!(put.status(), 200, "{}", put.text().await.unwrap());
    answer.json()["name"].as_str().unwrap().to_owned()
}

/// Runs the importer until the list has this state.
async fn until(deployment: &Deployment, caller: &Caller, importer: &Importer, list: &str, state: &str) -> Value {
    let started = Instant::now();
    loop {
        let status = caller.get(&format!("{LISTS}/{list}")).await.json();
        if status["state"] == state {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "{status}");
        hand_over(deployment, importer).await;
    }
}

#[tokio::test]
async fn a_list_is_handed_in_looked_at_sent_and_told_of_row_by_row() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let importer = deployment.importer_with(&[]);
    deployment.consume(sample("consumer-facts")).await.unwrap();
    let list = hand_in(&caller, "people & others.csv", PEOPLE).await;
    let held = until(&deployment, &caller, &importer, &list, "held").await;
    let listed = caller.get(LISTS).await.json();
    assert_eq!(listed["cursor"], Value::Null);
    let one = &listed["lists"][0];
    assert_eq!((&one["name"], &one["state"], &one["rows"]), (&list.as_str().into(), &"held".into(), &3.into()));
    assert_eq!((&one["left_out"], &one["failed"], &one["import_id"]), (&1.into(), &Value::Null, &Value::Null));
    assert_eq!((&one["uploaded_at"], &one["stands_still"]), (&held["uploaded_at"], &false.into()));
    assert_eq!(held["report"]["preview"]["new"], 2);
    assert_eq!((&held["report"]["import"]["left_out"], deployment.stats().contacts), (&1.into(), 0));
    let rejects = caller.get(&format!("{LISTS}/{list}/rejects")).await.json();
    let rows = reqwest::get(rejects["url"].as_str().unwrap()).await.unwrap().text().await.unwrap();
    assert!(rows.contains("nobody") && !rows.contains("ada@"), "{rows}");
    caller.get(&format!("{LISTS}/{list}/results")).await.problem(404, "unknown-list");

    let wrong = caller.put(&format!("{LISTS}/{list}/mapping"), &json!({ "columns": { "Rank": 3 } })).await;
    assert_eq!(wrong.problem(422, "invalid")["errors"][0]["field"], "columns.Rank");
    let wrong = json!({ "answers": { "date_order": "year_first" } });
    let wrong = caller.put(&format!("{LISTS}/{list}/mapping"), &wrong).await;
    assert_eq!(wrong.problem(422, "invalid")["errors"][0]["field"], "answers.date_order");
    let mapping = json!({ "columns": { "Rank": "ignore" }, "tags": ["fair"], "undoable": true });
    assert_eq!(caller.put(&format!("{LISTS}/{list}/mapping"), &mapping).await.json()["state"], "reading");
    let done = until(&deployment, &caller, &importer, &list, "done").await;
    assert_eq!((&done["report"]["records"]["synced"], deployment.stats().contacts), (&2.into(), 2));
    let results = caller.get(&format!("{LISTS}/{list}/results")).await.json();
    let rows = reqwest::get(results["url"].as_str().unwrap()).await.unwrap().text().await.unwrap();
    assert_eq!(rows.lines().filter(|line| line.contains("synced")).count(), 2, "{rows}");

    let import = done["report"]["import_id"].as_str().unwrap();
    let one = &caller.get(LISTS).await.json()["lists"][0];
    assert_eq!((&one["state"], &one["failed"], &one["import_id"]), (&"done".into(), &0.into(), &import.into()));
    let undo = caller.post(&format!("/v1/locations/loc_demo/imports/{import}/undo"), &json!({})).await.json();
    assert_eq!((&undo["asked"], &undo["not_undoable"]), (&2.into(), &0.into()));
    deployment.run_until_synced().await;
    assert_eq!(deployment.stats().contacts, 0);
}

#[tokio::test]
async fn a_link_takes_one_file_of_the_size_that_was_told_and_nothing_else() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let told = caller.post(LISTS, &json!({ "name": "a.csv", "size": PEOPLE.len() })).await.json();
    let url = told["upload"]["url"].as_str().unwrap();
    let client = Client::new();
    for (what, request) in [
        ("a longer file", client.put(url).body(format!("{PEOPLE}Eve,eve@example.com\n"))),
        ("another file", client.put(url.replace("a.csv", "b.csv")).body(PEOPLE)),
        ("another location", client.put(url.replace("loc_demo", "loc_other")).body(PEOPLE)),
        ("reading", client.get(url)),
        ("deleting", client.delete(url)),
        ("a later end", client.put(url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000")).body(PEOPLE)),
    ] {
        let status = request.send().await.unwrap().status();
        assert!(status.is_client_error(), "{what}: {status}");
    }
    assert_eq!(client.put(url).body(PEOPLE).send().await.unwrap().status(), 200);
    assert!(hand_in(&caller, &format!("{}.csv", "x".repeat(990)), PEOPLE).await.ends_with("xxx.csv"));
}

#[tokio::test]
async fn a_page_of_this_machine_puts_a_file_by_its_link_and_no_other_page_does() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let told = caller.post(LISTS, &json!({ "name": "a.csv", "size": PEOPLE.len() })).await.json();
    let url = told["upload"]["url"].as_str().unwrap();
    let client = Client::new();
    let preflight = |origin: &str| {
        let request = client.request(Method::OPTIONS, url).header("origin", origin);
        request.header("access-control-request-method", "PUT").header("sec-fetch-site", "same-site").send()
    };
    let put = |origin: &str| client.put(url).header("origin", origin).body(PEOPLE).send();
    let (ours, evil) = ("http://127.0.0.1:3000", "http://evil.example");
    assert_eq!((preflight(evil).await.unwrap().status(), put(evil).await.unwrap().status()), (FORBIDDEN, FORBIDDEN));
    for answer in [preflight(ours).await.unwrap(), put(ours).await.unwrap()] {
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["access-control-allow-origin"], ours);
    }
}

#[tokio::test]
async fn what_cannot_be_handed_in_is_refused_by_name() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    for (body, field) in [
        (json!({ "name": "a.csv", "size": 0 }), "size"),
        (json!({ "name": "a.csv", "size": 100_000_000 }), "size"),
        (json!({ "name": "a.csv", "size": -1 }), "size"),
        (json!({ "size": 5 }), "name"),
        (json!({ "name": "x.mapping.json", "size": 5 }), "name"),
    ] {
        assert_eq!(caller.post(LISTS, &body).await.problem(422, "invalid")["errors"][0]["field"], field, "{body}");
    }
    caller.get("/v1/locations/nowhere/lists").await.problem(404, "unknown-location");
    for (query, field) in [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=x", "cursor")] {
        let refused = caller.get(&format!("{LISTS}?{query}")).await.problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{query}");
    }
    let somewhere = caller.post("/v1/locations/nowhere/lists", &json!({ "name": "a.csv", "size": 5 })).await;
    somewhere.problem(404, "unknown-location");
    caller.get(&format!("{LISTS}/nothing.csv")).await.problem(404, "unknown-list");
    for list in ["mapping.json", "a%2Fb.csv", "..%2F..%2Fx.csv"] {
        caller.get(&format!("{LISTS}/{list}")).await.problem(400, "bad-request");
    }
}
