//! Calls every path of the API, so that all of its requests to AWS are recorded.

use std::time::Duration;

use ghl_sync_drop::Lists;
use ghl_sync_migrate::Migrator;
use reqwest::Method;
use serde_json::json;

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION};
use crate::drops;

/// Calls every path.
pub(crate) async fn run_api(deployment: &Deployment, migrator: Migrator, lists: &Lists) {
    let caller = Caller::with_lists(migrator, deployment, lists).await;
    let location = "/v1/locations/loc_demo";
    // GHL's copy of a record is looked up once its id is known.
    let contact = json!({ "id": "a", "ghl_id": "c1", "contact": { "email": "a@example.com" } });
    assert_eq!(caller.post(&format!("{location}/contacts?import=x"), &contact).await.status, 202);
    assert_eq!(caller.put(&format!("{location}/imports/x"), &json!({ "rows": 1 })).await.status, 200);
    assert_eq!(caller.post(&format!("{location}/imports/x/cancel"), &json!({})).await.status, 200);
    assert_eq!(caller.put(&format!("{location}/imports/y"), &json!({ "undoable": true })).await.status, 200);
    let other = json!({ "id": "b", "contact": { "email": "b@example.com" } });
    assert_eq!(caller.post(&format!("{location}/contacts?import=y"), &other).await.status, 202);
    assert_eq!(caller.post(&format!("{location}/imports/y/undo"), &json!({})).await.json()["asked"], 1);
    assert_eq!(caller.put(location, &json!({ "daily_limit": 1000 })).await.status, 200);
    for path in ["pause", "resume", "breaker/reset"] {
        assert_eq!(caller.post(&format!("{location}/{path}"), &json!({})).await.status, 204);
    }
    assert_eq!(caller.post(&format!("{location}/replay"), &json!({ "all": true })).await.status, 200);
    let lookup = json!({ "records": ["contact#a"] });
    assert_eq!(caller.post(&format!("{location}/records/lookup"), &lookup).await.status, 200);
    let location_paths = [
        "",
        "/records",
        "/records?state=failed",
        "/records?q=ann",
        "/records?import=x",
        "/failures",
        "/imports",
        "/imports/x",
        "/overview",
        "/records/contact/a",
    ]
    .map(|path| format!("{location}{path}"));
    let paths = ["/health", "/v1/overview", "/v1/imports", "/v1/locations", "/metrics", "/dashboard", "/openapi.json"]
        .map(str::to_owned);
    for path in location_paths.into_iter().chain(paths) {
        assert_eq!(caller.get(&path).await.status, 200, "{path}");
    }
    let mirror = format!("{location}/mirrors/crm");
    assert_eq!(caller.put(&format!("{mirror}/runs/1/parts/0"), &contact).await.status, 202);
    assert_eq!(caller.post(&format!("{mirror}/runs/1/commit"), &json!({ "parts": 1 })).await.status, 200);
    assert_eq!(caller.get(&mirror).await.json()["committed"]["present"], 1);
    let person = json!({ "email": "A@example.com" });
    assert_eq!(caller.post(&format!("{location}/erase"), &person).await.json()["contacts"][0]["ghl_id"], "c1");
    run_migration_paths(deployment, &caller).await;
    hand_a_list_in(deployment, &caller).await;
    let made = caller.post("/v1/keys", &json!({ "name": "crm", "role": "read" })).await.json();
    let of_record = [("x-api-key", made["key"].as_str().unwrap())];
    assert_eq!(caller.send(Method::GET, location, &of_record, Vec::new()).await.status, 200);
    let browser = [("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
    let body = json!({ "key": made["key"] }).to_string().into_bytes();
    let signed_in = caller.send(Method::POST, "/session", &browser, body).await;
    let cookie = ("cookie", signed_in.header("set-cookie").split(';').next().unwrap());
    assert_eq!(caller.send(Method::GET, location, &[cookie], Vec::new()).await.status, 200);
    assert_eq!(caller.send(Method::DELETE, "/session", &[browser[0], cookie], Vec::new()).await.status, 204);
    remove_a_location(&caller).await;
    let id = made["about"]["id"].as_str().unwrap();
    assert_eq!(caller.get("/v1/keys").await.json()["keys"][0]["id"], id);
    assert_eq!(caller.delete(&format!("/v1/keys/{id}")).await.status, 204);
    assert_eq!(caller.get("/v1/audit").await.json()["requests"][0]["operation"], "revoke_key");
}

/// Uploads a file to the bucket by its link, without a key; another link returns the results of its rows.
async fn hand_a_list_in(deployment: &Deployment, caller: &Caller) {
    const FILE: &str = "Name,Email\nAda,ada@example.com\n";
    let lists = "/v1/locations/loc_demo/lists";
    let handed_in = caller.post(lists, &json!({ "name": "a.csv", "size": FILE.len() })).await.json();
    let client = reqwest::Client::new();
    let upload = client.put(handed_in["upload"]["url"].as_str().unwrap()).body(FILE);
    assert_eq!(upload.send().await.unwrap().status(), 200);
    let name = handed_in["name"].as_str().unwrap();
    assert_eq!(caller.get(&format!("{lists}/{name}")).await.json()["state"], "reading");
    assert_eq!(caller.put(&format!("{lists}/{name}/mapping"), &json!({ "hold": false })).await.status, 200);
    drops::put_file(deployment, &format!("out/loc_demo/{name}/results.csv"), "_row\n").await;
    caller.get(&format!("{lists}/{name}/results")).await.problem(404, "unknown-list");
    drops::finish(deployment, &format!("out/loc_demo/{name}")).await;
    let results = caller.get(&format!("{lists}/{name}/results")).await.json();
    let file = client.get(results["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(file.headers()["content-disposition"], "attachment; filename=\"results.csv\"");
    assert!(file.text().await.unwrap().starts_with("_row,"));
    let listed = caller.get(lists).await.json();
    assert_eq!((&listed["lists"][0]["name"], &listed["lists"][0]["state"]), (&name.into(), &"done".into()), "{listed}");
}

/// Adds and removes a location that the environment does not name, with a record that GHL has reported nothing about.
async fn remove_a_location(caller: &Caller) {
    let added = json!({ "locations": [{ "location_id": "guest", "tags": ["short"] }] });
    assert_eq!(
        caller.with_body(Method::PATCH, "/v1/locations", "application/json", added.to_string()).await.status,
        200
    );
    let contact = json!({ "id": "a", "ghl_id": "c9", "contact": { "email": "a@example.com" } });
    assert_eq!(caller.post("/v1/locations/guest/contacts", &contact).await.status, 202);
    let removed = caller.delete("/v1/locations/guest?forget_records=true").await.json();
    assert_eq!((&removed["complete"], &removed["records_forgotten"]), (&true.into(), &1.into()), "{removed}");
}

/// Calls the migration paths; other functions run the steps.
async fn run_migration_paths(deployment: &Deployment, caller: &Caller) {
    let root = "/api/v1/migration";
    let _others = deployment.stack.functions.clone().start(Duration::from_secs(3600));
    assert_eq!(caller.put("/v1/locations/other", &json!({})).await.status, 200);
    assert_eq!(caller.post(&format!("{root}/config/update"), &json!({ "batch_size": 10 })).await.status, 200);
    let both = json!({ "source": LOCATION, "target": "other" });
    assert_eq!(caller.post(&format!("{root}/preview"), &both).await.status, 202);
    let started = caller.post(&format!("{root}/start"), &both).await;
    assert_eq!(started.status, 202);
    let id = started.json()["migration_id"].as_str().unwrap().to_owned();
    caller.until(&format!("{root}/status/{id}"), |answer| answer.json()["status"] == "awaiting_approval").await;
    let of_one = ["mapping", "findings", "report", "report?format=csv", "report?format=html"];
    let of_all = ["", "/config", "/summary", "/debug/env", "/test-connection?source=loc_demo&target=other"];
    for path in of_one.iter().map(|path| format!("/{id}/{path}")).chain(of_all.map(str::to_owned)) {
        assert_eq!(caller.get(&format!("{root}{path}")).await.status, 200, "{path}");
    }
    let unknown = json!({ "overrides": { "tags": { "nothing": "skip" } } });
    assert_eq!(caller.post(&format!("{root}/{id}/approve"), &unknown).await.status, 422);
    for command in ["approve", "pause", "resume", "cancel", "rollback"] {
        let status = caller.post(&format!("{root}/{id}/{command}"), &json!({})).await.status;
        assert!(status == 202 || status == 409, "{command}: {status}");
    }
}
