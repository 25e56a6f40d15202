//! The sample events of `events/`, and events that are not ours.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use consumer::ConsumerError;
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_model::{PutRecord, RecordKey};
use importer::ImporterError;
use ingest::IngestError;
use lambda_runtime::{Context, LambdaEvent};
use migrator::MigratorError;
use notifier::NotifierError;
use redrive::RedriveError;
use scheduler::SchedulerError;
use serde_json::{Value, json};

use crate::deployment::{
    Deployment, LOCATION, by_hand, context, context_with, failed_messages, options, scheduler_of, sqs_event,
};
use crate::records::{contacts, sample_contacts};
use crate::{api_events, connect_events, webhooks};

/// Every event in `events/`, by its name.
const SAMPLES: [(&str, &str); 52] = [
    ("consumer", include_str!("../../events/consumer.json")),
    ("consumer-dry-run", include_str!("../../events/consumer-dry-run.json")),
    ("consumer-duplicate", include_str!("../../events/consumer-duplicate.json")),
    ("consumer-empty", include_str!("../../events/consumer-empty.json")),
    ("consumer-empty-body", include_str!("../../events/consumer-empty-body.json")),
    ("consumer-http", include_str!("../../events/consumer-http.json")),
    ("consumer-malformed", include_str!("../../events/consumer-malformed.json")),
    ("consumer-s3", include_str!("../../events/consumer-s3.json")),
    ("consumer-unknown-version", include_str!("../../events/consumer-unknown-version.json")),
    ("consumer-reconcile", include_str!("../../events/consumer-reconcile.json")),
    ("consumer-facts", include_str!("../../events/consumer-facts.json")),
    ("importer", include_str!("../../events/importer.json")),
    ("importer-not-json", include_str!("../../events/importer-not-json.json")),
    ("importer-scheduled", include_str!("../../events/importer-scheduled.json")),
    ("importer-test", include_str!("../../events/importer-test.json")),
    ("ingest", include_str!("../../events/ingest.json")),
    ("ingest-duplicate", include_str!("../../events/ingest-duplicate.json")),
    ("ingest-empty", include_str!("../../events/ingest-empty.json")),
    ("ingest-eventbridge-envelope", include_str!("../../events/ingest-eventbridge-envelope.json")),
    ("ingest-not-json", include_str!("../../events/ingest-not-json.json")),
    ("ingest-out-of-order", include_str!("../../events/ingest-out-of-order.json")),
    ("ingest-refused", include_str!("../../events/ingest-refused.json")),
    ("ingest-scheduled", include_str!("../../events/ingest-scheduled.json")),
    ("ingest-sns-envelope", include_str!("../../events/ingest-sns-envelope.json")),
    ("ingest-unknown-location", include_str!("../../events/ingest-unknown-location.json")),
    ("migrator", include_str!("../../events/migrator.json")),
    ("migrator-malformed", include_str!("../../events/migrator-malformed.json")),
    ("migrator-revive", include_str!("../../events/migrator-revive.json")),
    ("migrator-scheduled", include_str!("../../events/migrator-scheduled.json")),
    ("migrator-stale", include_str!("../../events/migrator-stale.json")),
    ("migrator-unknown-version", include_str!("../../events/migrator-unknown-version.json")),
    ("notifier", include_str!("../../events/notifier.json")),
    ("notifier-delivery", include_str!("../../events/notifier-delivery.json")),
    ("notifier-empty", include_str!("../../events/notifier-empty.json")),
    ("notifier-malformed", include_str!("../../events/notifier-malformed.json")),
    ("notifier-notices", include_str!("../../events/notifier-notices.json")),
    ("notifier-scheduled", include_str!("../../events/notifier-scheduled.json")),
    ("redrive", include_str!("../../events/redrive.json")),
    ("redrive-bad-order", include_str!("../../events/redrive-bad-order.json")),
    ("redrive-by-hand", include_str!("../../events/redrive-by-hand.json")),
    ("redrive-dry-run", include_str!("../../events/redrive-dry-run.json")),
    ("redrive-duplicates", include_str!("../../events/redrive-duplicates.json")),
    ("redrive-not-a-batch", include_str!("../../events/redrive-not-a-batch.json")),
    ("redrive-scheduled", include_str!("../../events/redrive-scheduled.json")),
    ("scheduler", include_str!("../../events/scheduler.json")),
    ("scheduler-alerts", include_str!("../../events/scheduler-alerts.json")),
    ("scheduler-digest", include_str!("../../events/scheduler-digest.json")),
    ("scheduler-empty", include_str!("../../events/scheduler-empty.json")),
    ("scheduler-facts", include_str!("../../events/scheduler-facts.json")),
    ("scheduler-location", include_str!("../../events/scheduler-location.json")),
    ("scheduler-reconcile", include_str!("../../events/scheduler-reconcile.json")),
    ("scheduler-sqs", include_str!("../../events/scheduler-sqs.json")),
];

pub(crate) fn sample(name: &str) -> Value {
    let (_, text) = SAMPLES.iter().find(|(sample, _)| *sample == name).unwrap();
    serde_json::from_str(text).unwrap()
}

pub(crate) fn message_ids(event: &Value) -> Vec<&str> {
    event["Records"].as_array().unwrap().iter().map(|record| record["messageId"].as_str().unwrap()).collect()
}

fn keys(event: &Value) -> BTreeSet<RecordKey> {
    let body = event["Records"][0]["body"].as_str().unwrap();
    let batch: Value = serde_json::from_str(body).unwrap();
    serde_json::from_value(batch["keys"].clone()).unwrap()
}

/// A deployment with the contacts of `events/contacts.csv`.
async fn with_sample_contacts() -> Deployment {
    let deployment = Deployment::start().await;
    deployment.put(&sample_contacts()).await;
    deployment
}

#[test]
fn no_sample_is_left_untested() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut events: BTreeSet<String> = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
    assert!(events.remove("env.local"), "the environment of `sam local` lies among them");
    let tested = SAMPLES.iter().map(|(name, _)| *name).chain(webhooks::SAMPLES.iter().map(|(name, ..)| *name));
    let tested = tested.chain(api_events::SAMPLES.iter().map(|(name, ..)| *name));
    let tested = tested.chain(connect_events::SAMPLES.iter().map(|(name, ..)| *name));
    assert_eq!(events, tested.map(str::to_owned).collect());
}

#[tokio::test]
async fn each_function_takes_its_samples_but_for_those_of_another_kind() {
    let other_kind = [
        "consumer-http",
        "consumer-s3",
        "importer-scheduled",
        "ingest-scheduled",
        "migrator-scheduled",
        "notifier-scheduled",
        "redrive-scheduled",
        "scheduler-sqs",
    ];
    let deployment = with_sample_contacts().await;
    for (name, _) in SAMPLES {
        let event = sample(name);
        let is_refused = match name.split('-').next() {
            Some("consumer") => matches!(deployment.consume(event).await, Err(ConsumerError::Event { .. })),
            Some("scheduler") => matches!(deployment.schedule(event).await, Err(SchedulerError::Event { .. })),
            Some("migrator") => matches!(deployment.migrate(event).await, Err(MigratorError::Event(_))),
            Some("importer") => matches!(deployment.import(event).await, Err(ImporterError::Event(_))),
            Some("ingest") => matches!(deployment.ingest(event).await, Err(IngestError::Event(_))),
            Some("notifier") => matches!(deployment.notify(event).await, Err(NotifierError::Stream(_))),
            Some("redrive") => matches!(deployment.redrive(event).await, Err(RedriveError::Event(_))),
            _ => panic!("which function is {name} for?"),
        };
        assert_eq!(is_refused, other_kind.contains(&name), "{name}");
    }
}

#[tokio::test]
async fn a_batch_syncs_the_records_that_it_names_and_no_others() {
    let deployment = with_sample_contacts().await;
    let event = sample("consumer");
    let named = keys(&event);
    assert_eq!(failed_messages(&deployment.consume(event).await.unwrap()), [""; 0]);
    let all: BTreeSet<RecordKey> = sample_contacts().iter().map(PutRecord::key).collect();
    let due: BTreeSet<RecordKey> = deployment.due().await.into_iter().collect();
    assert_eq!(&all - &due, named);
    assert_eq!((named.len(), due.len()), (5, 55));
    let stats = deployment.stats();
    assert_eq!((stats.calls, stats.ok, stats.contacts), (5, 5, 5));
}

#[tokio::test]
async fn a_message_that_comes_twice_reaches_ghl_once() {
    let deployment = with_sample_contacts().await;
    let event = sample("consumer-duplicate");
    assert_eq!(failed_messages(&deployment.consume(event.clone()).await.unwrap()), [""; 0]);
    assert_eq!(failed_messages(&deployment.consume(event).await.unwrap()), [""; 0]);
    let stats = deployment.stats();
    assert_eq!((stats.calls, stats.contacts, stats.duplicates), (5, 5, 0));
}

#[tokio::test]
async fn a_dry_run_makes_no_call_and_leaves_its_records_due() {
    let deployment = with_sample_contacts().await;
    assert_eq!(failed_messages(&deployment.consume(sample("consumer-dry-run")).await.unwrap()), [""; 0]);
    assert_eq!(deployment.stats().calls, 0);
    assert_eq!(deployment.due().await.len(), 60);
    // The same records without the dry run.
    deployment.consume(sample("consumer")).await.unwrap();
    assert_eq!(deployment.stats().contacts, 5);
}

#[tokio::test]
async fn no_messages_are_no_work() {
    let deployment = with_sample_contacts().await;
    assert_eq!(failed_messages(&deployment.consume(sample("consumer-empty")).await.unwrap()), [""; 0]);
    assert_eq!(deployment.stats().calls, 0);
}

#[tokio::test]
async fn a_message_that_is_no_batch_is_reported_and_spoils_no_other() {
    let deployment = with_sample_contacts().await;
    let event = sample("consumer-malformed");
    let ids = message_ids(&event);
    let response = deployment.consume(event.clone()).await.unwrap();
    assert_eq!(failed_messages(&response), ids[..1]);
    assert_eq!(deployment.stats().contacts, 5, "its neighbour was sent");

    for name in ["consumer-empty-body", "consumer-unknown-version"] {
        let event = sample(name);
        let response = deployment.consume(event.clone()).await.unwrap();
        assert_eq!(failed_messages(&response), message_ids(&event), "{name}");
    }
    assert_eq!((deployment.stats().calls, deployment.due().await.len()), (5, 55));
}

#[tokio::test]
async fn bodies_that_are_no_batch_are_each_reported() {
    let deployment = Deployment::start().await;
    let too_many = json!({ "v": 1, "location_id": LOCATION, "keys": vec!["contact#a"; 501] }).to_string();
    let bodies = [
        " ",
        "null",
        "[]",
        "\"text\"",
        r#"{"location_id":"loc_demo","keys":[]}"#,
        r#"{"v":"1","location_id":"loc_demo","keys":[]}"#,
        r#"{"v":1,"keys":[]}"#,
        r#"{"v":1,"location_id":"no spaces","keys":[]}"#,
        r#"{"v":1,"location_id":"","keys":[]}"#,
        r#"{"v":1,"location_id":"../loc","keys":[]}"#,
        r#"{"v":1,"location_id":"loc_demo","keys":["nothing"]}"#,
        r#"{"v":1,"location_id":"loc_demo","keys":"contact#a"}"#,
        too_many.as_str(),
    ];
    let ids: Vec<String> = (0..bodies.len()).map(|number| format!("m{number}")).collect();
    let event = sqs_event(ids.iter().map(String::as_str).map(Some).zip(bodies));
    assert_eq!(failed_messages(&deployment.consume(event).await.unwrap()), ids);
    let without_body = json!({ "Records": [{ "messageId": "m1", "eventSource": "aws:sqs" }] });
    assert_eq!(failed_messages(&deployment.consume(without_body).await.unwrap()), ["m1"]);
    assert_eq!(deployment.stats().calls, 0);
}

#[tokio::test]
async fn a_message_that_names_a_record_twice_sends_it_once() {
    let deployment = Deployment::start().await;
    let record = contacts(1).remove(0);
    deployment.put(std::slice::from_ref(&record)).await;
    deployment.consume(by_hand(&[record.clone(), record])).await.unwrap();
    assert_eq!((deployment.stats().calls, deployment.due().await.len()), (1, 0));
}

#[tokio::test]
async fn a_message_may_name_more_records_than_dynamodb_reads_at_once() {
    let deployment = Deployment::with(StackOptions { limit: 200, ..options() }).await;
    let records = contacts(120);
    deployment.put(&records).await;
    deployment.consume(by_hand(&records)).await.unwrap();
    assert_eq!((deployment.stats().contacts, deployment.due().await.len()), (120, 0));
}

#[tokio::test]
async fn an_invocation_without_time_leaves_everything_due() {
    let deployment = Deployment::start().await;
    let records = contacts(3);
    deployment.put(&records).await;
    let event = by_hand(&records);
    for context in [context_with(Duration::from_secs(2)), context_with(Duration::ZERO), Context::default()] {
        let event = LambdaEvent::new(event.clone(), context);
        let response = consumer::handle(&deployment.engine, event).await.unwrap();
        assert_eq!(failed_messages(&response), [""; 0]);
        assert_eq!((deployment.stats().calls, deployment.due().await.len()), (0, 3));
    }
    deployment.run_until_synced().await;
    assert_eq!(deployment.stats().contacts, 3);
}

#[tokio::test]
async fn a_location_that_nobody_knows_is_done_with_and_makes_no_call() {
    let deployment = Deployment::start().await;
    let body = r##"{"v":1,"location_id":"elsewhere","keys":["contact#a"]}"##;
    let response = deployment.consume(sqs_event([(Some("m1"), body)])).await.unwrap();
    assert_eq!(failed_messages(&response), [""; 0]);
    assert_eq!(deployment.stats().calls, 0);
}

#[tokio::test]
async fn records_that_do_not_exist_are_done_with_and_make_no_call() {
    let deployment = Deployment::start().await;
    assert_eq!(failed_messages(&deployment.consume(sample("consumer")).await.unwrap()), [""; 0]);
    assert_eq!(deployment.stats().calls, 0);
}

#[tokio::test]
async fn an_event_that_is_not_from_sqs_is_refused_with_what_was_expected() {
    let deployment = Deployment::start().await;
    let cases = [
        (sample("consumer-s3"), "it got a record of `aws:s3`"),
        (sample("consumer-http"), "it got an object without a list `Records`"),
        (json!({ "Records": [{ "body": "{}" }] }), "it got a record without `eventSource`"),
        (json!({ "Records": [7] }), "it got a record without `eventSource`"),
        (json!({ "Records": [{ "eventSource": "aws:sqs", "body": 7 }] }), "a record is malformed"),
        (json!({ "Records": 1 }), "it got an object without a list `Records`"),
        (json!({}), "it got an object without a list `Records`"),
        (json!("text"), "it got something that is not an object"),
        (json!([]), "it got something that is not an object"),
        (json!(7), "it got something that is not an object"),
        (json!(null), "it got something that is not an object"),
        (sample("scheduler"), "it got an object without a list `Records`"),
    ];
    for (event, found) in cases {
        let refused = deployment.consume(event.clone()).await.unwrap_err();
        assert!(matches!(refused, ConsumerError::Event { .. }), "{event}: {refused:?}");
        let text = refused.to_string();
        assert!(text.contains("expects an SQS event") && text.contains(found), "{event}: {text}");
        assert!(!text.contains("contacts.csv"), "{text}");
    }
}

#[tokio::test]
async fn a_message_that_is_no_batch_and_has_no_id_fails_the_event() {
    let deployment = Deployment::start().await;
    for id in [None, Some("")] {
        let refused = deployment.consume(sqs_event([(id, "{")])).await.unwrap_err();
        assert!(matches!(refused, ConsumerError::NoMessageId(_)), "{refused:?}");
        assert!(refused.source().unwrap().to_string().contains("not JSON"));
    }
}

#[tokio::test]
async fn the_schedule_and_an_empty_event_start_what_is_due() {
    for name in ["scheduler", "scheduler-empty", "scheduler-location"] {
        let deployment = with_sample_contacts().await;
        let report = deployment.tick(sample(name)).await.unwrap();
        assert_eq!((report.looked_at, report.started, report.records, report.failed), (1, 1, 50, 0), "{name}");
        // It is running now.
        let again = deployment.tick(sample(name)).await.unwrap();
        assert_eq!(again.started, 0, "{name}");
        let batch = deployment.next_event().await.unwrap();
        deployment.consume(batch).await.unwrap();
        assert_eq!(deployment.stats().contacts, 50, "{name}");
    }
}

#[tokio::test]
async fn a_tick_without_work_starts_nothing() {
    let deployment = Deployment::start().await;
    for event in [sample("scheduler"), json!({}), json!(null), json!({ "sweep": true }), sample("scheduler-location")] {
        let report = deployment.tick(event.clone()).await.unwrap();
        assert_eq!((report.started, report.failed), (0, 0), "{event}");
    }
    assert!(deployment.next_event().await.is_none());
}

#[tokio::test]
async fn an_event_that_is_no_tick_is_refused_with_what_was_expected() {
    let deployment = Deployment::start().await;
    let cases = [
        (sample("scheduler-sqs"), "it got an object with Records"),
        (json!({ "detail-type": "Object Created", "detail": {} }), "it got an object with detail, detail-type"),
        (json!([1]), "it got a list"),
        (json!("loc_demo"), "it got a string"),
        (json!(7), "it got a number"),
        (json!(true), "it got a boolean"),
    ];
    for (event, found) in cases {
        let refused = deployment.tick(event.clone()).await.unwrap_err();
        assert!(matches!(refused, SchedulerError::Event { .. }), "{event}: {refused:?}");
        let text = refused.to_string();
        assert!(text.contains("expects an EventBridge scheduled event") && text.contains(found), "{event}: {text}");
    }
}

#[tokio::test]
async fn a_tick_with_a_bad_field_names_what_is_wrong_with_it() {
    let deployment = Deployment::start().await;
    let cases = [
        (json!({ "location_id": "no spaces" }), "location_id has a character"),
        (json!({ "location_id": "" }), "location_id is empty"),
        (json!({ "location_id": 7 }), "expected a string"),
        (json!({ "location_id": LOCATION, "locations": [] }), "unknown field `locations`"),
        (json!({ "sweep": "yes" }), "expected a boolean"),
    ];
    for (event, found) in cases {
        let refused = deployment.tick(event.clone()).await.unwrap_err();
        let SchedulerError::Field(cause) = &refused else { panic!("{event}: {refused:?}") };
        assert!(cause.to_string().contains(found), "{event}: {cause}");
    }
}

#[tokio::test]
async fn a_location_that_is_not_enabled_is_not_started() {
    let deployment = Deployment::start().await;
    let disabled = deployment.engine_with(&[("GHL_LOCATIONS", r#"{"loc_demo":{"enabled":false}}"#)]);
    disabled.put(&contacts(1)).await.unwrap();
    let disabled = scheduler_of(&disabled);
    let tick = |event| scheduler::handle(&disabled, LambdaEvent::new(event, context()));
    let refused = tick(sample("scheduler-location")).await.unwrap_err();
    assert!(matches!(&refused, SchedulerError::NotEnabled(id) if id.as_str() == LOCATION), "{refused:?}");
    let scheduler::Done::Ticked(swept) = tick(json!({})).await.unwrap() else { panic!("that is a tick") };
    assert_eq!(swept.started, 0);
    assert_eq!(deployment.due().await.len(), 1, "it stays due");
}
