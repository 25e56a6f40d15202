//! Records for tests to put.

use ghl_sync_cli::sandbox::default_pipelines;
use ghl_sync_import::{ImportOptions, RowOutcome, plan};
use ghl_sync_model::{Kind, LocationId, Payload, Priority, PutRecord};
use serde_json::{Value, json};

use crate::deployment::{LOCATION, location};

/// The contacts of `events/contacts.csv`, whose ids the sample events name.
pub(crate) fn sample_contacts() -> Vec<PutRecord> {
    let list = include_bytes!("../../events/contacts.csv").as_slice();
    let plan = plan(&list, ImportOptions::default()).unwrap();
    let records = plan.records(&list).unwrap().map(|outcome| match outcome.unwrap() {
        RowOutcome::Record(contact) => contact.into_put(location(LOCATION), Priority::Normal),
        other => panic!("{other:?}"),
    });
    records.collect()
}

/// Generates `count` contacts.
pub(crate) fn contacts(count: usize) -> Vec<PutRecord> {
    (0..count).map(|number| contact(&format!("c{number}"), json!({}))).collect()
}

/// A contact with a unique e-mail address, and with `fields`.
pub(crate) fn contact(id: &str, fields: Value) -> PutRecord {
    let contact = json!({ "firstName": "Ada", "lastName": "Byron", "email": format!("{id}@example.com") });
    put(Kind::Contact, id, with(contact, fields))
}

/// An opportunity of the contact record with the same id, with `fields`.
pub(crate) fn opportunity(id: &str, fields: Value) -> PutRecord {
    let pipeline = &default_pipelines()[0];
    let opportunity = json!({
        "contactRecord": id,
        "pipelineId": pipeline.id,
        "pipelineStageId": pipeline.stages[0].id,
        "name": format!("Deal of {id}"),
        "status": "open",
    });
    put(Kind::Opportunity, id, with(opportunity, fields))
}

pub(crate) fn in_location(location_id: &LocationId, records: Vec<PutRecord>) -> Vec<PutRecord> {
    records.into_iter().map(|record| PutRecord { location_id: location_id.clone(), ..record }).collect()
}

fn put(kind: Kind, id: &str, payload: Value) -> PutRecord {
    PutRecord::new(location(LOCATION), id.parse().unwrap(), Payload::from_json(kind, &payload.to_string()).unwrap())
}

fn with(mut value: Value, fields: Value) -> Value {
    let (Value::Object(all), Value::Object(fields)) = (&mut value, fields) else { panic!("not objects") };
    all.extend(fields);
    value.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    value
}
