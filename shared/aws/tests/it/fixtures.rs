//! Tables with their adapters, and records to put.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_aws::{
    AwsConfig, DynamoCounters, DynamoGateStore, DynamoItems, DynamoLocations, DynamoOutbox, Usage, tables,
};
use ghl_sync_engine::ports::{Loaded, Outbox, Versioned};
use ghl_sync_model::{
    Contact, EpochMs, ErrorCode, GhlId, Item, LastError, LocationId, Outcome, Payload, Priority, Provenance, PutRecord,
    Record, RecordId, RecordKey, ScopeId,
};

use crate::servers::{self, LossyProxy};

pub(crate) const RECORDS: &str = "records";
pub(crate) const STATE: &str = "state";

/// Both tables, empty, with their adapters.
pub(crate) struct Tables {
    pub(crate) client: aws_sdk_dynamodb::Client,
    pub(crate) outbox: DynamoOutbox,
    pub(crate) gates: DynamoGateStore,
    pub(crate) locations: DynamoLocations,
    pub(crate) counters: DynamoCounters,
    pub(crate) usage: Arc<Usage>,
}

/// The same, behind a proxy that can lose replies.
pub(crate) async fn behind_proxy(retries: bool) -> (Tables, LossyProxy) {
    let proxy = LossyProxy::before(servers::dynamodb().await).await;
    let dynamodb_endpoint = Some(format!("http://{}", proxy.address));
    (Tables::with(AwsConfig { dynamodb_endpoint, retries, ..servers::config() }).await, proxy)
}

impl Tables {
    /// The items of one type with revisions.
    pub(crate) fn versioned<T: Item>(&self) -> Versioned<T> {
        Versioned::new(Arc::new(DynamoItems::new(self.client.clone(), STATE)))
    }

    pub(crate) async fn new() -> Tables {
        let address = servers::dynamodb().await;
        Tables::with(AwsConfig { dynamodb_endpoint: Some(format!("http://{address}")), ..servers::config() }).await
    }

    pub(crate) async fn with(config: AwsConfig) -> Tables {
        let usage = Usage::new();
        let config = AwsConfig { interceptor: Some(usage.interceptor()), ..config };
        let client = config.dynamodb();
        tables::RECORDS.create(&client, RECORDS).await.unwrap();
        tables::STATE.create(&client, STATE).await.unwrap();
        Tables {
            outbox: DynamoOutbox::new(client.clone(), RECORDS),
            gates: DynamoGateStore::new(client.clone(), STATE),
            locations: DynamoLocations::new(client.clone(), STATE),
            counters: DynamoCounters::new(client.clone(), STATE),
            usage,
            client,
        }
    }

    /// Puts `contact` at `now` and loads it.
    pub(crate) async fn put_and_load(&self, put: &PutRecord, now: u64) -> Record {
        self.outbox.put(put, EpochMs(now)).await.unwrap();
        self.record(&put.key()).await
    }

    pub(crate) async fn record(&self, key: &RecordKey) -> Record {
        match self.outbox.load(&location(), std::slice::from_ref(key)).await.unwrap().remove(0) {
            Loaded::Record(record) => *record,
            Loaded::Damaged { reason, .. } => panic!("{key} is damaged: {reason}"),
        }
    }

    /// Keys that are due with `priority`, in order.
    pub(crate) async fn due(&self, priority: Priority) -> Vec<String> {
        let due = self.outbox.due(&location(), priority, 100).await.unwrap();
        due.into_iter().map(|due| due.key.to_string()).collect()
    }

    /// The item of a record, with all attributes.
    pub(crate) async fn item(&self, key: &RecordKey) -> Option<HashMap<String, AttributeValue>> {
        let request = self.client.get_item().table_name(RECORDS).set_key(Some(item_key(key))).consistent_read(true);
        request.send().await.unwrap().item
    }

    /// Changes the item of a record by hand, as in the console.
    pub(crate) async fn edit(&self, key: &RecordKey, attribute: &str, value: AttributeValue) {
        let request = self.client.update_item().table_name(RECORDS).set_key(Some(item_key(key)));
        let request = request.update_expression("SET #a = :a").expression_attribute_names("#a", attribute);
        request.expression_attribute_values(":a", value).send().await.unwrap();
    }

    /// Changes an item of the state table by hand.
    pub(crate) async fn set_state_attribute(&self, pk: &str, attribute: &str, value: &str) {
        let request = self.client.update_item().table_name(STATE);
        let request = request.key("pk", AttributeValue::S(pk.to_owned()));
        let request = request.update_expression("SET #a = :a").expression_attribute_names("#a", attribute);
        request.expression_attribute_values(":a", AttributeValue::S(value.to_owned())).send().await.unwrap();
    }

    /// Puts an item with a foreign sort key into the due index.
    pub(crate) async fn put_foreign_item(&self, sort_key: &str, due_at: u64) {
        let request = self.client.put_item().table_name(RECORDS);
        let request = request.item("location_id", AttributeValue::S(location().to_string()));
        let request = request.item("record", AttributeValue::S(sort_key.to_owned()));
        request.item("due", AttributeValue::S(format!("1#{due_at:020}"))).send().await.unwrap();
    }

    /// Deletes a record by hand, as in the console.
    pub(crate) async fn delete(&self, key: &RecordKey) {
        let request = self.client.delete_item().table_name(RECORDS).set_key(Some(item_key(key)));
        request.send().await.unwrap();
    }

    /// Number of items in an index.
    pub(crate) async fn index_size(&self, table: &str, index: &str) -> i32 {
        self.client.scan().table_name(table).index_name(index).send().await.unwrap().count()
    }
}

fn item_key(key: &RecordKey) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("location_id".to_owned(), AttributeValue::S(location().to_string())),
        ("record".to_owned(), AttributeValue::S(key.to_string())),
    ])
}

pub(crate) fn location() -> LocationId {
    LocationId::new("ve9EPM428h8vShlRW1KT").unwrap()
}

pub(crate) fn scope(name: &str) -> ScopeId {
    ScopeId::new(name).unwrap()
}

pub(crate) fn ghl_id(id: &str) -> GhlId {
    GhlId::new(id).unwrap()
}

pub(crate) fn key(key: &str) -> RecordKey {
    key.parse().unwrap()
}

/// A contact with this id and first name, of normal priority.
pub(crate) fn contact(id: &str, first_name: &str) -> PutRecord {
    let contact = Contact {
        first_name: Some(first_name.to_owned()),
        email: Some(format!("{id}@example.com")),
        ..Contact::default()
    };
    PutRecord::new(location(), RecordId::new(id).unwrap(), Payload::Contact(contact))
}

pub(crate) fn accepted(put: &PutRecord, id: &str) -> Outcome {
    Outcome::Accepted {
        ghl_id: ghl_id(id),
        hash: put.payload.hash(),
        provenance: Provenance::Created,
        not_stored: Vec::new(),
    }
}

pub(crate) fn failed(ghl_id: Option<GhlId>) -> Outcome {
    Outcome::Failed { error: error(ErrorCode::Rejected), ghl_id, provenance: Provenance::Unknown }
}

pub(crate) fn retry(due_at: u64, not_before: Option<u64>, ghl_id: Option<GhlId>) -> Outcome {
    let error = error(ErrorCode::MaxRetriesExceeded);
    Outcome::Retry {
        due_at: EpochMs(due_at),
        error,
        not_before: not_before.map(EpochMs),
        ghl_id,
        provenance: Provenance::Unknown,
    }
}

pub(crate) fn error(code: ErrorCode) -> LastError {
    LastError { code, status: Some(503), message: "upstream said no".to_owned(), at: EpochMs(5) }
}
