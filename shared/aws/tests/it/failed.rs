//! The records that stand as failed, and another chance for them; and how much is due.

use ghl_sync_engine::ports::{Outbox, Tallied};
use ghl_sync_model::{EpochMs, FailedCursor, Priority, PutRecord};

use crate::fixtures::{RECORDS, Tables, accepted, contact, failed, location};

/// Contacts `a` to `e`, which failed one after the other.
async fn with_failures() -> Tables {
    let tables = Tables::new().await;
    for (n, id) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        let record = tables.put_and_load(&contact(id, "Ada"), 10).await;
        tables.outbox.settle(&record, &failed(None), EpochMs(100 + n as u64)).await.unwrap();
    }
    tables
}

#[tokio::test]
async fn they_are_paged_the_oldest_first_and_counted_up_to_a_cap() {
    let tables = with_failures().await;
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = tables.outbox.failed(&location(), after.as_ref(), 2).await.unwrap();
        keys.extend(page.keys.into_iter().map(|key| key.id.to_string()));
        // The cursor survives the way through its text.
        after = page.next.map(|next| FailedCursor::from_text(&next.to_text(&location()), &location()).unwrap());
        if after.is_none() {
            break;
        }
    }
    assert_eq!(keys, ["a", "b", "c", "d", "e"]);
    for (cap, expected) in [(3, (3, true)), (5, (5, false)), (9, (5, false))] {
        let Tallied { count, capped } = tables.outbox.count_failed(&location(), cap).await.unwrap();
        assert_eq!((count, capped), expected);
    }
}

#[tokio::test]
async fn a_replay_moves_a_record_from_the_failed_to_the_due_with_its_attempts_anew() {
    let tables = with_failures().await;
    let record = tables.record(&"contact#b".parse().unwrap()).await;
    assert_eq!(record.failed_at, Some(EpochMs(101)));
    assert!(tables.outbox.replay(&record, EpochMs(500)).await.unwrap());
    assert!(!tables.outbox.replay(&record, EpochMs(501)).await.unwrap(), "it no longer stands as failed");
    let replayed = tables.record(&record.key).await;
    assert_eq!((replayed.due_at, replayed.failed_at, replayed.attempts), (Some(EpochMs(500)), None, 0));
    assert!(replayed.last_error.is_some(), "until it succeeds, people want to know");
    assert_eq!((tables.index_size(RECORDS, "due").await, tables.index_size(RECORDS, "failed").await), (1, 4));
    tables.outbox.settle(&replayed, &accepted(&contact("b", "Ada"), "G1"), EpochMs(600)).await.unwrap();
    assert!(!tables.outbox.replay(&record, EpochMs(700)).await.unwrap());
    assert_eq!(tables.due(Priority::Normal).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_record_that_was_put_again_is_not_replayed_in_its_old_version() {
    let tables = with_failures().await;
    let old = tables.record(&"contact#a".parse().unwrap()).await;
    let newer = tables.put_and_load(&contact("a", "Eve"), 200).await;
    tables.outbox.settle(&newer, &failed(None), EpochMs(300)).await.unwrap();
    assert!(!tables.outbox.replay(&old, EpochMs(400)).await.unwrap());
}

#[tokio::test]
async fn what_is_due_is_counted_up_to_a_cap_with_its_oldest() {
    let tables = Tables::new().await;
    for (n, id) in ["a", "b", "c"].into_iter().enumerate() {
        tables.outbox.put(&contact(id, "Ada"), EpochMs(50 - n as u64)).await.unwrap();
    }
    let urgent = PutRecord { priority: Priority::High, ..contact("h", "Ada") };
    tables.outbox.put(&urgent, EpochMs(9)).await.unwrap();
    let due = tables.outbox.count_due(&location(), Priority::Normal, 2).await.unwrap();
    assert_eq!((due.tallied, due.oldest_at), (Tallied { count: 2, capped: true }, Some(EpochMs(48))));
    let low = tables.outbox.count_due(&location(), Priority::Low, 2).await.unwrap();
    assert_eq!((low.tallied.count, low.oldest_at), (0, None));
}
