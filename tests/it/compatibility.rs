//! Compatibility with `fixtures/v1`: data that an earlier version wrote, and behavior that its callers rely on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_access::TokenEntry;
use ghl_sync_aws::{DynamoItems, DynamoKnownStates};
use ghl_sync_engine::counts::{Counter, RecordCount};
use ghl_sync_engine::ports::{Entry, KnownStates, RemoteKey, Versioned};
use ghl_sync_model::{Api, EpochMs, ErrorCode, EventId, GhlId, Kind, Payload, Priority, PutRecord};
use ghl_sync_operate::OverviewPage;
use ghl_sync_runtime::Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::deployment::{Deployment, failed_messages, location, sqs_event};

const NEVER: Duration = Duration::from_secs(3600);

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn messages() -> Value {
    fixture(include_str!("fixtures/v1/messages.json"))
}

fn tables() -> Value {
    fixture(include_str!("fixtures/v1/tables.json"))
}

/// A message of `fixtures/v1/messages.json`, as an SQS event.
fn event(name: &str) -> Value {
    sqs_event([(Some("m1"), messages()[name].to_string().as_str())])
}

/// A deployment with the tables of an earlier version.
async fn left_behind() -> Deployment {
    let deployment = Deployment::start().await;
    let (client, records) = deployment.records_table();
    let state = deployment.stack.vars["STATE_TABLE"].clone();
    for (table, items) in [(records, &tables()["records"]), (state, &tables()["state"])] {
        for item in items.as_array().unwrap() {
            let item = item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value)));
            let item: HashMap<_, _> = item.collect();
            client.put_item().table_name(&table).set_item(Some(item)).send().await.unwrap();
        }
    }
    deployment
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Bool(is_so) => AttributeValue::Bool(*is_so),
        other => panic!("{other} is no attribute of ours"),
    }
}

/// A put with the content of the fixture's record.
fn put(record: &str, payload: &str) -> PutRecord {
    let (kind, id) = record.split_once('#').unwrap();
    let kind = if kind == "contact" { Kind::Contact } else { Kind::Opportunity };
    let payload = Payload::from_json(kind, payload).unwrap();
    let location_id = location("loc_demo");
    PutRecord::new(location_id, id.parse().unwrap(), payload)
}

fn stored(record: &str) -> PutRecord {
    let items = tables()["records"].clone();
    let item = items.as_array().unwrap().iter().find(|item| item["record"] == record).unwrap();
    put(record, item["payload"].as_str().unwrap())
}

/// Checks that `answer` contains everything in `expected`; it may contain more.
fn assert_has(answer: &Value, expected: &Value, at: &str) {
    match (answer, expected) {
        (Value::Object(answer), Value::Object(expected)) => {
            for (name, expected) in expected {
                let field = format!("{at}.{name}");
                assert_has(answer.get(name).unwrap_or_else(|| panic!("{field} is gone")), expected, &field);
            }
        }
        (Value::Array(answer), Value::Array(expected)) => {
            assert_eq!(answer.len(), expected.len(), "{at}: {answer:?}");
            answer.iter().zip(expected).enumerate().for_each(|(n, (a, e))| assert_has(a, e, &format!("{at}[{n}]")));
        }
        (Value::String(text), Value::String(kind)) if kind == "<time>" => {
            assert!(text.len() == 24 && text.ends_with('Z'), "{at} is {text}");
        }
        (answer, Value::String(kind)) if kind == "<text>" => assert!(answer.is_string(), "{at} is {answer}"),
        (answer, Value::String(kind)) if kind == "<number>" => assert!(answer.is_number(), "{at} is {answer}"),
        // 1 and 1.0 are the same number in JSON.
        (Value::Number(answer), Value::Number(expected)) => assert_eq!(answer.as_f64(), expected.as_f64(), "{at}"),
        (answer, expected) => assert_eq!(answer, expected, "{at}"),
    }
}

#[tokio::test]
async fn ac_19_backward_compatible_a_batch_message_of_the_previous_version_is_understood() {
    for name in ["planned", "by_hand"] {
        let deployment = left_behind().await;
        let response = deployment.consume(event(name)).await.unwrap();
        assert_eq!(failed_messages(&response), [""; 0], "{name}");
        let opportunity = deployment.record(&stored("opportunity#waiting")).await;
        assert_eq!(
            (opportunity.accepted_version, opportunity.due_at, opportunity.waits_for),
            (Some(1), None, None),
            "{name}"
        );
        let contact = deployment.record(&stored("contact#due")).await;
        assert_eq!((contact.accepted_version, contact.due_at), (Some(1), None), "{name}");
    }
    let deployment = left_behind().await;
    for name in ["stale", "dry_run", "with_more_fields"] {
        assert_eq!(failed_messages(&deployment.consume(event(name)).await.unwrap()), [""; 0], "{name}");
        let contacts = deployment.stats().contacts;
        assert_eq!(contacts, u64::from(name == "with_more_fields"), "{name}");
    }
}

#[tokio::test]
async fn ac_19_a_message_of_a_newer_version_is_put_aside_whole_and_its_records_stay_due_and_are_sent() {
    let deployment = left_behind().await;
    let response = deployment.consume(event("of_a_newer_version")).await.unwrap();
    assert_eq!(
        failed_messages(&response),
        ["m1"],
        "SQS keeps it: it comes again, and then goes to the dead-letter queue"
    );
    assert_eq!((deployment.stats().calls, deployment.due().await.len()), (0, 3));
    deployment.run_until_synced().await;
    assert!(deployment.record(&stored("contact#due")).await.accepted_version.is_some());
}

#[tokio::test]
async fn ac_19_backward_compatible_stored_records_are_read_sent_and_replayed() {
    let deployment = left_behind().await;
    for name in ["contact#accepted", "contact#nameless"] {
        let unchanged = deployment.put(&[stored(name)]).await.unchanged;
        assert_eq!(unchanged, 1, "{name}: the hash of what GHL has still says so");
    }
    let retrying = deployment.record(&stored("contact#retrying")).await;
    let error = retrying.last_error.as_ref().map(|error| (error.code, error.status));
    assert_eq!(error, Some((ErrorCode::MaxRetriesExceeded, Some(503))));
    assert_eq!((retrying.attempts, retrying.version, retrying.accepted_version), (3, 7, Some(5)));
    assert_eq!((retrying.priority, retrying.not_before), (Priority::High, Some(EpochMs(1_795_329_848_200))));
    assert_eq!(deployment.record(&stored("contact#shown")).await.dry_run.as_deref(), Some("POST /contacts/upsert\n{}"));

    deployment.run_until_synced().await;
    assert_eq!(deployment.record(&stored("contact#retrying")).await.accepted_version, Some(7));
    assert_eq!(deployment.record(&stored("opportunity#waiting")).await.accepted_version, Some(1));
    assert_eq!(deployment.failed().await, ["contact#failed"]);
    let caller = Caller::of(&deployment).await;
    let replayed = caller.post("/v1/locations/loc_demo/replay", &json!({ "all": true })).await;
    assert_eq!(replayed.json()["replayed"], 1, "{replayed:?}");
    deployment.run_until_synced().await;
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.opportunities, stats.duplicates), (3, 1, 0));
}

#[tokio::test]
async fn ac_19_backward_compatible_stored_gates_and_hosts_keep_all_that_they_say() {
    let deployment = left_behind().await;
    let ports = deployment.engine.ports();
    for item in tables()["state"].as_array().unwrap() {
        let pk = item["pk"].as_str().unwrap();
        let (read, stored) = if let Some(scope) = pk.strip_prefix("gate#") {
            let entry = ports.gates.load(&location(scope).into()).await.unwrap();
            assert_eq!(
                (entry.rev, entry.work_seq),
                (item["rev"].as_u64().unwrap(), item["work_seq"].as_u64().unwrap_or(0))
            );
            (serde_json::to_value(entry.gate).unwrap(), &item["gate"])
        } else if let Some(api) = pk.strip_prefix("host_health#") {
            let entry = ports.host_health.load(api).await.unwrap().unwrap();
            (serde_json::to_value(entry.value).unwrap(), &item["host_health"])
        } else {
            continue;
        };
        // A gate that was only advanced has no content yet.
        let stored: Value = stored.as_str().map_or(json!({}), fixture);
        assert_has(&read, &stored, pk);
    }
}

#[tokio::test]
async fn ac_19_backward_compatible_stored_settings_counters_tokens_and_known_states_are_read() {
    let deployment = left_behind().await;
    let (client, _) = deployment.records_table();
    let state = deployment.stack.vars["STATE_TABLE"].clone();

    let set = deployment.engine.ports().registry.stored(&location("loc_set")).await.unwrap().unwrap();
    let settings = set.effective();
    assert_eq!((set.rev, settings.api, settings.dry_run, settings.enabled), (3, Api::V1, true, true));
    assert_eq!((settings.pace.limit.get(), settings.pace.window), (50, Duration::from_secs(10)));
    assert_eq!((settings.daily_limit, settings.daily_reserve, settings.default_priority), (500, 50, Priority::Low));
    assert_eq!(settings.credentials.to_string(), "ssm:/ghl-sync/loc_set");

    let at = EpochMs(1_795_329_847_999);
    let counted = deployment.engine.ports().counters.of(&location("loc_demo"), at).await.unwrap();
    assert_eq!((counted.total.calls(), counted.total.get(Counter::CallMs)), (101, 4900));
    let records_of = [RecordCount::Stored, RecordCount::Succeeded, RecordCount::Failed, RecordCount::Unchanged];
    assert_eq!(records_of.map(|outcome| counted.total.records(outcome)), [107, 100, 1, 5]);
    let minutes: Vec<_> =
        counted.minutes.iter().map(|minute| (minute.calls, minute.succeeded, minute.allowed)).collect();
    assert_eq!(minutes, [(50, 49, 600), (4, 2, 600)]);
    assert_eq!(deployment.engine.ports().counters.last_tick().await.unwrap(), Some(EpochMs(1_795_329_847_637)));
    assert!(deployment.operator().overview(&OverviewPage::default()).await.unwrap().totals.calls() >= 101);

    let items = Arc::new(DynamoItems::new(client.clone(), &state));
    let tokens = Versioned::<TokenEntry>::new(items);
    let Entry { rev, value: entry } = tokens.load("3dce162b97b42d9ce2ca69518f461c63").await.unwrap().unwrap();
    let access = entry.access.unwrap();
    assert_eq!((rev, access.token.expose(), access.expires_at.0), (2, "access-secret", 1_795_416_248_523));
    assert_eq!(
        (entry.refresh.unwrap().expose(), entry.spent_since),
        ("refresh-secret", Some(EpochMs(1_795_329_848_000)))
    );
    assert_eq!((entry.lease.unwrap().until.0, entry.trouble.unwrap().count), (1_795_329_863_523, 3));

    let known = DynamoKnownStates::new(client, &state);
    let known_of = async |id: &str| {
        let (location, ghl_id) = (location("loc_demo"), id.parse::<GhlId>().unwrap());
        known.load(RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &ghl_id }).await.unwrap().unwrap()
    };
    let content = known_of("nmFmQEsNgz6AVpgLVUJ0").await.content.unwrap();
    assert_eq!(content.hash().to_string(), "b7e6dcbcad74afb7f5c647207bc20162", "so that the same content is no change");
    assert_eq!(known_of("deleted").await.deleted_at, Some(EpochMs(1_795_262_401_285)));
    let seen: EventId = "3cfef536-da75-4a1d-97fa-5ba20bc41f01".parse().unwrap();
    assert!(!known.remember(&seen, at, at + Duration::from_secs(60)).await.unwrap(), "it was seen");
}

#[tokio::test]
async fn ac_19_backward_compatible_a_caller_of_the_v1_api_gets_what_it_relies_on() {
    let deployment = Deployment::start().await;
    let _running = deployment.stack.functions.clone().start(NEVER);
    let caller = Caller::of(&deployment).await;
    for (number, step) in fixture(include_str!("fixtures/v1/calls.json")).as_array().unwrap().iter().enumerate() {
        let call = step["call"].as_str().unwrap();
        let (method, path) = call.split_once(' ').unwrap();
        let what = format!("{number}: {call}");
        let expected = &step["answer"];
        let answer = if step["until"] == true {
            caller.until(path, |answer| has_state(answer, expected)).await
        } else {
            let body = step.get("body").map(Value::to_string).unwrap_or_default();
            caller.with_body(Method::from_bytes(method.as_bytes()).unwrap(), path, "application/json", body).await
        };
        assert_eq!(u64::from(answer.status), step["status"].as_u64().unwrap(), "{what}: {answer:?}");
        if !expected.is_null() {
            assert_has(&answer.json(), expected, &what);
        }
    }
}

/// Whether the record, or the records, have reached the state that the fixture waits for.
fn has_state(answer: &Answer, expected: &Value) -> bool {
    let answer = answer.json();
    let count = |value: &Value| value["records"].as_array().map(Vec::len);
    answer["state"] == expected["state"] && count(&answer) == count(expected)
}

#[tokio::test]
async fn ac_19_the_environment_of_the_previous_version_still_starts_every_function() {
    let deployment = Deployment::start().await;
    let mut environment = deployment.stack.vars.clone();
    let settings = [
        ("GHL_RATE_LIMIT_MAX_RETRIES", "5"),
        ("GHL_RATE_LIMIT_BASE_DELAY", "1000"),
        ("GHL_RATE_LIMIT_MAX_DELAY", "30000"),
        ("GHL_RATE_LIMIT_JITTER", "true"),
        ("GHL_RATE_LIMIT_JITTER_MAX", "1000"),
        ("GHL_CIRCUIT_THRESHOLD", "5"),
        ("GHL_CIRCUIT_RESET_TIMEOUT", "60000"),
        ("GHL_SYNC_BATCH_SIZE", "50"),
        ("GHL_SYNC_CONCURRENCY", "5"),
        ("GHL_SYNC_MAX_ATTEMPTS", "10"),
        (
            "GHL_LOCATIONS",
            r#"{"loc_demo":{"limit":25,"window_ms":10000,"scope":"shared","daily_limit":10000,"enabled":true}}"#,
        ),
    ];
    environment.extend(crate::deployment::vars(&settings));
    let config = Config::from_vars(environment).unwrap();
    assert_eq!((config.engine.batch_size, config.engine.concurrency), (50, 5));
}
