//! Migrations over HTTP: start, approval, status and refusals.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::deployment::Deployment;
use crate::migrator::{SOURCE, TARGET, drive, fill, two_locations};

const MIGRATION: &str = "/api/v1/migration";
/// Keeps the schedule from running: only messages invoke the functions.
const NEVER: Duration = Duration::from_secs(3600);

/// A small account in `old`, and an API without tokens in its environment.
async fn start() -> (Deployment, Caller) {
    let deployment = Deployment::with(two_locations()).await;
    fill(&deployment, &[TARGET]);
    let caller = Caller::with(deployment.migrator_with(&[("GHL_TOKEN", "")]), &deployment).await;
    (deployment, caller)
}

fn request() -> Value {
    json!({ "source": SOURCE, "target": TARGET })
}

/// A migration that was just requested.
struct Started {
    id: String,
    /// Path of its status.
    status: String,
    /// Prefix of its other paths.
    path: String,
}

impl Started {
    fn by(answer: &Answer) -> Started {
        assert_eq!(answer.status, 202, "{answer:?}");
        let id = answer.json()["migration_id"].as_str().unwrap().to_owned();
        Started { status: format!("{MIGRATION}/status/{id}"), path: format!("{MIGRATION}/{id}"), id }
    }

    /// Runs its steps until it waits for a person or has ended. Returns its status.
    async fn driven(&self, deployment: &Deployment, caller: &Caller) -> Value {
        drive(deployment, &deployment.migrator(), &self.id.parse().unwrap()).await;
        caller.get(&self.status).await.json()
    }
}

fn contacts_in(deployment: &Deployment, location: &str) -> usize {
    deployment.sandbox().contents(location).contacts.len()
}

#[tokio::test]
async fn a_migration_waits_for_consent_is_done_and_is_told_of() {
    let (deployment, caller) = start().await;
    let started = Started::by(&caller.post(&format!("{MIGRATION}/start"), &request()).await);
    let waiting = started.driven(&deployment, &caller).await;
    assert_eq!((&waiting["status"], &waiting["approved"]), (&json!("awaiting_approval"), &json!(false)), "{waiting:#}");
    let path = &started.path;
    assert_eq!(waiting["forecast"]["contacts"]["creates"], 12, "{waiting:#}");
    let mapping = caller.get(&format!("{path}/mapping")).await.json();
    assert_eq!(mapping["summary"]["overall_readiness_percent"], 100, "{mapping:#}");
    assert_eq!((mapping["custom_fields"].as_array().unwrap().len(), contacts_in(&deployment, TARGET)), (4, 0));

    assert_eq!(caller.post(&format!("{path}/approve"), &json!({})).await.status, 202);
    let done = started.driven(&deployment, &caller).await;
    let did: Vec<(&Value, &Value)> =
        done["audit"].as_array().unwrap().iter().map(|entry| (&entry["by"], &entry["action"])).collect();
    assert_eq!(did, [(&json!("local"), &json!("start")), (&json!("local"), &json!("approved"))]);
    assert_eq!((contacts_in(&deployment, TARGET), &done["percentage"]), (12, &json!(100.0)));

    let report = caller.get(&format!("{path}/report")).await.json();
    assert_eq!((&report["contacts"]["source"], &report["contacts"]["migrated"]), (&json!(12), &json!(12)));
    assert_eq!((&report["verify"]["missing"], &report["verify"]["different"]), (&json!(0), &json!(0)), "{report:#}");
    let summary = caller.get(&format!("{MIGRATION}/summary")).await.json();
    assert_eq!((&summary["migration_id"], &summary["status"]), (&report["migration_id"], &json!("done")));
    assert_eq!(summary["custom_fields"]["mapped_count"], 4, "{summary:#}");
    assert_eq!(summary["smart_mapping_report"]["summary"]["overall_readiness_percent"], 100);
    assert!(summary["duration_minutes"].as_f64().unwrap() > 0.0);
    let listed = caller.get(MIGRATION).await.json();
    assert_eq!(listed["migrations"][0]["migration_id"], report["migration_id"]);
    assert_eq!(caller.get(&format!("{MIGRATION}?limit=1")).await.json(), listed);

    let mut found: Vec<Value> = Vec::new();
    let mut page = json!(0);
    while !page.is_null() {
        let read = caller.get(&format!("{path}/findings?page={page}")).await.json();
        found.extend(read["findings"].as_array().unwrap().clone());
        page = read["next"].clone();
    }
    assert_eq!(found.len() as u64, report["verify"]["not_carried"].as_u64().unwrap());
    let behind = caller.get(&format!("{path}/findings?page=1000")).await.json();
    assert_eq!(behind, json!({ "findings": [], "next": null }));
    let table = caller.get(&format!("{path}/report?format=csv")).await;
    assert_eq!((table.status, table.header("content-type")), (200, "text/csv; charset=utf-8"));
    let page = caller.get(&format!("{path}/report?format=html")).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    for finding in &found {
        let id = finding["source_id"].as_str().unwrap();
        assert!(table.text.contains(id) && page.text.contains(id), "{id}");
    }
}

#[tokio::test]
async fn a_preview_forecasts_and_writes_nothing() {
    let (deployment, caller) = start().await;
    let started = Started::by(&caller.post(&format!("{MIGRATION}/preview"), &request()).await);
    let done = started.driven(&deployment, &caller).await;
    assert_eq!(done["status"], "done");
    assert_eq!((&done["dry_run"], &done["forecast"]["contacts"]["creates"]), (&json!(true), &json!(12)));
    assert_eq!(contacts_in(&deployment, TARGET), 0);
    caller.post(&format!("{}/rollback", started.path), &json!({})).await.problem(409, "not-now");
}

#[tokio::test]
async fn a_migration_is_paused_resumed_cancelled_and_rolled_back() {
    let (deployment, caller) = start().await;
    let auto = json!({ "source": SOURCE, "target": TARGET, "auto_approve": true });
    let started = Started::by(&caller.post(&format!("{MIGRATION}/start"), &auto).await);
    let ask = |command: &str| {
        let path = format!("{}/{command}", started.path);
        let caller = &caller;
        async move { caller.send(Method::POST, &path, &[("x-api-key", &caller.key)], Vec::new()).await }
    };
    assert_eq!(ask("pause").await.json()["status"], "paused");
    ask("pause").await.problem(409, "not-now");
    assert_eq!(ask("resume").await.json()["status"], "running");
    caller.get(&format!("{}/mapping", started.path)).await.problem(409, "not-now");
    let second = caller.post(&format!("{MIGRATION}/start"), &auto).await.problem(409, "not-now");
    assert!(second["detail"].as_str().unwrap().contains(&started.id), "{second}");

    assert_eq!(started.driven(&deployment, &caller).await["status"], "done");
    ask("cancel").await.problem(409, "not-now");
    assert_eq!(ask("rollback").await.json()["status"], "rolling_back");
    assert_eq!(started.driven(&deployment, &caller).await["status"], "rolled_back");
    assert_eq!((contacts_in(&deployment, TARGET), contacts_in(&deployment, SOURCE)), (0, 12));

    let again = Started::by(&caller.post(&format!("{MIGRATION}/start"), &request()).await);
    let cancelled = caller.post(&format!("{}/cancel", again.path), &json!({})).await;
    assert_eq!(cancelled.json()["status"], "cancelled", "{cancelled:?}");
}

#[tokio::test]
async fn what_is_not_valid_is_refused_with_its_field_before_anything_is_written() {
    let (deployment, caller) = start().await;
    let with = |field: &str, value: Value| {
        let mut request = request();
        request[field] = value;
        request
    };
    let bodies = [
        (with("target", json!(SOURCE)), "target"),
        (with("source", json!("nowhere")), "source"),
        (with("target", json!("nowhere")), "target"),
        (with("target", json!("a b")), "target"),
        (with("settings", json!({ "batch_size": 0 })), "settings.batch_size"),
        (with("settings", json!({ "rate_limit_delay": 61 })), "settings.rate_limit_delay"),
        (with("settings", json!({ "batchsize": 1 })), "settings.batchsize"),
        (with("overrides", json!({ "customfields": {} })), "overrides.customfields"),
        (with("overrides", json!({ "tags": { "vip": 7 } })), "overrides.tags.vip"),
        (with("overrides", json!({ "tags": { "vip": "x".repeat(100_001) } })), "overrides"),
        (with("auto", json!(true)), "auto"),
        (json!({ "source": SOURCE }), "target"),
    ];
    for (body, field) in &bodies {
        for path in ["start", "preview"] {
            let problem = caller.post(&format!("{MIGRATION}/{path}"), body).await.problem(422, "invalid");
            assert_eq!(problem["errors"][0]["field"], *field, "{body}: {problem}");
        }
    }
    let queries = [
        ("?limit=0", "limit"),
        ("/summary?migration_id=a%20b", "migration_id"),
        ("/test-connection", "source"),
        ("/test-connection?source=old", "target"),
        ("/test-connection?source=old&target=old", "target"),
        ("/test-connection?source=old&target=nowhere", "target"),
        ("/mig-a/report?format=pdf", "format"),
    ];
    for (query, field) in queries {
        let problem = caller.get(&format!("{MIGRATION}{query}")).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
    for query in ["?limit=x", "?x=1", "/test-connection?source=old&target=new&x=1", "/mig-a/findings?page=-1"] {
        caller.get(&format!("{MIGRATION}{query}")).await.problem(400, "bad-request");
    }
    assert_eq!(caller.get(MIGRATION).await.json(), json!({ "migrations": [] }));
    assert_eq!((deployment.stats().calls, contacts_in(&deployment, TARGET)), (0, 0));
}

#[tokio::test]
async fn decisions_that_cannot_be_followed_are_refused_by_name_and_leave_the_migration_as_it_is() {
    let (deployment, caller) = start().await;
    let started = Started::by(&caller.post(&format!("{MIGRATION}/start"), &request()).await);
    let waiting = started.driven(&deployment, &caller).await;
    let path = &started.path;
    let overrides = json!({ "custom_fields": { "nothing": "skip" }, "pipelines": { "Service": "nowhere" } });
    let refused = caller.post(&format!("{path}/approve"), &json!({ "overrides": overrides })).await;
    let problem = refused.problem(422, "invalid");
    let fields: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["overrides.custom_fields.nothing", "overrides.pipelines.Service"], "{problem}");
    assert_eq!(caller.get(&started.status).await.json(), waiting);
    assert_eq!(contacts_in(&deployment, TARGET), 0);

    let skip = json!({ "overrides": { "custom_fields": { "Größe 0": "skip" } } });
    assert_eq!(caller.post(&format!("{path}/approve"), &skip).await.status, 202);
    assert_eq!(started.driven(&deployment, &caller).await["status"], "done");
    assert_eq!(deployment.sandbox().contents(TARGET).custom_fields.len(), 3);
}

#[tokio::test]
async fn a_migration_that_nobody_knows_is_not_found() {
    let (_deployment, caller) = start().await;
    for path in
        ["status/mig-a", "mig-a/mapping", "mig-a/findings", "mig-a/report", "mig-a/report?format=html", "summary"]
    {
        caller.get(&format!("{MIGRATION}/{path}")).await.problem(404, "unknown-migration");
    }
    for command in ["approve", "pause", "resume", "cancel", "rollback"] {
        let answer = caller.post(&format!("{MIGRATION}/mig-a/{command}"), &json!({})).await;
        answer.problem(404, "unknown-migration");
    }
    caller.get(&format!("{MIGRATION}/status/a%20b")).await.problem(400, "bad-request");
}

#[tokio::test]
async fn settings_hold_at_once_for_a_migration_that_runs_and_say_who_set_them() {
    let (_deployment, caller) = start().await;
    let Started { status, .. } = Started::by(&caller.post(&format!("{MIGRATION}/start"), &request()).await);
    assert_eq!(caller.get(&status).await.json()["settings"]["batch_size"], 20);
    let update = format!("{MIGRATION}/config/update");
    let set = caller.post(&update, &json!({ "batch_size": 7, "rate_limit_delay": 1.5 })).await.json();
    assert_eq!(
        (&set["batch_size"], &set["rate_limit_delay"], &set["preset"]),
        (&json!(7), &json!(1.5), &json!("custom"))
    );
    let settings = &caller.get(&status).await.json()["settings"];
    assert_eq!((&settings["batch_size"], &settings["rate_limit_delay"]), (&json!(7), &json!(1.5)));
    caller.post(&update, &json!({ "rate_limit_delay": 2.5 })).await;
    let config = caller.get(&format!("{MIGRATION}/config")).await.json();
    assert_eq!(
        (&config["batch_size"], &config["rate_limit_delay"], &config["revision"]),
        (&json!(7), &json!(2.5), &json!(2))
    );
    let audit = config["audit"].as_array().unwrap();
    assert_eq!((audit.len(), &audit[1]["by"]), (2, &json!("local")));
    assert!(audit[1]["action"].as_str().unwrap().contains("2.5"), "{config:#}");

    for (body, field) in [
        (json!({ "batch_size": 501 }), "batch_size"),
        (json!({ "rate_limit_delay": -1 }), "rate_limit_delay"),
        (json!({ "preset": "huge" }), "preset"),
        (json!({ "delay": 1 }), "delay"),
    ] {
        let problem = caller.post(&update, &body).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    assert_eq!(caller.get(&format!("{MIGRATION}/config")).await.json(), config, "what is refused changes nothing");
}

#[tokio::test]
async fn a_connection_test_tells_of_both_accounts_though_the_api_has_no_token() {
    let (deployment, caller) = start().await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    let path = format!("{MIGRATION}/test-connection?source={SOURCE}&target={TARGET}");
    for _ in 0..2 {
        let answer = caller.get(&path).await;
        let test = answer.json();
        for (side, location) in [("source", SOURCE), ("target", TARGET)] {
            let connection = &test[side];
            assert_eq!((&connection["ok"], &connection["location"]), (&json!(true), &json!(location)), "{answer:?}");
            assert_eq!(connection["account"]["id"], location);
            let access = connection["access"].as_array().unwrap();
            assert!(access.len() == 7 && access.iter().all(|access| access["ok"] == true), "{connection:#}");
            assert!(connection["daily_left"].as_u64().unwrap() > 199_000, "{connection:#}");
        }
    }
    assert_eq!(deployment.stats().calls, 28, "seven in each account, each time anew");
    assert_eq!(caller.get(MIGRATION).await.json(), json!({ "migrations": [] }), "a test is no migration");
}

#[tokio::test]
async fn variables_are_told_by_name_and_never_by_value() {
    let (deployment, caller) = start().await;
    let answer = caller.get(&format!("{MIGRATION}/debug/env")).await;
    let is_set = |name: &str| {
        let variables = answer.json()["variables"].as_array().unwrap().clone();
        variables.into_iter().find(|variable| variable["name"] == name).unwrap()["set"].clone()
    };
    assert_eq!(
        (is_set("GHL_TOKEN"), is_set("MIGRATION_QUEUE_URL"), is_set("MIGRATION_BATCH_SIZE")),
        (true.into(), true.into(), false.into())
    );
    for value in deployment.stack.vars.values().filter(|value| value.len() > 5) {
        assert!(!answer.text.contains(value.as_str()), "{value}");
    }
}

#[tokio::test]
async fn nobody_gets_at_migrations_without_a_key() {
    let (_deployment, caller) = start().await;
    let gets = ["", "/config", "/summary", "/status/mig-a", "/debug/env", "/test-connection", "/mig-a/report"];
    let posts = ["/start", "/preview", "/config/update", "/mig-a/approve", "/mig-a/rollback"];
    let all = gets.map(|path| (Method::GET, path)).into_iter().chain(posts.map(|path| (Method::POST, path)));
    for (method, path) in all {
        let body = request().to_string().into_bytes();
        let headers = [("content-type", "application/json")];
        caller.send(method, &format!("{MIGRATION}{path}"), &headers, body).await.problem(401, "unauthorized");
    }
}
