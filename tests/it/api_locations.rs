//! Locations over HTTP: list, change one or many, remove.

use ghl_sync_cli::stack::StackOptions;
use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::deployment::{Deployment, LOCATION, location, options};

const LOCATIONS: &str = "/v1/locations";

async fn start() -> (Deployment, Caller) {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    (deployment, caller)
}

async fn patch(caller: &Caller, path: &str, body: &Value) -> Answer {
    caller.with_body(Method::PATCH, path, "application/merge-patch+json", body.to_string()).await
}

fn ids(page: &Value) -> Vec<&str> {
    page["locations"].as_array().unwrap().iter().map(|location| location["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_writes_nothing_that_is_so_already() {
    let (_deployment, caller) = start().await;
    let path = format!("{LOCATIONS}/{LOCATION}");
    let set = json!({ "name": "Desk", "tags": ["a"], "pace": { "limit": 80, "window_ms": 10_000 } });
    assert_eq!(caller.put(&path, &set).await.status, 200);
    let changed = patch(&caller, &path, &json!({ "pace": { "limit": 5 }, "tags": null, "daily_limit": 500 })).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""), "{changed:?}");
    let expected = json!({ "name": "Desk", "pace": { "limit": 5, "window_ms": 10_000 }, "daily_limit": 500 });
    assert_eq!(changed.json()["overrides"], expected);
    let again = patch(&caller, &path, &json!({ "daily_limit": 500, "tags": null })).await;
    assert_eq!((again.status, again.header("etag")), (200, "\"2\""));
    let with_tag = |tag: &'static str, body: Value| {
        let headers = [("x-api-key", caller.key.clone()), ("content-type", "application/json".to_owned())];
        let caller = &caller;
        let path = path.clone();
        async move {
            let mut headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            headers.push(("if-match", tag));
            caller.send(Method::PATCH, &path, &headers, body.to_string().into_bytes()).await
        }
    };
    with_tag("\"1\"", json!({ "name": "Other" })).await.problem(412, "precondition-failed");
    assert_eq!(with_tag("\"2\"", json!({ "name": "Other" })).await.header("etag"), "\"3\"");
    for (body, field) in [
        (json!({ "token": "pit-secret" }), "token"),
        (json!({ "credentials": "pit-secret" }), "credentials"),
        (json!({ "tags": ["a", "A"] }), "tags"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "daily_limit": 10, "daily_reserve": 10 }), "daily_reserve"),
        (json!({ "outcomes_webhook": { "url": "https://a.example/" } }), "outcomes_webhook.secret"),
        (json!({ "mapping": { "columns": { "Fax": "x".repeat(9_000) } } }), "mapping"),
    ] {
        let answer = patch(&caller, &path, &body).await;
        assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], field, "{answer:?}");
        assert!(!answer.text.contains("pit-secret"));
    }
    // A whole document sent as a patch is refused.
    let put = caller.with_body(Method::PUT, &path, "application/merge-patch+json", "{}").await;
    assert_eq!(put.status, 415);
}

#[tokio::test]
async fn of_many_changes_a_wrong_one_is_named_and_the_others_hold() {
    let (_deployment, caller) = start().await;
    let body = json!({ "locations": [
        { "location_id": "a", "tags": ["x"] },
        { "location_id": "b", "pace": { "limit": 0 } },
        { "location_id": "a", "tags": ["y"] },
        { "location_id": LOCATION, "revision": 7, "name": "Desk" },
        { "location_id": "c", "api": "v1" },
        7,
    ] });
    let done = patch(&caller, LOCATIONS, &body).await;
    assert_eq!(done.status, 207, "{done:?}");
    let done = done.json();
    let counts = ["changed", "unchanged", "refused", "failed"].map(|count| done[count].as_u64().unwrap());
    assert_eq!(counts, [1, 0, 5, 0], "{done}");
    let told = |at: usize| {
        let location = &done["locations"][at];
        (location["result"].as_str().unwrap(), location["errors"][0]["field"].as_str().unwrap_or_default())
    };
    let expected = [
        ("changed", ""),
        ("refused", "pace.limit"),
        ("refused", "location_id"),
        ("refused", "revision"),
        ("refused", "credentials"),
        ("refused", ""),
    ];
    assert_eq!((0..6).map(told).collect::<Vec<_>>(), expected);
    assert_eq!(caller.get(&format!("{LOCATIONS}/a")).await.json()["overrides"], json!({ "tags": ["x"] }));
    let repeated = json!({ "locations": [{ "location_id": "a", "revision": 0, "tags": ["x"] }] });
    let again = patch(&caller, LOCATIONS, &repeated).await;
    assert_eq!((again.status, &again.json()["unchanged"]), (200, &json!(1)), "whose answer was lost may ask again");
    let wrong = json!({ "locations": [{ "location_id": "a", "tags": "x" }, { "location_id": "b b" }] });
    let problem = patch(&caller, LOCATIONS, &wrong).await.problem(422, "invalid");
    let fields: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["locations[0].tags", "locations[1].location_id"]);
    let many: Vec<Value> = (0..101).map(|number| json!({ "location_id": format!("l{number}") })).collect();
    for locations in [json!([]), json!(many)] {
        let problem = patch(&caller, LOCATIONS, &json!({ "locations": locations })).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "locations");
    }
    let trail = caller.get("/v1/audit").await.json();
    assert_eq!(trail["requests"][0]["subject"], "1 locations, 0 changed");
}

#[tokio::test]
async fn three_hundred_locations_are_listed_by_page_by_what_is_looked_for_and_by_the_same_few_reads() {
    let named = ["loc_a", "loc_demo", "loc_z"].map(location).to_vec();
    let deployment = Deployment::with(StackOptions { locations: named, ..options() }).await;
    let caller = Caller::of(&deployment).await;
    for hundred in 0..3 {
        let items: Vec<Value> = (0..100)
            .map(|number| {
                let id = format!("loc_{:03}", hundred * 100 + number);
                json!({ "location_id": id, "tags": [if number == 7 { "rare" } else { "plain" }], "name": format!("No {number}") })
            })
            .collect();
        assert_eq!(patch(&caller, LOCATIONS, &json!({ "locations": items })).await.status, 200);
    }
    // The index of locations lags behind the table.
    let mut expected: Vec<String> = (0..300).map(|number| format!("loc_{number:03}")).collect();
    expected.extend(["loc_a", "loc_demo", "loc_z"].map(str::to_owned));
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("{LOCATIONS}?limit=70{cursor}")).await.json();
        found.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, expected);
    let rare = caller.get(&format!("{LOCATIONS}?tag=RARE")).await.json();
    assert_eq!((ids(&rare), &rare["looked_at"]), (vec!["loc_007", "loc_107", "loc_207"], &json!(303)));
    assert_eq!(ids(&caller.get(&format!("{LOCATIONS}?q=no+99")).await.json()), ["loc_099", "loc_199", "loc_299"]);
    assert_eq!(caller.post(&format!("{LOCATIONS}/loc_042/pause"), &json!({})).await.status, 204);
    for query in ["state=paused", "trouble=true"] {
        assert_eq!(ids(&caller.get(&format!("{LOCATIONS}?{query}")).await.json()), ["loc_042"], "{query}");
    }
    let usage = &deployment.stack.usage;
    let before = usage.snapshot();
    let page = caller.get(&format!("{LOCATIONS}?limit=100")).await.json();
    assert_eq!(page["locations"].as_array().unwrap().len(), 100);
    let reads = usage.snapshot().since(&before).reads().requests;
    assert!(reads <= 4, "{reads} reads for a page: one of the index, and one for each of three kinds of items");
    let entry = &page["locations"][0];
    assert_eq!(
        (&entry["name"], &entry["state"], &entry["in_environment"]),
        (&json!("No 0"), &json!("idle"), &json!(false))
    );
    assert_eq!(entry["credentials"]["reference"], "env:GHL_TOKEN");
}

#[tokio::test]
async fn what_ghl_calls_a_location_and_when_its_credentials_end_is_in_its_view_the_list_and_the_overview() {
    let (deployment, caller) = start().await;
    let path = format!("{LOCATIONS}/{LOCATION}");
    assert_eq!(caller.put(&path, &json!({ "credentials_expire_at": "2999-01-31" })).await.status, 200);
    deployment.consume(crate::events::sample("consumer-facts")).await.unwrap();
    let entry = caller.get(LOCATIONS).await.json()["locations"][0].clone();
    let expected = json!({ "name": LOCATION, "company": LOCATION, "timezone": "America/Chicago", "country": "US" });
    assert_eq!((&entry["name"], &entry["ghl"]), (&json!(LOCATION), &expected));
    let credentials = &entry["credentials"];
    assert_eq!(
        (&credentials["kind"], &credentials["expires_at"]),
        (&json!("private_integration"), &json!("2999-01-31T00:00:00.000Z"))
    );
    assert!(credentials["days_left"].as_i64().unwrap() > 300_000);
    assert_eq!(&caller.get(&path).await.json()["credentials"]["kind"], &credentials["kind"]);
    assert_eq!(ids(&caller.get(&format!("{LOCATIONS}?expires_within_days=3650")).await.json()), [""; 0]);
    assert_eq!(caller.put(&path, &json!({ "credentials_expire_at": "2020-01-31", "tags": ["old"] })).await.status, 200);
    let ended = caller.get(&format!("{LOCATIONS}?expires_within_days=0")).await.json();
    assert!(ended["locations"][0]["credentials"]["days_left"].as_i64().unwrap() < 0, "{ended}");
    let overview = caller.get("/v1/overview?q=OLD").await.json();
    assert_eq!(
        (&overview["locations"][0]["name"], &overview["locations"][0]["tags"]),
        (&json!(LOCATION), &json!(["old"]))
    );
}

#[tokio::test]
async fn a_removed_location_is_not_known_any_more_and_what_was_kept_goes_on_when_it_is_known_again() {
    let (deployment, caller) = start().await;
    let _running = deployment.stack.functions.clone().start(std::time::Duration::from_secs(3600));
    let path = format!("{LOCATIONS}/guest");
    assert_eq!(caller.put(&path, &json!({ "enabled": false })).await.status, 200);
    let contact = |id: &str| json!({ "id": id, "contact": { "email": format!("{id}@example.com") } });
    assert_eq!(caller.post(&format!("{path}/contacts"), &json!([contact("a"), contact("b")])).await.status, 202);
    let removed = caller.delete(&path).await;
    let expected = json!({ "location_id": "guest", "stopped": true, "complete": true, "removed": true,
        "records_forgotten": 0, "known_states": 0, "records_kept": true });
    assert_eq!((removed.status, removed.json()), (200, expected));
    caller.get(&path).await.problem(404, "unknown-location");
    caller.delete(&path).await.problem(404, "unknown-location");
    assert_eq!(ids(&caller.get(LOCATIONS).await.json()), [LOCATION]);
    assert_eq!(ids(&caller.get("/v1/overview").await.json()), [LOCATION]);
    assert_eq!(deployment.stats().calls, 0);
    // Once known again, it continues with the kept records.
    assert_eq!(patch(&caller, &path, &json!({})).await.status, 200);
    let is_sent = |answer: &Answer| answer.json()["state"] == "accepted";
    caller.until(&format!("{path}/records/contact/b"), is_sent).await;
    let removed = caller.delete(&format!("{path}?forget_records=true")).await.json();
    assert_eq!((&removed["records_forgotten"], &removed["records_kept"]), (&json!(2), &json!(false)));
    // A location named by the environment is switched off, and has no other settings.
    let named = format!("{LOCATIONS}/{LOCATION}");
    assert_eq!(caller.put(&named, &json!({ "daily_limit": 5, "tags": ["x"] })).await.status, 200);
    let removed = caller.delete(&named).await.json();
    assert_eq!((&removed["removed"], &removed["complete"]), (&json!(false), &json!(true)));
    let kept = caller.get(&named).await.json();
    assert_eq!((&kept["overrides"], &kept["settings"]["enabled"]), (&json!({ "enabled": false }), &json!(false)));
}
