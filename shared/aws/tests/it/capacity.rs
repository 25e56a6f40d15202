//! What DynamoDB charges for the common requests.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_aws::{DynamoItems, UsageSnapshot};
use ghl_sync_engine::ports::{GateStore, Outbox, Versioned};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{
    Before, Contact, EpochMs, ImportId, ImportStanding, Outcome, Payload, PreImage, PutRecord, RemoteContent, Undone,
};

use crate::fixtures::{STATE, Tables, accepted, contact, failed, ghl_id, location, retry, scope};

/// A typical contact: about 450 bytes of JSON.
fn typical() -> PutRecord {
    let text = |text: &str| Some(text.to_owned());
    let contact = Contact {
        first_name: text("Maximiliane"),
        last_name: text("Oberhuber-Steiner"),
        email: text("maximiliane.oberhuber-steiner@example.com"),
        phone: text("+43 660 5550 1234"),
        address1: text("Untere Hauptstrasse 118, Stiege 3"),
        city: text("Sankt Johann im Pongau"),
        state: text("Salzburg"),
        postal_code: text("05600"),
        country: text("AT"),
        website: text("https://www.oberhuber-steiner.example.com"),
        source: text("crm import 2026-01"),
        company_name: text("Oberhuber & Steiner Holzbau GmbH"),
        tags: vec!["customer".to_owned(), "newsletter".to_owned(), "region-west".to_owned()],
        ..Contact::default()
    };
    PutRecord { payload: Payload::Contact(contact), ..self::contact("crm-0001234567", "") }
}

#[tokio::test]
async fn a_typical_contact_is_an_item_of_at_most_1_kb() {
    let tables = Tables::new().await;
    let put = typical();
    assert!((400..500).contains(&put.payload.to_json().len()), "{}", put.payload.to_json().len());
    let record = tables.put_and_load(&put, 1_767_225_600_000).await;
    tables.outbox.settle(&record, &accepted(&put, "ocQHyuzHvysMo5N5VsXc"), EpochMs(1_767_225_601_000)).await.unwrap();
    // Accepted and put again, it has all attributes except those of a failure.
    tables.outbox.put(&changed(&put), EpochMs(1_767_225_602_000)).await.unwrap();
    let item = tables.item(&put.key()).await.unwrap();
    let size: usize = item.iter().map(|(name, value)| name.len() + size(value)).sum();
    assert!(size <= 1024, "{size} bytes: {:?}", item.keys());
}

#[tokio::test]
async fn requests_cost_what_the_plan_of_the_tables_says() {
    let tables = Tables::new().await;
    let put = typical();
    let mut meter = Meter { tables: &tables, last: tables.usage.snapshot() };

    tables.outbox.put(&put, EpochMs(1)).await.unwrap();
    assert_eq!(meter.read(), (1, 2.0), "the item and its entry in the due index");
    tables.outbox.put(&put, EpochMs(2)).await.unwrap();
    assert_eq!(meter.read(), (1, 3.0), "due already: the entry moves");
    let record = tables.record(&put.key()).await;
    assert_eq!(meter.read(), (1, 1.0));
    tables.outbox.due(&location(), put.priority, 25).await.unwrap();
    assert_eq!(meter.read(), (1, 1.0));
    tables.outbox.settle(&record, &retry(50, None, None), EpochMs(3)).await.unwrap();
    assert_eq!(meter.read(), (1, 3.0), "the entry moves");
    tables.outbox.settle(&record, &accepted(&put, "ocQHyuzHvysMo5N5VsXc"), EpochMs(4)).await.unwrap();
    assert_eq!(meter.read(), (1, 3.0), "the entry goes, and one under GHL's new id comes");
    tables.outbox.put(&put, EpochMs(5)).await.unwrap();
    assert_eq!(meter.read(), (1, 0.0), "no units are reported where a condition does not hold");

    tables.gates.advance_work_seq(&scope("s"), EpochMs(6)).await.unwrap();
    assert_eq!(meter.read(), (1, 2.0), "the item and its entry in the check index");
    let rev = tables.gates.load(&scope("s")).await.unwrap().rev;
    assert_eq!(meter.read(), (1, 1.0));
    tables.gates.replace(&scope("s"), rev, &Gate::default()).await.unwrap();
    assert_eq!(meter.read(), (1, 2.0), "the entry goes");
    tables.gates.needing_check(EpochMs(7), 10).await.unwrap();
    assert_eq!(meter.read(), (16, 8.0), "every shard is asked");

    let total = tables.usage.snapshot();
    assert_eq!((total.reads().requests, total.reads().units()), (19, 11.0));
    assert_eq!((total.writes().requests, total.writes().units()), (7, 15.0));
    assert_eq!((total.gate_writes().requests, total.gate_writes().units()), (2, 4.0));
    assert_eq!(total.sends(), 0);
}

#[tokio::test]
async fn an_outcome_costs_a_unit_for_the_item_and_one_for_each_entry_and_a_page_of_an_index_one_unit() {
    let tables = Tables::new().await;
    let put = typical();
    let id = ghl_id("ocQHyuzHvysMo5N5VsXc");
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &accepted(&put, id.as_str()), EpochMs(2)).await.unwrap();
    let changed = changed(&put);
    let record = tables.put_and_load(&changed, 3).await;
    let mut meter = Meter { tables: &tables, last: tables.usage.snapshot() };
    tables.outbox.settle(&record, &accepted(&changed, id.as_str()), EpochMs(4)).await.unwrap();
    assert_eq!(meter.read(), (1, 2.0), "the entry goes, and the one under GHL's id stays");
    tables.outbox.put(&put, EpochMs(5)).await.unwrap();
    let record = tables.record(&put.key()).await;
    meter.last = tables.usage.snapshot();
    tables.outbox.settle(&record, &failed(None), EpochMs(6)).await.unwrap();
    assert_eq!(meter.read(), (1, 3.0), "the entry goes, and one of a failure comes");
    tables.outbox.failed(&location(), None, 25).await.unwrap();
    assert_eq!(meter.read(), (1, 1.0));
    tables.outbox.count_failed(&location(), 25).await.unwrap();
    tables.outbox.count_due(&location(), put.priority, 25).await.unwrap();
    assert_eq!(meter.read(), (2, 2.0));
    tables.outbox.of_ghl_id(&location(), &id).await.unwrap();
    assert_eq!(meter.read(), (1, 1.0));
}

#[tokio::test]
async fn an_import_costs_a_unit_when_its_record_is_put_and_two_when_it_ends_and_records_without_one_nothing() {
    let tables = Tables::new().await;
    let put = PutRecord { import: Some(ImportId::new("contacts-csv-0123456789abcdef").unwrap()), ..typical() };
    let mut meter = Meter { tables: &tables, last: tables.usage.snapshot() };
    tables.outbox.put(&put, EpochMs(1)).await.unwrap();
    assert_eq!(meter.read(), (1, 3.0), "2 without an import");
    tables.outbox.put(&put, EpochMs(2)).await.unwrap();
    assert_eq!(meter.read(), (1, 3.0), "as without an import: the record is pending as it was");
    let record = tables.record(&put.key()).await;
    meter.last = tables.usage.snapshot();
    tables.outbox.settle(&record, &retry(50, None, None), EpochMs(3)).await.unwrap();
    assert_eq!(meter.read(), (1, 3.0), "as without an import");
    tables.outbox.settle(&record, &accepted(&put, "ocQHyuzHvysMo5N5VsXc"), EpochMs(4)).await.unwrap();
    assert_eq!(meter.read(), (1, 5.0), "3 without an import: its entry moves");
    let import = put.import.as_ref().unwrap();
    tables.outbox.count_import(&location(), import, ImportStanding::Accepted, 100_000).await.unwrap();
    assert_eq!(meter.read(), (1, 0.5), "a page of an index, eventually consistent");
    tables.outbox.of_import(&location(), import, ImportStanding::Accepted, None, 25).await.unwrap();
    assert_eq!(meter.read(), (1, 1.0));
    tables.outbox.put(&changed(&typical()), EpochMs(5)).await.unwrap();
    assert_eq!(meter.read(), (1, 3.0), "2 and the entry that goes");
    let record = tables.record(&put.key()).await;
    meter.last = tables.usage.snapshot();
    tables.outbox.settle(&record, &failed(None), EpochMs(6)).await.unwrap();
    assert_eq!(meter.read(), (1, 3.0), "as ever without an import");
}

#[tokio::test]
async fn an_import_that_can_be_undone_costs_two_requests_a_record_more_and_its_undo_five() {
    let tables = Tables::new().await;
    let import = ImportId::new("contacts-csv-0123456789abcdef").unwrap();
    let put = PutRecord { import: Some(import.clone()), undo_since: Some(EpochMs(1)), ..typical() };
    let images: Versioned<PreImage> = Versioned::new(Arc::new(DynamoItems::new(tables.client.clone(), STATE)));
    let of = (location(), put.key());
    let Payload::Contact(contact) = put.payload.clone() else { panic!("{put:?}") };
    let before = Before::new(ghl_id("ocQHyuzHvysMo5N5VsXc"), RemoteContent::Contact(contact));
    let image = PreImage::new(import, EpochMs(1), Some(before)).with_sent(&put.payload).unwrap();
    tables.outbox.put(&put, EpochMs(1)).await.unwrap();
    let record = tables.record(&put.key()).await;
    let mut meter = Meter { tables: &tables, last: tables.usage.snapshot() };
    assert!(images.load(&of).await.unwrap().is_none());
    let mut used = vec![meter.read()];
    images.replace(&of, 0, &image).await.unwrap();
    used.push(meter.read());
    tables.outbox.settle(&record, &accepted(&put, "ocQHyuzHvysMo5N5VsXc"), EpochMs(2)).await.unwrap();
    used.push(meter.read());
    assert_eq!(used, [(1, 1.0), (1, 2.0), (1, 5.0)], "asking for the first, and keeping it; the outcome is as ever");
    let record = tables.record(&put.key()).await;
    let _ = meter.read();
    assert!(tables.outbox.ask_undo(&record, EpochMs(3)).await.unwrap());
    let mut used = vec![meter.read()];
    let record = tables.record(&put.key()).await;
    let _ = meter.read();
    assert!(images.load(&of).await.unwrap().is_some());
    used.push(meter.read());
    let undone = Undone::new(EpochMs(4), true, Vec::new());
    images.replace(&of, 1, &image.voided(Some((2, undone.clone())))).await.unwrap();
    used.push(meter.read());
    tables.outbox.settle(&record, &Outcome::Undone(undone), EpochMs(4)).await.unwrap();
    used.push(meter.read());
    assert_eq!(used, [(1, 4.0), (1, 1.0), (1, 2.0), (1, 5.0)], "asked, read, emptied, and written down");
}

/// Reads the usage since the last reading.
struct Meter<'a> {
    tables: &'a Tables,
    last: UsageSnapshot,
}

impl Meter<'_> {
    /// Number of read or write requests, and their units.
    fn read(&mut self) -> (u64, f64) {
        let now = self.tables.usage.snapshot();
        let used = now.since(&self.last);
        self.last = now;
        let (reads, writes) = (used.reads(), used.writes());
        (reads.requests + writes.requests, reads.units() + writes.units())
    }
}

fn changed(put: &PutRecord) -> PutRecord {
    let Payload::Contact(contact) = &put.payload else { panic!("{put:?}") };
    let contact = Contact { source: Some("crm import 2026-02".to_owned()), ..contact.clone() };
    PutRecord { payload: Payload::Contact(contact), ..put.clone() }
}

/// Bytes of a value, as DynamoDB counts them: text in UTF-8, numbers with two digits per byte plus one byte, one byte
/// for a boolean.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::Bool(_) => 1,
        other => panic!("{other:?}"),
    }
}
