//! Reconciliation's use of the outbox, compared with the in-memory model; and its bookmarks.

use ghl_sync_aws::DynamoBookmarks;
use ghl_sync_engine::ports::{Bookmarks, Loaded, Outbox, Put};
use ghl_sync_model::{Bookmark, ContentHash, EpochMs, PageCursor, Priority, PutRecord, Record, Resolution};
use ghl_sync_testkit::{MemoryOutbox, block_on_paused};

use crate::fixtures::{RECORDS, STATE, Tables, accepted, contact, failed, ghl_id, key, location};

fn resend() -> Resolution {
    Resolution::Resend { overruled: ContentHash::of(b"what GHL said") }
}

fn supersede() -> Resolution {
    Resolution::Supersede { changed_at: EpochMs(40) }
}

async fn load(outbox: &dyn Outbox, put: &PutRecord) -> Record {
    match outbox.load(&location(), &[put.key()]).await.unwrap().remove(0) {
        Loaded::Record(record) => *record,
        Loaded::Damaged { reason, .. } => panic!("{reason}"),
    }
}

/// Ada, accepted as `G1`.
async fn with_ada(outbox: &dyn Outbox) -> PutRecord {
    let ada = contact("a", "Ada");
    outbox.put(&ada, EpochMs(1)).await.unwrap();
    let record = load(outbox, &ada).await;
    outbox.settle(&record, &accepted(&ada, "G1"), EpochMs(2)).await.unwrap();
    ada
}

/// Everything that may happen between reconciliation and puts, one after the other.
async fn history(outbox: &dyn Outbox) -> Vec<Record> {
    let ada = with_ada(outbox).await;
    let seen = load(outbox, &ada).await;
    let mut states = Vec::new();

    assert!(outbox.resolve(&seen, &resend(), EpochMs(10)).await.unwrap());
    assert!(!outbox.resolve(&seen, &resend(), EpochMs(11)).await.unwrap(), "due meanwhile");
    let due = load(outbox, &ada).await;
    states.push(due.clone());
    outbox.settle(&due, &accepted(&ada, "G1"), EpochMs(12)).await.unwrap();
    states.push(load(outbox, &ada).await);
    assert!(outbox.resolve(&load(outbox, &ada).await, &Resolution::Agree, EpochMs(13)).await.unwrap());
    states.push(load(outbox, &ada).await);

    assert!(outbox.resolve(&load(outbox, &ada).await, &supersede(), EpochMs(20)).await.unwrap());
    states.push(load(outbox, &ada).await);
    assert_eq!(outbox.put(&ada, EpochMs(21)).await.unwrap(), Put::Unchanged);
    let eve = contact("a", "Eve");
    assert_eq!(outbox.put(&eve, EpochMs(22)).await.unwrap(), Put::Stored);
    assert!(!outbox.resolve(&seen, &supersede(), EpochMs(23)).await.unwrap(), "put meanwhile");
    states.push(load(outbox, &ada).await);

    // Eve is due, and is superseded; she was never accepted, and her content is known all the same.
    assert!(outbox.resolve(&load(outbox, &ada).await, &supersede(), EpochMs(24)).await.unwrap());
    assert_eq!(outbox.put(&eve, EpochMs(25)).await.unwrap(), Put::Unchanged);
    states.push(load(outbox, &ada).await);
    outbox.put(&contact("a", "Zoe"), EpochMs(26)).await.unwrap();
    outbox.settle(&load(outbox, &ada).await, &failed(None), EpochMs(27)).await.unwrap();
    assert!(!outbox.resolve(&load(outbox, &ada).await, &supersede(), EpochMs(28)).await.unwrap(), "failed");
    states
}

#[tokio::test]
async fn what_reconciling_decides_is_written_as_in_the_model() {
    let tables = Tables::new().await;
    let states = history(&tables.outbox).await;
    let model = tokio::task::spawn_blocking(|| block_on_paused(async { history(&MemoryOutbox::default()).await }));
    assert_eq!(states, model.await.unwrap());
    assert_eq!((states[0].priority, states[0].due_at), (Priority::Low, Some(EpochMs(10))));
    assert_eq!(tables.due(Priority::Low).await, [""; 0]);
}

#[tokio::test]
async fn a_resolution_may_be_written_twice() {
    let tables = Tables::new().await;
    let ada = with_ada(&tables.outbox).await;
    let seen = tables.record(&ada.key()).await;
    for _ in 0..2 {
        assert!(tables.outbox.resolve(&seen, &resend(), EpochMs(10)).await.unwrap());
    }
    let due = tables.record(&ada.key()).await;
    for _ in 0..2 {
        assert!(tables.outbox.resolve(&due, &supersede(), EpochMs(11)).await.unwrap());
    }
    assert_eq!(tables.index_size(RECORDS, "due").await, 0);
}

#[tokio::test]
async fn records_are_found_by_ghl_s_id_for_a_read_unit() {
    let tables = Tables::new().await;
    with_ada(&tables.outbox).await;
    for id in ["b", "c"] {
        let put = PutRecord { ghl_id: Some(ghl_id("G2")), ..contact(id, "Bob") };
        tables.outbox.put(&put, EpochMs(1)).await.unwrap();
    }
    tables.outbox.put(&contact("d", "Dan"), EpochMs(1)).await.unwrap();
    assert_eq!(tables.index_size(RECORDS, "ghl").await, 3, "those that GHL knows");
    let before = tables.usage.snapshot();
    let found = async |id| tables.outbox.of_ghl_id(&location(), &ghl_id(id)).await.unwrap();
    assert_eq!(found("G1").await, [key("contact#a")]);
    assert_eq!(found("G2").await, [key("contact#b"), key("contact#c")]);
    assert_eq!(found("G3").await, []);
    let used = tables.usage.snapshot().since(&before).reads();
    assert_eq!((used.requests, used.units()), (3, 3.0));
}

#[tokio::test]
async fn a_bookmark_is_kept_and_a_damaged_one_is_an_error_that_names_it() {
    let tables = Tables::new().await;
    let bookmarks = DynamoBookmarks::new(tables.client.clone(), STATE);
    assert_eq!(bookmarks.find(&location()).await.unwrap(), None);
    for page in [Some(PageCursor(r#"[1,"x"]"#.to_owned())), None] {
        let bookmark = Bookmark { since: EpochMs(7), page, limit: Some(25) };
        bookmarks.keep(&location(), &bookmark).await.unwrap();
        assert_eq!(bookmarks.find(&location()).await.unwrap(), Some(bookmark));
    }
    let update = tables.client.update_item().table_name(STATE);
    let update = update.key("pk", aws_sdk_dynamodb::types::AttributeValue::S(format!("reconcile#{}", location())));
    let update = update.update_expression("SET bookmark = :b");
    let broken = aws_sdk_dynamodb::types::AttributeValue::S("{".to_owned());
    update.expression_attribute_values(":b", broken).send().await.unwrap();
    let error = bookmarks.find(&location()).await.unwrap_err();
    assert!(error.source.to_string().contains("`bookmark` is malformed"), "{}", error.source);
}
