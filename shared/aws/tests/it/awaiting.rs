//! Records that wait for another one without being due, in DynamoDB and in the in-memory model.

use ghl_sync_engine::ports::{Loaded, MAX_AWAITED_BY, Outbox, Settled};
use ghl_sync_model::{EpochMs, Kind, Outcome, Payload, PutRecord, Record};
use ghl_sync_testkit::{MemoryOutbox, block_on_paused};

use crate::fixtures::{RECORDS, Tables, accepted, contact, failed, key, location};

fn opportunity(id: &str) -> PutRecord {
    let json = format!(r#"{{"contactRecord":"a","pipelineId":"p1","name":"{id}"}}"#);
    PutRecord { payload: Payload::from_json(Kind::Opportunity, &json).unwrap(), ..contact(id, "Ada") }
}

async fn load(outbox: &dyn Outbox, put: &PutRecord) -> Record {
    match outbox.load(&location(), &[put.key()]).await.unwrap().remove(0) {
        Loaded::Record(record) => *record,
        Loaded::Damaged { reason, .. } => panic!("{reason}"),
    }
}

/// A contact fails, two opportunities start to wait for it (one of them nearly too late), and the contact is
/// accepted.
async fn history(outbox: &dyn Outbox) -> Vec<Record> {
    let (ada, early, late) = (contact("a", "Ada"), opportunity("early"), opportunity("late"));
    for put in [&ada, &early, &late] {
        outbox.put(put, EpochMs(1)).await.unwrap();
    }
    let waits = Outcome::Await { record: ada.key() };
    let (seen, seen_late) = (load(outbox, &early).await, load(outbox, &late).await);
    assert!(!outbox.await_id(&seen, &ada.key()).await.unwrap(), "it is due");
    assert!(!outbox.await_id(&seen, &key("contact#nobody")).await.unwrap());
    outbox.settle(&load(outbox, &ada).await, &failed(None), EpochMs(2)).await.unwrap();
    for _ in 0..2 {
        assert!(outbox.await_id(&seen, &ada.key()).await.unwrap());
        assert_eq!(outbox.settle(&seen, &waits, EpochMs(3)).await.unwrap(), Settled::Done);
    }
    let mut states = vec![load(outbox, &ada).await, load(outbox, &early).await];

    let sent = load(outbox, &ada).await;
    assert!(outbox.await_id(&seen_late, &ada.key()).await.unwrap());
    assert_eq!(outbox.settle(&sent, &accepted(&ada, "G1"), EpochMs(4)).await.unwrap(), Settled::AwaitedByMore);
    let sent = load(outbox, &ada).await;
    assert_eq!((sent.ghl_id.clone(), sent.awaited_by.len()), (None, 2));
    for waiting in [load(outbox, &early).await, load(outbox, &late).await] {
        outbox.wake(&waiting, &ada.key(), EpochMs(5)).await.unwrap();
    }
    assert_eq!(outbox.settle(&seen_late, &waits, EpochMs(6)).await.unwrap(), Settled::ChangedMeanwhile);
    for _ in 0..2 {
        assert_eq!(outbox.settle(&sent, &accepted(&ada, "G1"), EpochMs(7)).await.unwrap(), Settled::Done);
    }
    assert!(!outbox.await_id(&seen, &ada.key()).await.unwrap(), "it has its id");
    for put in [&ada, &early, &late] {
        states.push(load(outbox, put).await);
    }

    // A finished record does not become due.
    let done = load(outbox, &early).await;
    outbox.settle(&done, &accepted(&early, "G2"), EpochMs(8)).await.unwrap();
    outbox.wake(&done, &ada.key(), EpochMs(9)).await.unwrap();
    states.push(load(outbox, &early).await);
    states
}

#[tokio::test]
async fn who_waits_and_is_woken_is_the_same_in_dynamodb_and_in_memory() {
    let tables = Tables::new().await;
    let stored = history(&tables.outbox).await;
    let in_memory = tokio::task::spawn_blocking(|| block_on_paused(async { history(&MemoryOutbox::default()).await }));
    assert_eq!(stored, in_memory.await.unwrap());
    let dues: Vec<_> = stored.iter().map(|record| record.due_at.map(|due_at| due_at.0)).collect();
    assert_eq!(dues, [None, None, None, Some(5), Some(2), None]);
    assert_eq!(tables.index_size(RECORDS, "due").await, 1);
}

#[tokio::test]
async fn more_records_than_one_may_wake_look_again_by_themselves() {
    let tables = Tables::new().await;
    let ada = contact("a", "Ada");
    let record = tables.put_and_load(&ada, 1).await;
    tables.outbox.settle(&record, &failed(None), EpochMs(2)).await.unwrap();
    let waiting = tables.put_and_load(&opportunity("d"), 1).await;
    for n in 0..=MAX_AWAITED_BY {
        let waiting = Record { key: key(&format!("opportunity#{n}")), ..waiting.clone() };
        let taken = tables.outbox.await_id(&waiting, &ada.key()).await.unwrap();
        assert_eq!(taken, n < MAX_AWAITED_BY, "{n}");
    }
    let first = Record { key: key("opportunity#0"), ..waiting };
    assert!(tables.outbox.await_id(&first, &ada.key()).await.unwrap(), "who waits already may say so again");
}
