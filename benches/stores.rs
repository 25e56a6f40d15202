//! The local cost of a DynamoDB request: encoding the item, signing and writing the request, reading and decoding the
//! response. Responses come immediately from memory.
//!
//! `cargo bench -p ghl-sync-benches --bench stores`
#![allow(clippy::unwrap_used, reason = "a benchmark whose input is wrong shall stop")]
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use criterion::{Criterion, criterion_group, criterion_main};
use ghl_sync_aws::{DynamoGateStore, DynamoOutbox};
use ghl_sync_engine::ports::{GateStore, Loaded, Outbox};
use ghl_sync_engine::usecase::EngineConfig;
use ghl_sync_limiter::{Gate, Run, Signal};
use ghl_sync_model::{
    Contact, ContentHash, EpochMs, GhlId, Holder, Kind, LocationId, Outcome, Payload, Priority, Provenance, RecordId,
    RecordKey, ScopeId,
};
use ghl_sync_testkit::Setup;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const T0: EpochMs = EpochMs(1_794_900_000_000);
const TABLE: &str = "records";
const BATCH_SIZE: usize = 50;

criterion_group!(benches, gate_item, record_items);
criterion_main!(benches);

fn gate_item(criterion: &mut Criterion) {
    let runtime = runtime();
    let scope: ScopeId = location().into();
    let gate = busy_gate();
    let item = json!({"Item": {
        "pk": {"S": format!("gate#{scope}")}, "rev": {"N": "4711"}, "work_seq": {"N": "12"},
        "gate": {"S": serde_json::to_string(&gate).unwrap()}, "token": {"S": "00f067aa0ba902b7"},
        "check_shard": {"N": "7"}, "next_check_at": {"N": T0.0.to_string()},
    }});
    let loading = DynamoGateStore::new(client(item), TABLE);
    let storing = DynamoGateStore::new(client(json!({})), TABLE);
    assert_eq!(runtime.block_on(loading.load(&scope)).unwrap().gate, gate);
    let mut group = criterion.benchmark_group("gate item");
    group.bench_function("load", |b| b.iter(|| runtime.block_on(loading.load(&scope)).unwrap()));
    group.bench_function("replace", |b| b.iter(|| runtime.block_on(storing.replace(&scope, 4711, &gate)).unwrap()));
    group.finish();
}

fn record_items(criterion: &mut Criterion) {
    let runtime = runtime();
    let location = location();
    let keys: Vec<RecordKey> = (0..BATCH_SIZE).map(key).collect();
    let entry = |key: &RecordKey| {
        json!({"location_id": {"S": location.as_str()}, "record": {"S": key.to_string()},
               "due": {"S": format!("1#{:020}", T0.0)}})
    };
    let entries: Vec<Value> = keys.iter().map(entry).collect();
    let items: Vec<Value> = keys.iter().map(item).collect();
    let outbox = |answer| DynamoOutbox::new(client(answer), TABLE);
    let due = outbox(json!({ "Items": entries }));
    let loading = outbox(json!({ "Responses": { TABLE: items }, "UnprocessedKeys": {} }));
    let settling = outbox(json!({}));
    assert_eq!(runtime.block_on(due.due(&location, Priority::Normal, 50)).unwrap().len(), BATCH_SIZE);
    let mut loaded = runtime.block_on(loading.load(&location, &keys)).unwrap();
    assert_eq!(loaded.len(), BATCH_SIZE);
    let Some(Loaded::Record(record)) = loaded.pop() else { return };
    let outcome = Outcome::Accepted {
        ghl_id: GhlId::new("ocQHyuzHvysMo5N5VsXc").unwrap(),
        hash: record.payload.hash(),
        provenance: Provenance::Created,
        not_stored: Vec::new(),
    };

    let mut group = criterion.benchmark_group("record items");
    group.bench_function("due: 50 entries", |b| {
        b.iter(|| runtime.block_on(due.due(&location, Priority::Normal, 50)).unwrap());
    });
    group.bench_function("load: 50 items", |b| {
        b.iter(|| runtime.block_on(loading.load(&location, &keys)).unwrap());
    });
    group.bench_function("settle: one accepted", |b| {
        b.iter(|| runtime.block_on(settling.settle(&record, &outcome, T0)).unwrap());
    });
    group.finish();
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// A client that answers every request immediately with `answer`.
fn client(answer: Value) -> Client {
    let connector = SharedHttpConnector::new(Canned { answer: answer.to_string() });
    let http: SharedHttpClient = http_client_fn(move |_: &HttpConnectorSettings, _| connector.clone());
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys("key", "secret", None))
        .http_client(http);
    Client::from_conf(config.build())
}

#[derive(Debug)]
struct Canned {
    answer: String,
}

impl HttpConnector for Canned {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let body = SdkBody::from(self.answer.clone());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), body)))
    }
}

fn location() -> LocationId {
    LocationId::new("ve9EPM428h8vShlRW1KT").unwrap()
}

fn key(number: usize) -> RecordKey {
    RecordKey { kind: Kind::Contact, id: RecordId::new(format!("crm-{number:010}")).unwrap() }
}

/// The gate of a busy location: a full window of calls, and the permits of a batch.
fn busy_gate() -> Gate {
    let (_, settings) = Setup::settings(location().as_str()).unwrap();
    let rules = EngineConfig::default().rules(&settings);
    let run = Run { holder: Holder::of_invocation(&format!("{:032x}", 1), 0), until: T0 + Duration::from_secs(65) };
    let mut gate = Gate::default();
    gate.take_run(T0, None, run.clone(), &rules).unwrap();
    for _ in 0..2 {
        gate.lease(T0, &run, 50, Priority::High, &rules);
    }
    for call in 1..=50 {
        let at = T0 + Duration::from_millis(100) * call;
        gate.learn(&Signal::Finished { holder: run.holder.clone(), at, told_daily: false }, &rules);
    }
    gate
}

/// The item of a record that GHL has accepted and that was put again.
fn item(key: &RecordKey) -> Value {
    let payload = Payload::Contact(Contact {
        first_name: Some("Maximiliane".to_owned()),
        last_name: Some("Oberhuber".to_owned()),
        email: Some(format!("{}@example.com", key.id.as_str())),
        phone: Some("+43 660 5550 1234".to_owned()),
        address1: Some("Untere Hauptstrasse 118".to_owned()),
        city: Some("Sankt Johann im Pongau".to_owned()),
        company_name: Some("Oberhuber & Steiner Holzbau GmbH".to_owned()),
        ..Contact::default()
    });
    let (text, now) = (payload.to_json(), T0.0.to_string());
    json!({
        "location_id": {"S": location().as_str()}, "record": {"S": key.to_string()}, "payload": {"S": text},
        "version": {"N": "2"}, "priority": {"S": "normal"}, "attempts": {"N": "0"},
        "due": {"S": format!("1#{:020}", T0.0)},
        "created_at": {"N": now}, "updated_at": {"N": now}, "accepted_at": {"N": now}, "accepted_version": {"N": "1"},
        "accepted_hash": {"S": ContentHash::of(b"before").to_string()}, "ghl_id": {"S": "ocQHyuzHvysMo5N5VsXc"},
    })
}
