//! Fails each DynamoDB write of a sync in turn, through the real SDK and its retries.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_engine::usecase::{Engine, EngineConfig};
use ghl_sync_model::{LocationId, Priority, PutRecord};
use lambda_runtime::LambdaEvent;
use serde_json::json;

use crate::deployment::{Deployment, by_hand, context_with, location, options};
use crate::intermediary::{self, Act};
use crate::records::{contact, in_location, opportunity};

const JSON: &str = "application/x-amz-json-1.0";
const THROTTLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}"#;
const FAILED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"try again"}"#;
const TROUBLES: [(&str, Act); 3] = [
    ("throttled", Act::Answer(400, JSON, THROTTLED)),
    ("failed", Act::Answer(500, JSON, FAILED)),
    ("done, and the answer lost", Act::LoseAnswer),
];
/// A run that could not end its lease expires after this, and another one continues.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(3);
/// On a busy machine, run after run expires before its end.
const PATIENCE: Duration = Duration::from_secs(600);
/// Locations at once.
const AT_ONCE: usize = 5;

/// The write that fails, counted from 1: all attempts of the SDK count as one write.
#[derive(Clone, Copy)]
struct Trouble {
    write: usize,
    what: &'static str,
    act: Act,
}

/// A contact with tags, a contact that must not be created twice, and an opportunity.
fn records(location: &LocationId) -> Vec<PutRecord> {
    let tagged = contact("tagged", json!({ "tags": ["new"] }));
    let nameless = contact("nameless", json!({ "email": null }));
    in_location(location, vec![tagged, nameless, opportunity("tagged", json!({}))])
}

/// Puts and syncs the records of `location` while DynamoDB is in `trouble`. Returns the number of writes.
async fn sync_through(deployment: &Deployment, location: &LocationId, trouble: Trouble) -> usize {
    let writes = Arc::new(Mutex::new(HashSet::new()));
    let server = deployment.stack.vars["AWS_ENDPOINT_URL_DYNAMODB"].trim_start_matches("http://").parse().unwrap();
    let (seen, chosen) = (Arc::clone(&writes), Mutex::new(None));
    let url = intermediary::deciding(server, move |request| {
        let (head, body) = request.split_at(request.windows(4).position(|window| window == b"\r\n\r\n").unwrap());
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        if !head.contains("dynamodb_20120810.updateitem") {
            return Act::Pass;
        }
        // The SDK's retries count as the same write.
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let (mut seen, mut chosen) = (seen.lock().unwrap(), chosen.lock().unwrap());
        if seen.insert(hasher.finish()) && seen.len() == trouble.write {
            *chosen = Some(hasher.finish());
        }
        if *chosen == Some(hasher.finish()) { trouble.act } else { Act::Pass }
    })
    .await;
    let engine = deployment.engine_with(&[("AWS_ENDPOINT_URL_DYNAMODB", &url)]);
    let config = EngineConfig { request_timeout: Duration::from_secs(1), ..engine.config().clone() };
    let engine = Engine::new(engine.ports().clone(), config);
    let records = records(location);
    let started = Instant::now();
    // A producer repeats a failed put.
    while engine.put(&records).await.is_err() {}
    while due(deployment, location).await > 0 {
        let Trouble { write, what, .. } = trouble;
        assert!(started.elapsed() < PATIENCE, "write {write} {what}: still due");
        let event = LambdaEvent::new(by_hand(&records), context_with(FUNCTION_TIMEOUT));
        consumer::handle(&engine, event).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for put in &records {
        let record = deployment.record(put).await;
        let state = (record.accepted_version == Some(record.version), record.failed_at);
        assert_eq!(state, (true, None), "write {} {}: {}", trouble.write, trouble.what, record.key);
    }
    writes.lock().unwrap().len()
}

async fn due(deployment: &Deployment, location: &LocationId) -> usize {
    let outbox = &deployment.engine.ports().outbox;
    let due = Priority::ALL.map(|priority| outbox.due(location, priority, 10));
    futures::future::join_all(due).await.into_iter().map(|due| due.unwrap().len()).sum()
}

#[tokio::test]
async fn dynamodb_in_trouble_at_any_write_of_a_sync_loses_nothing_and_doubles_nothing() {
    let names: Vec<LocationId> = (0..100).map(|number| location(&format!("loc_{number}"))).collect();
    let deployment = Deployment::with(StackOptions { locations: names.clone(), ..options() }).await;
    let no_trouble = Trouble { write: usize::MAX, what: "nothing", act: Act::Pass };
    let writes = sync_through(&deployment, &names[0], no_trouble).await;
    assert!((10..30).contains(&writes), "{writes} writes");
    let troubles = (1..=writes).flat_map(|write| TROUBLES.map(|(what, act)| Trouble { write, what, act }));
    let runs = troubles.zip(&names[1..]).map(|(trouble, location)| sync_through(&deployment, location, trouble));
    let runs: Vec<usize> = futures::stream::iter(runs).buffered(AT_ONCE).collect().await;
    assert_eq!(runs.len(), 3 * writes, "each had a location of its own");
    // Around the turn of a minute, the counters need one write more or less.
    let met = runs.iter().enumerate().filter(|(run, seen)| **seen > run / 3).count();
    assert!(met >= runs.len() - 6, "{met} of {} runs met their trouble", runs.len());
    let stats = deployment.stats();
    let locations = runs.len() as u64 + 1;
    assert_eq!((stats.contacts, stats.opportunities, stats.duplicates), (2 * locations, locations, 0));
    assert_eq!(stats.breaches, 0);
}
