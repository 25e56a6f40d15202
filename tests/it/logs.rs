//! Logging: enough to follow a record, and nothing of its content.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{Event, EventSink};
use ghl_sync_model::PutRecord;
use ghl_sync_runtime::{EmfSink, LogSink, SystemClock};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::caller::Caller;
use crate::deployment::{Deployment, by_hand, sqs_event};
use crate::intermediary::Act::{Answer, LoseAnswer, Pass};
use crate::records::{contact, opportunity};

/// The log lines of this thread.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Starts logging as the functions do, with the most detailed `LOG_LEVEL`.
    pub(crate) fn begin() -> (Log, DefaultGuard) {
        let log = Log::default();
        let writer = log.clone();
        let ours = [
            "api",
            "connect",
            "consumer",
            "ghl_sync",
            "importer",
            "ingest",
            "migrator",
            "notifier",
            "redrive",
            "scheduler",
            "webhook",
        ]
        .map(|target| (target, LevelFilter::TRACE));
        let filter = Targets::new().with_default(LevelFilter::WARN).with_targets(ours);
        let format = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true);
        let format = format.with_span_list(false).with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(filter).with(format);
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of this event.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let lines: Vec<Value> = self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.into_iter().filter(|line| line["event"] == name).collect()
    }
}

/// A function's event sink: log lines, and metrics, which are kept here instead of printed.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<Vec<String>>);

impl EventSink for Metrics {
    fn emit(&self, event: &Event<'_>) {
        LogSink.emit(event);
        self.0.lock().unwrap().extend(EmfSink::new("stack").line(event, SystemClock.now()));
    }
}

impl Metrics {
    /// The sum of this metric in CloudWatch.
    pub(crate) fn sum(&self, metric: &str) -> u64 {
        let lines = self.0.lock().unwrap();
        let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let declares = |line: &Value| {
            let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
            metrics.iter().any(|declared| declared["Name"] == metric && declared["Unit"] == "Count")
        };
        lines.filter(declares).map(|line| line[metric].as_u64().unwrap()).sum()
    }
}

/// A flow with almost every kind of trouble: retries, a refusal, an opportunity that must be searched, one that waits,
/// and a message that is not a batch.
async fn troubled_flow() -> Deployment {
    let refusal = r#"{"statusCode":400,"message":"ada@secret.example and +16175550199 belong to Augusta Lovelace"}"#;
    let throttled = Answer(429, "application/json", r#"{"message":"Too Many Requests"}"#);
    let busy = Answer(503, "text/html", "<html><title>busy</title></html>");
    let refused = Answer(400, "application/json", refusal);
    let deployment = Deployment::behind([refused, busy, throttled, LoseAnswer, Pass, LoseAnswer]).await;
    let person = json!({ "firstName": "Augusta", "lastName": "Lovelace", "email": "ada@secret.example",
        "phone": "+16175550199", "address1": "12 Quiet Lane", "tags": ["vip-customer"] });
    let records: Vec<PutRecord> =
        vec![contact("a", person), contact("b", json!({})), opportunity("b", json!({ "name": "Quiet deal" }))];
    deployment.put(&records).await;
    deployment.consume(by_hand(&records[..1])).await.unwrap();
    deployment.run_until_synced().await;
    deployment.put(&[opportunity("nobody", json!({}))]).await;
    deployment.consume(by_hand(&[opportunity("nobody", json!({}))])).await.unwrap();
    deployment.consume(sqs_event([(Some("m1"), "ada@secret.example")])).await.unwrap();
    deployment
}

#[tokio::test]
async fn a_request_is_one_line_with_nothing_in_it_that_the_caller_sent() {
    let (log, _logging) = Log::begin();
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let contacts = "/v1/locations/loc_demo/contacts";
    let person = json!({ "email": "ada@secret.example", "firstName": "Augusta" });
    caller.post(contacts, &json!({ "id": "a", "contact": person })).await;
    caller.post(contacts, &json!({ "id": "a", "contact": { "Augusta": "ada@secret.example" } })).await;
    let truncated = r#"{"id":"a","contact":{"email":"ada@secret.example"#;
    caller.with_body(reqwest::Method::POST, contacts, "application/json", truncated).await;
    let wrong = [("x-api-key", "wrong-secret"), ("x-request-id", "Augusta"), ("user-agent", "Augusta")];
    caller.send(reqwest::Method::GET, "/v1/overview?email=ada@secret.example", &wrong, Vec::new()).await;

    let text = log.text();
    for secret in ["secret", "Augusta", caller.key.as_str()] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let lines = log.events("request");
    let seen: Vec<_> = lines.iter().map(|line| (line["status"].clone(), line["caller"].clone())).collect();
    let by_key = |status: u16| (json!(status), json!("local"));
    assert_eq!(seen, [by_key(202), by_key(422), by_key(400), (json!(401), Value::Null)]);
    assert_eq!(lines[0]["route"], "/v1/locations/{location_id}/contacts");
    assert!(lines[0]["span"]["request_id"].is_string(), "{}", lines[0]);
}

#[tokio::test]
async fn no_line_tells_who_a_contact_is_or_how_ghl_is_reached() {
    let (log, _logging) = Log::begin();
    let deployment = troubled_flow().await;
    let text = log.text();
    assert!(text.lines().count() > 20, "{text}");
    let token = deployment.stack.vars["GHL_TOKEN"].as_str();
    let private = ["ada@", "secret.example", "6175550199", "Augusta", "Lovelace", "Quiet", "vip-customer", token];
    for words in private {
        let line = text.lines().find(|line| line.contains(words));
        assert_eq!(line, None, "it tells {words}");
    }
}

#[tokio::test]
async fn each_call_and_each_wait_can_be_followed() {
    let (log, _logging) = Log::begin();
    let deployment = troubled_flow().await;
    let calls = log.events("call");
    // Responses of the intermediary itself did not reach the sandbox.
    assert_eq!(calls.len() as u64, deployment.stats().calls + 3);
    for call in &calls {
        assert_eq!(call["location"], "loc_demo", "{call}");
        assert!(call["batch"].is_u64() && call["attempt"].is_u64() && call["took_ms"].is_u64(), "{call}");
        assert!(call["endpoint"].is_string() && call["record"].is_string() && call["class"].is_string(), "{call}");
        assert!(call["span"]["request_id"].as_str().unwrap().starts_with("request-"), "{call}");
    }
    let first = &calls[0];
    assert_eq!((&first["record"], &first["attempt"]), (&json!("contact#a"), &json!(0)));
    assert_eq!(
        (&first["endpoint"], &first["status"], &first["class"]),
        (&json!("contacts.upsert"), &json!(400), &json!("permanent"))
    );
    let of_b: Vec<(&Value, &Value)> = calls
        .iter()
        .filter(|call| call["record"] == "contact#b")
        .map(|call| (&call["attempt"], &call["class"]))
        .collect();
    let expected = [(0, "transient"), (1, "throttled"), (2, "transient"), (3, "ok")].map(|(a, c)| (json!(a), json!(c)));
    assert_eq!(of_b, expected.each_ref().map(|(attempt, class)| (attempt, class)));

    let waits = log.events("wait");
    assert!(waits.len() >= 3, "{waits:?}");
    for wait in &waits {
        assert_eq!(wait["location"], "loc_demo", "{wait}");
        assert!(wait["wait_ms"].as_u64().is_some_and(|ms| ms > 0), "{wait}");
        assert!(wait["reason"].is_string() && wait["batch"].is_u64() && wait["attempt"].is_u64(), "{wait}");
    }

    let failed: Vec<Value> = log.events("record").into_iter().filter(|line| line["result"] == "failed").collect();
    let [failed] = failed.as_slice() else { panic!("{failed:?}") };
    assert_eq!((&failed["record"], &failed["code"]), (&json!("contact#a"), &json!("REJECTED")));
    assert_eq!(log.events("not_a_batch")[0]["message_id"], "m1");
    let ended = log.events("batch_ended");
    let sum = |field: &str| ended.iter().map(|line| line[field].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("succeeded"), log.events("batch_planned").is_empty()), (2, false));
}
