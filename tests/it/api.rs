//! The HTTP API: puts, status, and the actions of an operator.

use std::time::Duration;

use ghl_sync_cli::sandbox::SandboxOptions;
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_engine::counts::catalogue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::deployment::{Deployment, options, sandbox};
use crate::logs::Log;

const CONTACTS: &str = "/v1/locations/loc_demo/contacts";
const OPPORTUNITIES: &str = "/v1/locations/loc_demo/opportunities";
/// Keeps the schedule from running: only messages invoke the functions.
const NEVER: Duration = Duration::from_secs(3600);

fn contact(id: &str) -> Value {
    json!({ "id": id, "contact": { "firstName": "Ada", "email": format!("{id}@example.com") } })
}

fn record_status(id: &str) -> String {
    format!("/v1/locations/loc_demo/records/contact/{id}")
}

async fn start() -> (Deployment, Caller) {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    (deployment, caller)
}

async fn accepted(caller: &Caller, id: &str) -> Value {
    caller.until(&record_status(id), |answer| answer.status == 200 && answer.json()["state"] == "accepted").await.json()
}

#[tokio::test]
async fn records_of_an_idle_location_reach_ghl_without_a_tick_whatever_the_form_of_the_body() {
    let (deployment, caller) = start().await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    let one = caller.post(CONTACTS, &contact("one")).await;
    assert_eq!(one.status, 202, "{one:?}");
    assert_eq!(one.json()["items"], json!([{ "index": 0, "id": "one", "result": "stored" }]));
    accepted(&caller, "one").await;

    let list = caller.post(CONTACTS, &json!([contact("one"), contact("two")])).await;
    let results: Vec<Value> =
        list.json()["items"].as_array().unwrap().iter().map(|item| item["result"].clone()).collect();
    assert_eq!((list.status, results), (202, vec![json!("unchanged"), json!("stored")]));

    let lines = format!("{}\r\n\n{}\n", contact("three"), contact("four"));
    let lines = caller.with_body(Method::POST, CONTACTS, "application/x-ndjson; charset=UTF-8", lines).await;
    assert_eq!((lines.status, &lines.json()["stored"]), (202, &json!(2)));

    let pipeline = ghl_sync_cli::sandbox::default_pipelines()[0].id.clone();
    let opportunity = json!({ "contactRecord": "one", "pipelineId": pipeline, "name": "Deal", "monetaryValue": 12.5 });
    let opportunity =
        caller.post(OPPORTUNITIES, &json!({ "id": "deal", "priority": "high", "opportunity": opportunity })).await;
    assert_eq!(opportunity.status, 202, "{opportunity:?}");
    for id in ["two", "three", "four"] {
        accepted(&caller, id).await;
    }
    caller
        .until("/v1/locations/loc_demo/records/opportunity/deal", |opportunity| {
            opportunity.json()["state"] == "accepted"
        })
        .await;
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.opportunities, stats.duplicates), (4, 1, 0));
}

#[tokio::test]
async fn of_many_items_a_bad_one_is_named_and_the_rest_is_stored() {
    a_bad_item_is_named_and_the_rest_is_stored(500, 321).await;
}

#[tokio::test]
#[ignore = "takes a minute: as many items as a request may have"]
async fn of_ten_thousand_items_a_bad_one_is_named_and_the_rest_is_stored() {
    a_bad_item_is_named_and_the_rest_is_stored(10_000, 7_654).await;
}

async fn a_bad_item_is_named_and_the_rest_is_stored(count: usize, bad: usize) {
    let (_deployment, caller) = start().await;
    let mut items: Vec<Value> = (0..count).map(|number| contact(&format!("c{number}"))).collect();
    items[bad]["contact"]["email"] = json!("ada at secret.example");
    // Keep the records waiting: this test is about storing them.
    assert_eq!(caller.post("/v1/locations/loc_demo/pause", &json!({})).await.status, 204);
    let put = caller.post(CONTACTS, &json!(items)).await;
    assert_eq!(put.status, 207);
    let put = put.json();
    let counts = ["stored", "unchanged", "refused", "failed"].map(|count| put[count].as_u64().unwrap());
    assert_eq!(counts, [count as u64 - 1, 0, 1, 0]);
    let items = put["items"].as_array().unwrap();
    assert!(items.iter().enumerate().all(|(index, item)| item["index"] == index));
    let errors = json!([{ "field": "contact.email", "detail": "is not an e-mail address" }]);
    assert_eq!(items[bad], json!({ "index": bad, "result": "refused", "errors": errors }));
    let last = caller.get(&record_status(&format!("c{}", count - 1))).await.json();
    assert_eq!((&last["state"], &last["waits_for"]["reason"]), (&json!("due"), &json!("operator")));
}

#[tokio::test]
async fn two_puts_of_one_record_at_once_are_both_taken_and_the_last_one_stands() {
    let slow = sandbox(SandboxOptions {
        latency: Duration::from_millis(100)..=Duration::from_millis(100),
        ..SandboxOptions::default()
    });
    let deployment = Deployment::with(StackOptions { ghl: slow, ..options() }).await;
    let caller = Caller::of(&deployment).await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    let with_city = |city: &str| json!({ "id": "a", "contact": { "email": "a@example.com", "city": city } });
    for round in 0..5 {
        let (left, right) = (with_city(&format!("Left {round}")), with_city(&format!("Right {round}")));
        let (left, right) = tokio::join!(caller.post(CONTACTS, &left), caller.post(CONTACTS, &right));
        assert_eq!((left.status, right.status), (202, 202));
    }
    let record = accepted(&caller, "a").await;
    assert_eq!((&record["version"], &record["accepted_version"]), (&json!(10), &json!(10)));
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.duplicates), (1, 0));
}

#[tokio::test]
async fn settings_are_changed_only_by_whoever_has_read_them() {
    let (_deployment, caller) = start().await;
    let path = "/v1/locations/loc_demo";
    let read = caller.get(path).await;
    assert_eq!((read.header("etag"), &read.json()["overrides"]), ("\"0\"", &json!({})));
    let change = |tag: &'static str, body: Value| {
        let headers = [("x-api-key", caller.key.as_str()), ("content-type", "application/json"), ("if-match", tag)];
        let (caller, headers) = (&caller, headers.map(|(name, value)| (name, value.to_owned())));
        async move {
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            caller.send(Method::PUT, path, &headers, body.to_string().into_bytes()).await
        }
    };
    let set = json!({ "daily_limit": 500, "daily_reserve": 50, "default_priority": "low", "dry_run": true,
        "pace": { "limit": 10, "window_ms": 1000 } });
    let changed = change("\"0\"", set.clone()).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"1\""), "{changed:?}");
    let document = changed.json();
    assert_eq!((&document["overrides"], &document["settings"]["daily_reserve"]), (&set, &json!(50)));
    assert_eq!(document["settings"]["enabled"], true);

    change("\"0\"", json!({})).await.problem(412, "precondition-failed");
    change("W/\"1\"", json!({})).await.problem(412, "precondition-failed");
    assert_eq!(change("*", json!({})).await.json()["settings"]["daily_limit"], 200_000);
    let bad = [
        (json!({ "pace": { "limit": 0, "window_ms": 1000 } }), "pace.limit"),
        (json!({ "pace": { "limit": 5, "window_ms": 5 } }), "pace.window_ms"),
        (json!({ "daily_limit": "many" }), "daily_limit"),
        (json!({ "daily_limit": 10, "daily_reserve": 10 }), "daily_reserve"),
        (json!({ "default_priority": "urgent" }), "default_priority"),
        (json!({ "credentials": "pit-secret" }), "credentials"),
        (json!({ "credentials": "file:/etc/passwd" }), "credentials"),
        (json!({ "token": "pit-secret" }), "token"),
    ];
    for (body, field) in bad {
        let answer = caller.put(path, &body).await;
        let problem = answer.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        assert!(!answer.text.contains("pit-secret"), "{problem}");
    }
}

#[tokio::test]
async fn a_location_that_nobody_knows_is_a_problem_until_its_settings_are_put() {
    let (_deployment, caller) = start().await;
    for path in ["", "/records?state=failed", "/records/contact/a"] {
        caller.get(&format!("/v1/locations/nowhere{path}")).await.problem(404, "unknown-location");
    }
    for path in ["contacts", "pause", "resume", "breaker/reset"] {
        let body = if path == "contacts" { contact("a") } else { json!({}) };
        caller.post(&format!("/v1/locations/nowhere/{path}"), &body).await.problem(404, "unknown-location");
    }
    let replay = caller.post("/v1/locations/nowhere/replay", &json!({ "all": true })).await;
    replay.problem(404, "unknown-location");
    assert_eq!(caller.put("/v1/locations/nowhere", &json!({ "dry_run": true })).await.status, 200);
    assert_eq!(caller.post("/v1/locations/nowhere/contacts", &contact("a")).await.status, 202);
    caller.get(&record_status("never-put")).await.problem(404, "unknown-record");
}

#[tokio::test]
async fn a_paused_location_takes_records_and_sends_them_when_it_is_resumed() {
    let (deployment, caller) = start().await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    let pause = json!({ "until": "2999-01-01T00:00:00+01:00", "note": "the office imports" });
    assert_eq!(caller.post("/v1/locations/loc_demo/pause", &pause).await.status, 204);
    assert_eq!(caller.post(CONTACTS, &contact("a")).await.status, 202);
    let waiting = caller.get(&record_status("a")).await.json();
    let wait = json!({ "reason": "operator", "until": "2998-12-31T23:00:00.000Z" });
    assert_eq!((&waiting["state"], &waiting["waits_for"]), (&json!("due"), &wait));
    let overview = caller.get("/v1/overview").await.json();
    assert_eq!((&overview["status"], &overview["locations"][0]["state"]), (&json!("degraded"), &json!("paused")));
    assert_eq!(overview["locations"][0]["pause"]["note"], "the office imports");
    assert_eq!(deployment.stats().calls, 0);

    assert_eq!(caller.post("/v1/locations/loc_demo/resume", &json!({})).await.status, 204);
    accepted(&caller, "a").await;
    caller.until("/health", |health| health.json()["status"] == "ok").await;
    for (pause, field) in [
        (json!({ "until": "2001-01-01T00:00:00Z" }), "until"),
        (json!({ "until": "tomorrow" }), "until"),
        (json!({ "note": "x".repeat(201) }), "note"),
    ] {
        let problem = caller.post("/v1/locations/loc_demo/pause", &pause).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn failures_are_listed_page_by_page_with_ghls_words_and_replayed() {
    let (deployment, caller) = start().await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    let refused = |id: &str, email: &str| json!({ "id": id, "contact": { "email": email, "dateOfBirth": "never" } });
    let odd = refused("b/c d?e#f%41ü", "b@example.com");
    let put = [refused("a", "a@example.com"), odd, refused("c", "c@example.com"), contact("good")];
    let put = caller.post(CONTACTS, &json!(put)).await;
    assert_eq!(put.status, 202, "{put:?}");
    accepted(&caller, "good").await;
    let list = |cursor: &str| format!("/v1/locations/loc_demo/records?state=failed&limit=2{cursor}");
    let all_failed = |all: &Answer| all.json()["records"].as_array().unwrap().len() == 3;
    caller.until("/v1/locations/loc_demo/records?state=failed", all_failed).await;

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = caller.get(&list(&cursor)).await.json();
        seen.extend(page["records"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen.sort_unstable();
    assert_eq!(seen, ["a", "b/c d?e#f%41ü", "c"]);

    let odd = caller.get(&record_status("b%2Fc%20d%3Fe%23f%2541%C3%BC")).await.json();
    assert_eq!((&odd["state"], &odd["last_error"]["code"]), (&json!("failed"), &json!("REJECTED")));
    assert!(odd["last_error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{odd}");
    caller.until("/health", |health| health.json()["status"] == "degraded").await;

    let replay = async |body: Value| caller.post("/v1/locations/loc_demo/replay", &body).await;
    // They fail again, since GHL refuses their content; in between, replayed records are due.
    assert_eq!(replay(json!({ "records": ["contact#a", "contact#unknown"] })).await.json()["replayed"], 1);
    caller.until(&record_status("a"), |record| record.json()["state"] == "failed").await;
    assert_eq!(replay(json!({ "code": "AMBIGUOUS" })).await.json()["replayed"], 0);
    assert_eq!(replay(json!({ "all": true })).await.json()["replayed"], 3);
    let failed = async |id| caller.until(&record_status(id), |record| record.json()["state"] == "failed").await;
    for id in ["a", "b%2Fc%20d%3Fe%23f%2541%C3%BC", "c"] {
        failed(id).await;
    }
    let causes = caller.get("/v1/locations/loc_demo/failures").await.json();
    let since = causes["causes"][0]["first_at"].clone();
    for (body, replayed) in [
        (json!({ "cause": "REJECTED.0f4c1a90be27" }), 0),
        (json!({ "kind": "opportunity", "cause": "REJECTED" }), 0),
        (json!({ "kind": "contact", "cause": causes["causes"][0]["id"], "since": since }), 3),
    ] {
        let answer = replay(body.clone()).await.json();
        assert_eq!((&answer["replayed"], &answer["cursor"]), (&json!(replayed), &json!(null)), "{body}");
        assert_eq!(answer["looked_at"], 3, "{body}");
    }
    for (body, field) in [
        (json!({}), "all"),
        (json!({ "all": true, "code": "REJECTED" }), "all"),
        (json!({ "all": true, "since": since }), "all"),
        (json!({ "records": ["contact#a"], "kind": "contact" }), "all"),
        (json!({ "records": [], "cursor": "0.61" }), "cursor"),
        (json!({ "all": true, "cursor": "0.61" }), "cursor"),
        (json!({ "all": true, "cursor": "61" }), "cursor"),
        (json!({ "cause": "rejected" }), "cause"),
        (json!({ "cause": "REJECTED", "code": "REJECTED" }), "cause"),
        (json!({ "code": "NONE" }), "code"),
        (json!({ "kind": "deal" }), "kind"),
        (json!({ "import": "a b" }), "import"),
        (json!({ "since": "yesterday" }), "since"),
        (json!({ "since": "2999-01-01T00:00:00Z" }), "since"),
    ] {
        let wrong = replay(body.clone()).await.problem(422, "invalid");
        assert_eq!(wrong["errors"][0]["field"], field, "{body}: {wrong}");
    }
    let wrong = replay(json!({ "records": ["x"] })).await.problem(422, "invalid");
    assert_eq!(wrong["errors"][0]["field"], "records[0]");
    let wrong = caller.get("/v1/locations/loc_demo/records?cursor=x").await.problem(422, "invalid");
    assert_eq!(wrong["errors"][0]["field"], "cursor");
}

#[tokio::test]
async fn where_many_records_stand_is_told_at_once_and_what_was_never_put_is_left_out() {
    let (deployment, caller) = start().await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    assert_eq!(caller.post(CONTACTS, &json!([contact("a"), contact("b")])).await.status, 202);
    accepted(&caller, "a").await;
    accepted(&caller, "b").await;
    let lookup = async |body: Value| caller.post("/v1/locations/loc_demo/records/lookup", &body).await;
    let told = lookup(json!({ "records": ["contact#a", "contact#never", "contact#b", "contact#a"] })).await.json();
    let mut told: Vec<(&str, &str)> = told["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| (record["record"].as_str().unwrap(), record["state"].as_str().unwrap()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("contact#a", "accepted"), ("contact#b", "accepted")]);
    let many: Vec<String> = (0..501).map(|n| format!("contact#{n}")).collect();
    for wrong in [json!([]), json!(many)] {
        let problem = lookup(json!({ "records": wrong })).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "records");
    }
    let nowhere = caller.post("/v1/locations/nowhere/records/lookup", &json!({ "records": ["contact#a"] })).await;
    nowhere.problem(404, "unknown-location");
}

#[tokio::test]
async fn the_metrics_are_there_in_both_formats() {
    let (deployment, caller) = start().await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    deployment.tick(json!({})).await.unwrap();
    caller.post(CONTACTS, &contact("a")).await;
    accepted(&caller, "a").await;
    let is_counted = |answer: &Answer| answer.text.contains("\nsync_success_rate 1\n");
    let text = caller.until("/metrics", is_counted).await;
    let told = text.text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let declared = catalogue::ALL.into_iter().filter_map(|metric| {
        let kind: &str = metric.kind.into();
        Some(format!("{} {kind}", metric.prometheus?))
    });
    assert_eq!(told.collect::<Vec<_>>(), declared.collect::<Vec<_>>(), "the whole catalogue, and nothing else");
    assert_eq!(text.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let expected = [
        "ghl_rate_limit_hits 0",
        "ghl_retry_attempts 0",
        "ghl_circuit_breaker_opens 0",
        "average_backoff_delay_ms 0",
        r#"ghl_sync_calls_total{endpoint="contacts.upsert",status="2xx"} 1"#,
        "ghl_sync_call_duration_seconds_count 1",
        r#"ghl_sync_records_total{outcome="succeeded"} 1"#,
        r#"ghl_sync_quota_used_ratio{location="loc_demo",window="daily"} 0.000005"#,
        r#"ghl_sync_breaker_state{location="loc_demo"} 0"#,
        r#"ghl_sync_due_records{location="loc_demo"} 0"#,
    ];
    for line in expected {
        assert!(text.text.lines().any(|found| found == line), "{line} is missing in {}", text.text);
    }
    let headers = [("x-api-key", caller.key.as_str()), ("accept", "application/openmetrics-text;version=1.0.0")];
    let open = caller.send(Method::GET, "/metrics", &headers, Vec::new()).await;
    assert!(open.header("content-type").starts_with("application/openmetrics-text"));
    assert!(open.text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn an_open_breaker_is_seen_everywhere_and_all_of_it_goes_back_by_itself() {
    let outage = Some((Duration::ZERO, Duration::from_secs(2)));
    let down = sandbox(SandboxOptions { outage, ..SandboxOptions::default() });
    let mut options = StackOptions { ghl: down, ..options() };
    // Longer than a batch sleeps: a breaker that opens and closes within a batch is counted, but never seen open.
    options.vars.insert("GHL_CIRCUIT_RESET_TIMEOUT".to_owned(), "4000".to_owned());
    let mut deployment = Deployment::with(options).await;
    let (log, _logging) = Log::begin();
    let metrics = deployment.measured();
    let caller = Caller::of(&deployment).await;
    let contacts: Vec<Value> = (0..8).map(|number| contact(&format!("c{number}"))).collect();
    assert_eq!(caller.post(CONTACTS, &json!(contacts)).await.status, 202);
    tokio::join!(deployment.run_until_synced(), breaker_is_open(&caller));

    caller.until("/health", |health| health.status == 200 && health.json()["status"] == "ok").await;
    let overview = caller.get("/v1/overview").await.json();
    assert_eq!(overview["locations"][0]["breaker"], json!({ "state": "closed", "retry_at": null }));
    let is_counted =
        |answer: &Answer| answer.text.lines().any(|line| line == "ghl_sync_records_total{outcome=\"succeeded\"} 8");
    let scraped = caller.until("/metrics", is_counted).await;
    let opens = scraped.text.lines().find_map(|line| line.strip_prefix("ghl_circuit_breaker_opens ")).unwrap();
    assert!(opens.parse::<u64>().unwrap() >= 1, "{opens}");
    assert_eq!(metrics.sum("CircuitBreakerOpens").to_string(), opens, "CloudWatch is told the same");
    let changes: Vec<_> =
        log.events("breaker").into_iter().map(|line| (line["scope"].clone(), line["to"].clone())).collect();
    let (scope, to) = (json!("loc_demo"), |state: &str| (json!("loc_demo"), json!(state)));
    assert!(changes.iter().all(|(of, _)| *of == scope), "{changes:?}");
    assert_eq!((changes.first(), changes.last()), (Some(&to("open")), Some(&to("closed"))), "{changes:?}");
    assert_eq!((deployment.stats().contacts, deployment.stats().duplicates), (8, 0));
}

/// While the breaker is open, health says so, and tells the reason to callers with a key.
async fn breaker_is_open(caller: &Caller) {
    let failing = caller.until("/health", |health| health.status == 503).await.json();
    assert_eq!(failing["status"], "failing");
    let reasons = failing["reasons"].to_string();
    assert!(reasons.contains("GHL fails for loc_demo: its breaker is "), "{reasons}");
    let open = caller.send(Method::GET, "/health", &[], Vec::new()).await;
    assert!(!open.text.contains("loc_demo"), "{open:?}");
}
