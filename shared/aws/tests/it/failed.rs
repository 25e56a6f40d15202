//! Failed records: replay, new content or dismissal; and the numbers of due records.

use ghl_sync_engine::ports::{Outbox, Put, Tallied};
use ghl_sync_model::{
    Conflict, CreationKey, EpochMs, FailedCursor, ImportId, ImportStanding, Kind, Payload, Priority, PutRecord,
};

use crate::fixtures::{RECORDS, Tables, accepted, contact, failed, ghl_id, key, location};

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
        // The cursor survives its conversion to text and back.
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
async fn a_mend_is_one_write_that_keeps_the_import_the_undo_and_since_when_the_content_is_true() {
    let import: ImportId = "x".parse().unwrap();
    let put = PutRecord {
        import: Some(import.clone()),
        undo_since: Some(EpochMs(3)),
        priority: Priority::High,
        conflict: Some(Conflict::Theirs),
        as_of: Some(EpochMs(4)),
        ..contact("a", "Ada")
    };
    for as_of in [Some(EpochMs(4)), None] {
        let put = PutRecord { as_of, ..put.clone() };
        let tables = Tables::new().await;
        let record = tables.put_and_load(&put, 10).await;
        tables.outbox.settle(&record, &failed(None), EpochMs(100)).await.unwrap();
        let seen = tables.record(&record.key).await;
        let payload = contact("a", "Eve").payload;
        assert!(tables.outbox.mend(&seen, &payload, EpochMs(500)).await.unwrap());
        assert!(!tables.outbox.mend(&seen, &payload, EpochMs(501)).await.unwrap(), "it no longer stands as failed");
        assert_eq!(tables.outbox.dismiss(&seen).await.unwrap(), None);
        let mended = tables.record(&record.key).await;
        assert_eq!((&mended.payload, mended.version, mended.attempts), (&payload, 2, 0));
        assert_eq!((mended.due_at, mended.failed_at, mended.put_at), (Some(EpochMs(500)), None, Some(EpochMs(500))));
        assert_eq!((mended.priority, mended.conflict, mended.undo), (put.priority, put.conflict, seen.undo));
        assert_eq!(mended.import, Some(import.clone()));
        let pending = tables.outbox.count_import(&location(), &import, ImportStanding::Pending, 9).await.unwrap();
        assert_eq!((pending.count, tables.index_size(RECORDS, "failed").await), (1, 0));
        let since = as_of.unwrap_or(EpochMs(10));
        let older = PutRecord { as_of: Some(EpochMs(since.0 - 1)), ..put.clone() };
        assert_eq!(tables.outbox.put(&older, EpochMs(600)).await.unwrap(), Put::Outdated);
        let newer = PutRecord { as_of: Some(EpochMs(since.0 + 1)), ..put };
        assert_eq!(tables.outbox.put(&newer, EpochMs(600)).await.unwrap(), Put::Stored);
    }
}

#[tokio::test]
async fn an_opportunity_that_is_mended_to_another_pipeline_is_remembered_by_its_former_one() {
    let tables = Tables::new().await;
    let opportunity = |pipeline: &str| {
        let json = format!(r#"{{"contactId":"c","pipelineId":"{pipeline}","name":"Roof"}}"#);
        Payload::from_json(Kind::Opportunity, &json).unwrap()
    };
    let put = PutRecord { payload: opportunity("old"), ..contact("d", "Ada") };
    for ghl_id in [None, Some(ghl_id("G1"))] {
        let is_known = ghl_id.is_some();
        let record = tables.put_and_load(&put, 10).await;
        tables.outbox.settle(&record, &failed(ghl_id), EpochMs(100)).await.unwrap();
        let seen = tables.record(&record.key).await;
        assert!(tables.outbox.mend(&seen, &opportunity("new"), EpochMs(200)).await.unwrap());
        let former = tables.record(&record.key).await.former;
        let key = CreationKey::of(&opportunity("old")).unwrap();
        assert_eq!(former, if is_known { Vec::new() } else { vec![key] });
        tables.outbox.forget(&location(), &record.key).await.unwrap();
    }
}

#[tokio::test]
async fn a_dismissal_deletes_what_still_stands_as_failed_and_tells_who_waited_for_it() {
    let tables = with_failures().await;
    let [seen, other] = [tables.record(&key("contact#a")).await, tables.record(&key("contact#b")).await];
    let json = r#"{"contactRecord":"a","pipelineId":"p","name":"Roof"}"#;
    let opportunity =
        PutRecord { payload: Payload::from_json(Kind::Opportunity, json).unwrap(), ..contact("d", "Ada") };
    let waiting = tables.put_and_load(&opportunity, 50).await;
    assert!(tables.outbox.await_id(&waiting, &seen.key).await.unwrap());
    assert_eq!(tables.outbox.dismiss(&seen).await.unwrap(), Some(vec![waiting.key]), "also who came since it was read");
    assert_eq!(tables.item(&seen.key).await, None);
    assert_eq!(tables.outbox.dismiss(&seen).await.unwrap(), Some(Vec::new()), "gone is gone");
    tables.outbox.put(&contact("b", "Eve"), EpochMs(300)).await.unwrap();
    assert_eq!(tables.outbox.dismiss(&other).await.unwrap(), None);
    assert_eq!(tables.record(&other.key).await.version, 2);
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
