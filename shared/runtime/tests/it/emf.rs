//! Metrics are valid documents of CloudWatch's embedded metric format, and cover everything that operators must know.

use std::time::Duration;

use ghl_sync_engine::counts::{Counter, ReconcileCount};
use ghl_sync_engine::usecase::{DeadLetterEnd, Event, Measures, Received};
use ghl_sync_model::{Api, Batch, DeadLetter, EpochMs, LocationId, NotForUs, ScopeId};
use ghl_sync_runtime::EmfSink;
use ghl_sync_testkit::{CallFault, Noted, Setup, World, block_on_paused};
use serde_json::Value;

/// After the schema in "Specification: Embedded metric format", Amazon CloudWatch User Guide,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
/// (as of 2026-11).
const SCHEMA: &str = include_str!("emf-schema.json");

const NOW: EpochMs = EpochMs(1_795_000_000_000);

/// The metrics line of `measures`, checked against the schema.
fn line(work: &'static str, measures: &Measures) -> Value {
    let location = LocationId::new("loc").unwrap();
    let event = Event::Measured { work, location: Some(&location), measures };
    valid(&EmfSink::new("shop").line(&event, NOW).unwrap())
}

fn valid(line: &str) -> Value {
    assert!(!line.contains('\n') && line.len() < 256 * 1024);
    let document: Value = serde_json::from_str(line).unwrap();
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    let name = "https://test.invalid/emf.json";
    compiler.add_resource(name, serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let schema = compiler.compile(name, &mut schemas).unwrap();
    if let Err(error) = schemas.validate(&document, schema) {
        panic!("{error}: {document}");
    }
    // The schema cannot express this: every named metric and dimension exists, as a number, up to 100 numbers, or a
    // string.
    let directive = &document["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(
        (&directive["Namespace"], &directive["Dimensions"]),
        (&"GhlSync".into(), &serde_json::json!([["Stack"]]))
    );
    assert!(document["Stack"].is_string());
    for metric in directive["Metrics"].as_array().unwrap() {
        let value = &document[metric["Name"].as_str().unwrap()];
        let is_number_list =
            value.as_array().is_some_and(|list| (1..=100).contains(&list.len()) && list.iter().all(Value::is_number));
        assert!(value.is_number() || is_number_list, "{metric}: {value}");
    }
    document
}

/// All measures of batches, or of ticks.
fn measured(world: &World, wanted: &str) -> Vec<Measures> {
    world.sink.pick(|_, noted| match noted {
        Noted::Measured { work, measures } if *work == wanted => Some(measures.clone()),
        _ => None,
    })
}

fn sum(lines: &[Value], metric: &str) -> f64 {
    lines.iter().filter_map(|line| line[metric].as_f64()).sum()
}

#[test]
fn a_run_with_an_outage_and_a_429_is_told_in_valid_lines_one_a_batch() {
    block_on_paused(async {
        let world = Setup::default().start();
        world.ghl.on_call(|seen| match seen.number {
            3 => Some(CallFault::retry_after(429, Duration::from_secs(1))),
            10..=60 => Some(CallFault::status(503)),
            _ => None,
        });
        let records: Vec<_> = (0..40).map(contact).collect();
        world.put(&records).await.unwrap();
        world.run_until_settled(Duration::from_secs(3600)).await.unwrap();
        let lines: Vec<Value> = measured(&world, "batch").iter().map(|measures| line("batch", measures)).collect();
        assert_eq!(lines.len(), world.reports().len(), "one line a batch");
        assert_eq!(sum(&lines, "CallsMade"), world.ghl.arrivals().len() as f64);
        assert_eq!((sum(&lines, "RateLimitHits"), sum(&lines, "RecordsSucceeded")), (1.0, 40.0));
        assert!(sum(&lines, "CircuitBreakerOpens") >= 1.0 && sum(&lines, "RetryAttempts") >= 5.0);
        assert!(lines.iter().any(|line| line["BackoffDelay"].is_array() && line["CallLatency"].is_array()));
        assert!(lines.iter().any(|line| line["SyncSuccessRate"] == 1.0));
        assert!(lines.iter().any(|line| line["OldestDueAge"].as_f64().is_some_and(|age| age > 1.0)));
        let ticks: Vec<Value> = measured(&world, "tick").iter().map(|measures| line("tick", measures)).collect();
        assert!(!ticks.is_empty() && ticks.iter().all(|tick| tick["TickLocationsFailed"] == 0));
    });
}

#[test]
fn reconciling_tells_what_it_compared_and_put_right_and_that_it_was_put_off() {
    let mut measures = Measures::default();
    let (compared, put_off) =
        (Counter::Reconciled(ReconcileCount::Compared), Counter::Reconciled(ReconcileCount::PutOff));
    measures.counts.add(compared, 7);
    measures.counts.add(put_off, 1);
    let told = line("reconcile", &measures);
    assert_eq!((&told["ReconcileCompared"], &told["ReconcilePutOff"]), (&7.into(), &1.into()));
    assert_eq!(
        (&told["ReconcileResent"], &told["work"], &told["location"]),
        (&Value::Null, &"reconcile".into(), &"loc".into())
    );
    let batch = line("batch", &Measures::default());
    assert_eq!(batch["ReconcilePutOff"], Value::Null, "a batch has nothing to do with it");
}

#[test]
fn a_message_that_is_no_batch_is_told_and_a_put_without_trouble_is_not() {
    let error = Batch::from_json("").unwrap_err();
    let event = Event::NotABatch { message_id: None, error: &error };
    let document = valid(&EmfSink::new("shop").line(&event, NOW).unwrap());
    assert_eq!((&document["NotABatch"], &document["Stack"]), (&1.into(), &"shop".into()));
    let put = Event::Measured { work: "put", location: None, measures: &Measures::default() };
    assert_eq!(EmfSink::new("shop").line(&put, NOW), None);
}

#[test]
fn every_webhook_is_counted_once_by_what_became_of_it() {
    let location = LocationId::new("loc").unwrap();
    let taken = |received| Event::Webhook { location: Some(&location), event_type: "ContactUpdate", received };
    let error = ghl_sync_engine::ports::PortError::new("known.replace", "slow down");
    let refused = |status, reason| Event::WebhookRefused { status, reason, error: &error };
    let cases = [
        (taken(Received::Stored), "WebhooksStored"),
        (taken(Received::Enabled), "WebhooksStored"),
        (taken(Received::Stopped), "WebhooksStored"),
        (taken(Received::Duplicate), "WebhooksDuplicate"),
        (taken(Received::Collapsed), "WebhooksDuplicate"),
        (taken(Received::Stale), "WebhooksStale"),
        (taken(Received::Ignored(NotForUs::UnknownType)), "WebhooksIgnored"),
        (refused(401, "not_genuine"), "WebhooksRefused"),
        (refused(429, "not_stored"), "WebhooksNotStored"),
    ];
    for (event, result) in cases {
        let document = valid(&EmfSink::new("shop").line(&event, NOW).unwrap());
        let metrics = document["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        let names: Vec<&str> = metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
        assert_eq!(names, ["WebhooksReceived", result]);
        assert_eq!((&document["WebhooksReceived"], &document[result]), (&1.into(), &1.into()), "{result}");
        if let Event::WebhookRefused { reason, .. } = event {
            assert_eq!(document["reason"], reason);
        }
    }
}

#[test]
fn a_dead_letter_is_counted_when_it_is_done_with_and_a_host_each_time_it_is_found_down() {
    let letter = DeadLetter { id: "m".to_owned(), body: "{".to_owned(), sent_at: None, receives: None, source: None };
    let counted = |end| {
        let event = Event::DeadLetter { letter: &letter, message: Err("not_json"), age: None, end };
        EmfSink::new("shop").line(&event, NOW).map(|line| valid(&line)["DeadLetters"].clone())
    };
    assert_eq!((counted(DeadLetterEnd::Parked), counted(DeadLetterEnd::Stays)), (Some(1.into()), None));
    let scope = ScopeId::from(LocationId::new("loc").unwrap());
    let counted = |to| {
        let event = Event::Host { api: Api::V2, scope: &scope, from: "probing", to };
        EmfSink::new("shop").line(&event, NOW).map(|line| valid(&line)["HostDown"].clone())
    };
    assert_eq!((counted("down"), counted("up")), (Some(1.into()), None));
}

fn contact(n: usize) -> ghl_sync_model::PutRecord {
    use ghl_sync_model::{Contact, Payload, PutRecord};
    let content = Contact { email: Some(format!("c{n}@example.test")), ..Contact::default() };
    PutRecord::new(LocationId::new("loc").unwrap(), format!("{n}").parse().unwrap(), Payload::Contact(content))
}
